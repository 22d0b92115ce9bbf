"""What is shown of a decision where it is too much to show: the rest is counted, never left out in silence."""

from reviews.web.evidence import ROWS_AT_MOST, list_facts, list_turns


def test_fields_beyond_the_limit_are_counted() -> None:
    facts = list_facts({f"field {number}": number for number in range(ROWS_AT_MOST + 34)}, path="input")
    assert len(facts) == ROWS_AT_MOST + 1
    assert facts[-1].value.startswith("34 more fields")


def test_as_many_as_fit_are_all_there_is() -> None:
    facts = list_facts({f"field {number}": number for number in range(ROWS_AT_MOST)}, path="input")
    assert [fact.value for fact in facts] == [str(number) for number in range(ROWS_AT_MOST)]


def test_messages_beyond_the_limit_are_counted() -> None:
    turns = list_turns([{"role": "user", "content": str(number)} for number in range(ROWS_AT_MOST + 2)])
    assert len(turns) == ROWS_AT_MOST + 1
    assert turns[-1].text.startswith("2 more messages") and not turns[-1].is_ai
