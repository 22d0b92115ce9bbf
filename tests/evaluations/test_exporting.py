"""A dataset leaves whole, in order, a page at a time, and on record."""

import json
import uuid
from collections.abc import Iterable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evaluations import export_selectors
from evaluations.exporting import lines as line_formats
from evaluations.models import Example, ExampleSource
from evaluations.selectors import Selection
from evaluations.services.exporting import describe_source, export_dataset
from evaluations.services.harvesting import harvest_corrections
from governance.actors import OPERATOR, Actor
from governance.errors import NotFound, NotPermitted
from governance.models import AuditEntry
from governance.selectors import actor_for_key
from tests.evaluations.scenes import hash_content, make_dataset, make_example, teach
from tests.factories import make_actor, make_organization
from tests.reviews.scenes import FIXED, open_desk

pytestmark = pytest.mark.django_db


def export(dataset: Any, actor: Actor = OPERATOR, **chosen: Any) -> list[dict[str, Any]]:
    selection = Selection(**chosen) if chosen else None
    return lines_of(export_dataset(actor=actor, dataset=dataset, selection=selection))


def lines_of(pieces: Iterable[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in b"".join(pieces).split(b"\n")[:-1]]


def test_a_line_carries_what_was_taught_and_by_whom() -> None:
    desk = open_desk()
    review = teach(desk, labels=("wrong-amount",))
    harvest_corrections()
    example = Example.objects.get()
    (line,) = export(example.dataset)
    assert list(line) == ["id", "input", "expected", "labels", "split", "sources"]
    assert line["id"] == str(example.pk)
    assert line["input"] == {"message": "The lamp came in two pieces."}
    assert line["expected"] == {"action": FIXED}
    assert (line["labels"], line["split"]) == (["wrong-amount"], example.split)
    version = str(review.decision.policy_version_id)
    assert line["sources"] == [
        {"decision": str(review.decision_id), "review": str(review.pk), "policy_version": version}
    ]


HOSTILE = ['a\u2028b"\\', {"𐐷": 1e21, "é": 0.1}, [], "\u202e</script>", {"n": -0.0}, 5e-324, None, "\n\r\x85"]


def test_every_line_hashes_back_to_its_example() -> None:
    dataset = make_dataset()
    for input in HOSTILE:
        make_example(dataset, input={"given": input}, expected={"output": input})
    hashes = {str(example.pk): example.content_sha256 for example in Example.objects.all()}
    text = b"".join(export_dataset(actor=OPERATOR, dataset=dataset))
    lines = lines_of([text])
    assert text.endswith(b"\n") and len(lines) == len(HOSTILE)
    assert {line["id"]: hash_content(line["input"], line["expected"]) for line in lines} == hashes


def test_examples_come_in_the_order_in_which_they_were_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_selectors, "EXAMPLES_A_PAGE", 3)
    dataset = make_dataset()
    ids = [str(make_example(dataset).pk) for _ in range(10)]
    assert [line["id"] for line in export(dataset)] == sorted(ids)


def test_only_the_active_ones_leave_unless_others_are_asked_for() -> None:
    dataset = make_dataset()
    active = make_example(dataset)
    disputed = make_example(dataset, status="disputed")
    make_example(dataset, status="retired", retired_reason="wrong")
    assert [line["id"] for line in export(dataset)] == [str(active.pk)]
    both = export(dataset, statuses=("active", "disputed"))
    assert [(line["id"], line["status"]) for line in both] == [
        (str(active.pk), "active"),
        (str(disputed.pk), "disputed"),
    ]


def test_a_part_is_chosen_by_split_label_and_words() -> None:
    dataset = make_dataset()
    one = make_example(dataset, split="test", labels=["unsafe"], input={"message": 'say "no"\nplease'})
    make_example(dataset, split="train", labels=["unsafe-ish"])
    assert [line["id"] for line in export(dataset, split="test")] == [str(one.pk)]
    assert [line["id"] for line in export(dataset, label="unsafe")] == [str(one.pk)]
    assert [line["id"] for line in export(dataset, words='SAY "no"\nplease')] == [str(one.pk)]
    assert export(dataset, words="100%") == []


def test_another_dataset_is_not_in_it() -> None:
    make_example(make_dataset())
    assert export(make_dataset()) == []


def one_line_a_piece(monkeypatch: pytest.MonkeyPatch, **sizes: int) -> None:
    monkeypatch.setattr(line_formats, "PIECE", 1)
    for name, size in sizes.items():
        monkeypatch.setattr(export_selectors, name, size)


def test_reading_happens_as_lines_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    one_line_a_piece(monkeypatch, EXAMPLES_AT_FIRST=4, EXAMPLES_A_PAGE=4)
    dataset = make_dataset()
    for _ in range(12):
        make_example(dataset, sources=3)
    lines = iter(export_dataset(actor=OPERATOR, dataset=dataset))
    with CaptureQueriesContext(connection) as queries:
        next(lines)
        assert len(queries) == 1
        for _ in range(3):
            next(lines)
        assert len(queries) == 1
        next(lines)
        assert len(queries) == 2
        assert len(list(lines)) == 7
    # Three pages, and the one that finds nothing more.
    assert len(queries) == 4


def test_huge_examples_are_held_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    one_line_a_piece(monkeypatch, BYTES_A_PAGE=800)
    dataset = make_dataset()
    for letter in "abcd":
        make_example(dataset, input=letter * 900)
    lines = iter(export_dataset(actor=OPERATOR, dataset=dataset))
    with CaptureQueriesContext(connection) as queries:
        next(lines)
        next(lines)
    assert len(queries) == 2
    assert len(list(lines)) == 2


def test_pages_hold_what_they_may_or_one_example_that_alone_has_more(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in {"BYTES_A_PAGE": 1_000, "EXAMPLES_AT_FIRST": 2, "EXAMPLES_A_PAGE": 7}.items():
        monkeypatch.setattr(export_selectors, name, size)
    dataset = make_dataset()
    sizes = [900, 50, 20, 900, 3_000, 10, 10, 10, 10, 10, 400, 400, 400, 999, 2_001]
    for letter, size in zip("abcdefghijklmno", sizes, strict=True):
        make_example(dataset, input=letter * size, expected={"output": 1})
    part = export_selectors.Part(dataset, Selection())
    pages = list(export_selectors.read_pages(part, last=export_selectors.find_last(part)))
    weights = [[len(example.input) + len(example.expected) for example in page] for page in pages]
    assert [weight for page in weights for weight in page] == [size + 2 + 12 for size in sizes]
    assert all(sum(page) <= 1_000 or len(page) == 1 for page in weights)
    assert all(len(page) <= 7 for page in weights)
    assert 5 < len(pages) < len(sizes)


def test_sources_stand_in_the_order_of_their_rulings() -> None:
    dataset = make_dataset()
    example = make_example(dataset, sources=12)
    sources = ExampleSource.objects.filter(example=example)
    sources.filter(pk=sources.order_by("id")[3].pk).update(policy_version_id=uuid.uuid4())
    (line,) = export(dataset)
    assert line["sources"] == [describe_source(source) for source in sources.order_by("review_id")]
    sources.delete()
    assert export(dataset)[0]["sources"] == []


def test_labels_leave_as_they_were_given() -> None:
    dataset = make_dataset()
    labels = ['a, "b"', "\u202etxt", "é\u2028", "}]"]
    make_example(dataset, labels=labels)
    assert export(dataset)[0]["labels"] == labels


def test_what_is_added_after_the_start_is_not_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    one_line_a_piece(monkeypatch, EXAMPLES_AT_FIRST=2)
    dataset = make_dataset()
    for _ in range(3):
        make_example(dataset)
    lines = iter(export_dataset(actor=OPERATOR, dataset=dataset))
    next(lines)
    make_example(dataset)
    assert len(list(lines)) == 2


def test_the_start_is_recorded_even_if_nobody_reads_on() -> None:
    dataset = make_dataset()
    actor = make_actor(dataset.organization, "viewer")
    export_dataset(actor=actor, dataset=dataset, selection=Selection(split="test"))
    entry = AuditEntry.objects.about(f"dataset:{dataset.pk}").get()
    assert (entry.type, entry.actor_id, entry.organization_id) == (
        "dataset.exported",
        actor.id,
        dataset.organization_id,
    )
    payload = json.loads(entry.payload.payload)
    assert (payload["format"], payload["statuses"], payload["split"]) == ("jsonl", ["active"], "test")


def test_keys_and_strangers_are_refused_and_nothing_is_recorded() -> None:
    desk = open_desk()
    dataset = make_dataset(desk.system)
    with pytest.raises(NotPermitted):
        export_dataset(actor=actor_for_key(desk.key), dataset=dataset)
    with pytest.raises(NotFound):
        export_dataset(actor=make_actor(make_organization(), "owner"), dataset=dataset)
    assert not AuditEntry.objects.filter(type="dataset.exported").exists()


@pytest.mark.django_db(transaction=True)
def test_no_transaction_stays_open_while_lines_are_read() -> None:
    dataset = make_dataset()
    make_example(dataset)
    next(iter(export_dataset(actor=OPERATOR, dataset=dataset)))
    assert not connection.in_atomic_block
    if connection.vendor == "postgresql":
        import psycopg

        assert connection.connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_an_example_without_a_policy_version_says_null() -> None:
    dataset = make_dataset()
    example = make_example(dataset)
    assert export(dataset)[0]["sources"][0]["policy_version"] is None
    ExampleSource.objects.filter(example=example).update(policy_version_id=uuid.UUID(int=7))
    assert export(dataset)[0]["sources"][0]["policy_version"] == str(uuid.UUID(int=7))
