"""The example's policy: its own tests pass, it bears out the README, and it fits what the application sends."""

import json
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest

from examples.mail_triage import proposals
from examples.mail_triage.classifier import Judgement, Word
from examples.mail_triage.mails import Acquaintances, read_part
from governance.canonical import canonicalize
from governance.rules.document import load_policy_document
from governance.rules.evaluation import compile_policy, run_tests

POLICY = Path(proposals.__file__).with_name("policy.yaml")
READ_BY_RULES = ("action", "input", "confidence", "subject", "model", "release", "latency_ms", "context")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def document():
    return load_policy_document(POLICY.read_text())


def verdict_on(document, question):
    context = {name: question[name] for name in READ_BY_RULES}
    return compile_policy(document).evaluate(context, now=NOW, draws=[1.0]).verdict


def test_the_policys_own_tests_pass(document):
    results = run_tests(document)
    assert len(results) >= 7
    assert [result for result in results if not result.passed] == []
    assert document.warnings == ()


def test_every_enforced_rule_has_a_test_that_it_hits(document):
    hit = {rule for test in document.tests for rule in test.expect_rules or ()}
    assert {rule.id for rule in document.rules if rule.mode == "enforce"} == hit


def test_it_does_on_the_extract_what_the_readme_says(document, classifier):
    acquaintances = Acquaintances(read_part("train"))
    policy = compile_policy(document)
    verdicts = []
    for mail in read_part("later"):
        question = proposals.question_for(mail, classifier.judge(mail), acquaintances)
        evaluation = policy.evaluate({name: question[name] for name in READ_BY_RULES}, now=NOW, draws=[1.0])
        assert not any(result.result == "error" for result in evaluation.rules)
        verdicts.append(evaluation.verdict)
    share = {verdict: count / len(verdicts) for verdict, count in Counter(verdicts).items()}
    assert share["review"] == pytest.approx(0.135, abs=0.02)
    assert share["escalate"] == pytest.approx(0.018, abs=0.01)
    assert share["allow"] == pytest.approx(0.847, abs=0.02)
    # A newcomer reads a mail every one and a half seconds, and should have something to rule on within twenty.
    assert {"review", "escalate"} & set(verdicts[: int(20 / 1.5)])


def test_a_known_customers_mail_is_not_deleted(document):
    training = read_part("train")
    acquaintances = Acquaintances(training)
    mail = next(mail for mail in training if acquaintances.is_known(mail.sender) and "lawyer" not in mail.text)
    judgement = Judgement("delete", 0.99, (Word("free", 1.0),), 1.0)
    assert verdict_on(document, proposals.question_for(mail, judgement, acquaintances)) == "block"


def test_every_question_is_what_the_api_takes(classifier):
    acquaintances = Acquaintances(read_part("train"))
    for mail in read_part("later")[:50]:
        question = proposals.question_for(mail, classifier.judge(mail), acquaintances)
        canonicalize(question)
        schema = question["review"]["schema"]
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(question["action"]["arguments"], schema)


def test_no_question_gives_away_what_the_mail_is(classifier):
    acquaintances = Acquaintances(read_part("train"))
    for part in ("later", "hard"):
        for mail in read_part(part):
            question = proposals.question_for(mail, classifier.judge(mail), acquaintances)
            # What the mail itself says, and what the model makes of it, may name spam; nothing else may.
            own_words = {name: question[name] for name in ("action", "subject", "external_id", "review")}
            sent = json.dumps([own_words, sorted(question), sorted(question["context"])])
            assert mail.origin not in json.dumps(question)
            assert not re.search(r"(easy|hard)-ham|spam-\d|label|origin", sent)


@pytest.mark.parametrize(
    "action",
    [
        None,
        {"name": "forward", "arguments": {"message_id": "m", "sender": "s", "folder": "inbox"}},
        {"name": "deliver", "arguments": {"message_id": "another", "sender": "s", "folder": "inbox"}},
        {"name": "deliver", "arguments": {"message_id": "m", "sender": "s", "folder": "../../etc"}},
        {"name": "deliver", "arguments": ["m"]},
    ],
)
def test_what_the_application_does_not_know_it_does_not_do(action):
    assert proposals.errand_of(action, "m") is None
