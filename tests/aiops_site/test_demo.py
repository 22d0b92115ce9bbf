"""What the demo begins with: everybody can sign in, everything can be tried, and a second start changes nothing."""

from pathlib import Path
from typing import Any

import pytest

from aiops_site.demo import PEOPLE, describe_people, prepare_demo
from governance.models import AuditEntry, Group, User

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.django_db
def test_a_second_start_finds_the_demo_as_it_was(tmp_path: Path, settings: Any) -> None:
    settings.DATA_DIR = tmp_path
    said: list[str] = []
    key = prepare_demo(root=ROOT, say=said.append)
    entries = AuditEntry.objects.count()
    group = Group.objects.get()
    assert [member.email for member in group.members.all()] == ["lead@northwind.example"]
    group.members.clear()
    assert prepare_demo(root=ROOT, say=said.append) == key
    assert AuditEntry.objects.count() == entries and not group.members.exists()
    assert len(said) == 1
    for person in PEOPLE:
        assert User.objects.get(email=person.email).check_password(person.password)


def test_it_says_where_the_mail_is(settings: Any) -> None:
    settings.EMAIL_URL, settings.EMAIL_FILE_PATH = "", "var/outbox"
    assert "a file in var/outbox" in describe_people("http://127.0.0.1:8000")
    settings.EMAIL_URL = "smtp://mail.example"
    assert "outbox" not in describe_people("http://127.0.0.1:8000")
