"""The commands' names, options and answers are a contract: scripts read them."""

import io
import json
import re
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from governance.models import AISystem, Membership, Organization, User
from governance.selectors import find_live_key, find_live_token
from tests.factories import make_organization, make_person, make_system

pytestmark = pytest.mark.django_db


def run(name: str, *arguments: str) -> str:
    out = io.StringIO()
    call_command(name, *arguments, stdout=out)
    return out.getvalue()


def run_json(name: str, *arguments: str) -> Any:
    text = run(name, *arguments, "--json")
    assert text.count("\n") == 1
    return json.loads(text)


USER = ["--email", "Ann@Example.org", "--organization", "acme"]
SYSTEM = ["--organization", "acme", "--slug", "bot", "--owner", "ann@example.org", "--purpose", "Answers mail."]


def test_a_user_is_made_with_the_organization_and_repeated_calls_add_roles() -> None:
    first = run_json("create_user", *USER, "--role", "reviewer", "--name", "Ann")
    again = run_json("create_user", *USER, "--role", "policy_author")
    user = User.objects.get()
    assert (first["id"], first["email"], first["organization"]) == (str(user.pk), "ann@example.org", "acme")
    assert again["roles"] == ["policy_author", "reviewer"]
    assert user.name == "Ann"


def test_the_printed_link_sets_the_password(client: Client, settings: Any) -> None:
    settings.BASE_URL = "https://countersign.example"
    text = run("create_user", *USER, "--role", "viewer")
    path = re.search(r"https://countersign\.example(/\S+)", text)[1]  # type: ignore[index]
    form_url = client.get(path).url
    client.post(form_url, {"new_password1": "correct horse battery", "new_password2": "correct horse battery"})
    assert User.objects.get().check_password("correct horse battery")


def test_a_password_comes_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery\n"))
    assert "set_password_url" not in run_json("create_user", *USER, "--role", "viewer", "--password-stdin")
    assert User.objects.get().check_password("correct horse battery")


@pytest.mark.parametrize("password", ["", "\n", "short\n", "password123\n"])
def test_a_weak_or_absent_password_makes_nobody(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(password))
    with pytest.raises(CommandError):
        run("create_user", *USER, "--role", "viewer", "--password-stdin")
    assert not User.objects.exists()
    assert not Organization.objects.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--email", "a@example.org", "--organization", "acme", "--role", "emperor"],
        ["--email", "nonsense", "--organization", "acme", "--role", "viewer"],
        ["--email", "a@example.org", "--organization", "No Slug", "--role", "viewer"],
    ],
)
def test_nonsense_is_refused_with_a_sentence(arguments: list[str]) -> None:
    with pytest.raises(CommandError) as refusal:
        run("create_user", *arguments)
    assert len(str(refusal.value)) > 20
    assert not User.objects.exists()


def test_a_system_is_registered_and_a_repeated_call_finds_it() -> None:
    run("create_user", *USER, "--role", "admin")
    first = run_json("create_system", *SYSTEM, "--risk", "high", "--fallback-message", "A person will look.")
    again = run_json("create_system", *SYSTEM, "--risk", "high", "--fallback-message", "A person will look.")
    system = AISystem.objects.get()
    assert first == again == {"id": str(system.pk), "slug": "bot", "organization": "acme"}
    assert (system.name, system.risk_tier, system.fallback_message) == ("Bot", "high", "A person will look.")
    assert Membership.objects.filter(user=system.owner, role="owner").count() == 1


def test_a_repeated_call_that_says_something_else_is_refused() -> None:
    run("create_user", *USER, "--role", "admin")
    run("create_system", *SYSTEM)
    with pytest.raises(CommandError, match="--risk"):
        run("create_system", *SYSTEM, "--risk", "high")


def test_a_system_makes_its_organization_where_the_owner_comes_from_another() -> None:
    make_person(make_organization(), "viewer", email="ann@example.org")
    run("create_system", *SYSTEM)
    assert AISystem.objects.get().organization.slug == "acme"
    assert Membership.objects.filter(organization__slug="acme").count() == 1


def test_an_unknown_owner_is_named_with_the_command_that_makes_one() -> None:
    with pytest.raises(CommandError, match="create_user --email ann@"):
        run("create_system", *SYSTEM)
    assert not Organization.objects.exists()


def test_a_key_opens_what_its_command_says() -> None:
    system = make_system(make_organization(slug="acme"), slug="bot")
    answer = run_json("create_api_key", "--system", "acme/bot", "--name", "ci")
    key = find_live_key(answer["key"])
    assert key is not None and key.system == system
    assert set(answer) == {"id", "prefix", "key"}
    assert (str(key.pk), key.prefix, key.kind) == (answer["id"], answer["prefix"], "live")
    assert run_json("create_api_key", "--system", "acme/bot", "--name", "t", "--kind", "test")["key"].startswith(
        "cs_test_"
    )


@pytest.mark.parametrize("place", ["bot", "acme/none", "other/bot", "/", ""])
def test_a_key_of_no_system_is_refused(place: str) -> None:
    make_system(make_organization(slug="acme"), slug="bot")
    with pytest.raises(CommandError):
        run("create_api_key", "--system", place, "--name", "ci")


def test_a_live_key_of_a_system_that_lacks_something_is_refused_with_the_words_that_help() -> None:
    make_system(make_organization(slug="acme"), slug="bot", name="Bot", backup=None)
    with pytest.raises(CommandError, match=r"can't go live yet: Bot lacks a backup .* --backup EMAIL"):
        run("create_api_key", "--system", "acme/bot", "--name", "ci")


def test_a_token_opens_what_its_command_says() -> None:
    person = make_person(make_organization(slug="acme"), "reviewer")
    answer = run_json("create_token", "--user", person.email.upper(), "--organization", "acme", "--name", "cli")
    token = find_live_token(answer["token"])
    assert token is not None and token.user == person
    assert answer == {"id": str(token.pk), "token": answer["token"]}


def test_a_token_for_a_stranger_is_refused() -> None:
    person = make_person(make_organization(slug="acme"), "reviewer")
    make_organization(slug="other")
    for user, organization in [(person.email, "other"), ("no@example.org", "acme"), (person.email, "none")]:
        with pytest.raises(CommandError):
            run("create_token", "--user", user, "--organization", organization, "--name", "cli")


def test_without_json_a_readable_line_is_printed() -> None:
    assert run("create_user", *USER, "--role", "viewer").startswith("ann@example.org is viewer in acme.\n")
    assert run("create_system", *SYSTEM) == "acme/bot is registered; ann@example.org answers for it.\n"
