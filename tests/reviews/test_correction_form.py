"""The correction form: what it shows, and that nothing is lost on the way back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviews.proposals import ABSENT
from reviews.web.correction_form import lay_out, read_back

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "amount": {"type": "number", "title": "Amount"},
        "count": {"type": "integer"},
        "note": {"type": ["string", "null"]},
        "urgent": {"type": "boolean"},
        "folder": {"enum": ["inbox", "junk"]},
        "address": {"type": "object", "properties": {"city": {"type": "string"}}},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
}
VALUE: dict[str, Any] = {
    "amount": 900.0,
    "count": 1,
    "note": None,
    "urgent": False,
    "folder": "inbox",
    "address": {"city": "Bern"},
    "tags": ["a"],
    "extra": {"kept": [1.0, None]},
}


def submit(value: Any, schema: Any, **changes: str) -> tuple[Any, Any]:
    fields = lay_out(value=value, schema=schema)
    submitted = {entry.name: entry.value for entry in fields}
    names = {entry.label: entry.name for entry in fields}
    submitted.update({names[label.replace("_", " ")]: text for label, text in changes.items()})
    return read_back(value=value, schema=schema, submitted=submitted)


def test_each_kind_of_property_gets_its_field() -> None:
    kinds = {entry.label: entry.kind for entry in lay_out(value=VALUE, schema=SCHEMA)}
    assert kinds == {
        "Amount": "number",
        "count": "integer",
        "note": "text",
        "urgent": "choice",
        "folder": "choice",
        "address › city": "text",
        "tags": "json",
        "extra › kept": "json",
    }


def test_what_is_left_alone_comes_back_exactly() -> None:
    corrected, faults = submit(VALUE, SCHEMA)
    assert (corrected, faults) == (VALUE, [])
    assert isinstance(corrected["amount"], float)


@pytest.mark.parametrize(
    ("change", "path", "expected"),
    [
        ({"Amount": "150"}, "amount", 150),
        ({"count": "2"}, "count", 2),
        ({"note": "seen"}, "note", "seen"),
        ({"urgent": "0"}, "urgent", True),
        ({"folder": "1"}, "folder", "junk"),
        ({"tags": '["b", "c"]'}, "tags", ["b", "c"]),
    ],
)
def test_a_changed_field_changes_that_value_alone(change: dict[str, str], path: str, expected: Any) -> None:
    corrected, faults = submit(VALUE, SCHEMA, **change)
    assert faults == []
    assert corrected == {**VALUE, path: expected}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"Amount": "a lot"}, "/amount"),
        ({"Amount": ""}, "/amount"),
        ({"Amount": "NaN"}, "/amount"),
        ({"count": "1.5"}, "/count"),
        ({"folder": "7"}, "/folder"),
        ({"tags": "[1,"}, "/tags"),
    ],
)
def test_what_does_not_parse_is_named_by_its_pointer(change: dict[str, str], pointer: str) -> None:
    _, faults = submit(VALUE, SCHEMA, **change)
    assert [fault["pointer"] for fault in faults] == [pointer]


def test_an_absent_property_stays_absent_unless_it_is_filled() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}}
    assert submit({"a": 1}, schema)[0] == {"a": 1}
    assert submit({"a": 1}, schema, b="x")[0] == {"a": 1, "b": "x"}


def test_a_value_that_breaks_its_schema_is_shown_as_json() -> None:
    fields = lay_out(value={"amount": "much"}, schema=SCHEMA)
    assert next(entry.kind for entry in fields if entry.path == ("amount",)) == "json"


def test_what_can_not_be_otherwise_is_not_asked_for() -> None:
    schema = {"properties": {"id": {"const": "m-1"}, "folder": {"enum": ["inbox", "junk"]}}}
    value = {"id": "m-1", "folder": "inbox"}
    assert [entry.label for entry in lay_out(value=value, schema=schema)] == ["folder"]
    assert submit(value, schema, folder="1")[0] == {"id": "m-1", "folder": "junk"}


def test_hostile_keys_make_harmless_ids() -> None:
    (entry,) = lay_out(value={'"><script>': 1}, schema=None)
    assert entry.html_id.removeprefix("f-").isalnum()


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r"), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(value=json_values)
def test_any_value_survives_a_form_that_nobody_touches(value: Any) -> None:
    fields = lay_out(value=value, schema=None)
    submitted = {entry.name: entry.value for entry in fields}
    corrected, faults = read_back(value=value, schema=None, submitted=submitted)
    assert (corrected, faults) == (value, [])
    assert corrected is not ABSENT
