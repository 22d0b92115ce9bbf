"""What differs between two texts, for the eye and for the meaning."""

from governance.policy_changes import compare_documents, compare_lines, unify
from governance.rules.document import load_policy_document
from tests.governance.policies.texts import policy_text


def test_equal_texts_differ_in_nothing() -> None:
    assert compare_lines("a\nb\n", "a\nb\n") == []
    document = load_policy_document(policy_text())
    assert compare_documents(document, document) == []


def test_equal_stretches_are_folded_and_changed_words_marked() -> None:
    before = [f"line {number}" for number in range(20)]
    after = [*before[:10], "line ten", *before[11:]]
    rows = compare_lines("\n".join(before), "\n".join(after)) or []
    assert [(row.kind, row.hidden) for row in (rows[0], rows[-1])] == [("gap", 7), ("gap", 6)]
    (changed,) = (row for row in rows if row.kind == "changed")
    assert (changed.before, changed.after) == (11, 11)
    assert [part.text for part in changed.before_parts if part.is_changed] == ["10"]
    assert [part.text for part in changed.after_parts if part.is_changed] == ["ten"]
    assert sum(row.hidden or 1 for row in rows) == 20


def test_a_side_by_side_diff_unifies_to_what_goes_and_then_what_comes() -> None:
    rows = compare_lines("a\nb\nc\n", "a\nB\nC\nd\n") or []
    kinds = [(line.kind, line.before or line.after) for line in unify(rows)]
    assert kinds == [("equal", 1), ("removed", 2), ("removed", 3), ("added", 2), ("added", 3), ("added", 4)]


def test_texts_that_are_too_long_are_not_compared() -> None:
    assert compare_lines("a\n" * 5_000, "b\n") is None


def test_a_long_line_is_not_compared_by_word() -> None:
    (row,) = compare_lines("a " * 5_000, "b " * 5_000) or []
    assert len(row.before_parts) == len(row.after_parts) == 1


def test_rules_are_compared_by_id_and_only_what_says_something_else_is_named() -> None:
    before = load_policy_document(policy_text())
    after = load_policy_document(
        policy_text(amount=500.0, verdict="block").replace("default: allow", "default: review")
    )
    changes = {
        (change.kind, change.part, change.name): change.differences for change in compare_documents(before, after)
    }
    assert set(changes) == {
        ("changed", "setting", "default"),
        ("changed", "rule", "large-refund"),
        ("changed", "test", "a big refund asks"),
    }
    rule = {one.field: (one.before, one.after) for one in changes[("changed", "rule", "large-refund")]}
    assert rule["verdict"] == ("review", "block")
    assert set(rule) == {"when", "verdict", "reason"}


def test_renamed_rules_are_one_removed_and_one_added() -> None:
    before = load_policy_document(policy_text())
    after = load_policy_document(policy_text().replace("large-refund", "big-refund"))
    kinds = {(change.kind, change.name) for change in compare_documents(before, after) if change.part == "rule"}
    assert kinds == {("removed", "large-refund"), ("added", "big-refund")}


def test_two_tests_of_one_name_are_each_matched_once() -> None:
    text = policy_text()
    test = text[text.index("  - name: a big") :]
    before, after = load_policy_document(text + test), load_policy_document(text)
    changes = compare_documents(before, after)
    assert [(change.kind, change.part) for change in changes] == [("removed", "test")]


def test_the_first_version_is_all_new() -> None:
    changes = compare_documents(None, load_policy_document(policy_text()))
    assert {change.kind for change in changes} == {"added"}
