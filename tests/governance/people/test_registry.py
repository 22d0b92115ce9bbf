"""AI systems are registered with an owner, or not at all."""

import dataclasses
import json
from typing import Any

import pytest

from governance.actors import OPERATOR
from governance.errors import DomainError, Invalid, NotFound, NotPermitted
from governance.models import AISystem, ApiKey, AuditPayload
from governance.services.membership import LastAdmin, NotAMember, OwnsSystems, remove_person
from governance.services.registry import (
    SystemExists,
    SystemFacts,
    SystemNotReady,
    create_system,
    ensure_organization,
    fix_split_step,
    update_system,
)
from tests.factories import make_actor, make_key, make_organization, make_person, make_system
from tests.governance.people.scenes import entries_of, open_office
from tests.support.races import race

pytestmark = pytest.mark.django_db


def facts_of(**fields: Any) -> SystemFacts:
    return SystemFacts(**{"name": "Bot", "purpose": "Answers mail.", "approvals_taught_percent": 0, **fields})


def test_the_owner_of_a_new_system_gets_the_role() -> None:
    office = open_office()
    person = make_person(office.organization, "viewer")
    system = create_system(
        actor=office.actor, organization=office.organization, slug="bot", facts=facts_of(owner=person)
    )
    assert (system.owner, system.risk_tier, system.breaker) == (person, "limited", "closed")
    assert set(person.memberships.values_list("role", flat=True)) == {"viewer", "owner"}
    assert entries_of(office.organization) == ["role.added", "system.created"]


def test_a_second_system_of_the_same_name_is_refused() -> None:
    office = open_office()
    facts = facts_of(owner=office.admin)
    create_system(actor=office.actor, organization=office.organization, slug="bot", facts=facts)
    with pytest.raises(SystemExists):
        create_system(actor=office.actor, organization=office.organization, slug="bot", facts=facts)


def test_an_owner_or_backup_from_outside_is_refused() -> None:
    office = open_office()
    stranger = make_person(make_organization(), "owner")
    closed = make_person(office.organization, "viewer", is_active=False)
    for facts in (
        facts_of(owner=stranger),
        facts_of(owner=closed),
        facts_of(owner=office.admin, backup=stranger),
    ):
        with pytest.raises(NotAMember):
            create_system(actor=office.actor, organization=office.organization, slug="bot", facts=facts)
    assert not AISystem.objects.exists()


@pytest.mark.parametrize(
    ("slug", "fields"),
    [
        ("Bot", {}),
        ("bot--x", {}),
        ("-bot", {}),
        ("x" * 64, {}),
        ("add", {}),
        ("bot", {"name": ""}),
        ("bot", {"name": "x" * 201}),
        ("bot", {"purpose": " "}),
        ("bot", {"risk_tier": "unheard-of"}),
        ("bot", {"schemas": {"refund": {"type": "nonsense"}}}),
        ("bot", {"schemas": {"refund": True}}),
        ("bot", {"schemas": {"x" * 101: {}}}),
        ("bot", {"schemas": {"refund": {"$ref": "https://example.org/schema.json"}}}),
        ("bot", {"schemas": {"refund": {"pattern": "(?=a)"}}}),
        ("bot", {"fallback_verdict": "allow"}),
        ("bot", {"fallback_queue": "Not a slug"}),
        ("bot", {"approvals_taught_percent": 101}),
        ("bot", {"held_out_percent": 0}),
        ("bot", {"held_out_percent": 101}),
    ],
)
def test_unfit_facts_are_refused(slug: str, fields: dict[str, Any]) -> None:
    office = open_office()
    facts = facts_of(owner=office.admin, **fields)
    with pytest.raises(Invalid) as refusal:
        create_system(actor=office.actor, organization=office.organization, slug=slug, facts=facts)
    assert refusal.value.errors
    assert not AISystem.objects.exists()


def test_nobody_backs_themselves_up() -> None:
    office = open_office()
    facts = facts_of(owner=office.admin, backup=office.admin)
    with pytest.raises(Invalid):
        create_system(actor=office.actor, organization=office.organization, slug="bot", facts=facts)


def test_how_many_subjects_are_held_out_is_changed_until_there_are_examples() -> None:
    office = open_office()
    system = make_system(office.organization, name="Bot", purpose="Answers mail.")
    system = update_system(actor=office.actor, system=system, facts=facts_of(owner=system.owner, held_out_percent=40))
    assert fix_split_step(system=system) == 40
    with pytest.raises(Invalid) as refusal:
        update_system(actor=office.actor, system=system, facts=facts_of(owner=system.owner, held_out_percent=50))
    assert refusal.value.errors[0]["pointer"] == "/held_out_percent"
    facts = facts_of(owner=system.owner, purpose="Answers letters.", held_out_percent=40)
    assert update_system(actor=office.actor, system=system, facts=facts).purpose == "Answers letters."
    system.refresh_from_db()
    assert (system.held_out_percent, system.is_split_fixed) == (40, True)


def test_a_change_is_recorded_from_and_to() -> None:
    office = open_office()
    system = make_system(office.organization, name="Bot", purpose="Old", backup=None, fallback_message="")
    facts = facts_of(owner=system.owner, purpose="New", schemas={"refund": {"type": "object"}})
    update_system(actor=office.actor, system=system, facts=facts)
    system.refresh_from_db()
    assert (system.purpose, system.schemas) == ("New", {"refund": {"type": "object"}})
    payload = json.loads(AuditPayload.objects.get(subject=f"system:{system.pk}").payload)
    assert payload["changes"] == {"purpose": ["Old", "New"], "schemas": ["{}", '{"refund":{"type":"object"}}']}


def test_what_a_live_key_demands_cant_be_taken_away_while_there_is_one() -> None:
    office = open_office()
    system = make_system(office.organization, name="Bot", purpose="Same")
    key, _ = make_key(system)
    facts = facts_of(owner=system.owner, backup=system.backup, purpose="Same")
    with pytest.raises(SystemNotReady) as refusal:
        update_system(actor=office.actor, system=system, facts=facts)
    assert refusal.value.state == {"system": system.slug, "missing": ["fallback_message"]}
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=key.created_at)
    assert update_system(actor=office.actor, system=system, facts=facts).fallback_message == ""


def test_a_live_system_that_always_lacked_something_can_still_be_changed() -> None:
    office = open_office()
    system = make_system(office.organization, name="Bot", purpose="Old", backup=None)
    make_key(system)
    facts = facts_of(owner=system.owner, purpose="New", fallback_message="A colleague looks after you.")
    assert update_system(actor=office.actor, system=system, facts=facts).purpose == "New"


def test_a_fallback_says_what_happens_and_where() -> None:
    office = open_office()
    facts = facts_of(owner=office.admin, fallback_verdict="block", fallback_queue="backlog")
    system = create_system(actor=office.actor, organization=office.organization, slug="bot", facts=facts)
    assert (system.fallback_verdict, system.fallback_queue) == ("block", "backlog")


def test_a_change_of_nothing_is_no_entry() -> None:
    office = open_office()
    system = make_system(office.organization, name="Bot", purpose="Same", backup=None, fallback_message="")
    update_system(actor=office.actor, system=system, facts=facts_of(owner=system.owner, purpose="Same"))
    assert entries_of(office.organization) == []


@pytest.mark.parametrize("role", ["viewer", "reviewer", "lead", "owner", "auditor"])
def test_only_an_admin_registers_and_changes_systems(role: str) -> None:
    organization = make_organization()
    system, actor = make_system(organization), make_actor(organization, role)
    with pytest.raises(NotPermitted):
        create_system(actor=actor, organization=organization, slug="bot", facts=facts_of(owner=system.owner))
    with pytest.raises(NotPermitted):
        update_system(actor=actor, system=system, facts=facts_of(owner=system.owner))


def test_another_organizations_system_is_not_there() -> None:
    office, system = open_office(), make_system()
    with pytest.raises(NotFound):
        update_system(actor=office.actor, system=system, facts=facts_of(owner=office.admin))


def test_organizations_are_made_by_the_operator_alone_and_once() -> None:
    office = open_office()
    with pytest.raises(NotPermitted):
        ensure_organization(actor=office.actor, slug="new")
    first, again = (ensure_organization(actor=OPERATOR, slug="north-wind") for _ in range(2))
    assert first == again
    assert first.name == "North wind"
    assert entries_of(first) == ["organization.created"]


@pytest.mark.django_db(transaction=True)
def test_nobody_leaves_while_being_named_owner() -> None:
    for _ in range(5):
        office = open_office()
        person = make_person(office.organization, "viewer")
        system = make_system(office.organization, owner=make_person(office.organization, "owner"))
        results = race(
            lambda o=office, s=system, p=person: update_system(
                actor=o.actor, system=s, facts=dataclasses.replace(facts_of(owner=p))
            ),
            lambda o=office, p=person: remove_person(actor=o.actor, organization=o.organization, user=p),
        )
        refusals = [result for result in results if isinstance(result, DomainError)]
        assert len(refusals) == 1, results
        assert isinstance(refusals[0], (NotAMember, OwnsSystems, LastAdmin))
        system.refresh_from_db()
        assert system.owner.memberships.exists()
