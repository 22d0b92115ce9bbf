"""The datasets' endpoints: people read, keys and strangers do not, exports stream."""

import json
import uuid
from typing import Any

import pytest
from django.test import Client

from evaluations.exporting.formats import FORMATS
from governance.models import AuditEntry
from governance.services.credentials import create_access_token
from tests.evaluations.scenes import make_dataset, make_example
from tests.factories import actor_of, make_key, make_organization, make_person, make_system

pytestmark = pytest.mark.django_db

PATHS = [
    "datasets",
    "datasets/{id}",
    "datasets/{id}/examples",
    "datasets/{id}/examples.jsonl",
    "datasets/{id}/export?format=csv",
]


@pytest.fixture
def dataset() -> Any:
    return make_dataset(make_system(slug="refund-bot", name="Refund bot"))


def reader(client: Client, dataset: Any, *roles: str) -> Client:
    client.force_login(make_person(dataset.organization, *(roles or ("viewer",))))
    return client


def read(client: Client, path: str, status: int = 200, **headers: str) -> Any:
    answer = client.get(f"/api/v1/{path}", headers=headers)
    assert answer.status_code == status, answer.content
    return answer


def lines_of(answer: Any) -> list[Any]:
    return [json.loads(line) for line in b"".join(answer.streaming_content).split(b"\n")[:-1]]


def test_datasets_are_listed_and_read(client: Client, dataset: Any) -> None:
    make_example(dataset)
    reader(client, dataset)
    (row,) = read(client, "datasets").json()["results"]
    assert (row["slug"], row["system"]["slug"]) == ("refund-bot", "refund-bot")
    assert row["last_added_at"] is not None
    assert read(client, f"datasets/{dataset.pk}").json() == row


def test_examples_are_listed_with_their_sources_and_filters(client: Client, dataset: Any) -> None:
    one = make_example(dataset, labels=["unsafe"], split="test", sources=2)
    two = make_example(dataset, status="disputed")
    reader(client, dataset)
    path = f"datasets/{dataset.pk}/examples"
    rows = read(client, path).json()["results"]
    assert [row["id"] for row in rows] == [str(one.pk), str(two.pk)]
    assert rows[0]["content"] == f"sha256:{one.content_sha256}"
    assert len(rows[0]["sources"]) == 2
    for query, found in [("split=test", one), ("label=unsafe", one), ("status=disputed", two)]:
        assert [row["id"] for row in read(client, f"{path}?{query}").json()["results"]] == [str(found.pk)]
    assert len(read(client, f"{path}?status=disputed&status=active").json()["results"]) == 2


def test_the_list_costs_the_same_however_long_it_is(
    client: Client, dataset: Any, django_assert_max_num_queries: Any
) -> None:
    for _ in range(30):
        make_example(dataset, sources=3)
    reader(client, dataset)
    with django_assert_max_num_queries(8):
        assert len(read(client, f"datasets/{dataset.pk}/examples").json()["results"]) == 30


def test_pages_follow_each_other_without_gap(client: Client, dataset: Any) -> None:
    ids = [str(make_example(dataset).pk) for _ in range(7)]
    reader(client, dataset)
    seen, path = [], f"/api/v1/datasets/{dataset.pk}/examples?page_size=3"
    while path:
        page = client.get(path).json()
        seen += [row["id"] for row in page["results"]]
        path = page["next"]
    assert seen == ids


def test_an_export_streams_the_active_ones_and_is_on_record(client: Client, dataset: Any) -> None:
    active = make_example(dataset)
    make_example(dataset, status="disputed")
    answer = read(reader(client, dataset), f"datasets/{dataset.pk}/examples.jsonl", accept="text/html, nonsense/*")
    assert answer.streaming
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("application/jsonl", "no-store")
    assert answer["Content-Disposition"] == 'attachment; filename="refund-bot.jsonl"'
    assert [line["id"] for line in lines_of(answer)] == [str(active.pk)]
    assert AuditEntry.objects.filter(type="dataset.exported").count() == 1


def test_an_export_takes_the_list_s_filters(client: Client, dataset: Any) -> None:
    make_example(dataset)
    disputed = make_example(dataset, status="disputed", split="test", labels=["unsafe"])
    reader(client, dataset)
    answer = read(client, f"datasets/{dataset.pk}/examples.jsonl?status=disputed&split=test&label=unsafe")
    assert [(line["id"], line["status"]) for line in lines_of(answer)] == [(str(disputed.pk), "disputed")]


@pytest.mark.parametrize("query", ["split=dev", "status=nonsense", "lable=x", "q=x", "label=%00"])
@pytest.mark.parametrize("path", ["examples", "examples.jsonl"])
def test_a_misspelled_filter_is_refused(client: Client, dataset: Any, path: str, query: str) -> None:
    answer = read(reader(client, dataset), f"datasets/{dataset.pk}/{path}?{query}", 400)
    assert answer["Content-Type"] == "application/problem+json"
    assert not AuditEntry.objects.filter(type="dataset.exported").exists()


def test_looking_with_head_exports_nothing(client: Client, dataset: Any) -> None:
    reader(client, dataset)
    assert client.head(f"/api/v1/datasets/{dataset.pk}/examples.jsonl").status_code == 405
    assert not AuditEntry.objects.filter(type="dataset.exported").exists()


@pytest.mark.parametrize("path", PATHS)
def test_a_key_is_refused_and_nobody_is_asked_who_they_are(client: Client, dataset: Any, path: str) -> None:
    _, secret = make_key(dataset.system)
    path = path.format(id=dataset.pk)
    assert read(client, path, 403, authorization=f"Bearer {secret}")["Content-Type"] == "application/problem+json"
    read(client, path, 401)


@pytest.mark.parametrize("path", PATHS[1:])
def test_another_organization_s_dataset_is_not_there(client: Client, dataset: Any, path: str) -> None:
    client.force_login(make_person(make_organization(), "owner", "admin"))
    read(client, path.format(id=dataset.pk), 404)
    read(client, path.format(id=uuid.uuid4()), 404)
    assert read(client, "datasets").json()["results"] == []


def test_a_token_opens_what_the_session_opens(client: Client, dataset: Any) -> None:
    make_example(dataset)
    person = make_person(dataset.organization, "viewer")
    _, secret = create_access_token(
        actor=actor_of(person, dataset.organization), user=person, organization=dataset.organization, name="ci"
    )
    answer = read(client, f"datasets/{dataset.pk}/examples.jsonl", authorization=f"Bearer {secret}")
    assert len(lines_of(answer)) == 1
    assert AuditEntry.objects.get(type="dataset.exported").actor_id == str(person.pk)


def test_the_schema_documents_every_operation_with_an_example(client: Client) -> None:
    paths = client.get("/api/schema/").json()["paths"]
    operations = {path: paths[path]["get"] for path in paths if path.startswith("/api/v1/datasets")}
    assert len(operations) == 9
    for operation in operations.values():
        contents = operation["responses"]["200"]["content"]
        assert any("examples" in content for content in contents.values())
    formats = operations["/api/v1/datasets/{dataset_id}/export"]["responses"]["200"]["content"]
    assert set(formats) == {format.media_type for format in FORMATS.values()}
    export = operations["/api/v1/datasets/{dataset_id}/examples.jsonl"]
    assert list(export["responses"]["200"]["content"]) == ["application/jsonl"]
    assert {parameter["name"] for parameter in export["parameters"]} == {"dataset_id", "split", "label", "status"}
