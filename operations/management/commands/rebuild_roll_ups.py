"""`manage.py rebuild_roll_ups`: recount roll-ups from the decisions, or check that a recount would change nothing."""

import dataclasses
import time
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser

from governance.management.output import CountersignCommand
from governance.models import AISystem
from operations.services.rollups import Difference, find_differences, rebuild

# What is printed at the most; `--json` says how many there are.
SHOWN = 20


class Command(CountersignCommand):
    help = (
        "Recount the roll-ups of every system, or of one. Running it twice, or beside the worker, does no harm. With "
        "--check nothing is changed: exit code 1 where a recount would change something. Let the worker catch up first."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--system", metavar="ORG/SLUG", help="this system alone")
        parser.add_argument("--since", type=read_instant, metavar="DATE", help="from this UTC day or instant on")
        parser.add_argument("--until", type=read_instant, metavar="DATE", help="up to, not including, this one")
        parser.add_argument("--check", action="store_true", help="compare, change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        systems = find_systems(options["system"])
        if options["check"]:
            if options["since"] or options["until"]:
                raise CommandError("--check compares everything; leave out --since and --until.", returncode=2)
            self._check(systems)
            return
        began = time.monotonic()
        hours = sum(rebuild(system=system, since=options["since"], until=options["until"]) for system in systems)
        seconds = round(time.monotonic() - began, 1)
        self.report(
            {"systems": len(systems), "hours": hours, "seconds": seconds},
            f"Recounted {hours:,} hours of {len(systems):,} systems in {seconds} s.",
        )

    def _check(self, systems: list[AISystem]) -> None:
        differences = [difference for system in systems for difference in find_differences(system=system)]
        fields = {
            "systems": len(systems),
            "difference_count": len(differences),
            "differences": [dataclasses.asdict(one) for one in differences[:SHOWN]],
        }
        if not differences:
            self.report(fields, f"The roll-ups of {len(systems):,} systems are what a recount gives.")
            return
        lines = [f"{len(differences):,} figures are not what a recount gives:", *map(narrate, differences[:SHOWN])]
        self.fail(fields, "\n".join(lines))


def narrate(difference: Difference) -> str:
    place = f"{difference.dimension or 'all'} {difference.value}".strip()
    return (
        f"  {difference.grain} {difference.starts_at:%Y-%m-%d %H:%M} {place}: {difference.column} is "
        f"{difference.stored}, counted {difference.counted}"
    )


def read_instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def find_systems(place: str | None) -> list[AISystem]:
    """All systems, or the one named ORG/SLUG. Refuses (CommandError) one that is not there."""
    systems = AISystem.objects.order_by("organization__slug", "slug")
    if place is None:
        return list(systems)
    organization_slug, _, slug = place.partition("/")
    found = list(systems.filter(organization__slug=organization_slug, slug=slug))
    if not found:
        raise CommandError(f"There is no system {place!r}; name it ORG/SLUG.")
    return found
