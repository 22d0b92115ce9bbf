"""What a month's report says that the monitors could have seen: no hour that none of them watched."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.models import AISystem
from operations.models import Monitor
from operations.monitor_kinds import KINDS
from operations.report_document import build_report_document
from operations.report_parts.figures import Month
from operations.report_parts.histories import read_histories
from operations.report_parts.sight import OBSERVED, look_at_monitors, say_tripwires
from operations.services.baselines import ensure_monitors
from operations.web.report_words import sight_words
from tests.factories import make_system
from tests.operations.figure_scenes import make_roll_up
from tests.operations.report_scenes import MONTH
from tests.operations.sight_scenes import (
    DAY_S,
    change,
    close_incidents,
    end_alarm,
    make_hour,
    make_rulings,
    make_sealed,
    october,
    raise_alarm,
    rearm,
    relearn,
    seal,
    september,
    sight_of,
)

pytestmark = pytest.mark.django_db


# When it watched ----------------------------------------------------------------------------------------------------


def test_a_monitor_that_watched_all_month_saw_all_of_it() -> None:
    monitor = make_sealed(make_system(), "override_rate")
    make_rulings(monitor.system)
    said = sight_of(monitor)
    assert (said["state"], said["observations"], said["watched_since"]) == ("watched", 3_000, None)
    assert (said["watched_s"], said["silent_s"], said["expected_false"]) == (30 * DAY_S, 0, 0.6)
    assert [one["within"] for one in said["detectable"]] == [3_000, 3_000]


def test_a_baseline_that_was_sealed_late_has_seen_nothing_before() -> None:
    system = make_system()
    early, late = make_sealed(system, "override_rate"), make_sealed(system, "corrections", september(28, 12))
    make_rulings(system)
    said = sight_of(late)
    assert (said["watched_since"], said["observations"]) == ("2026-09-28T12:00:00Z", 200)
    assert said["expected_false"] == pytest.approx(200 / 50_000)
    assert {one["within"] for one in said["detectable"]} == {200}
    assert "It watched from 28 Sep 2026, 12:00 UTC on." in sight_words(said)
    assert sight_of(early)["observations"] == 3_000


def test_an_hour_counts_only_if_it_was_watched_from_end_to_end() -> None:
    system = make_system()
    for hour in (10, 11, 12):
        make_hour(system, september(28, hour), decisions=1, ruled=1)
    observed = [
        sight_of(make_sealed(make_hours_of(system), "override_rate", at))["observations"]
        for at in (september(28, 10), september(28, 10, 1), september(28, 12, 59))
    ]
    assert observed == [3, 2, 0]


def make_hours_of(system: AISystem) -> AISystem:
    """Another system with the same hours."""
    other = make_system()
    for row in system.roll_ups.all():
        make_hour(other, row.starts_at, decisions=row.decisions, ruled=row.ruled)
    return other


def test_what_came_while_it_was_alarmed_was_not_seen() -> None:
    monitor = make_sealed(make_system(), "override_rate")
    make_rulings(monitor.system)
    raise_alarm(monitor, september(10, 8))
    rearm(monitor, september(12, 9))
    said = sight_of(monitor)
    assert (said["observations"], said["silent_s"]) == (2_800, 2 * DAY_S + 3_600)
    assert said["watched_s"] == 30 * DAY_S - said["silent_s"]
    assert said["expected_false"] == pytest.approx(2_800 / 5_000)
    assert "It was silent for 2 days, because it was alarmed." in sight_words(said)


def test_an_alarm_that_lasted_into_the_month_and_one_that_lasted_beyond_it_were_silent_in_it() -> None:
    monitor = make_sealed(make_system(), "override_rate")
    make_rulings(monitor.system)
    raise_alarm(monitor, datetime(2026, 8, 20, tzinfo=UTC))
    rearm(monitor, september(4))
    raise_alarm(monitor, september(28))
    rearm(monitor, october(5))
    said = sight_of(monitor)
    assert (said["state"], said["observations"], said["silent_s"]) == ("watched", 2_400, 6 * DAY_S)


def test_a_monitor_that_was_alarmed_all_month_could_have_noticed_nothing() -> None:
    monitor = make_sealed(make_system(), "override_rate")
    make_rulings(monitor.system)
    raise_alarm(monitor, datetime(2026, 8, 20, tzinfo=UTC))
    said = sight_of(monitor)
    assert (said["state"], said["observations"], said["detectable"]) == ("silent", 0, [])
    assert sight_words(said).startswith("It was alarmed already")
    document = build_report_document(monitor.system, MONTH)
    assert document["sight"]["unwatched"] == ["override_rate"]
    assert document["alarms"]["expected_false"] == 0


def test_an_alarm_that_ended_by_itself_ends_the_silence() -> None:
    monitor = make_sealed(make_system(), "silence")
    raise_alarm(monitor, september(3))
    end_alarm(monitor, september(4))
    close_incidents(monitor.system)
    raise_alarm(monitor, september(20))
    end_alarm(monitor, september(22))
    said = sight_of(monitor)
    assert (said["silent_s"], said["observations"]) == (3 * DAY_S, 27 * DAY_S)
    assert said["expected_false"] == pytest.approx(27 / 30)


def test_the_wait_after_it_was_re_armed_was_not_watched() -> None:
    monitor = make_sealed(make_system(), "override_rate", settings={"cooldown_s": 5 * DAY_S})
    make_rulings(monitor.system)
    raise_alarm(monitor, september(10))
    rearm(monitor, september(11))
    change(monitor, october(3), settings={})
    said = sight_of(monitor)
    assert (said["silent_s"], said["quiet_s"], said["observations"]) == (DAY_S, 5 * DAY_S, 2_400)
    assert said["detectable"] and said["unknown_because"] is None
    assert "After it was re-armed it raised no alarm for 5 days" in sight_words(said)


def test_being_taught_by_a_false_alarm_ends_no_wait_and_no_hour() -> None:
    monitor = make_sealed(make_system(), "override_rate", settings={"cooldown_s": 2 * DAY_S})
    make_rulings(monitor.system)
    raise_alarm(monitor, datetime(2026, 8, 30, tzinfo=UTC))
    rearm(monitor, datetime(2026, 8, 31, tzinfo=UTC))
    seal(monitor, datetime(2026, 8, 31, 1, tzinfo=UTC))
    seal(monitor, september(20, 10, 30))
    said = sight_of(monitor)
    assert (said["quiet_s"], said["observations"]) == (DAY_S, 2_900)
    assert said["detectable"] and said["unknown_because"] is None


def test_a_baseline_of_the_month_speaks_only_for_what_came_after_it() -> None:
    monitor = make_sealed(make_system(), "override_rate")
    make_rulings(monitor.system)
    relearn(monitor, september(11))
    seal(monitor, september(21))
    said = sight_of(monitor)
    assert (said["observations"], said["relearned_s"]) == (2_000, 10 * DAY_S)
    assert {one["within"] for one in said["detectable"]} == {1_000}
    assert "For 10 days it was learning anew." in sight_words(said)


def test_hours_and_seconds_are_those_that_were_watched() -> None:
    system = make_system()
    volume, silence = (
        make_sealed(system, "volume", september(30, 12, 30)),
        make_sealed(system, "silence", september(30)),
    )
    assert (sight_of(volume)["observations"], sight_of(silence)["observations"]) == (11, DAY_S)


def test_of_a_running_month_nothing_is_seen_beforehand() -> None:
    monitor = make_sealed(make_system(), "volume")
    (watched,) = look_at_monitors(Month(monitor.system, MONTH), now=september(11))
    assert (watched.observations, watched.watched_s) == (240, 10 * DAY_S)


# What it counts -----------------------------------------------------------------------------------------------------

AN_HOUR: dict[str, Any] = {
    "decisions": 1_000,
    "allowed": 600,
    "asked": 200,
    "blocked": 50,
    "diverted": 150,
    "allowed_by_timeout": 7,
    "ruled": 180,
    "overridden": 40,
    "answered": 5,
    "judged": 90,
    "outcomes": 400,
    "priced": 970,
    "latency_known": 930,
}
COUNTED = {
    "escalation_rate": 850,
    "override_rate": 180,
    "corrections": 850,
    "sampled_errors": 90,
    "action_mix": 1_000,
    "confidence": 1_000,
    "model": 1_000,
    "release": 1_000,
    "latency": 930,
    "cost": 970,
    "failed_outcomes": 400,
    "missing_outcomes": 742,
}


@pytest.mark.parametrize(("kind", "expected"), COUNTED.items())
def test_each_kind_counts_what_it_observes(kind: str, expected: int) -> None:
    monitor = make_sealed(make_system(), kind)
    make_roll_up(monitor.system, starts_at=september(7, 9), **AN_HOUR)
    assert sight_of(monitor)["observations"] == expected


def test_every_kind_that_reads_the_log_has_something_to_count() -> None:
    assert set(OBSERVED) == {kind.kind for kind in KINDS.values() if not kind.is_of_clock}


def test_what_looks_at_the_clock_needs_no_traffic() -> None:
    system = make_system()
    ensure_monitors(system)
    Monitor.objects.filter(system=system).update(created_at=datetime(2026, 7, 1, tzinfo=UTC))
    monitors = {one["kind"]: one for one in build_report_document(system, MONTH)["sight"]["monitors"]}
    for kind in ("owner", "ungated_release", "report_overdue"):
        assert (monitors[kind]["state"], monitors[kind]["observations"]) == ("watched", None)
        assert sight_words(monitors[kind]).startswith("Exact:")
    assert monitors["queue_age"]["observations"] == 30 * DAY_S


def test_what_tells_of_each_release_is_not_silent_while_one_of_them_lasts() -> None:
    system = make_system()
    ensure_monitors(system)
    Monitor.objects.filter(system=system).update(created_at=datetime(2026, 7, 1, tzinfo=UTC))
    gate, owner = (Monitor.objects.get(system=system, kind=kind) for kind in ("ungated_release", "owner"))
    for monitor in (gate, owner):
        raise_alarm(monitor, september(11))
    assert (sight_of(gate)["silent_s"], sight_of(gate)["watched_s"]) == (0, 30 * DAY_S)
    assert (sight_of(owner)["silent_s"], sight_of(owner)["watched_s"]) == (20 * DAY_S, 10 * DAY_S)


# What it reads ------------------------------------------------------------------------------------------------------


def make_past(monitor: Monitor, since: datetime, alarms: int) -> None:
    """So many alarms, each re-armed after a minute, an hour apart."""
    for number in range(alarms):
        raise_alarm(monitor, since + timedelta(hours=number))
        rearm(monitor, since + timedelta(hours=number, minutes=1))


def test_of_the_past_only_the_last_word_is_read() -> None:
    system = make_system()
    monitor, other = (
        make_sealed(system, "override_rate"),
        make_sealed(make_system(system.organization), "override_rate"),
    )
    for one in (monitor, other):
        make_past(one, datetime(2026, 8, 10, tzinfo=UTC), 20)
        make_past(one, september(10), 2)
        make_past(one, october(10), 20)
    (history,) = read_histories(system, september(1), october(1))
    assert [one.type for one in history.told] == [
        "monitor.baseline_sealed",
        "monitor.rearmed",
        *("alarm.raised", "monitor.rearmed") * 2,
    ]


def test_how_many_monitors_there_are_does_not_matter_to_the_number_of_queries() -> None:
    system = make_system()
    for kind in ("override_rate", "latency", "model", "corrections"):
        make_past(make_sealed(system, kind), september(10), 1)
    with CaptureQueriesContext(connection) as queries:
        watched = look_at_monitors(Month(system, MONTH))
    assert len(queries) <= 5
    with CaptureQueriesContext(connection) as queries:
        say_tripwires(watched, Month(system, MONTH), None)
    assert not queries


def test_the_log_is_read_by_the_index_of_what_an_entry_is_about() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL reads a table of a few rows from end to end")
    monitor = make_sealed(make_system(), "override_rate")
    make_past(monitor, september(10), 1)
    with CaptureQueriesContext(connection) as queries:
        read_histories(monitor.system, september(1), october(1))
    plans = [
        line for one in queries.captured_queries for line in plan_of(one["sql"]) if "audit" in line or "U0" in line
    ]
    assert any("audit_payload_by_subject (organization_id=? AND subject=? AND entry_id>?)" in line for line in plans)
    assert not any("SCAN" in line and "SUBQUERY" not in line for line in plans)


def plan_of(sql: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}".replace("%", "%%"), ())
        return [str(row[3]) for row in cursor.fetchall()]
