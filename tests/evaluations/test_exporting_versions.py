"""A sealed version leaves as it was sealed, in every format, whatever has become of its examples since."""

import io
import json
import zipfile
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from evaluations import export_selectors
from evaluations.exporting.formats import FORMATS
from evaluations.models import Example
from evaluations.selectors import Selection
from evaluations.services.exporting import export_dataset
from evaluations.services.sealing import seal_version
from governance.actors import OPERATOR
from governance.errors import InvalidParameter, NotFound
from governance.models import AuditEntry
from tests.evaluations.scenes import make_dataset, make_example
from tests.factories import make_organization, make_person, make_system

pytestmark = pytest.mark.django_db


@pytest.fixture
def dataset() -> Any:
    return make_dataset(make_system(make_organization(slug="acme"), slug="bot"))


def seal(dataset: Any) -> Any:
    return seal_version(actor=OPERATOR, dataset_id=dataset.pk, reason="x")


def ids_of(dataset: Any, **options: Any) -> list[str]:
    pieces = export_dataset(actor=OPERATOR, dataset=dataset, **options)
    return [json.loads(line)["id"] for line in b"".join(pieces).splitlines()]


def test_each_version_holds_what_it_held(dataset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_selectors, "EXAMPLES_AT_FIRST", 2)
    monkeypatch.setattr(export_selectors, "BYTES_A_PAGE", 100)
    old = [make_example(dataset, split=split) for split in ("train", "test", "train", "test", "train")]
    first = seal(dataset)
    Example.objects.filter(pk__in=[old[0].pk, old[3].pk]).update(status="retired", retired_reason="wrong")
    new = [make_example(dataset) for _ in range(4)]
    second = seal(dataset)
    Example.objects.filter(pk=new[0].pk).update(status="disputed")
    kept = [example for example in old if example not in (old[0], old[3])]
    assert ids_of(dataset, version=first) == [str(example.pk) for example in old]
    assert ids_of(dataset, version=second) == [str(example.pk) for example in [*kept, *new]]
    assert ids_of(dataset) == [str(example.pk) for example in [*kept, *new[1:]]]
    tested = ids_of(dataset, version=first, selection=Selection(split="test"))
    assert tested == [str(old[1].pk), str(old[3].pk)]


@pytest.mark.parametrize("format", FORMATS)
def test_files_and_the_record_name_version_and_root(dataset: Any, format: str) -> None:
    make_example(dataset)
    version = seal(dataset)
    export = export_dataset(actor=OPERATOR, dataset=dataset, version=version, format=format)
    assert export.file_name == f"bot-v1.{FORMATS[format].suffix}"
    assert (b"".join(export), export.written) != (b"", 0)
    payload = json.loads(AuditEntry.objects.get(type="dataset.exported").payload.payload)
    assert (payload["format"], payload["version"]) == (format, 1)
    assert (payload["root"], payload["statuses"]) == (f"sha256:{version.root_sha256}", None)


def test_a_version_has_no_statuses_and_belongs_to_one_dataset(dataset: Any) -> None:
    make_example(dataset)
    version = seal(dataset)
    with pytest.raises(InvalidParameter):
        export_dataset(actor=OPERATOR, dataset=dataset, version=version, selection=Selection(statuses=("retired",)))
    with pytest.raises(NotFound):
        export_dataset(actor=OPERATOR, dataset=make_dataset(), version=version)
    assert not AuditEntry.objects.filter(type="dataset.exported").exists()


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("format=xml", 400, "format"),
        ("format=csv&version=2", 404, ""),
        ("version=0", 400, "version"),
        ("version=x", 400, "version"),
        ("version=1&status=active&status=retired", 400, "statuses"),
        ("lable=x", 400, "lable"),
        ("format=csv&split=dev", 400, "split"),
    ],
)
def test_the_api_refuses_what_is_not_there(client: Client, dataset: Any, query: str, status: int, says: str) -> None:
    make_example(dataset)
    seal(dataset)
    client.force_login(make_person(dataset.organization, "viewer"))
    answer = client.get(f"/api/v1/datasets/{dataset.pk}/export?{query}")
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert says in answer.json().get("detail", "")
    assert not AuditEntry.objects.filter(type="dataset.exported").exists()


def test_the_api_streams_a_version(client: Client, dataset: Any) -> None:
    example = make_example(dataset)
    seal(dataset)
    make_example(dataset)
    client.force_login(make_person(dataset.organization, "viewer"))
    answer = client.get(f"/api/v1/datasets/{dataset.pk}/export?format=csv&version=1", headers={"accept": "nonsense/*"})
    assert answer.streaming and answer["Cache-Control"] == "no-store"
    assert answer["Content-Type"].startswith("text/csv")
    assert answer["Content-Disposition"] == 'attachment; filename="bot-v1.csv"'
    header, row = b"".join(answer.streaming_content).decode().splitlines()
    assert header.startswith("id,input,expected") and row.startswith(str(example.pk))


def test_training_takes_the_train_split_unless_it_is_told(dataset: Any) -> None:
    make_example(dataset, input="learn", split="train")
    make_example(dataset, input="test", split="test")
    (line,) = b"".join(export_dataset(actor=OPERATOR, dataset=dataset, format="openai-finetuning")).splitlines()
    assert json.loads(line)["messages"][0]["content"] == "learn"
    chosen = Selection(split="test")
    told = export_dataset(actor=OPERATOR, dataset=dataset, format="openai-finetuning", selection=chosen)
    assert b"learn" not in b"".join(told)
    said = [json.loads(entry.payload.payload)["split"] for entry in AuditEntry.objects.filter(type="dataset.exported")]
    assert sorted(said) == ["test", "train"]


def test_the_command_writes_a_version_and_says_what_it_left_out(dataset: Any, tmp_path: Any) -> None:
    make_example(dataset)
    make_example(dataset, expected={"output": None})
    version = seal(dataset)
    make_example(dataset)
    target = tmp_path / "bot.zip"
    options = {"dataset": "acme/bot", "dataset_version": 1, "output": target}
    out = io.StringIO()
    call_command("export_dataset", **options, format="huggingface", stdout=out)
    assert out.getvalue() == f"{target}: 2 examples of acme/bot v1.\n"
    assert "README.md" in zipfile.ZipFile(target).namelist()
    out = io.StringIO()
    call_command("export_dataset", **options, format="openai-evals", is_json=True, stdout=out)
    answer = json.loads(out.getvalue())
    assert (answer["examples"], answer["left_out"], answer["version"]) == (1, 1, 1)
    assert answer["root"] == f"sha256:{version.root_sha256}"
    with pytest.raises(CommandError, match="no version 9"):
        call_command("export_dataset", **{**options, "dataset_version": 9})


def test_the_live_dataset_in_columns_names_statuses_where_they_are_asked_for(dataset: Any) -> None:
    make_example(dataset, status="disputed")
    chosen = Selection(statuses=("active", "disputed"))
    text = b"".join(export_dataset(actor=OPERATOR, dataset=dataset, format="csv", selection=chosen)).decode()
    header, row = text.splitlines()
    assert header.endswith(",status") and row.endswith(",disputed")
    assert "status" not in b"".join(export_dataset(actor=OPERATOR, dataset=dataset, format="csv")).decode()
