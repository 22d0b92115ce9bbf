"""`manage.py load_policy`: a first policy at the operator's word, a draft ever after."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from governance.models import Activation, AISystem, PolicyVersion
from tests.factories import make_organization, make_system
from tests.governance.policies.texts import policy_text


def load(system: AISystem | str, path: Path, *options: str) -> str:
    address = system if isinstance(system, str) else f"{system.organization.slug}/{system.slug}"
    out = StringIO()
    call_command("load_policy", "--system", address, "--file", str(path), *options, stdout=out)
    return out.getvalue()


def written(folder: Path, text: str) -> Path:
    path = folder / "policy.yaml"
    path.write_text(text)
    return path


def test_with_activate_it_is_in_force_at_once_and_only_once(db: None, tmp_path: Path) -> None:
    system = make_system()
    answer: dict[str, Any] = json.loads(load(system, written(tmp_path, policy_text()), "--activate", "--json"))
    assert (answer["status"], answer["version"], answer["activation"]) == ("in_force", 1, 1)
    assert answer["sha256"].startswith("sha256:") and answer["policy"] == "refunds"
    assert Activation.objects.get().origin == "bootstrap"
    with pytest.raises(CommandError, match="in force already") as refusal:
        load(system, written(tmp_path, policy_text(amount=1.0)), "--activate")
    assert refusal.value.returncode == 1
    assert PolicyVersion.objects.count() == 1


def test_without_activate_it_is_a_draft(db: None, tmp_path: Path) -> None:
    system = make_system()
    line = load(system, written(tmp_path, policy_text()))
    assert line.strip() == "Version 1 of refunds is a draft; submit it in the console."
    assert PolicyVersion.objects.get().status == "draft" and not Activation.objects.exists()


def test_a_faulty_file_is_refused_with_line_and_column(db: None, tmp_path: Path) -> None:
    text = policy_text().replace("verdict: review\n    queue", "verdict: reviev\n    queue")
    with pytest.raises(CommandError, match=r"/rules/0/verdict \(line 8, column 14\)") as refusal:
        load(make_system(), written(tmp_path, text), "--activate")
    assert refusal.value.returncode == 1 and not PolicyVersion.objects.exists()


def test_failing_tests_keep_it_out(db: None, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="expected block by large-refund, got review by large-refund"):
        load(make_system(), written(tmp_path, policy_text(expect="block")), "--activate")
    assert not PolicyVersion.objects.exists()


def test_what_is_not_there_is_named(db: None, tmp_path: Path) -> None:
    path = written(tmp_path, policy_text())
    organization = make_organization(slug="acme")
    with pytest.raises(CommandError, match="ORGANIZATION/SYSTEM") as refusal:
        load("mail-triage", path)
    assert refusal.value.returncode == 2
    with pytest.raises(CommandError, match="There is no system acme/nothing"):
        load(f"{organization.slug}/nothing", path)
    with pytest.raises(CommandError, match="No such file"):
        load(make_system(), tmp_path / "absent.yaml")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(CommandError, match="not valid UTF-8"):
        load(make_system(), path)
