"""Scorers: what is right, what is not, and what is no scorer."""

from typing import Any

import pytest

from evaluations.scoring.scorers import InvalidScorer, look_up, make_scorer


def score(description: Any, taught: Any, answered: Any) -> float:
    return make_scorer(description)({"output": taught}, {"output": answered})


FIELDS = {"kind": "fields", "fields": {"/amount": {"absolute": 0.5}, "/rate": {"relative": 0.1}, "/who": {}}}


@pytest.mark.parametrize(
    ("description", "taught", "answered", "expected"),
    [
        ({"kind": "exact"}, {"a": 1, "b": 2}, {"b": 2.0, "a": 1}, 1),
        ({"kind": "exact"}, "Yes", "yes", 0),
        ({"kind": "exact"}, True, 1, 0),
        ({"kind": "text"}, "Straße  Ⅳ", " STRASSE iv\n", 1),
        ({"kind": "text"}, "a", "b", 0),
        ({"kind": "text"}, 1, 1, 0),
        ({"kind": "labels"}, ["spam", "urgent"], ["spam", "spam"], 2 / 3),
        ({"kind": "labels"}, [], [], 1),
        ({"kind": "labels"}, ["a"], [], 0),
        ({"kind": "labels"}, ["a"], "a", 0),
        (FIELDS, {"amount": 10, "rate": 100, "who": "x"}, {"amount": 10.5, "rate": 110, "who": "x"}, 1),
        (FIELDS, {"amount": 10, "rate": 100, "who": "x"}, {"amount": 10.6, "rate": 100, "who": "y"}, 1 / 3),
        (FIELDS, {"amount": 1, "rate": 1}, {"amount": True, "rate": 1}, 2 / 3),
        (FIELDS, {}, {"who": None}, 2 / 3),
        ({"kind": "pattern", "pattern": "^order [0-9]+"}, "whatever", "order 42 is sent", 1),
        ({"kind": "pattern", "pattern": "^order"}, "x", "an order", 0),
        ({"kind": "pattern", "pattern": "1"}, "x", 1, 0),
        ({"kind": "schema", "schema": {"type": "object", "required": ["a"]}}, 1, {"a": 1}, 1),
        ({"kind": "schema", "schema": {"type": "object", "required": ["a"]}}, 1, {}, 0),
    ],
)
def test_an_answer_scores_as_its_scorer_says(description: Any, taught: Any, answered: Any, expected: float) -> None:
    assert score(description, taught, answered) == pytest.approx(expected)


def test_an_answer_of_another_kind_is_wrong_and_null_is_right_for_null_alone() -> None:
    exact = make_scorer({"kind": "exact"})
    assert exact({"action": {"name": "a"}}, {"output": {"name": "a"}}) == 0
    assert exact({"action": {"name": "a"}}, {}) == 0
    anything = make_scorer({"kind": "schema", "schema": True})
    assert anything({"action": None}, {"action": {"name": "a"}}) == 0
    assert anything({"action": {"name": "a"}}, {"action": None}) == 0
    assert anything({"action": None}, {"action": None}) == 1


@pytest.mark.parametrize(
    "description",
    [
        {},
        {"kind": "judge"},
        {"kind": ["exact"]},
        {"kind": "exact", "pattern": "x"},
        {"kind": "fields"},
        {"kind": "fields", "fields": {}},
        {"kind": "fields", "fields": {"amount": {}}},
        {"kind": "fields", "fields": {"/a": {"absolute": -1}}},
        {"kind": "fields", "fields": {"/a": {"absolute": True}}},
        {"kind": "fields", "fields": {"/a": {"within": 1}}},
        {"kind": "pattern", "pattern": "("},
        {"kind": "pattern", "pattern": "(?=x)"},
        {"kind": "pattern", "pattern": ""},
        {"kind": "pattern", "pattern": "x" * 1_001},
        {"kind": "schema", "schema": {"type": "nothing"}},
        {"kind": "schema", "schema": {"$ref": "https://example.org/schema"}},
        {"kind": "schema"},
    ],
)
def test_what_is_no_scorer_is_refused(description: Any) -> None:
    with pytest.raises(InvalidScorer):
        make_scorer(description)


def test_pointers_follow_rfc_6901() -> None:
    value = {"a/b": {"m~n": [10, 20]}, "": 7}
    assert look_up(value, "") is value
    assert look_up(value, "/") == 7
    assert look_up(value, "/a~1b/m~0n/1") == 20
    assert look_up(value, "/a~1b/m~0n/2") is look_up(value, "/none")
