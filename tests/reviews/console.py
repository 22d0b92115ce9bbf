"""What the tests of this floor's pages share: somebody who is signed in, hostile text, and pages walked to their end."""

from __future__ import annotations

from typing import Any

from django.test import Client

from governance.models import User
from tests.factories import make_person
from tests.reviews.scenes import Desk

HOSTILE = '<script>alert(1)</script>\u202egpj.exe\u200b"><img src=x onerror=alert(2)>'
NEVER_IN_A_PAGE = ("<script>alert", "<img src=x", "\u202e", "\u200b")


def sign_in(desk: Desk, *roles: str, **fields: Any) -> tuple[Client, User]:
    """A new person of the desk's organization, a reviewer unless told otherwise, and their browser."""
    person = make_person(desk.organization, *(roles or ("reviewer",)), **fields)
    client = Client()
    client.force_login(person)
    return client, person


def assert_harmless(answer: Any) -> None:
    """The page shows hostile text as text, its hidden characters as tokens, and no untrusted word in its title."""
    text = answer.content.decode()
    assert answer.status_code == 200
    for harm in NEVER_IN_A_PAGE:
        assert harm not in text
    assert "&lt;script&gt;alert(1)" in text
    assert '<span class="token">U+202E</span>' in text
    assert "alert" not in text.partition("<title>")[2].partition("</title>")[0]


def walk(client: Client, path: str, rows: Any) -> tuple[list[Any], list[Any]]:
    """All rows from the first page to the last one, and again on the way back; `rows` reads them from an answer."""
    forth, answer = [], client.get(path)
    forth += rows(answer)
    while answer.context["page"].next_url:
        answer = client.get(path.partition("?")[0] + answer.context["page"].next_url)
        forth += rows(answer)
    back = [rows(answer)]
    while answer.context["page"].previous_url:
        answer = client.get(path.partition("?")[0] + answer.context["page"].previous_url)
        back.insert(0, rows(answer))
    return forth, [row for page in back for row in page]
