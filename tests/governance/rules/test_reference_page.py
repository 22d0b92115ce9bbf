"""The reference page for policy authors is held to the code: its policy loads and passes, its examples are accepted,
and every function, name and limit is in it."""

import re
from pathlib import Path

from governance.rules import limits
from governance.rules.document import load_policy_document
from governance.rules.evaluation import run_tests
from governance.rules.functions import FUNCTIONS
from governance.rules.parser import MACROS
from governance.rules.types import NAMES
from tests.governance.rules.support import errors_of, policy_value

PAGE = (Path(__file__).parents[3] / "docs/reference/policy-language.md").read_text()


def block_after(heading: str) -> str:
    match = re.search(re.escape(heading) + r".*?```\w*\n(.*?)```", PAGE, re.DOTALL)
    assert match
    return match[1]


def test_the_policy_of_the_page_loads_without_warnings_and_passes_its_tests() -> None:
    document = load_policy_document(block_after("# The policy document"))
    assert document.warnings == ()
    assert [result.passed for result in run_tests(document)] == [True]


def test_the_examples_of_the_page_are_accepted() -> None:
    lines = block_after("**Examples**").splitlines()
    assert len(lines) > 5
    assert [(line, errors_of(policy_value(line))) for line in lines] == [(line, []) for line in lines]


def test_every_function_macro_and_name_is_on_the_page() -> None:
    words = set(re.findall(r"[A-Za-z_]+", PAGE))
    assert {*FUNCTIONS, *MACROS, *NAMES, "has", "matches"} <= words


def test_the_limits_of_the_page_are_those_of_the_code() -> None:
    table = PAGE.split("## Limits")[1]
    for number in (limits.MAX_CONTEXT_SIZE, limits.MAX_STRING_LENGTH, limits.FUEL, limits.MAX_LIST_LENGTH):
        assert f"{number:,}" in table
    for number in (limits.MAX_NODES, limits.MAX_NESTING, limits.MAX_CONTEXT_DEPTH, limits.MAX_RULES):
        assert re.search(rf"\b{number}\b", table)
    assert f"every {limits.CHARACTERS_PER_STEP} characters" in table
    assert f"one for every {limits.REGEX_CHARACTERS_PER_STEP}" in table
    assert (limits.MAX_DOCUMENT_BYTES, limits.MAX_SOURCE_BYTES, limits.SIZE_OF_A_VALUE) == (
        256 * 1024,
        4096,
        8,
    )
