"""What each format makes of an example can be turned back into it, whatever stands in the example; and a spreadsheet, a template
or a loader finds nothing to run. Other people's tools read the same in tests/tools."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from evaluations.exporting import columns
from evaluations.exporting.answers import has_answer, read_messages, write_answer
from evaluations.exporting.folder import write_card
from evaluations.exporting.formats import FORMATS
from evaluations.exporting.promptfoo import escape_json, escape_text
from evaluations.exporting.shapes import PIECE, About, Exported, Page
from evaluations.exporting.sheets import defuse
from governance.canonical import canonicalize, sha256_hex
from tests.evaluations.hostile import CONVERSATIONS, EVERYTHING, TEXTS

ABOUT = About("bot", "Bot", version=3, root="sha256:" + "0" * 64)
ID = "0199c1f5-61aa-7c44-b0de-9e2f7a6c5b4d"
# What may stand in a stored example: I-JSON without U+0000, as the API takes it.
SIGNS = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
SPECIAL = st.sampled_from(
    ["=", "+", "-", "@", ",", ";", '"', "'", "{", "{{", "{%", "{#", "}}", "#}", "\n", "\r", "\t", "\\", "file:"]
)
TEXT = st.lists(st.one_of(SPECIAL, SIGNS), max_size=12).map("".join)
NUMBER = st.one_of(st.integers(-(2**53) + 1, 2**53 - 1), st.floats(allow_nan=False, allow_infinity=False))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBER, TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXT, inner, max_size=4)),
    max_leaves=8,
)
EXAMPLES = st.lists(st.tuples(JSON, JSON, st.lists(TEXT, max_size=3), st.integers(0, 3)), max_size=6)


def make(input: Any, output: Any, labels: Any = (), sources: int = 1, split: str = "train") -> Exported:
    given_text, expected = canonicalize(input), canonicalize({"output": output})
    source = {"decision": ID, "policy_version": None, "review": ID}
    many = [source, {**source, "policy_version": ID}, source][:sources]
    content = sha256_hex(canonicalize({"input": input, "expected": {"output": output}, "scorer": "exact"}))
    return Exported(
        ID, given_text, expected, canonicalize(list(labels)), split, "active", "exact", content, canonicalize(many)
    )


def write(format: str, examples: list[Exported], about: About = ABOUT) -> bytes:
    def pages(split: str) -> Iterator[Page]:
        chosen = [example for example in examples if split in ("", example.split)]
        return iter([chosen] if chosen else [])

    return b"".join(FORMATS[format].write(pages, about))


def lines_of(document: bytes) -> list[Any]:
    assert document == b"" or document.endswith(b"\n")
    return [parse(line) for line in document.split(b"\n")[:-1]]


def parse(text: str | bytes) -> Any:
    """With doubles for what is beyond the integers of I-JSON, as JavaScript reads it: RFC 8785 writes 1e16 in full."""
    return json.loads(text, parse_int=lambda digits: number if abs(number := int(digits)) < 2**53 else float(digits))


@given(EXAMPLES)
@settings(max_examples=60, deadline=None)
def test_json_lines_hash_back_byte_for_byte(drawn: list[Any]) -> None:
    examples = [make(*one) for one in drawn]
    lines = write("jsonl", examples).split(b"\n")[:-1]
    for line, example in zip(lines, examples, strict=True):
        assert f'"input":{example.input},"expected":{example.expected},'.encode() in line
        value = parse(line)
        taught = {"input": value["input"], "expected": value["expected"], "scorer": "exact"}
        assert sha256_hex(canonicalize(taught)) == example.content


@given(EXAMPLES)
@settings(max_examples=60, deadline=None)
def test_csv_gives_back_every_value_and_starts_no_formula(drawn: list[Any]) -> None:
    examples = [make(*one) for one in drawn]
    document = write("csv", examples).decode()
    rows = list(csv.DictReader(io.StringIO(document, newline="")))
    for row, example in zip(rows, examples, strict=True):
        for name in ("input", "expected", "labels", "sources"):
            assert canonicalize(parse(row[name])) == getattr(example, name)
        assert row["content"] == f"sha256:{example.content}"
    # However a spreadsheet splits it, and whatever it takes for quotation marks.
    for cell in re.split("[,;|\"'\r\n\u0085\u2028\u2029]", document):
        assert not cell.startswith(("=", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"))
        assert not cell.startswith(("+", "-")) or re.fullmatch(r"-[0-9.e+-]+[\]}]*", cell)


@given(EXAMPLES)
@settings(max_examples=40, deadline=None)
def test_parquet_gives_back_every_byte(drawn: list[Any]) -> None:
    examples = [make(*one) for one in drawn]
    rows = parquet.read_table(io.BytesIO(write("parquet", examples))).to_pylist()
    for row, example in zip(rows, examples, strict=True):
        assert (row["input"], row["expected"]) == (example.input, example.expected)
        assert row["labels"] == json.loads(example.labels)
        assert row["sources"] == json.loads(example.sources)
        assert (row["id"], row["content"]) == (example.id, f"sha256:{example.content}")


@given(JSON, JSON)
@settings(max_examples=60, deadline=None)
def test_messages_and_answers_give_back_what_was_given(input: Any, output: Any) -> None:
    example = make(input, output)
    (sample,), (conversation,) = (
        lines_of(write("openai-evals", [example])),
        lines_of(write("openai-finetuning", [example])),
    )
    assert conversation["messages"] == [*sample["input"], {"role": "assistant", "content": sample["ideal"]}]
    said = sample["ideal"]
    assert said == output if isinstance(output, str) else canonicalize(parse(said)) == canonicalize(output)
    if len(sample["input"]) == 1 and not isinstance(input, list | dict):
        said = sample["input"][0]["content"]
        assert said == input if isinstance(input, str) else canonicalize(parse(said)) == canonicalize(input)


@given(JSON, JSON)
@settings(max_examples=60, deadline=None)
def test_items_of_langfuse_and_phoenix_carry_the_values(input: Any, output: Any) -> None:
    example = make(input, output, ["a"])
    (item,), (phoenix,) = lines_of(write("langfuse", [example])), lines_of(write("phoenix", [example]))
    assert canonicalize(item["input"]) == example.input and canonicalize(item["expectedOutput"]) == example.expected
    assert (item["datasetName"], item["id"], item["metadata"]["version"]) == ("bot-v3", ID, 3)
    assert isinstance(phoenix["input"], dict) and phoenix["metadata"]["labels"] == ["a"]
    given_value = phoenix["input"] if isinstance(input, dict) else phoenix["input"]["input"]
    assert canonicalize(given_value) == example.input and canonicalize(phoenix["output"]) == example.expected


@given(JSON)
@settings(max_examples=100, deadline=None)
def test_json_for_promptfoo_has_the_same_value_and_no_template(value: Any) -> None:
    text = canonicalize(value)
    escaped = escape_json(text)
    assert canonicalize(parse(escaped)) == text
    assert not re.search(r"\{[{%#]|#\}", escaped)
    assert re.search("[\x7f-\x9f\ufeff\ufffe\uffff]", escaped) is None


@given(TEXT)
@settings(max_examples=200, deadline=None)
def test_text_for_promptfoo_renders_to_itself(text: str) -> None:
    escaped = escape_text(text)
    # The one construct in it is an expression of a literal, and beside these no tag begins or ends a comment.
    literal = re.compile(r'\{\{ "(\\n|.)" \}\}')
    assert literal.sub(lambda found: "\n" if found[1] == "\\n" else found[1], escaped) == text
    assert not re.search(r"\{[{%#]|#\}", literal.sub("\x00", escaped))
    assert not re.match(r"\w+:", escaped) and not escaped.endswith("\n")


@pytest.mark.parametrize("input", CONVERSATIONS)
def test_a_conversation_stays_one(input: Any) -> None:
    messages = input["messages"] if isinstance(input, dict) else input
    assert read_messages(canonicalize(input)) == messages


@pytest.mark.parametrize(
    "input",
    [
        {"messages": [{"role": "user", "content": "x"}], "customer": "C-1"},
        [{"role": "tool", "content": "x"}],
        [{"role": "user", "content": [{"type": "text"}]}],
        [{"role": "user", "content": "x", "name": "y"}],
        [],
        {"messages": []},
    ],
)
def test_what_would_lose_something_is_one_message_of_the_user(input: Any) -> None:
    text = canonicalize(input)
    assert read_messages(text) == [{"role": "user", "content": text}]


def test_an_action_is_answered_as_its_canonical_json() -> None:
    expected = canonicalize({"action": {"name": "refund", "arguments": {"amount": 1}}})
    assert write_answer(expected) == '{"arguments":{"amount":1},"name":"refund"}'
    assert write_answer(canonicalize({"output": [1, "a"]})) == '[1,"a"]'


def test_a_rejection_is_no_answer() -> None:
    assert [has_answer(canonicalize(one)) for one in ({"action": None}, {"output": None}, {"output": ""})] == [
        False,
        False,
        True,
    ]


def test_fine_tuning_has_the_form_that_openai_checks() -> None:
    """The checks of OpenAI's cookbook, "Data preparation and analysis for chat model fine-tuning"."""
    for line in lines_of(write("openai-finetuning", [make(value, "yes") for value in EVERYTHING])):
        assert isinstance(line, dict) and line["messages"]
        for message in line["messages"]:
            assert set(message) <= {"role", "content", "name", "function_call", "weight"}
            assert message["role"] in {"system", "developer", "user", "assistant", "function"}
            assert isinstance(message["content"], str)
        assert any(message["role"] == "assistant" for message in line["messages"])


@pytest.mark.parametrize("text", TEXTS)
def test_a_cell_that_needs_no_care_keeps_its_bytes(text: str) -> None:
    cell = canonicalize({"a": text})
    assert json.loads(defuse(cell)) == {"a": text}
    if not re.search(r"[=+@\-\uff1d]", text):
        assert defuse(cell) == cell


def test_the_archive_holds_a_file_a_split_and_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "CHARACTERS_A_GROUP", 100)
    examples = [make(value, value, split="test" if number % 2 else "train") for number, value in enumerate(EVERYTHING)]
    packed = zipfile.ZipFile(io.BytesIO(write("huggingface", examples)))
    assert packed.testzip() is None
    assert packed.namelist() == ["data/train.parquet", "data/test.parquet", "README.md"]
    head = yaml.safe_load(packed.read("README.md").decode().split("---\n")[1])
    assert [part["num_examples"] for part in head["dataset_info"]["splits"]] == [25, 24]
    file = parquet.ParquetFile(io.BytesIO(packed.read("data/train.parquet")))
    assert file.num_row_groups > 3
    assert [field["name"] for field in head["dataset_info"]["features"]] == file.schema_arrow.names


def test_a_card_s_head_is_not_left_by_a_name() -> None:
    name = '"\n---\n# {{x}} <b> [a](javascript:b)\u2028'
    card = write_card(About("bot", name), [])
    assert yaml.safe_load(card.split("\n---\n")[0].removeprefix("---\n"))["pretty_name"] == name
    body = card.split("\n---\n", 1)[1]
    assert "<b>" not in body and "](javascript" not in body and "\n# {" not in body


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_makes_a_document_all_the_same(format: str) -> None:
    document = write(format, [])
    if format == "parquet":
        assert parquet.read_table(io.BytesIO(document)).num_rows == 0
    elif format == "huggingface":
        assert zipfile.ZipFile(io.BytesIO(document)).namelist() == ["README.md"]
    else:
        assert document.count(b"\n") == (1 if format == "csv" else 0)


@pytest.mark.parametrize("format", FORMATS)
def test_pieces_come_as_pages_are_taken(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "CHARACTERS_A_GROUP", PIECE)
    taken: list[str] = []

    def pages(split: str) -> Iterator[Page]:
        for _ in range(8):
            taken.append(split)
            yield [make("x" * PIECE, "y", split=split or "train")]

    pieces = iter(FORMATS[format].write(pages, ABOUT))
    # The first piece may be a file's beginning.
    next(pieces), next(pieces)
    assert len(taken) <= 3
