"""The datasets' pages: what people see of what they taught, and who may settle what."""

import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from evaluations.models import Dataset, Example
from evaluations.services.harvesting import harvest_corrections
from evaluations.web import datasets as pages
from tests.evaluations.scenes import make_dataset, make_example, teach
from tests.factories import make_organization, make_person, make_system
from tests.reviews.scenes import Desk, open_desk

pytestmark = pytest.mark.django_db
TEN = {"name": "refund", "arguments": {"amount": 10.0, "customer": "C-1042"}}


def visit(client: Client, name: str, *arguments: Any, status: int = 200, query: str = "") -> str:
    answer = client.get(reverse(name, args=arguments) + query)
    assert answer.status_code == status
    return answer.content.decode()


def sign_in(client: Client, organization: Any, *roles: str) -> None:
    client.force_login(make_person(organization, *(roles or ("viewer",))))


def dispute(client: Client, *roles: str) -> tuple[Desk, Example, Example]:
    desk = open_desk()
    teach(desk, note="n", reason="half is enough")
    teach(desk, action=TEN)
    harvest_corrections()
    sign_in(client, desk.organization, *(roles or ("lead",)))
    one, other = Example.objects.order_by("id")
    return desk, one, other


def settle(client: Client, example: Example, seen: list[Any], reason: str = "The lamp is 150.") -> Any:
    url = reverse("example-adjudicate", args=[example.dataset_id, example.pk])
    return client.post(url, {"seen": [str(id) for id in seen], "reason": reason})


def test_without_datasets_the_page_says_how_examples_come_into_being(client: Client) -> None:
    sign_in(client, make_organization())
    body = visit(client, "dataset-list")
    assert "No dataset yet" in body and "corrects or rejects" in body


def test_datasets_stand_with_their_figures(client: Client) -> None:
    dataset = make_dataset(name="Refunds")
    for status in ("active", "active", "disputed"):
        make_example(dataset, status=status)
    make_dataset(name="Not ours")
    sign_in(client, dataset.organization)
    body = visit(client, "dataset-list")
    assert "Refunds" in body and "Not ours" not in body
    assert '<td class="num" data-label="Active examples">2</td>' in body
    assert '<span class="tag review">1</span>' in body


def test_counts_stop_at_their_cap(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evaluations.selectors.COUNTED_AT_MOST", 2)
    monkeypatch.setattr(pages, "COUNTED_AT_MOST", 2)
    dataset = make_dataset()
    for _ in range(4):
        make_example(dataset)
    sign_in(client, dataset.organization)
    assert "<dd>2+</dd>" in visit(client, "dataset-detail", dataset.pk)


def test_a_taught_example_is_shown_with_what_changed_and_who_ruled(client: Client) -> None:
    desk = open_desk()
    review = teach(desk, labels=("wrong-amount",), reason="The lamp was 150.")
    harvest_corrections()
    example = Example.objects.get()
    sign_in(client, desk.organization)
    row = visit(client, "dataset-detail", example.dataset_id)
    assert "The lamp came in two pieces." in row and "refund: 150, C-1042" in row and "wrong-amount" in row
    assert reverse("decision-detail", args=[review.decision_id]) in row
    body = visit(client, "example-detail", example.dataset_id, example.pk)
    assert "<del>900</del><ins>150</ins>" in body
    assert review.reviewer_label in body and "The lamp was 150." in body
    version = review.decision.policy_version
    assert version is not None
    assert reverse("policy-version", args=[version.policy_id, version.number]) in body


def test_a_rejection_teaches_that_nothing_should_come_out(client: Client) -> None:
    desk = open_desk()
    teach(desk, "reject", reason="no", labels=("unsafe",))
    harvest_corrections()
    example = Example.objects.get()
    sign_in(client, desk.organization)
    assert "Nothing: it was rejected" in visit(client, "dataset-detail", example.dataset_id)
    assert "What the AI proposed was rejected" in visit(client, "example-detail", example.dataset_id, example.pk)


def test_filters_choose_and_say_when_nothing_fits(client: Client) -> None:
    dataset = make_dataset()
    make_example(dataset, input={"message": "apples"}, split="test", labels=["unsafe"])
    make_example(dataset, input={"message": "pears"}, status="disputed")
    sign_in(client, dataset.organization)
    for query, shown, hidden in [
        ("?split=test", "apples", "pears"),
        ("?status=disputed", "pears", "apples"),
        ("?label=unsafe", "apples", "pears"),
        ("?q=PEAR", "pears", "apples"),
    ]:
        body = visit(client, "dataset-detail", dataset.pk, query=query)
        assert shown in body and hidden not in body
    assert "Nothing matches this filter" in visit(client, "dataset-detail", dataset.pk, query="?q=plums")
    assert "apples" in visit(client, "dataset-detail", dataset.pk, query="?status=nonsense&after=%%%")


def test_a_long_dataset_is_turned_page_by_page(client: Client) -> None:
    dataset = make_dataset()
    ids = {str(make_example(dataset).pk) for _ in range(60)}
    sign_in(client, dataset.organization)
    first = client.get(reverse("dataset-detail", args=[dataset.pk]))
    second = client.get(reverse("dataset-detail", args=[dataset.pk]) + first.context["page"].next_url)
    shown = [str(row["example"].pk) for page in (first, second) for row in page.context["examples"]]
    assert len(shown) == 60 and set(shown) == ids


def test_hostile_texts_are_inert_everywhere(client: Client) -> None:
    desk = open_desk()
    evil = {"message": "<script>alert(1)</script>\u202egnp.exe", "<img src=x onerror=y>": "{{ 7|add:7 }}"}
    teach(desk, input=evil, reason="<b>why</b>", labels=("unsafe",))
    teach(desk, input=evil, action={"name": "<svg onload=1>", "arguments": {}})
    harvest_corrections()
    example = Example.objects.order_by("id").first()
    assert example is not None
    sign_in(client, desk.organization, "lead")
    for body in [
        visit(client, "dataset-detail", example.dataset_id),
        visit(client, "example-detail", example.dataset_id, example.pk),
    ]:
        for markup in ("<script>alert", "<img src=x", "<b>why", "<svg onload", "\u202e"):
            assert markup not in body
        assert "&lt;script&gt;alert(1)" in body and "U+202E" in body


def test_a_huge_input_is_cut_in_the_list_and_whole_on_its_page(client: Client) -> None:
    dataset = make_dataset()
    example = make_example(dataset, input={"text": "x" * 50_000}, expected={"output": "y" * 2_000})
    sign_in(client, dataset.organization)
    assert visit(client, "dataset-detail", dataset.pk).count("x" * 300) == 0
    assert "x" * 50_000 in visit(client, "example-detail", dataset.pk, example.pk)


def test_an_example_whose_rulings_are_gone_is_still_shown(client: Client) -> None:
    dataset = make_dataset()
    example = make_example(dataset)
    sign_in(client, dataset.organization)
    assert "no longer kept" in visit(client, "example-detail", dataset.pk, example.pk)
    lone = make_example(dataset, sources=0)
    assert "No ruling is kept" in visit(client, "example-detail", dataset.pk, lone.pk)


def test_pages_cost_the_same_however_much_they_show(client: Client, django_assert_max_num_queries: Any) -> None:
    desk = open_desk()
    for amount in range(12):
        teach(desk, input=amount % 4, action={"name": "refund", "arguments": {"amount": amount}})
    harvest_corrections()
    dataset = Dataset.objects.get()
    for _ in range(40):
        make_example(dataset, sources=3)
    for _ in range(8):
        make_dataset(make_system(desk.organization))
    sign_in(client, desk.organization, "lead")
    example = Example.objects.filter(status="disputed").first()
    assert example is not None
    for name, arguments in [
        ("dataset-list", []),
        ("dataset-detail", [dataset.pk]),
        ("example-detail", [dataset.pk, example.pk]),
    ]:
        with django_assert_max_num_queries(12):
            visit(client, name, *arguments)


def test_strangers_find_nothing(client: Client) -> None:
    dataset = make_dataset()
    example = make_example(dataset)
    sign_in(client, make_organization(), "owner", "lead", "admin")
    visit(client, "dataset-detail", dataset.pk, status=404)
    visit(client, "example-detail", dataset.pk, example.pk, status=404)
    assert settle(client, example, [example.pk]).status_code == 404


def test_an_example_stands_under_its_own_dataset_alone(client: Client) -> None:
    one = make_dataset()
    other = make_dataset(make_system(one.organization))
    example = make_example(one)
    sign_in(client, one.organization)
    visit(client, "example-detail", other.pk, example.pk, status=404)
    visit(client, "example-detail", one.pk, uuid.uuid4(), status=404)


def test_rival_answers_stand_side_by_side_with_their_rulings(client: Client) -> None:
    _, one, other = dispute(client)
    body = visit(client, "dataset-detail", one.dataset_id)
    assert "Rulings that contradict each other" in body
    assert "refund: 150, C-1042" in body and "refund: 10, C-1042" in body and "half is enough" in body
    assert "This answer holds" in visit(client, "example-detail", other.dataset_id, other.pk)


def test_a_lead_settles_a_dispute(client: Client) -> None:
    _, one, other = dispute(client)
    page = client.get(reverse("example-detail", args=[one.dataset_id, one.pk]))
    answer = settle(client, one, page.context["seen"])
    assert answer.url == reverse("example-detail", args=[one.dataset_id, one.pk])
    assert "this example holds" in client.get(answer.url).content.decode()
    assert "Another answer to this input holds: The lamp is 150." in visit(
        client, "example-detail", other.dataset_id, other.pk
    )


def test_settling_needs_a_reason_and_all_that_is_disputed(client: Client) -> None:
    _, one, other = dispute(client)
    assert settle(client, one, [one.pk, other.pk], reason=" ").status_code == 422
    assert settle(client, one, [one.pk]).status_code == 409
    assert settle(client, one, ["nonsense"]).status_code == 422
    assert set(Example.objects.values_list("status", flat=True)) == {"disputed"}


@pytest.mark.parametrize("role", ["viewer", "reviewer", "admin", "auditor"])
def test_others_see_the_dispute_and_can_not_settle_it(client: Client, role: str) -> None:
    _, one, other = dispute(client, role)
    body = visit(client, "example-detail", one.dataset_id, one.pk)
    assert "A lead or an owner settles it" in body and "This answer holds" not in body
    assert settle(client, one, [one.pk, other.pk]).status_code == 403
