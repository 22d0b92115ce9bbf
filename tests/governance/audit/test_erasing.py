"""Erasing what an entry says leaves its proof, and is on the record itself."""

import pytest
from django.db import IntegrityError, transaction

from governance.actors import Actor
from governance.audit_types import ERASURE_TYPE
from governance.errors import Invalid, NotFound, NotPermitted
from governance.models import AuditEntry, AuditPayload, Organization
from governance.services.erasing import PayloadAlreadyErased, PayloadKept, erase_payload
from governance.services.sequencing import sequence_entries
from governance.services.verifying import verify_log
from tests.factories import make_actor, make_organization
from tests.governance.audit.support import seal, tamper, write_entries

pytestmark = pytest.mark.django_db


@pytest.fixture(name="organization")
def fixture_organization() -> Organization:
    return make_organization()


@pytest.fixture(name="admin")
def fixture_admin(organization: Organization) -> Actor:
    return make_actor(organization, "admin")


def test_an_erased_payload_is_gone_and_the_log_stays_sound(admin: Actor) -> None:
    entry = seal(count=3, batches=1, organization_id=admin.organization_id)[1]
    erasure = erase_payload(actor=admin, entry_id=entry.pk, reason="Asked for by the customer")
    sequence_entries()
    assert not AuditPayload.objects.filter(pk=entry.pk).exists()
    assert AuditEntry.objects.get(pk=entry.pk).leaf_hash == entry.leaf_hash
    assert (erasure.type, erasure.actor_id) == (ERASURE_TYPE, admin.id)
    found = verify_log()
    assert (found.exit_code, found.erased, found.faults) == (0, 1, [])


def test_a_payload_is_erased_once(admin: Actor) -> None:
    [entry] = write_entries(1, organization_id=admin.organization_id)
    erase_payload(actor=admin, entry_id=entry.pk, reason="Asked for")
    with pytest.raises(PayloadAlreadyErased):
        erase_payload(actor=admin, entry_id=entry.pk, reason="Again")
    assert AuditEntry.objects.filter(type=ERASURE_TYPE).count() == 1


def test_another_organizations_entry_is_not_there(admin: Actor) -> None:
    [entry] = write_entries(1)
    with pytest.raises(NotFound):
        erase_payload(actor=admin, entry_id=entry.pk, reason="Curious")
    assert AuditPayload.objects.filter(pk=entry.pk).exists()


def test_what_verification_rests_on_is_kept(admin: Actor) -> None:
    [step] = write_entries(1, organization_id=admin.organization_id, type="policy.submitted")
    [entry] = write_entries(1, organization_id=admin.organization_id)
    erasure = erase_payload(actor=admin, entry_id=entry.pk, reason="Asked for")
    for kept in (step, erasure):
        with pytest.raises(PayloadKept):
            erase_payload(actor=admin, entry_id=kept.pk, reason="Asked for")


def test_an_erasure_has_a_reason_and_an_admin(admin: Actor, organization: Organization) -> None:
    [entry] = write_entries(1, organization_id=organization.pk)
    with pytest.raises(Invalid):
        erase_payload(actor=admin, entry_id=entry.pk, reason="  ")
    with pytest.raises(NotPermitted):
        erase_payload(actor=make_actor(organization, "auditor"), entry_id=entry.pk, reason="Asked for")


def test_the_database_lets_a_payload_go_only_after_its_erasure(admin: Actor) -> None:
    first, second = write_entries(2, organization_id=admin.organization_id)
    erase_payload(actor=admin, entry_id=first.pk, reason="Asked for")
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        AuditPayload.objects.filter(pk=second.pk).delete()


def test_an_erasure_whose_entry_was_deleted_explains_nothing(admin: Actor) -> None:
    [entry] = seal(count=1, batches=1, organization_id=admin.organization_id)
    erasure = erase_payload(actor=admin, entry_id=entry.pk, reason="Asked for")
    tamper("DELETE FROM governance_auditentry WHERE id = %s", erasure.pk)
    tamper("DELETE FROM governance_auditpayload WHERE entry_id = %s", erasure.pk)
    assert [(fault.kind, fault.entry_id) for fault in verify_log().faults] == [("payload_deleted", entry.pk)]
