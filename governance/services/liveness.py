"""A running part says that it works; /readyz listens."""

from django.utils import timezone

from governance.models import Heartbeat


def note_heartbeat(*, component: str) -> None:
    """Remember that this component works now. No audit entry: nothing was decided."""
    Heartbeat.objects.update_or_create(component=component, defaults={"beat_at": timezone.now()})
