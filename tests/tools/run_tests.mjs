// Run by Node.js: promptfoo runs a file of tests with its provider that answers with the prompt. Taken as a library, since
// its command wants a database of its own.
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.COUNTERSIGN_TOOLS}/package.json`);
const promptfoo = require("promptfoo");
const [tests, prompt] = process.argv.slice(2);
const suite = { prompts: [prompt], providers: ["echo"], tests: `file://${tests}`, writeLatestResults: false };
const done = await promptfoo.evaluate(suite, { cache: false, showProgressBar: false, maxConcurrency: 1 });
const results = done.results ?? done;
const read = results.map((result) => ({
  answer: result.response?.output ?? null,
  passed: result.success,
  reason: result.gradingResult?.reason ?? result.error ?? null,
  example: result.testCase.metadata?.example ?? null,
}));
writeFileSync("read.json", JSON.stringify(read));
process.exit(0);
