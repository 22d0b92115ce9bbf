"""`export_dataset`: its options and answers are a contract, and a file appears whole or not at all."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from evaluations.management.commands.export_dataset import write_whole
from evaluations.models import Dataset
from governance.models import AuditEntry
from tests.evaluations.scenes import hash_content, make_dataset, make_example
from tests.factories import make_organization, make_system

pytestmark = pytest.mark.django_db


@pytest.fixture
def address() -> str:
    dataset = make_dataset(make_system(make_organization(slug="acme"), slug="bot"))
    for number in range(3):
        make_example(dataset, input={"number": number, "text": "é\u2028"})
    make_example(dataset, status="disputed")
    return "acme/bot"


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("export_dataset", *arguments, stdout=out)
    return out.getvalue()


def test_without_a_file_the_lines_go_to_standard_output(address: str) -> None:
    lines = [json.loads(line) for line in run("--dataset", address).split("\n")[:-1]]
    assert [line["input"]["number"] for line in lines] == [0, 1, 2]
    entry = AuditEntry.objects.get(type="dataset.exported")
    assert (entry.actor_kind, entry.organization_id) == ("system", Dataset.objects.get().organization_id)


def test_a_file_holds_the_same_and_the_command_says_how_many(address: str, tmp_path: Path) -> None:
    target = tmp_path / "bot.jsonl"
    target.write_text("older")
    said = run("--dataset", address, "--output", str(target))
    assert said == f"{target}: 3 examples of acme/bot.\n"
    assert target.read_bytes().decode() == run("--dataset", address)
    lines = [json.loads(line) for line in target.read_bytes().split(b"\n")[:-1]]
    assert all(hash_content(line["input"], line["expected"]) for line in lines)
    assert [path.name for path in tmp_path.iterdir()] == ["bot.jsonl"]


def test_json_is_one_object_about_the_file(address: str, tmp_path: Path) -> None:
    target = tmp_path / "bot.jsonl"
    answer = json.loads(run("--dataset", address, "--output", str(target), "--format", "jsonl", "--json"))
    assert answer == {
        "dataset": "acme/bot",
        "format": "jsonl",
        "version": None,
        "root": None,
        "split": None,
        "examples": 3,
        "left_out": 0,
        "file": str(target),
    }


def test_a_part_can_be_asked_for(address: str) -> None:
    (line,) = run("--dataset", address, "--status", "disputed").splitlines()
    assert json.loads(line)["status"] == "disputed"
    assert run("--dataset", address, "--split", "test") == ""


@pytest.mark.parametrize(
    ("arguments", "says", "code"),
    [
        (["--dataset", "acme/bot", "--json"], "--json needs --output", 2),
        (["--dataset", "bot"], "ORGANIZATION/DATASET", 2),
        (["--dataset", "acme/other"], "There is no dataset acme/other", 1),
        (["--dataset", "acme/bot", "--output", "{tmp}/no/where.jsonl"], "There is no folder", 1),
        (["--dataset", "acme/bot", "--output", "{tmp}"], "no ordinary file", 1),
        (["--dataset", "acme/bot", "--output", os.devnull], "no ordinary file", 1),
    ],
)
def test_what_can_not_be_done_is_said_and_nothing_recorded(
    address: str, tmp_path: Path, arguments: list[str], says: str, code: int
) -> None:
    with pytest.raises(CommandError, match=says) as refusal:
        run(*[argument.format(tmp=tmp_path) for argument in arguments])
    assert refusal.value.returncode == code
    assert not AuditEntry.objects.filter(type="dataset.exported").exists()


def test_a_failure_half_way_leaves_the_older_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "bot.jsonl"
    target.write_text("older")

    def broken() -> Any:
        yield b"first\n"
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        write_whole(target, broken())
    assert target.read_text() == "older"
    assert [path.name for path in tmp_path.iterdir()] == ["bot.jsonl"]


@pytest.mark.django_db(transaction=True)
def test_the_process_ends_with_the_right_code_whoever_reads(address: str) -> None:
    url = settings.DATABASES["default"]["NAME"]
    if "sqlite" not in settings.DATABASES["default"]["ENGINE"]:
        pytest.skip("the other process is given a file")
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{url}", "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "manage.py", "export_dataset", "--dataset", address]
    done = subprocess.run(command, env=environment, capture_output=True, cwd=settings.BASE_DIR, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "é\u2028" in done.stdout.decode("utf-8")
    nonsense = subprocess.run(
        [*command, "--format", "xml"], env=environment, capture_output=True, cwd=settings.BASE_DIR, check=False
    )
    assert nonsense.returncode == 2
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=settings.BASE_DIR
    ) as closed:
        assert closed.stdout is not None and closed.stderr is not None
        closed.stdout.close()
        said = closed.stderr.read()
    assert (closed.returncode, said) == (1, b"")
