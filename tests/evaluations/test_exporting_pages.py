"""The page of an export: which part, how much it is, and every format with the way to it."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from evaluations import export_selectors
from evaluations.exporting.formats import FORMATS
from evaluations.services import exporting
from evaluations.services.sealing import seal_version
from evaluations.web import exports
from governance.actors import OPERATOR
from governance.models import AuditEntry
from tests.evaluations.scenes import make_dataset, make_example
from tests.factories import make_organization, make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def dataset(client: Client) -> Any:
    dataset = make_dataset()
    client.force_login(make_person(dataset.organization, "viewer"))
    return dataset


def visit(client: Client, dataset: Any, query: str = "", status: int = 200) -> Any:
    answer = client.get(reverse("dataset-export", args=[dataset.pk]) + query)
    assert answer.status_code == status
    return answer


def take(client: Client, url: str) -> bytes:
    answer = client.get(url)
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content)


def test_every_format_is_offered_and_every_link_downloads(client: Client, dataset: Any) -> None:
    make_example(dataset)
    page = visit(client, dataset)
    body = page.content.decode().replace("&amp;", "&")
    for row in page.context["formats"]:
        assert row["format"].label in body and row["format"].sentence in body
        assert f'href="{row["url"]}"' in body
        answer = client.get(row["url"])
        assert answer["Content-Disposition"] == f'attachment; filename="{row["file_name"]}"'
        assert b"".join(answer.streaming_content)
    assert len(page.context["formats"]) == len(FORMATS) == AuditEntry.objects.filter(type="dataset.exported").count()


def test_the_counts_are_those_of_the_part(client: Client, dataset: Any) -> None:
    for split in ("train", "train", "test"):
        make_example(dataset, split=split)
    make_example(dataset, status="disputed", labels=["unsafe"])
    make_example(dataset, expected={"action": None})
    for query, count in [
        ("", 4),
        ("?split=test", 1),
        ("?status=disputed", 1),
        ("?status=any", 5),
        ("?label=unsafe", 0),
    ]:
        assert visit(client, dataset, query).context["extent"].examples == count
    page = visit(client, dataset)
    assert page.context["extent"].unanswered == 1
    written = len(take(client, page.context["formats"][0]["url"]))
    assert 0.5 < page.context["extent"].bytes / written < 2


def test_what_is_empty_says_so_and_offers_nothing(client: Client, dataset: Any) -> None:
    body = visit(client, dataset).content.decode()
    assert "Nothing to export" in body and "download" not in body


def test_a_link_takes_exactly_what_was_chosen(client: Client, dataset: Any) -> None:
    shown = make_example(dataset, status="disputed", split="test", labels=["a&b=c"])
    make_example(dataset, split="test")
    page = visit(client, dataset, "?status=any&split=test&label=a%26b%3Dc")
    taken = take(client, page.context["formats"][0]["url"])
    assert taken.count(b"\n") == 1 and str(shown.pk).encode() in taken


def test_a_version_is_offered_and_taken_as_it_was(client: Client, dataset: Any) -> None:
    sealed = make_example(dataset)
    seal_version(actor=OPERATOR, dataset_id=dataset.pk, reason="x")
    make_example(dataset)
    page = visit(client, dataset, "?version=1&status=disputed")
    assert page.context["extent"].examples == 1
    row = page.context["formats"][0]
    assert row["file_name"] == f"{dataset.slug}-v1.jsonl"
    assert str(sealed.pk).encode() in take(client, row["url"])
    assert visit(client, dataset, "?version=7").context["extent"].examples == 2


def test_the_filter_of_the_list_goes_along(client: Client, dataset: Any) -> None:
    make_example(dataset, split="test", status="disputed")
    address = reverse("dataset-detail", args=[dataset.pk])
    for query, wanted in [
        ("?split=test", "?status=any&split=test"),
        ("?status=disputed", "?status=disputed"),
        ("?q=x", ""),
    ]:
        url = client.get(address + query).context["chosen_url"]
        assert url == (reverse("dataset-export", args=[dataset.pk]) + wanted if wanted else "")


def test_a_format_that_can_t_be_written_here_says_what_it_takes(
    client: Client, dataset: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_example(dataset)
    for module in (exports, exporting):
        monkeypatch.setattr(module, "is_there", lambda format: not format.module)
    body = visit(client, dataset).content.decode()
    assert body.count("Not on this server") == 2 and "pyarrow" in body and "format=parquet" not in body
    answer = client.get(f"/api/v1/datasets/{dataset.pk}/export?format=parquet")
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (501, "format-unavailable")
    assert 'pip install "countersign-service[parquet]"' in answer.json()["detail"]
    assert not AuditEntry.objects.filter(type="dataset.exported").exists()


def test_much_is_counted_no_further_than_a_cap(
    client: Client, dataset: Any, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    monkeypatch.setattr(export_selectors, "COUNTED_AT_MOST", 3)
    for _ in range(6):
        make_example(dataset)
    with django_assert_max_num_queries(12):
        page = visit(client, dataset)
    assert (page.context["extent"].examples, page.context["extent"].is_more) == (3, True)
    assert "over 3" in page.content.decode()


def test_a_stranger_finds_no_page(client: Client, dataset: Any) -> None:
    client.force_login(make_person(make_organization(), "owner"))
    visit(client, dataset, status=404)
