"""The ground floor's work behind the scenes: load, call a service, return."""

from celery import shared_task

from governance.services import accounts
from governance.services.liveness import note_heartbeat
from governance.services.sequencing import sequence_entries


@shared_task(name="governance.mail_password_link")
def mail_password_link(email: str) -> None:
    """Takes the address as it was typed, so that asking takes the same time whether an account has it or not. A lost
    message costs the person a second click."""
    accounts.mail_password_link(email)


@shared_task(name="governance.beat")
def beat() -> None:
    """A beat that arrives says three things at once: scheduler, broker and worker work."""
    note_heartbeat(component="worker")


@shared_task(name="governance.sequence_audit_log")
def sequence_audit_log() -> int:
    """Give waiting audit entries their place in the tree; how many it were."""
    return sequence_entries()
