"""The doors to a dataset's versions: pages, endpoints and the command."""

import io
import json
import uuid
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from evaluations.models import DatasetVersion, Example
from evaluations.services.sealing import seal_version
from governance.actors import OPERATOR
from tests.evaluations.scenes import make_dataset, make_example
from tests.factories import make_organization, make_person, make_system

pytestmark = pytest.mark.django_db


@pytest.fixture
def dataset() -> Any:
    dataset = make_dataset(make_system(make_organization(slug="acme"), slug="bot"))
    make_example(dataset, input={"message": "the first"})
    return dataset


def sign_in(client: Client, dataset: Any, role: str) -> Client:
    client.force_login(make_person(dataset.organization, role))
    return client


def post(client: Client, dataset: Any, body: Any) -> Any:
    return client.post(f"/api/v1/datasets/{dataset.pk}/versions", body, content_type="application/json")


def test_a_version_is_sealed_listed_and_read_over_the_api(client: Client, dataset: Any) -> None:
    sign_in(client, dataset, "lead")
    answer = post(client, dataset, {"reason": "March."})
    assert answer.status_code == 201
    made = answer.json()
    assert (made["number"], made["examples"], made["added"], made["removed"]) == (1, 1, 1, 0)
    assert made["merkle_root"] == f"sha256:{DatasetVersion.objects.get().root_sha256}"
    assert client.get(f"/api/v1/datasets/{dataset.pk}/versions").json()["results"] == [made]
    assert client.get(f"/api/v1/datasets/{dataset.pk}/versions/1").json() == made
    assert client.get(f"/api/v1/datasets/{dataset.pk}/versions/2").status_code == 404
    again = post(client, dataset, {"reason": "Again."})
    assert (again.status_code, again.json()["type"].rsplit(":", 1)[-1]) == (409, "dataset-unchanged")


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "x", "why": "y"}, {"reason": 7}])
def test_a_body_that_does_not_fit_seals_nothing(client: Client, dataset: Any, body: Any) -> None:
    assert post(sign_in(client, dataset, "owner"), dataset, body).status_code == 422
    assert not DatasetVersion.objects.exists()


def test_the_page_seals_and_shows_what_differs_and_why(client: Client, dataset: Any) -> None:
    sign_in(client, dataset, "lead")
    page = f"/datasets/{dataset.pk}/versions/"
    assert client.post(page, {"reason": ""}).status_code == 422
    assert client.post(page, {"reason": "March <b>."})["Location"] == f"{page}1/"
    Example.objects.update(status="retired", retired_reason="The <i>rule</i> changed.")
    make_example(dataset, input={"message": "the second"})
    client.post(page, {"reason": "April."})
    shown = client.get(f"{page}2/").content.decode()
    assert "the second" in shown and "the first" in shown
    assert "The &lt;i&gt;rule&lt;/i&gt; changed." in shown
    assert "March &lt;b&gt;." in client.get(page).content.decode()
    assert client.get(f"{page}2/?against=1").status_code == 200
    for wrong in ("2", "9", "0", "x", "²"):
        assert client.get(f"{page}2/?against={wrong}").status_code == 404
    assert f"{page}2/" in client.get(f"/datasets/{dataset.pk}/").content.decode()


def test_a_viewer_reads_and_is_offered_no_seal(client: Client, dataset: Any) -> None:
    seal_version(actor=OPERATOR, dataset_id=dataset.pk, reason="x")
    sign_in(client, dataset, "viewer")
    assert "Seal the next" not in client.get(f"/datasets/{dataset.pk}/versions/").content.decode()
    assert client.post(f"/datasets/{dataset.pk}/versions/", {"reason": "x"}).status_code == 403


def test_pages_cost_the_same_however_much_differs(
    client: Client, dataset: Any, django_assert_max_num_queries: Any
) -> None:
    for _ in range(60):
        make_example(dataset)
    seal_version(actor=OPERATOR, dataset_id=dataset.pk, reason="x")
    sign_in(client, dataset, "viewer")
    with django_assert_max_num_queries(14):
        shown = client.get(f"/datasets/{dataset.pk}/versions/1/").content.decode()
    assert "There are more than these 50" in shown


def test_the_command_seals_and_says_so(dataset: Any) -> None:
    out = io.StringIO()
    call_command("seal_dataset", "--dataset", "acme/bot", "--reason", "March.", "--json", stdout=out)
    said = json.loads(out.getvalue())
    assert (said["dataset"], said["version"], said["examples"]) == ("acme/bot", 1, 1)
    with pytest.raises(CommandError, match="Nothing has changed"):
        call_command("seal_dataset", "--dataset", "acme/bot", "--reason", "March.", stdout=out)
    with pytest.raises(CommandError, match="There is no dataset"):
        call_command("seal_dataset", "--dataset", f"acme/{uuid.uuid4().hex}", "--reason", "x", stdout=out)


def altered(dataset: Any) -> DatasetVersion:
    """A version that holds an example whose text is not the one of its hash, as after a write past the product."""
    honest = make_example(make_dataset())
    fields = {field.attname: getattr(honest, field.attname) for field in Example._meta.concrete_fields}
    fields |= {"dataset_id": dataset.pk, "organization_id": dataset.organization_id, "content_sha256": "f" * 64}
    del fields["id"]
    Example.objects.create(**fields)
    return seal_version(actor=OPERATOR, dataset_id=dataset.pk, reason="x")


def test_a_version_is_verified_over_the_api_and_on_its_page(client: Client, dataset: Any) -> None:
    sign_in(client, dataset, "auditor")
    version = seal_version(actor=OPERATOR, dataset_id=dataset.pk, reason="x")
    root = f"sha256:{version.root_sha256}"
    path = f"/api/v1/datasets/{dataset.pk}/versions"
    assert client.get(f"{path}/1/verify").json() == {
        "is_whole": True,
        "merkle_root": root,
        "recomputed_root": root,
        "examples": 1,
        "altered": [],
    }
    page = f"/datasets/{dataset.pk}/versions"
    assert f"{page}/1/verify/" in client.get(f"{page}/1/").content.decode()
    assert "<strong>Whole.</strong>" in client.get(f"{page}/1/verify/").content.decode()
    altered(dataset)
    found = client.get(f"{path}/2/verify").json()
    assert (found["is_whole"], found["examples"], len(found["altered"])) == (False, 2, 1)
    assert found["recomputed_root"] != found["merkle_root"]
    shown = client.get(f"{page}/2/verify/").content.decode()
    assert "Not what was sealed." in shown and f"/examples/{found['altered'][0]}/" in shown
    assert client.get(f"{path}/3/verify").status_code == 404
    assert client.get(f"{path}/1/verify?x=1").status_code == 400


def test_the_command_verifies_all_versions_or_one_and_fails_where_one_is_altered(dataset: Any) -> None:
    seal_version(actor=OPERATOR, dataset_id=dataset.pk, reason="x")
    out = io.StringIO()
    call_command("verify_dataset", dataset="acme/bot", json=True, stdout=out)
    (row,) = json.loads(out.getvalue())["versions"]
    assert (row["version"], row["is_whole"], row["root"]) == (1, True, row["recomputed_root"])
    altered(dataset)
    out = io.StringIO()
    with pytest.raises(SystemExit) as ending:
        call_command("verify_dataset", dataset="acme/bot", stdout=out)
    assert ending.value.code == 1
    first, second = out.getvalue().splitlines()
    assert first.endswith("v1: 1 examples, whole") and "NOT what was sealed" in second
    call_command("verify_dataset", dataset="acme/bot", number=1, stdout=io.StringIO())
    for options in ({"dataset": "acme/none"}, {"dataset": "acme/bot", "number": 9}):
        with pytest.raises(CommandError):
            call_command("verify_dataset", **options)
