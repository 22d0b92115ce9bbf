"""Reads of releases: those that an actor may see, those in traffic that no gate has passed, and whether gates have begun."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from evaluations.models import EvaluationRun, Release
from evaluations.querysets import ReleaseQuerySet
from governance.actors import Actor
from governance.errors import NotFound
from governance.models import AISystem
from governance.permissions import require
from reviews.models import Decision


def find_system(*, actor: Actor, slug: str) -> AISystem:
    """A system of the actor's organization. Refuses (403) whoever may not read systems, (404) what is not there."""
    require(actor, "systems.read")
    system = AISystem.objects.filter(organization_id=actor.member_organization_id, slug=slug).first()
    if system is None:
        raise NotFound()
    return system


def releases_of(actor: Actor) -> ReleaseQuerySet:
    """Every release that the actor may see, with its system."""
    require(actor, "systems.read")
    return Release.objects.visible_to(actor).select_related("system")


def ungated_traffic() -> QuerySet[Release, Release]:
    """Releases that are in traffic and that no gate has passed: what an alarm is raised about."""
    seen = Release.objects.filter(first_seen_at__isnull=False)
    passes = EvaluationRun.objects.passing().filter(candidate=OuterRef("pk"))
    return seen.exclude(Exists(passes)).select_related("system")


def is_before_first_gate(system: AISystem) -> bool:
    """Whether the system answers users and no run of it was ever judged: until then no release of it raises an alarm."""
    if EvaluationRun.objects.filter(system=system, status=EvaluationRun.Status.CLOSED).exists():
        return False
    return Decision.objects.real().filter(system=system).exists()
