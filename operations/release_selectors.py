"""Releases that answer users though no gate has passed them, told from the roll-ups of whole hours and days.

Before a system's first gate there is nothing to hold a release against, so whoever answered then may go on. A release from that
time that stays away for a day on which others answer, and comes back, is a change like any other.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db.models import Exists, Min, OuterRef, Subquery

from evaluations.models import EvaluationRun, Release
from evaluations.release_selectors import ungated_traffic
from operations.figure_selectors import floor_to
from operations.models import RollUp
from operations.monitor_kinds.standing import UngatedTraffic

# A release that has not answered for so long is not in traffic any more.
IN_TRAFFIC = timedelta(days=1)
# Who came back longer ago, and has answered every day since, is as good as never gone: so the days to look at are bounded.
REMEMBERED = timedelta(days=366)
# A release by system and name, as roll-ups know it.
Named = tuple[uuid.UUID, str]


def find_ungated(systems: Iterable[uuid.UUID], *, now: datetime) -> dict[uuid.UUID, list[UngatedTraffic]]:
    """By system, what is in traffic and has passed no gate: releases that came after the system's first gate, and those from
    before it that were away since. Four queries at the most, however many systems they are."""
    runs = EvaluationRun.objects.filter(system__in=list(systems), status=EvaluationRun.Status.CLOSED).order_by()
    begun = dict(runs.values_list("system").annotate(first=Min("closed_at")))
    answering = _read_answering(begun, now)
    in_traffic = [
        (release, release.first_seen_at)
        for release in ungated_traffic().filter(system__in=begun)
        if release.first_seen_at is not None and (release.system_id, release.name) in answering
    ]
    returns = _read_returns([one.pk for one, seen_at in in_traffic if seen_at < begun[one.system_id]], now)
    found: dict[uuid.UUID, list[UngatedTraffic]] = {}
    for release, seen_at in in_traffic:
        gated_from = begun[release.system_id]
        away, since = returns.get(release.pk, (None, seen_at))
        is_back = away is not None and away >= floor_to(gated_from, "day")
        if is_back or seen_at >= gated_from:
            traffic = UngatedTraffic(release.name, since, release.stated_at is not None, is_back)
            found.setdefault(release.system_id, []).append(traffic)
    return found


def _read_answering(systems: Iterable[uuid.UUID], now: datetime) -> set[Named]:
    """The releases in traffic, by system and name."""
    hours = RollUp.objects.filter(
        system__in=systems,
        grain=RollUp.Grain.HOUR,
        dimension=RollUp.Dimension.RELEASE,
        starts_at__gte=now - IN_TRAFFIC,
        decisions__gt=0,
    )
    return set(hours.order_by().values_list("system_id", "value").distinct())


def _read_returns(releases: Sequence[uuid.UUID], now: datetime) -> dict[uuid.UUID, tuple[datetime, datetime]]:
    """Of each release the newest day (UTC) that is over and on which another one of its system answered and it did not, and the
    first hour in which it answered after that. Days on which nothing answers are no absence, and decisions that name no release
    say nothing."""
    if not releases:
        return {}
    today = floor_to(now, "day")
    named = RollUp.objects.filter(dimension=RollUp.Dimension.RELEASE, decisions__gt=0)
    cells = named.filter(grain=RollUp.Grain.DAY)
    own = cells.filter(system=OuterRef("system"), starts_at=OuterRef("starts_at"), value=OuterRef(OuterRef("name")))
    days = cells.filter(system=OuterRef("system"), starts_at__gte=today - REMEMBERED, starts_at__lt=today)
    absent = days.exclude(value="").filter(~Exists(own)).order_by("-starts_at").values("starts_at")[:1]
    hours = named.filter(grain=RollUp.Grain.HOUR, system=OuterRef("system"), value=OuterRef("name"))
    back = hours.filter(starts_at__gte=OuterRef("away")).order_by("starts_at").values("starts_at")[:1]
    found = Release.objects.filter(pk__in=releases).order_by().annotate(away=Subquery(absent))
    rows = found.annotate(back=Subquery(back)).values_list("pk", "away", "back")
    return {key: (day, hour) for key, day, hour in rows if day is not None and hour is not None}
