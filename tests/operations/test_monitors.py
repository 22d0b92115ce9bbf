"""Monitors over streams: what each kind learns, what it notices, what it says, and what it promises."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest

from governance.models import AuditEntry, ReaderCursor
from operations.models import Alarm, Incident, Monitor
from operations.monitor_kinds import ALL
from operations.services.baselines import READER, ensure_all_monitors, ensure_monitors
from operations.services.incidents import resolve_incident
from operations.services.monitoring import watch
from reviews.models import Decision
from tests.factories import actor_of, make_system
from tests.operations.streams import Character, Stream

pytestmark = pytest.mark.django_db
Status = Monitor.Status


def only(*kinds: str, stream: Stream) -> Stream:
    """Leave these kinds on, so that a test pays for what it is about."""
    ensure_monitors(stream.system)
    Monitor.objects.filter(system=stream.system).exclude(kind__in=kinds).update(status=Status.OFF)
    return stream


def read() -> None:
    while watch():
        pass


def test_a_system_gets_a_monitor_of_each_kind_once() -> None:
    system = make_system()
    assert ensure_monitors(system) == len(ALL) == len(Monitor.Kind)
    assert ensure_monitors(system) == 0
    make_system()
    assert ensure_all_monitors() == 1
    assert ensure_all_monitors() == 0
    # Queue age, owner, gate and report have no baseline: they watch from the beginning.
    assert Monitor.objects.filter(status=Status.LEARNING).count() == 2 * (len(ALL) - 4)


def test_the_reader_makes_the_monitors_of_a_system_that_it_meets() -> None:
    stream = Stream()
    stream.run(1)
    read()
    assert stream.monitor("escalation_rate").observations == 1


def test_a_baseline_is_sealed_after_its_observations_and_the_log_says_so() -> None:
    stream = only("escalation_rate", stream=Stream())
    stream.run(299)
    read()
    monitor = stream.monitor("escalation_rate")
    assert (monitor.status, monitor.state["learned"]["n"], monitor.baseline) == (Status.LEARNING, 299, None)
    stream.run(1)
    read()
    monitor = stream.monitor("escalation_rate")
    assert monitor.status == Status.WATCHING
    assert monitor.baseline_sealed_at == stream.decisions[-1].created_at
    assert monitor.baseline["learned"]["n"] == 300
    assert monitor.stated["false_alarm_interval"] == 50_000
    assert monitor.stated["unit"] == "decisions"
    assert 0 < monitor.stated["expected_delay"] < monitor.stated["delay_within"]
    assert "is noticed after about" in monitor.stated["sentence"]
    assert (
        AuditEntry.objects.filter(type="monitor.baseline_sealed", payload__subject=f"monitor:{monitor.pk}").count() == 1
    )


def test_doubled_escalations_raise_one_alarm_that_says_what_since_when_and_by_how_much() -> None:
    stream = only("escalation_rate", stream=Stream())
    stream.run(900)
    read()
    assert stream.alarms() == []
    began = stream.now
    stream.run(900, asks=0.26)
    read()
    alarm = stream.alarms()[0]
    assert len(stream.alarms()) == 1
    assert alarm.title.startswith("Escalations ") and alarm.title.endswith(" instead of 12 %")
    assert alarm.direction == "up" and alarm.unit == "share"
    assert alarm.baseline_value == pytest.approx(0.12, abs=0.04)
    assert alarm.observed_value == pytest.approx(0.26, abs=0.08)
    assert abs(alarm.since_at - began) < timedelta(hours=2)
    assert alarm.delay_observations <= alarm.stated["delay_within"]
    asked = {str(one.pk) for one in stream.decisions if one.verdict == "review"}
    assert len(alarm.evidence) == 10 and set(alarm.evidence) <= asked
    assert "about once in 50,000 decisions" in alarm.summary
    assert stream.monitor("escalation_rate").status == Status.ALARMED
    assert alarm.incident is not None and alarm.incident.assignee == stream.system.owner
    assert AuditEntry.objects.filter(type="alarm.raised").count() == 1


def test_escalations_that_halve_are_noticed_too() -> None:
    stream = only("escalation_rate", stream=Stream(character=Character(asks=0.4)))
    stream.run(400)
    stream.run(700, asks=0.15)
    read()
    (alarm,) = stream.alarms()
    assert alarm.direction == "down"
    allowed = {str(one.pk) for one in stream.decisions if one.verdict == "allow"}
    assert set(alarm.evidence) <= allowed


def test_what_the_breaker_diverts_and_what_is_observed_does_not_count_as_an_escalation() -> None:
    stream = only("escalation_rate", stream=Stream())
    stream.run(310)
    stream.run(100)
    Decision.objects.filter(pk__in=[one.pk for one in stream.decisions[-100:-50]]).update(is_diverted=True)
    Decision.objects.filter(pk__in=[one.pk for one in stream.decisions[-50:]]).update(mode="observe")
    read()
    assert stream.monitor("escalation_rate").observations == 310


def test_decisions_of_test_keys_count_nowhere() -> None:
    stream = Stream()
    stream.run(20)
    Decision.objects.update(is_test=True)
    read()
    assert not Monitor.objects.filter(observations__gt=0).exists()


CHANGES: list[tuple[str, dict[str, Any], int, str, str]] = [
    ("override_rate", {"asks": 0.5, "overrides": 0.9}, 300, "", "Overrides"),
    (
        "action_mix",
        {"actions": {"reply": 0.2, "file": 0.7, "forward": 0.1}},
        600,
        "action=reply",
        "Action mix shifted: reply at",
    ),
    ("confidence", {"confidence": 0.6}, 600, "", "Confidence fell"),
    ("input_shift", {"words": ("rechnung", "bitte", "paket")}, 600, "input=letters", "Inputs read differently"),
    ("input_shift", {"length": 60}, 600, "input=length", "Inputs became longer"),
    ("input_shift", {"channel": 0.2}, 600, "path=/channel", "Inputs shifted at /channel"),
    ("model", {"model": "acme/two"}, 10, "model=acme/two", "New model: acme/two"),
    ("release", {"release": "2"}, 10, "release=2", "New release: 2"),
    ("latency", {"latency_ms": 2_700.0}, 200, "", "Latency tripled"),
    ("cost", {"cost_micros": 3_000.0}, 200, "", "Cost"),
    ("missing_outcomes", {"reports": 0.0}, 60, "", "No outcomes"),
]


@pytest.mark.parametrize(("kind", "change", "within", "segment", "title"), CHANGES)
def test_each_kind_notices_its_change(kind: str, change: dict[str, Any], within: int, segment: str, title: str) -> None:
    stream = only(kind, stream=Stream(character=Character(asks=0.3)))
    stream.run(400)
    read()
    assert stream.monitor(kind).status == Status.WATCHING
    assert stream.alarms() == []
    stream.run(within, **change)
    read()
    (alarm,) = stream.alarms()
    assert alarm.title.startswith(title), alarm.title
    if kind != "missing_outcomes":
        assert alarm.segment == segment
    assert alarm.since_at <= alarm.detected_at
    changed = {str(one.pk) for one in stream.decisions[400:]}
    assert alarm.evidence and set(alarm.evidence[:3]) <= changed


@pytest.mark.any_database
def test_a_dependency_that_breaks_is_named() -> None:
    stream = only("failed_outcomes", stream=Stream())
    stream.run(400)
    stream.run(0, dependency={"reply": "mail", "file": "mail", "forward": "calendar"})
    stream.run(300, actions={"reply": 0.5, "forward": 0.5})
    read()
    assert stream.alarms() == []
    before = len(stream.decisions)
    for _ in range(60):
        stream.run(1, actions={"reply": 1.0}, fails=0.0)
        stream.run(1, actions={"forward": 1.0}, fails=1.0)
    read()
    (alarm,) = stream.alarms()
    assert alarm.segment in {"dependency=calendar", "action=forward"}
    assert "calendar" in alarm.title or "forward" in alarm.title
    failed = {str(one.pk) for one in stream.decisions[before:] if one.action_name == "forward"}
    assert set(alarm.evidence[:3]) <= failed


@pytest.mark.any_database
def test_what_the_whole_notices_names_where_it_mostly_fails() -> None:
    stream = only("failed_outcomes", stream=Stream())
    places = {"reply": "mail", "file": "archive", "forward": "mail"}
    stream.run(600, dependency=places, fails=0.0)
    read()
    stream.run(60, actions={"reply": 0.5, "forward": 0.5}, fails=0.5)
    read()
    (alarm,) = stream.alarms()
    assert alarm.segment == "dependency=mail"
    assert "mail" in alarm.title


def test_rulings_that_are_released_together_are_no_missing_outcomes() -> None:
    stream = only("missing_outcomes", stream=Stream())
    stream.run(400)
    read()
    stream.run(25, reports=0.0)
    stream.run(25, reports=1.0)
    read()
    assert stream.monitor("missing_outcomes").status == Status.WATCHING
    assert stream.alarms() == []


def test_a_monitor_that_breaks_stops_no_other_and_says_so_once() -> None:
    stream = Stream()
    stream.run(320)
    read()
    broken = stream.monitor("latency")
    Monitor.objects.filter(pk=broken.pk).update(baseline={}, version=broken.version + 1)
    for _ in range(2):
        stream.run(20, model="acme/two")
        read()
    assert [alarm.segment for alarm in stream.alarms()] == ["model=acme/two"]
    told = AuditEntry.objects.filter(type="monitor.failed")
    assert [entry.payload.subject for entry in told] == [f"monitor:{broken.pk}"]


@pytest.mark.any_database
def test_an_unchanged_stream_raises_no_alarm() -> None:
    stream = Stream(seed=7)
    stream.run(3_000)
    read()
    assert [alarm.title for alarm in stream.alarms()] == []
    silent = {"sampled_errors", "volume", "queue_age", "owner"}
    watching = set(Monitor.objects.filter(status=Status.WATCHING).values_list("kind", flat=True))
    assert set(Monitor.Kind.values) - silent <= watching


def test_an_alarmed_monitor_raises_no_second_alarm() -> None:
    stream = only("model", stream=Stream())
    stream.run(301)
    stream.run(20, model="acme/two")
    read()
    stream.run(20, model="acme/three")
    read()
    assert Alarm.objects.count() == 1 and Incident.objects.count() == 1


def test_the_cursor_stands_behind_the_last_entry() -> None:
    stream = Stream()
    stream.run(50)
    read()
    newest = AuditEntry.objects.order_by("-leaf_index").values_list("leaf_index", flat=True)[0]
    assert ReaderCursor.objects.get(reader=READER).next_index == (newest or 0) + 1
    assert watch() == 0


def test_names_that_an_application_made_up_stay_what_they_are() -> None:
    hostile = "{now} <script>alert(1)</script> %s " + "x" * 200
    stream = only("model", "failed_outcomes", stream=Stream())
    stream.run(350, dependency=dict.fromkeys(("reply", "file", "forward"), "{before}"))
    stream.run(30, model=hostile, fails=1.0)
    read()
    titles = {alarm.monitor.kind: alarm.title for alarm in Alarm.objects.select_related("monitor")}
    assert titles["model"].startswith("New model: {now} <script>")
    assert len(titles["model"]) < 120
    assert "failed_outcomes" in titles


def test_what_came_without_a_cost_is_priced_as_the_ledger_prices_it() -> None:
    stream = only("cost", stream=Stream())
    stream.run(310)
    unpriced = Decision.objects.filter(pk__in=[one.pk for one in stream.decisions])
    unpriced.update(cost_usd_micros=None, model="openai/gpt-4o", input_tokens=2_000, output_tokens=100)
    unpriced.filter(pk=stream.decisions[0].pk).update(input_tokens=None, output_tokens=None)
    read()
    monitor = stream.monitor("cost")
    assert monitor.observations == 309
    assert 1e-4 < (math.exp(monitor.baseline["design"]["mean"]) - 1) / 1e6 < 0.1


def test_a_false_alarm_teaches_the_baseline_what_was_seen_until_it() -> None:
    stream = only("escalation_rate", stream=Stream(character=Character(asks=0.05)))
    stream.run(300)
    stream.run(700, asks=0.15)
    read()
    (alarm,) = stream.alarms()
    before = stream.monitor("escalation_rate").baseline["learned"]
    owner = actor_of(stream.system.owner, stream.system.organization)
    assert alarm.incident_id is not None
    resolve_incident(actor=owner, incident_id=alarm.incident_id, note="It is how we work.", is_false_alarm=True)
    stream.run(1)
    read()
    monitor = stream.monitor("escalation_rate")
    after = monitor.baseline["learned"]
    assert monitor.status == Status.WATCHING and "lesson" not in monitor.state
    assert after["n"] >= before["n"] + alarm.delay_observations
    assert after["events"] / after["n"] > before["events"] / before["n"]
    assert AuditEntry.objects.filter(type="monitor.baseline_sealed").count() == 2


def test_an_alarm_that_was_real_teaches_nothing() -> None:
    stream = only("escalation_rate", stream=Stream(character=Character(asks=0.05)))
    stream.run(300)
    stream.run(700, asks=0.15)
    read()
    before = stream.monitor("escalation_rate").baseline
    owner = actor_of(stream.system.owner, stream.system.organization)
    resolve_incident(actor=owner, incident_id=stream.alarms()[0].incident_id, note="Rolled back.", is_false_alarm=False)
    stream.run(1)
    read()
    assert stream.monitor("escalation_rate").baseline == before
