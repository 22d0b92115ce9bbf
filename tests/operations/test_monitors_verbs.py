"""What people do to monitors: setting them, learning anew, judging alarms, re-arming; and looking what would have been."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from governance.actors import SYSTEM, Actor
from governance.errors import Invalid, NotFound, NotPermitted
from governance.models import AuditEntry
from operations.errors import AlarmJudged, MonitorChanged, MonitorIsOff, MonitorNotAlarmed, NothingToLearn
from operations.models import Alarm, Incident, Monitor
from operations.services.baselines import (
    change_monitor,
    ensure_monitors,
    judge_alarm,
    rearm_monitor,
    seal_baseline,
)
from operations.services.monitoring import watch
from operations.services.previewing import MOST_POINTS, preview_monitor
from tests.factories import actor_of, make_actor, make_organization, make_system
from tests.operations.streams import Character, Stream

pytestmark = pytest.mark.django_db
Status = Monitor.Status


def read() -> None:
    while watch():
        pass


def make_stream(kind: str, **character: Any) -> tuple[Stream, Actor, Monitor]:
    """A system where only this kind is on, its owner, and the monitor."""
    stream = Stream(character=Character(**character))
    # Of late, since a preview looks back from now.
    stream.now = timezone.now() - timedelta(days=2)
    ensure_monitors(stream.system)
    Monitor.objects.filter(system=stream.system).exclude(kind=kind).update(status=Status.OFF)
    return stream, actor_of(stream.system.owner, stream.system.organization), stream.monitor(kind)


def alarmed() -> tuple[Stream, Actor, Alarm]:
    stream, owner, _ = make_stream("model")
    stream.run(301)
    stream.run(5, model="acme/two")
    read()
    (alarm,) = stream.alarms()
    return stream, owner, alarm


def test_settings_are_kept_where_they_differ_and_the_log_says_from_what_to_what() -> None:
    _, owner, monitor = make_stream("escalation_rate")
    changed = change_monitor(
        actor=owner, monitor_id=monitor.pk, settings={"baseline": 100, "effect": 1.5}, trips_breaker=True
    )
    assert changed.settings == {"baseline": 100}
    assert changed.trips_breaker and changed.version == monitor.version + 1
    entry = AuditEntry.objects.get(type="monitor.changed")
    assert entry.actor_id == owner.id
    assert '"settings":[{},{"baseline":100}]' in entry.payload.payload
    again = change_monitor(actor=owner, monitor_id=monitor.pk, settings={"baseline": 100})
    assert again.version == changed.version
    assert AuditEntry.objects.filter(type="monitor.changed").count() == 1


@pytest.mark.parametrize(
    ("settings", "detail"),
    [
        ({"colour": 1}, "no such setting"),
        ({"baseline": "many"}, "must be a number"),
        ({"baseline": True}, "must be a number"),
        ({"baseline": 60.5}, "whole number"),
        ({"baseline": 5}, "from 50 to 5,000"),
        ({"effect": float("nan")}, "must be a number"),
        ({"arl0": 1}, "from 100"),
    ],
)
def test_settings_that_do_not_fit_are_refused_field_by_field(settings: dict[str, Any], detail: str) -> None:
    _, owner, monitor = make_stream("escalation_rate")
    with pytest.raises(Invalid) as refusal:
        change_monitor(actor=owner, monitor_id=monitor.pk, settings=settings)
    (fault,) = refusal.value.errors
    assert fault["pointer"] == f"/settings/{next(iter(settings))}"
    assert detail in fault["detail"]


def test_other_settings_design_the_detector_anew_from_the_same_baseline() -> None:
    stream, owner, monitor = make_stream("escalation_rate")
    stream.run(300)
    read()
    before = stream.monitor("escalation_rate")
    after = change_monitor(actor=owner, monitor_id=monitor.pk, settings={"arl0": 5_000})
    assert after.baseline["learned"] == before.baseline["learned"]
    assert after.baseline_sealed_at == before.baseline_sealed_at
    assert after.stated["false_alarm_interval"] == 5_000
    assert after.stated["expected_delay"] < before.stated["expected_delay"]
    stream.run(10)
    read()
    assert stream.monitor("escalation_rate").observations == 310


def test_a_version_that_is_not_the_newest_is_refused() -> None:
    _, owner, monitor = make_stream("cost")
    with pytest.raises(MonitorChanged) as refusal:
        change_monitor(actor=owner, monitor_id=monitor.pk, trips_breaker=True, if_version=monitor.version + 1)
    assert refusal.value.state == {"id": str(monitor.pk), "status": "learning", "version": monitor.version}


def test_a_monitor_that_is_off_looks_at_nothing_and_goes_on_when_it_is_switched_on() -> None:
    stream, owner, monitor = make_stream("model")
    stream.run(301)
    read()
    change_monitor(actor=owner, monitor_id=monitor.pk, is_on=False)
    stream.run(20, model="acme/two")
    read()
    assert stream.alarms() == []
    with pytest.raises(MonitorIsOff):
        seal_baseline(actor=owner, monitor_id=monitor.pk, reason="A new model.")
    assert change_monitor(actor=owner, monitor_id=monitor.pk, is_on=True).status == Status.WATCHING
    stream.run(20)
    read()
    assert len(stream.alarms()) == 1


def test_a_false_alarm_watches_again_and_adds_what_was_seen_to_the_baseline() -> None:
    stream, owner, alarm = alarmed()
    baseline = stream.monitor("model").baseline
    judged = judge_alarm(actor=owner, alarm_id=alarm.pk, is_false=True)
    assert judged.is_false is True
    monitor = stream.monitor("model")
    assert (monitor.status, monitor.baseline) == (Status.WATCHING, baseline)
    stream.run(5)
    stream.run(5, model="acme/three")
    read()
    assert stream.monitor("model").baseline["learned"]["counts"] == {"acme/one": 301, "acme/two": 3}
    assert [one.segment for one in stream.alarms()] == ["model=acme/two", "model=acme/three"]
    assert Incident.objects.count() == 1
    with pytest.raises(AlarmJudged):
        judge_alarm(actor=owner, alarm_id=alarm.pk, is_false=False)
    assert AuditEntry.objects.filter(type="alarm.judged").count() == 1
    assert AuditEntry.objects.filter(type="monitor.rearmed").count() == 1


def test_an_accepted_change_is_learned_from_what_follows() -> None:
    stream, owner, alarm = alarmed()
    judge_alarm(actor=owner, alarm_id=alarm.pk, is_false=False, does_relearn=True)
    monitor = stream.monitor("model")
    assert (monitor.status, monitor.baseline, monitor.observations) == (Status.LEARNING, None, 0)
    stream.run(300)
    read()
    assert stream.monitor("model").baseline["learned"]["counts"] == {"acme/two": 300}
    stream.run(50)
    read()
    assert len(stream.alarms()) == 1


def test_a_real_alarm_leaves_the_monitor_alarmed_until_somebody_rearms_it() -> None:
    stream, owner, alarm = alarmed()
    judge_alarm(actor=owner, alarm_id=alarm.pk, is_false=False)
    assert stream.monitor("model").status == Status.ALARMED
    assert rearm_monitor(actor=owner, monitor_id=alarm.monitor_id, reason="Rolled back.").status == Status.WATCHING
    with pytest.raises(MonitorNotAlarmed):
        rearm_monitor(actor=owner, monitor_id=alarm.monitor_id)


def test_a_cooldown_keeps_a_rearmed_monitor_quiet() -> None:
    stream, owner, alarm = alarmed()
    change_monitor(actor=owner, monitor_id=alarm.monitor_id, settings={"cooldown_s": 30 * 86_400})
    rearm_monitor(actor=owner, monitor_id=alarm.monitor_id)
    stream.run(5, model="acme/three")
    read()
    assert len(stream.alarms()) == 1
    assert stream.monitor("model").status == Status.WATCHING


def test_what_has_no_baseline_learns_nothing() -> None:
    _, owner, monitor = make_stream("owner")
    with pytest.raises(NothingToLearn):
        seal_baseline(actor=owner, monitor_id=monitor.pk, reason="Again.")
    with pytest.raises(NothingToLearn):
        preview_monitor(actor=owner, monitor_id=monitor.pk)


def test_strangers_find_nothing_and_viewers_change_nothing() -> None:
    stream, _, alarm = alarmed()
    stranger = make_actor(make_organization(), "owner", "admin")
    viewer = make_actor(stream.system.organization, "viewer")
    verbs: list[Any] = [
        lambda actor: change_monitor(actor=actor, monitor_id=alarm.monitor_id, is_on=False),
        lambda actor: seal_baseline(actor=actor, monitor_id=alarm.monitor_id, reason="No."),
        lambda actor: rearm_monitor(actor=actor, monitor_id=alarm.monitor_id),
        lambda actor: judge_alarm(actor=actor, alarm_id=alarm.pk, is_false=True),
    ]
    for verb in verbs:
        with pytest.raises(NotPermitted):
            verb(viewer)
        with pytest.raises(NotFound):
            verb(stranger)
    with pytest.raises(NotFound):
        preview_monitor(actor=stranger, monitor_id=alarm.monitor_id)
    with pytest.raises(NotFound):
        change_monitor(actor=SYSTEM, monitor_id=uuid.uuid4(), is_on=False)
    assert preview_monitor(actor=viewer, monitor_id=alarm.monitor_id).decisions == 306


# On a second database those that read beyond the decisions: inputs and outcomes.
ON_ANY = [pytest.param(kind, marks=pytest.mark.any_database) for kind in ("escalation_rate", "latency", "model")]


@pytest.mark.parametrize("kind", [*ON_ANY, "input_shift", "failed_outcomes"])
def test_a_preview_says_what_the_monitor_does(kind: str) -> None:
    stream, owner, monitor = make_stream(kind)
    stream.run(400)
    change = {"asks": 0.5, "latency_ms": 3_000.0, "words": ("rechnung", "bitte"), "model": "acme/two", "fails": 0.6}
    stream.run(500, **change)
    before = AuditEntry.objects.count()
    preview = preview_monitor(actor=owner, monitor_id=monitor.pk)
    assert Monitor.objects.get(pk=monitor.pk).state == {}
    assert AuditEntry.objects.count() == before and not Alarm.objects.exists()
    read()
    watched = stream.monitor(kind)
    (alarm,) = stream.alarms()
    first = preview.alarms[0]
    assert preview.sealed_at == watched.baseline_sealed_at
    assert preview.stated == watched.stated
    assert (first.finding.title, first.finding.summary) == (alarm.title, alarm.summary)
    assert (first.at, first.finding.since) == (alarm.detected_at, alarm.since_at)
    assert preview.decisions == 900
    assert 0 < len(preview.points) <= MOST_POINTS


def test_a_preview_with_other_settings_shows_their_effect_and_what_lacks() -> None:
    stream, owner, monitor = make_stream("escalation_rate")
    stream.run(200)
    short = preview_monitor(actor=owner, monitor_id=monitor.pk)
    early = preview_monitor(actor=owner, monitor_id=monitor.pk, settings={"baseline": 100})
    with pytest.raises(Invalid):
        preview_monitor(actor=owner, monitor_id=monitor.pk, settings={"baseline": 1})
    assert (short.sealed_at, short.shortfall) == (None, "200 of 300 decisions so far.")
    assert early.sealed_at == stream.decisions[99].created_at


def test_an_empty_system_previews_to_nothing() -> None:
    system = make_system()
    ensure_monitors(system)
    owner = actor_of(system.owner, system.organization)
    for monitor in Monitor.objects.filter(system=system).exclude(
        kind__in=["owner", "ungated_release", "report_overdue"]
    ):
        preview = preview_monitor(actor=owner, monitor_id=monitor.pk)
        assert (preview.decisions, preview.alarms, preview.points) == (0, (), ())
