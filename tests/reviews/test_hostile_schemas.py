"""Schemas that an application sends bind what a person may correct: none of them may hang a process or break a page."""

import time
from typing import Any

import pytest

from reviews.schemas import UnusableSchema, check_schema, find_faults
from reviews.web.correction_form import lay_out

FANNING_OUT = {
    "$ref": "#/$defs/0",
    "$defs": {
        **{str(level): {"allOf": [{"$ref": f"#/$defs/{level + 1}"}] * 2} for level in range(40)},
        "40": {},
    },
}
BACKTRACKING = {"patternProperties": {"^(a+)+$": {}}, "additionalProperties": False}


@pytest.mark.parametrize(
    "broken",
    [{"type": 5}, {"minimum": "a"}, {"multipleOf": 0}, {"$ref": 5}, {"$ref": "#/hidden/allOf/x"}, {"$ref": "#"}],
)
def test_a_reference_to_what_is_no_schema_lets_nothing_fit(broken: dict[str, Any]) -> None:
    schema = {"$ref": "#/hidden", "hidden": {"allOf": [broken]}}
    check_schema(schema)
    assert find_faults(schema=schema, value=1, at="/output") == [
        {"pointer": "/output", "detail": "the schema can't be followed, so nothing fits it"}
    ]


@pytest.mark.parametrize("pattern", ["a{99999999999999999999}", "(" * 5000 + ")" * 5000])
def test_a_pattern_that_python_could_not_read_is_no_fault_of_ours(pattern: str) -> None:
    try:
        check_schema({"pattern": pattern})
    except UnusableSchema:
        return
    assert isinstance(find_faults(schema={"pattern": pattern}, value="a", at=""), list)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (FANNING_OUT, 1),
        (BACKTRACKING, {"a" * 60 + "!": 1}),
        ({"uniqueItems": True}, [{"a": number} for number in range(20_000)]),
    ],
)
def test_a_schema_that_takes_for_ever_is_given_up(schema: dict[str, Any], value: Any) -> None:
    check_schema(schema)
    started = time.monotonic()
    assert find_faults(schema=schema, value=value, at="")
    assert time.monotonic() - started < 20


def test_a_schema_of_too_many_parts_is_refused() -> None:
    with pytest.raises(UnusableSchema, match="2,000 objects"):
        check_schema({"allOf": [{}] * 2_000})


def test_patterns_beside_unevaluated_properties_are_refused() -> None:
    with pytest.raises(UnusableSchema, match="don't go together"):
        check_schema({"patternProperties": {"^a": {}}, "unevaluatedProperties": False})


def test_additional_properties_bind_as_ever() -> None:
    schema = {"properties": {"a": {}}, "patternProperties": {"^x-": {}}, "additionalProperties": {"type": "integer"}}
    assert find_faults(schema=schema, value={"a": "", "x-b": "", "c": 1}, at="") == []
    assert [fault["pointer"] for fault in find_faults(schema=schema, value={"c": "1"}, at="")] == ["/c"]


def test_objects_that_refer_to_each_other_become_one_field() -> None:
    node = {"type": "object", "properties": {str(name): {"$ref": "#/$defs/node"} for name in range(300)}}
    fields = lay_out(value={}, schema={"$ref": "#/$defs/node", "$defs": {"node": node}})
    assert [(field.path, field.kind) for field in fields] == [((), "json")]
