"""What a monitor keeps between readings: no more than it needs, and nothing lost that it still needs."""

from __future__ import annotations

import json

import pytest

from governance.models import AuditEntry
from operations.models import Alarm, Monitor
from operations.monitor_kinds import KINDS
from operations.services.baselines import ensure_monitors, judge_alarm, rearm_monitor
from operations.services.monitoring import watch
from reviews.models import DecisionPayload
from tests.factories import actor_of
from tests.operations.streams import Stream

pytestmark = pytest.mark.django_db
Status = Monitor.Status


def only(*kinds: str) -> Stream:
    stream = Stream()
    ensure_monitors(stream.system)
    Monitor.objects.filter(system=stream.system).exclude(kind__in=kinds).update(status=Status.OFF)
    return stream


def read() -> None:
    while watch():
        pass


def give_channels(stream: Stream, start: int) -> None:
    """From that decision on each input's channel is a value of its own."""
    for number, decision in enumerate(stream.decisions[start:]):
        text = json.dumps({"body": "please send the invoice", "channel": f"desk-{number}"})
        DecisionPayload.objects.filter(decision=decision).update(input=text)


def test_a_field_that_has_a_new_value_each_time_keeps_sixty_of_them_and_counts_the_rest() -> None:
    stream = only("input_shift")
    stream.run(300)
    read()
    stream.run(200)
    give_channels(stream, 300)
    read()
    state = stream.monitor("input_shift").state["watch"]
    counts = state["fields"]["/channel"]
    assert len(counts) == len(state["shown"]["/channel"]) == 61
    assert counts["(other)"] == 140 and sum(counts.values()) == 200
    stream.run(50)
    give_channels(stream, 500)
    read()
    (alarm,) = stream.alarms()
    assert alarm.segment in {"path=/channel", "input=letters", "input=length"}
    assert "/channel" in alarm.title + alarm.summary


def test_inputs_that_are_gone_before_the_baseline_is_sealed_are_not_kept_waiting_for() -> None:
    stream = only("input_shift")
    for _ in range(4):
        stream.run(300)
        DecisionPayload.objects.filter(decision__in=stream.decisions[:-50]).delete()
        read()
        monitor = stream.monitor("input_shift")
        assert monitor.status == Status.LEARNING
        assert len(monitor.state["learned"]["values"]) <= 350
    stream.run(600)
    read()
    assert stream.monitor("input_shift").status == Status.WATCHING


def rearmed_before_it_was_judged() -> tuple[Stream, Alarm]:
    """A new model was noticed and its monitor re-armed by hand; ten more decisions have come since."""
    stream = only("model")
    stream.run(301)
    stream.run(5, model="acme/two")
    read()
    (alarm,) = stream.alarms()
    rearm_monitor(actor=actor_of(stream.system.owner, stream.system.organization), monitor_id=alarm.monitor_id)
    stream.run(10, model="acme/one")
    read()
    return stream, alarm


def test_what_was_seen_until_an_alarm_waits_for_its_judgement_however_much_comes_meanwhile() -> None:
    stream, alarm = rearmed_before_it_was_judged()
    assert "lesson" in stream.monitor("model").state
    judge_alarm(actor=actor_of(stream.system.owner, stream.system.organization), alarm_id=alarm.pk, is_false=True)
    stream.run(1)
    read()
    monitor = stream.monitor("model")
    assert monitor.baseline["learned"]["counts"] == {"acme/one": 301, "acme/two": 3}
    assert "lesson" not in monitor.state
    # What the detector had seen is not what it now measures against.
    assert monitor.state["watch"]["counts"] == {"acme/one": 1}


def test_what_was_seen_until_a_real_alarm_is_forgotten_once_it_is_judged() -> None:
    stream, alarm = rearmed_before_it_was_judged()
    before = stream.monitor("model").baseline
    judge_alarm(actor=actor_of(stream.system.owner, stream.system.organization), alarm_id=alarm.pk, is_false=False)
    stream.run(1)
    read()
    monitor = stream.monitor("model")
    assert monitor.baseline == before and "lesson" not in monitor.state
    assert sum(monitor.state["watch"]["counts"].values()) == 11


def test_a_monitor_that_can_promise_nothing_stops_no_other() -> None:
    stream = only("action_mix", "model")
    Monitor.objects.filter(kind="action_mix").update(settings={"window": 0})
    kind = KINDS["action_mix"]
    prepared = kind.prepare({"learned": {"counts": {"reply": 300}}}, {})
    with pytest.raises(ZeroDivisionError):
        kind.state_promise(prepared, {**kind.defaults(), "window": 0})
    stream.run(310)
    read()
    assert stream.monitor("model").status == Status.WATCHING
    assert stream.monitor("action_mix").status == Status.LEARNING
    told = AuditEntry.objects.filter(type="monitor.failed")
    assert [entry.payload.subject for entry in told] == [f"monitor:{stream.monitor('action_mix').pk}"]
