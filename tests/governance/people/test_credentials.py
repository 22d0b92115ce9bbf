"""Keys and tokens: shown once, stored as a hash, refused from the moment that they are revoked."""

from typing import Any

import pytest

from governance.actors import OPERATOR
from governance.errors import Invalid, NotFound, NotPermitted
from governance.models import AISystem, ApiKey, Membership
from governance.selectors import find_live_key, find_live_token
from governance.services.credentials import (
    create_access_token,
    create_api_key,
    revoke_access_token,
    revoke_api_key,
)
from governance.services.membership import NotAMember
from governance.services.registry import SystemNotReady
from tests.factories import actor_of, make_actor, make_organization, make_person, make_system
from tests.governance.people.scenes import entries_of, open_office

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("kind", "prefix"), [("live", "cs_live_"), ("test", "cs_test_")])
def test_a_key_is_stored_as_a_hash_and_found_by_its_secret(kind: str, prefix: str) -> None:
    office = open_office()
    system = make_system(office.organization)
    key, secret = create_api_key(actor=office.actor, system=system, name=" ci ", kind=kind)
    assert secret.startswith(prefix) and len(secret) > 40
    assert secret not in str(ApiKey.objects.filter(pk=key.pk).values().get())
    assert find_live_key(secret) == key
    assert (key.name, key.created_by_id) == ("ci", office.admin.pk)
    assert entries_of(office.organization) == ["api_key.created"]


def test_a_key_needs_a_name_and_a_known_kind() -> None:
    office = open_office()
    system = make_system(office.organization)
    with pytest.raises(Invalid):
        create_api_key(actor=office.actor, system=system, name=" ")
    with pytest.raises(Invalid):
        create_api_key(actor=office.actor, system=system, name="ci", kind="golden")


def test_a_revoked_key_opens_nothing_and_revoking_again_changes_nothing() -> None:
    office = open_office()
    key, secret = create_api_key(actor=office.actor, system=make_system(office.organization), name="ci")
    for _ in range(2):
        revoke_api_key(actor=office.actor, key_id=key.pk)
    assert find_live_key(secret) is None
    assert entries_of(office.organization) == ["api_key.created", "api_key.revoked"]


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({"backup": None}, ["backup"]),
        ({"fallback_message": " "}, ["fallback_message"]),
        ({"backup": None, "fallback_message": ""}, ["backup", "fallback_message"]),
    ],
)
def test_a_system_that_nobody_could_answer_for_gets_no_live_key(fields: dict[str, Any], missing: list[str]) -> None:
    office = open_office()
    system = make_system(office.organization, **fields)
    with pytest.raises(SystemNotReady) as refusal:
        create_api_key(actor=office.actor, system=system, name="ci")
    assert refusal.value.state == {"system": system.slug, "missing": missing}
    assert not ApiKey.objects.exists()
    assert entries_of(office.organization) == []
    assert create_api_key(actor=office.actor, system=system, name="ci", kind="test")[0].is_test


@pytest.mark.parametrize("person", ["owner", "backup"])
def test_who_has_left_answers_for_nothing(person: str) -> None:
    office = open_office()
    system = make_system(office.organization)
    Membership.objects.filter(user=getattr(system, person)).delete()
    with pytest.raises(SystemNotReady) as refusal:
        create_api_key(actor=office.actor, system=system, name="ci")
    assert refusal.value.state == {"system": system.slug, "missing": [person]}


def test_what_is_missing_is_read_anew() -> None:
    office = open_office()
    system = make_system(office.organization)
    AISystem.objects.filter(pk=system.pk).update(fallback_message="")
    with pytest.raises(SystemNotReady):
        create_api_key(actor=office.actor, system=system, name="ci")


def test_keys_of_another_organization_are_not_there() -> None:
    office, other = open_office(), open_office()
    system = make_system(office.organization)
    key, _ = create_api_key(actor=office.actor, system=system, name="ci")
    with pytest.raises(NotFound):
        create_api_key(actor=other.actor, system=system, name="ci")
    with pytest.raises(NotFound):
        revoke_api_key(actor=other.actor, key_id=key.pk)


def test_only_an_admin_manages_keys() -> None:
    organization = make_organization()
    with pytest.raises(NotPermitted):
        create_api_key(actor=make_actor(organization, "owner"), system=make_system(organization), name="ci")


def test_people_make_tokens_for_themselves_alone() -> None:
    office = open_office()
    person = make_person(office.organization, "viewer")
    with pytest.raises(NotPermitted):
        create_access_token(actor=office.actor, user=person, organization=office.organization, name="cli")
    with pytest.raises(NotPermitted):
        create_access_token(
            actor=actor_of(person, office.organization), user=person, organization=make_organization(), name="cli"
        )
    token, secret = create_access_token(
        actor=actor_of(person, office.organization), user=person, organization=office.organization, name="cli"
    )
    assert find_live_token(secret) == token


def test_the_operator_makes_a_token_for_members_alone() -> None:
    office = open_office()
    stranger = make_person(make_organization(), "viewer")
    with pytest.raises(NotAMember):
        create_access_token(actor=OPERATOR, user=stranger, organization=office.organization, name="cli")


def test_one_revokes_ones_own_token_and_an_admin_anybodys() -> None:
    office = open_office()
    person, colleague = (make_person(office.organization, "viewer") for _ in range(2))
    actor = actor_of(person, office.organization)
    tokens = [
        create_access_token(actor=actor, user=person, organization=office.organization, name="cli")[0] for _ in range(2)
    ]
    with pytest.raises(NotFound):
        revoke_access_token(actor=actor_of(colleague, office.organization), token_id=tokens[0].pk)
    revoke_access_token(actor=actor, token_id=tokens[0].pk)
    revoke_access_token(actor=office.actor, token_id=tokens[1].pk)
    assert entries_of(office.organization)[-2:] == ["access_token.revoked"] * 2
