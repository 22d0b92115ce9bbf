"""The incident's timeline is the audit log's entries about it; each names whom it is told to, so that one reader serves all."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from governance.actors import SYSTEM, Actor
from governance.services.recording import record
from operations.models import Incident


def record_of_incident(
    *,
    incident: Incident,
    type: str,
    actor: Actor = SYSTEM,
    to: list[uuid.UUID],
    title: str,
    facts: Mapping[str, Any],
    now: datetime,
) -> None:
    """An entry of the incident's timeline. `to` are the people whom the log's readers tell, `title` what they read."""
    record(
        organization_id=incident.organization_id,
        type=type,
        actor=actor,
        subject=f"incident:{incident.pk}",
        payload={
            **facts,
            "incident": str(incident.pk),
            "system": str(incident.system_id),
            "to": [str(person) for person in to],
            "title": title[:300],
            "path": f"/incidents/{incident.pk}/",
        },
        occurred_at=now,
    )
