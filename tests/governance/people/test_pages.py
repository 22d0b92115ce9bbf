"""The ground floor's pages, as people use them: with forms, without scripts."""

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from governance.models import AccessToken, AISystem, ApiKey, Group, Membership, User
from governance.selectors import find_live_key, find_live_token
from tests.factories import make_key, make_organization, make_person, make_system
from tests.governance.people.scenes import Office, open_office

pytestmark = pytest.mark.django_db


def sign_in_admin(client: Client) -> Office:
    office = open_office()
    client.force_login(office.admin)
    return office


def secret_of(response: Any) -> str:
    match = re.search(r'class="secret"[^>]*>(cs_[\w-]+)<', response.content.decode())
    assert match, "the answer shows a secret"
    return match[1]


def test_a_person_is_added_and_mailed_the_way_in(client: Client) -> None:
    office = sign_in_admin(client)
    form = {"email": "new@example.org", "name": "New", "role": "reviewer"}
    response = client.post(reverse("person-add"), form)
    user = User.objects.get(email="new@example.org")
    assert response.url == reverse("person-detail", args=[user.pk])
    assert [message.to for message in mail.outbox] == [["new@example.org"]]
    assert office.organization.name in mail.outbox[0].body and "/password-reset/" in mail.outbox[0].body
    assert "/password-reset/" not in client.get(response.url).content.decode()


def test_somebody_with_an_account_is_added_without_a_link(client: Client) -> None:
    sign_in_admin(client)
    person = make_person(make_organization(), "viewer", password="correct horse battery")
    client.post(reverse("person-add"), {"email": person.email, "role": "viewer"})
    assert mail.outbox == []
    assert person.memberships.count() == 2


def test_an_unfit_form_comes_back_with_its_faults(client: Client) -> None:
    sign_in_admin(client)
    response = client.post(reverse("person-add"), {"email": "nonsense", "role": "viewer"})
    assert response.status_code == 422
    assert 'href="#id_email"' in response.content.decode()


def test_roles_are_given_and_taken_and_a_refusal_is_said_on_the_page(client: Client) -> None:
    office = sign_in_admin(client)
    person = make_person(office.organization, "viewer")
    client.post(reverse("person-role-add", args=[person.pk]), {"role": "lead"})
    client.post(reverse("person-role-remove", args=[person.pk]), {"role": "viewer"})
    assert set(person.memberships.values_list("role", flat=True)) == {"lead"}
    response = client.post(reverse("person-role-remove", args=[office.admin.pk]), {"role": "admin"})
    assert response.status_code == 409
    assert "Make somebody else an admin first" in response.content.decode()
    assert client.post(reverse("person-role-add", args=[person.pk]), {"role": "emperor"}).status_code == 422


def test_leaving_asks_first_and_then_happens(client: Client) -> None:
    office = sign_in_admin(client)
    person = make_person(office.organization, "viewer")
    assert "Close this account?" in client.get(reverse("person-deactivate", args=[person.pk])).content.decode()
    client.post(reverse("person-deactivate", args=[person.pk]))
    assert not User.objects.get(pk=person.pk).is_active
    client.post(reverse("person-reactivate", args=[person.pk]))
    assert "Remove this person?" in client.get(reverse("person-remove", args=[person.pk])).content.decode()
    assert client.post(reverse("person-remove", args=[person.pk])).url == reverse("people-list")
    assert not person.memberships.exists()


def test_people_are_found_by_name_and_by_role(client: Client) -> None:
    office = sign_in_admin(client)
    make_person(office.organization, "lead", name="Lee Lead")
    make_person(make_organization(), "lead", name="Lee Stranger")
    body = client.get(reverse("people-list"), {"q": "lee"}).content.decode()
    assert "Lee Lead" in body and "Lee Stranger" not in body
    assert "Lee Lead" in client.get(reverse("people-list"), {"role": "lead"}).content.decode()
    assert "Nobody matches" in client.get(reverse("people-list"), {"q": "zzz"}).content.decode()


def test_the_list_of_people_turns_pages_and_asks_no_more_for_more(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    office = sign_in_admin(client)
    for number in range(60):
        make_person(office.organization, "viewer", "reviewer", name=f"Person {number:03}")
    with django_assert_max_num_queries(9):
        first = client.get(reverse("people-list")).content.decode()
    assert 'rel="next"' in first and "Person 059" not in first
    assert "Person 059" in client.get(reverse("people-list"), {"page": "2"}).content.decode()
    assert client.get(reverse("people-list"), {"page": "1e9"}).status_code == 200


def test_hostile_names_are_shown_harmlessly(client: Client) -> None:
    office = sign_in_admin(client)
    hostile = "<script>alert(1)</script>"
    person = make_person(office.organization, "owner", name=hostile)
    system = make_system(office.organization, owner=person, name=hostile, purpose=hostile, schemas={hostile: {}})
    make_key(system, name=hostile)
    for url in [
        reverse("people-list"),
        reverse("person-detail", args=[person.pk]),
        reverse("system-list"),
        reverse("system-detail", args=[system.slug]),
        reverse("system-edit", args=[system.slug]),
        reverse("overview"),
    ]:
        body = client.get(url).content.decode()
        assert hostile not in body and "&lt;script&gt;" in body, url


def test_a_group_is_made_and_filled(client: Client) -> None:
    office = sign_in_admin(client)
    person = make_person(office.organization, "reviewer")
    client.post(reverse("group-add"), {"name": "Legal", "slug": "legal", "members": [str(person.pk)]})
    group = Group.objects.get()
    assert list(group.members.all()) == [person]
    client.post(reverse("group-edit", args=[group.pk]), {"name": "Law"})
    group.refresh_from_db()
    assert group.name == "Law" and not group.members.exists()
    again = client.post(reverse("group-add"), {"name": "Legal", "slug": "legal"})
    assert again.status_code == 422 and "exists already" in again.content.decode()


def system_form(person: User, **fields: str) -> dict[str, str]:
    return {
        "name": "Bot",
        "slug": "bot",
        "purpose": "Answers mail.",
        "owner": str(person.pk),
        "risk_tier": "high",
        "fallback_verdict": "review",
        "schemas": '{"refund": {"type": "object"}}',
        "approvals_taught_percent": "25",
        "held_out_percent": "20",
        **fields,
    }


def test_a_system_is_registered_and_changed_in_the_browser(client: Client) -> None:
    office = sign_in_admin(client)
    response = client.post(reverse("system-add"), system_form(office.admin))
    assert response.url == reverse("system-detail", args=["bot"])
    system = AISystem.objects.get()
    assert (system.owner, system.schemas) == (office.admin, {"refund": {"type": "object"}})
    assert system.approvals_taught_percent == 25
    client.post(reverse("system-edit", args=["bot"]), system_form(office.admin, name="Better bot", schemas=""))
    system.refresh_from_db()
    assert (system.name, system.schemas, system.slug) == ("Better bot", {}, "bot")


def test_the_form_says_when_the_held_out_share_can_no_longer_be_changed(client: Client) -> None:
    office = sign_in_admin(client)
    system = make_system(office.organization, slug="bot", owner=office.admin)
    url = reverse("system-edit", args=["bot"])
    assert "readonly" not in client.get(url).content.decode()
    AISystem.objects.filter(pk=system.pk).update(is_split_fixed=True)
    body = client.get(url).content.decode()
    assert "readonly" in body and "There are examples already" in body
    refused = client.post(url, system_form(office.admin, held_out_percent="50"))
    assert refused.status_code == 422 and "A subject that changed sides" in refused.content.decode()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"schemas": "{"}, "be read as JSON"),
        ({"schemas": "[]"}, "must be a JSON object"),
        ({"schemas": '{"refund": {"type": "nonsense"}}'}, "not JSON Schema 2020-12"),
        ({"schemas": "[" * 100_000}, "be read as JSON"),
        ({"schemas": '{"refund": {"minimum": NaN}}'}, "be read as JSON"),
        ({"schemas": '{"refund": {"title": "\\ud800"}}'}, "be read as JSON"),
        ({"owner": ""}, "Owner"),
        ({"approvals_taught_percent": "101"}, "less than or equal to 100"),
        ({"held_out_percent": "0"}, "greater than or equal to 1"),
        ({"slug": "No Slug"}, "lower-case letters"),
        ({"slug": "add"}, "own page"),
    ],
)
def test_an_unfit_system_comes_back_with_what_was_typed(client: Client, fields: dict[str, str], words: str) -> None:
    office = sign_in_admin(client)
    response = client.post(reverse("system-add"), system_form(office.admin, **fields))
    assert response.status_code == 422
    assert words in response.content.decode()
    assert not AISystem.objects.exists()


def test_a_system_is_owned_by_a_member_alone(client: Client) -> None:
    sign_in_admin(client)
    response = client.post(reverse("system-add"), system_form(make_person(make_organization(), "owner")))
    assert response.status_code == 422
    assert not AISystem.objects.exists()


def test_a_key_is_shown_once_and_revoked_after_a_question(client: Client) -> None:
    office = sign_in_admin(client)
    system = make_system(office.organization)
    response = client.post(reverse("key-create", args=[system.slug]), {"name": "ci", "kind": "live"})
    secret = secret_of(response)
    assert "no-store" in response["Cache-Control"]
    key = find_live_key(secret)
    assert key is not None
    page = client.get(reverse("system-detail", args=[system.slug])).content.decode()
    assert secret not in page and key.prefix in page
    assert "Revoke this key?" in client.get(reverse("key-revoke", args=[key.pk])).content.decode()
    assert find_live_key(secret) is not None
    client.post(reverse("key-revoke", args=[key.pk]))
    assert find_live_key(secret) is None
    assert client.post(reverse("key-create", args=[system.slug]), {"name": "", "kind": "live"}).status_code == 422
    assert ApiKey.objects.count() == 1


def test_the_console_says_what_a_live_key_still_needs(client: Client) -> None:
    office = sign_in_admin(client)
    system = make_system(office.organization, slug="bot", backup=None, fallback_message="")
    response = client.post(reverse("key-create", args=["bot"]), {"name": "ci", "kind": "live"})
    page = response.content.decode()
    assert response.status_code == 422
    assert "lacks a backup who stands in for the owner and a fallback message" in page
    assert not system.api_keys.exists()


def test_a_token_of_ones_own_is_shown_once_and_revoked(client: Client) -> None:
    person = make_person(make_organization(), "reviewer")
    client.force_login(person)
    secret = secret_of(client.post(reverse("token-create"), {"name": "laptop"}))
    token = find_live_token(secret)
    assert token is not None
    assert secret not in client.get(reverse("preferences")).content.decode()
    assert client.get(reverse("token-revoke", args=[token.pk])).status_code == 200
    client.post(reverse("token-revoke", args=[token.pk]))
    assert find_live_token(secret) is None


def test_anothers_token_is_not_there(client: Client) -> None:
    organization = make_organization()
    person = make_person(organization, "reviewer")
    token = AccessToken.objects.create(
        organization=organization, user=person, name="x", prefix="cs_pat_x", secret_sha256="0" * 64
    )
    client.force_login(make_person(organization, "reviewer"))
    assert client.get(reverse("token-revoke", args=[token.pk])).status_code == 404
    assert client.post(reverse("token-revoke", args=[token.pk])).status_code == 404
    token.refresh_from_db()
    assert token.revoked_at is None


def test_preferences_are_kept_and_reach_every_page(client: Client) -> None:
    person = make_person(make_organization(), "reviewer")
    client.force_login(person)
    form = {"name": "Renamed", "theme": "dark", "is_mail_on": "on"}
    assert client.post(reverse("preferences"), form).url == reverse("preferences")
    body = client.get(reverse("overview")).content.decode()
    assert 'data-theme="dark"' in body and 'data-keys="off"' in body and "Renamed" in body
    assert client.post(reverse("preferences"), {**form, "theme": "pink"}).status_code == 422


def test_one_switches_between_ones_own_organizations_alone(client: Client) -> None:
    first, second, third = (make_organization(name=name) for name in ("Aa", "Bb", "Cc"))
    person = make_person(first, "viewer")
    Membership.objects.create(organization=second, user=person, role="viewer")
    client.force_login(person)
    make_system(second, name="Second's bot")
    assert "Second&#x27;s bot" not in client.get(reverse("overview")).content.decode()
    assert client.post(reverse("switch-organization"), {"organization": second.slug}).status_code == 302
    assert "Second&#x27;s bot" in client.get(reverse("overview")).content.decode()
    assert client.post(reverse("switch-organization"), {"organization": third.slug}).status_code == 404
    assert client.get(reverse("switch-organization")).status_code == 405


@pytest.mark.parametrize(
    ("role", "name", "arguments"),
    [
        ("reviewer", "queue", ["unclaimed"]),
        ("lead", "queue", ["unclaimed"]),
        ("viewer", "overview", []),
        ("admin", "overview", []),
    ],
)
def test_home_is_where_ones_work_is(client: Client, role: str, name: str, arguments: list[str]) -> None:
    client.force_login(make_person(make_organization(), role))
    assert client.get("/").url == reverse(name, args=arguments)


def test_somebody_without_an_organization_is_told_so(client: Client) -> None:
    client.force_login(make_person())
    response = client.get(reverse("overview"))
    assert response.status_code == 403
    assert "You are in no organization" in response.content.decode()


def test_a_refused_verb_becomes_a_page_with_its_status(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    office = sign_in_admin(client)
    person = make_person(office.organization, "viewer", is_active=False)
    response = client.post(reverse("person-invite", args=[person.pk]))
    assert response.status_code == 409
    assert "holds no role" in response.content.decode()
