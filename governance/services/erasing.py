"""Erasing what an entry says: a duty towards the people it names, and a fact of its own. The entry's proof stays."""

from django.db import transaction

from governance.actors import Actor
from governance.audit_selectors import find_entry
from governance.audit_types import ERASURE_SUBJECT, ERASURE_TYPE
from governance.errors import Conflict
from governance.models import AuditEntry, AuditPayload
from governance.permissions import require
from governance.services.fields import read_text
from governance.services.recording import record

LONGEST_REASON = 2_000


class PayloadAlreadyErased(Conflict):
    code, title = "payload-already-erased", "This payload was erased before"


class PayloadKept(Conflict):
    code, title = "payload-kept", "This payload is not erased"


def erase_payload(*, actor: Actor, entry_id: int, reason: str) -> AuditEntry:
    """Erase an entry's payload, subject and key; commitment and leaf hash stay, so that every root still holds.

    Returns the erasure's own entry. Refuses (NotFound) another organization's entry, (PayloadKept) that of an erasure or of a
    step of a policy, on which verification rests, (PayloadAlreadyErased) a second time, (Invalid) without a reason. Needs
    `audit.erase`.
    """
    require(actor, "audit.erase")
    why = read_text(reason, field="reason", limit=LONGEST_REASON, is_multiline=True)
    entry = find_entry(actor=actor, entry_id=entry_id)
    if entry.type == ERASURE_TYPE or entry.type.startswith("policy."):
        raise PayloadKept("Verification rests on what erasures and the steps of policies say.")
    with transaction.atomic(durable=True):
        erasure = record(
            organization_id=entry.organization_id,
            type=ERASURE_TYPE,
            actor=actor,
            subject=f"{ERASURE_SUBJECT}{entry.pk}",
            payload={"entry": entry.pk, "type": entry.type, "reason": why},
        )
        deleted, _ = AuditPayload.objects.filter(pk=entry.pk).delete()
        if not deleted:
            raise PayloadAlreadyErased()
    return erasure
