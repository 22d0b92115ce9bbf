"""What the clock asks: silence, hours, queues that people don't get round to, owners who have left."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from evaluations.models import DatasetVersion, EvaluationRun, Release
from governance.actors import OPERATOR
from governance.models import AISystem, AuditEntry, Membership
from governance.services.sequencing import sequence_entries
from operations.models import Alarm, Incident, Monitor, OwnershipReport
from operations.services.baselines import change_monitor, ensure_monitors, judge_alarm, rearm_monitor
from operations.services.clock_watching import MOST_AT_ONCE, watch_clock
from operations.services.monitoring import watch
from operations.services.previewing import preview_monitor
from reviews.models import Escalation
from tests.evaluations.scenes import make_dataset
from tests.factories import actor_of, make_decision, make_escalation, make_person, make_queue, make_system
from tests.operations.figure_scenes import make_roll_up
from tests.operations.streams import Character, Stream
from tests.support.races import race

pytestmark = pytest.mark.django_db
Status = Monitor.Status


def only(kind: str, stream: Stream) -> Stream:
    ensure_monitors(stream.system)
    Monitor.objects.filter(system=stream.system).exclude(kind=kind).update(status=Status.OFF)
    return stream


def make_silent() -> tuple[Stream, datetime]:
    """A stream that was watched for more than twelve hours, and the moment at which its silence is an alarm."""
    stream = only("silence", Stream(character=Character(gap_s=120)))
    stream.run(500)
    while watch():
        pass
    monitor = stream.monitor("silence")
    assert monitor.status == Status.WATCHING
    last = stream.decisions[-1].created_at
    return stream, last + timedelta(seconds=monitor.baseline["design"]["threshold"] + 1)


def test_a_silence_raises_one_alarm_and_ends_by_itself() -> None:
    stream, late = make_silent()
    assert watch_clock(late - timedelta(seconds=2)) == 0
    assert watch_clock(late) == 1
    assert watch_clock(late + timedelta(minutes=1)) == 0
    (alarm,) = stream.alarms()
    assert alarm.title.startswith("Silence: no decision for ")
    assert alarm.since_at == stream.decisions[-1].created_at
    assert alarm.evidence == [str(stream.decisions[-1].pk)]
    assert alarm.stated["unit"] == "seconds"
    stream.now = late + timedelta(minutes=2)
    stream.run(1)
    assert watch_clock(late + timedelta(minutes=4)) == 0
    assert stream.monitor("silence").status == Status.WATCHING
    told = AuditEntry.objects.get(type="alarm.ended")
    assert told.payload.subject == f"incident:{alarm.incident_id}"
    assert Incident.objects.get().status == Incident.Status.OPEN


def test_a_rearmed_monitor_does_not_tell_of_the_same_silence_again_but_of_the_next() -> None:
    stream, late = make_silent()
    watch_clock(late)
    owner = actor_of(stream.system.owner, stream.system.organization)
    rearm_monitor(actor=owner, monitor_id=stream.monitor("silence").pk, reason="We have closed for today.")
    assert watch_clock(late + timedelta(hours=1)) == 0
    stream.now = late + timedelta(hours=2)
    stream.run(1)
    assert watch_clock(stream.now) == 0
    assert watch_clock(stream.now + timedelta(days=1)) == 1
    assert Alarm.objects.count() == 2


def test_a_silence_that_was_a_false_alarm_is_learned() -> None:
    stream, late = make_silent()
    watch_clock(late + timedelta(hours=5))
    before = stream.monitor("silence").baseline["design"]["threshold"]
    owner = actor_of(stream.system.owner, stream.system.organization)
    judge_alarm(actor=owner, alarm_id=stream.alarms()[0].pk, is_false=True)
    after = stream.monitor("silence").baseline["design"]["threshold"]
    assert after > before + 5 * 3600


@pytest.mark.django_db(transaction=True)
def test_two_clocks_at_once_raise_one_alarm() -> None:
    _, late = make_silent()
    results = race(lambda: watch_clock(late), lambda: watch_clock(late), lambda: watch_clock(late))
    assert sorted(results) == [0, 0, 1]
    assert Alarm.objects.count() == 1 and Incident.objects.count() == 1
    assert AuditEntry.objects.filter(type="alarm.raised").count() == 1


def run_hours(stream: Stream, hours: int, count: int, made: Callable[..., Any] = make_decision) -> None:
    for _ in range(hours):
        for minute in range(count):
            made(stream.system, status="allowed", verdict="allow", created_at=stream.now + timedelta(minutes=minute))
        stream.now += timedelta(hours=1)


def make_hourly() -> Stream:
    stream = only("volume", Stream())
    Monitor.objects.filter(kind="volume").update(changed_at=stream.now - timedelta(hours=1))
    return stream


def test_volume_learns_whole_hours_and_notices_that_more_comes() -> None:
    stream = make_hourly()
    run_hours(stream, 47, 8)
    watch_clock(stream.now + timedelta(minutes=2))
    monitor = stream.monitor("volume")
    assert (monitor.status, len(monitor.state["learned"]["hours"])) == (Status.LEARNING, 47)
    run_hours(stream, 1, 8)
    watch_clock(stream.now + timedelta(minutes=2))
    assert stream.monitor("volume").status == Status.WATCHING
    run_hours(stream, 4, 8)
    assert watch_clock(stream.now + timedelta(minutes=2)) == 0
    run_hours(stream, 6, 40)
    assert watch_clock(stream.now + timedelta(minutes=2)) == 1
    (alarm,) = stream.alarms()
    assert alarm.title.startswith("Volume rose: 40 an hour instead of 8")
    assert alarm.direction == "up" and len(alarm.evidence) == 10
    owner = actor_of(stream.system.owner, stream.system.organization)
    preview = preview_monitor(actor=owner, monitor_id=monitor.pk, since=stream.now - timedelta(days=9))
    assert preview.decisions == 0 or preview.points


def test_an_approval_that_waits_too_long_is_an_alarm_until_somebody_has_ruled() -> None:
    system = make_system()
    only("queue_age", Stream(system))
    queue = make_queue(system.organization, slug="refunds")
    opened = timezone.now() - timedelta(hours=1)
    late = [
        make_escalation(make_decision(system), queue=queue, opened_at=opened + timedelta(minutes=part), respond_s=3_000)
        for part in range(3)
    ]
    make_escalation(make_decision(system), queue=queue, opened_at=opened, respond_s=90_000)
    assert watch_clock(opened + timedelta(seconds=2_300)) == 0
    assert watch_clock(opened + timedelta(seconds=2_500)) == 1
    assert watch_clock(opened + timedelta(seconds=2_600)) == 0
    alarm = Alarm.objects.get()
    assert alarm.segment == "queue=refunds"
    assert "within 50 min" in alarm.summary
    assert str(late[0].decision_id) in alarm.evidence
    assert alarm.stated["false_alarm_interval"] is None
    Escalation.objects.filter(pk__in=[one.pk for one in late]).update(
        status="closed", closure="cancelled", closed_at=timezone.now()
    )
    assert watch_clock(opened + timedelta(seconds=2_700)) == 0
    assert Monitor.objects.get(kind="queue_age").status == Status.WATCHING
    owner = actor_of(system.owner, system.organization)
    preview = preview_monitor(actor=owner, monitor_id=Monitor.objects.get(kind="queue_age").pk)
    assert [one.finding.segment for one in preview.alarms] == []


def test_what_is_late_every_minute_is_one_alarm_an_hour_until_its_incident_is_resolved() -> None:
    system = make_system()
    only("queue_age", Stream(system))
    queue, begun = make_queue(system.organization), timezone.now()

    def miss(minute: int, into: Any = queue) -> int:
        at = begun + timedelta(minutes=minute)
        late = make_escalation(make_decision(system), queue=into, opened_at=at - timedelta(seconds=30), respond_s=20)
        sequence_entries()
        raised = watch_clock(at)
        Escalation.objects.filter(pk=late.pk).update(status="closed", closure="expired", closed_at=at)
        return raised + watch_clock(at + timedelta(seconds=30))

    assert [miss(minute) for minute in range(0, 60, 4)] == [1] + [0] * 14
    assert miss(61) == 1
    assert miss(62, make_queue(system.organization)) == 1
    Incident.objects.update(status="resolved")
    assert miss(63, Escalation.objects.latest("opened_at").queue) == 1


@pytest.mark.parametrize("part", ["owner", "backup"])
@pytest.mark.parametrize("way", ["inactive", "without a role"])
def test_an_owner_or_backup_who_has_left_is_an_alarm(part: str, way: str) -> None:
    system = make_system()
    system.backup = make_person(system.organization, "lead")
    system.save()
    only("owner", Stream(system))
    assert watch_clock() == 0
    person = getattr(system, part)
    if way == "inactive":
        person.is_active = False
        person.save()
    else:
        Membership.objects.filter(user=person).delete()
    assert watch_clock() == 1
    assert watch_clock() == 0
    alarm = Alarm.objects.get()
    assert part in alarm.segment and person.name in alarm.summary
    person.is_active = True
    person.save()
    Membership.objects.get_or_create(organization=system.organization, user=person, role="owner")
    assert watch_clock() == 0
    assert Monitor.objects.get(kind="owner").status == Status.WATCHING


def test_the_clock_asks_few_questions_however_many_systems_wait(django_assert_max_num_queries: Any) -> None:
    for _ in range(5):
        ensure_monitors(make_system())
    with django_assert_max_num_queries(12):
        watch_clock()


def make_release(system: AISystem, name: str, *, seen_at: datetime) -> Release:
    make_roll_up(system, dimension="release", value=name)
    return Release.objects.create(
        organization_id=system.organization_id, system=system, name=name, first_seen_at=seen_at, created_at=seen_at
    )


def judge(release: Release, verdict: str, *, at: datetime | None = None) -> EvaluationRun:
    """A closed run of a release, written as rows."""
    dataset = make_dataset(release.system, slug=f"{release.name}-{verdict}")
    version = DatasetVersion.objects.create(
        organization_id=release.organization_id,
        dataset=dataset,
        number=1,
        root_sha256="0" * 64,
        examples=1,
        added=1,
        removed=0,
        reason="x",
        sealed_by_label="x",
        sealed_at=timezone.now(),
    )
    return EvaluationRun.objects.create(
        organization_id=release.organization_id,
        system=release.system,
        version=version,
        candidate=release,
        status="closed",
        verdict=verdict,
        evidence="{}",
        created_by_label="x",
        created_at=timezone.now(),
        closed_at=at or timezone.now(),
    )


def test_traffic_of_a_release_that_no_gate_has_passed_is_an_alarm_until_one_has() -> None:
    stream = only("ungated_release", Stream(make_system()))
    now = timezone.now()
    first = make_release(stream.system, "2026.1", seen_at=now - timedelta(days=30))
    assert watch_clock() == 0, "before the first gate there is nothing to hold a release against"
    judge(first, "fail")
    assert watch_clock() == 0, "what answered before the first gate is none of its business"
    second = make_release(stream.system, "2026.2", seen_at=timezone.now())
    assert watch_clock() == 1
    assert watch_clock() == 0
    (alarm,) = stream.alarms()
    assert (alarm.segment, alarm.since_at) == ("release=2026.2", second.first_seen_at)
    assert "2026.2" in alarm.title and "Nobody stated it" in alarm.summary
    judge(second, "pass")
    assert watch_clock() == 0
    assert stream.monitor("ungated_release").status == Status.WATCHING


def test_a_release_that_does_not_answer_any_more_is_no_alarm() -> None:
    stream = only("ungated_release", Stream(make_system()))
    judge(make_release(stream.system, "2026.1", seen_at=timezone.now() - timedelta(days=30)), "pass")
    make_release(stream.system, "2026.2", seen_at=timezone.now())
    assert watch_clock(timezone.now() + timedelta(days=2)) == 0


# A Monday on which gates began.
BEGAN = datetime(2026, 10, 5, 10, tzinfo=UTC)


def make_gated() -> tuple[Stream, Release]:
    """A system whose release 1.0 answered when its first gate failed it."""
    stream = only("ungated_release", Stream(make_system()))
    first = Release.objects.create(
        organization_id=stream.system.organization_id,
        system=stream.system,
        name="1.0",
        first_seen_at=BEGAN - timedelta(days=30),
        created_at=BEGAN - timedelta(days=30),
    )
    judge(first, "fail", at=BEGAN)
    return stream, first


def answer(system: AISystem, name: str, *days: int, hour: int = 12) -> None:
    """Traffic of a release, or of none that was named, at an hour of these days after the one on which gates began."""
    for day in days:
        make_roll_up(system, starts_at=BEGAN.replace(hour=hour) + timedelta(days=day), dimension="release", value=name)
    if not name:
        return
    seen_at = BEGAN.replace(hour=hour) + timedelta(days=days[0])
    Release.objects.get_or_create(
        organization_id=system.organization_id,
        system=system,
        name=name,
        defaults={"first_seen_at": seen_at, "created_at": seen_at},
    )


def at(day: int, hour: int) -> datetime:
    return BEGAN.replace(hour=hour) + timedelta(days=day)


def told(stream: Stream) -> list[str]:
    """What its alarms are about, in the order in which they were raised."""
    return list(
        Alarm.objects.filter(system=stream.system).order_by("detected_at", "id").values_list("segment", flat=True)
    )


def told_to_have_ended() -> list[str]:
    entries = AuditEntry.objects.filter(type="alarm.ended").order_by("id")
    return [json.loads(entry.payload.payload)["title"] for entry in entries]


def test_each_release_without_a_gate_is_one_alarm_however_many_answer_at_once() -> None:
    stream, _ = make_gated()
    answer(stream.system, "2.1", 1)
    assert watch_clock(at(1, 13)) == 1
    answer(stream.system, "2.2", 1, hour=13)
    assert [watch_clock(at(1, 14) + timedelta(minutes=minute)) for minute in range(4)] == [1, 0, 0, 0]
    assert told(stream) == ["release=2.1", "release=2.2"]
    assert Incident.objects.count() == 1 and not told_to_have_ended()
    # 2.1 has not answered for a day, 2.2 goes on.
    answer(stream.system, "2.2", 2, hour=12)
    assert [watch_clock(at(2, 14) + timedelta(minutes=minute)) for minute in range(3)] == [0, 0, 0]
    assert told_to_have_ended() == ["Ended by itself: Release 2.1 is in use, and no gate has passed it"]
    assert stream.monitor("ungated_release").status == Status.ALARMED
    judge(Release.objects.get(name="2.2"), "pass", at=at(2, 15))
    assert watch_clock(at(2, 16)) == 0
    assert len(told_to_have_ended()) == 2
    assert stream.monitor("ungated_release").status == Status.WATCHING


def test_two_that_are_found_at_once_are_told_one_after_the_other_and_not_again_after_rearming() -> None:
    stream, _ = make_gated()
    answer(stream.system, "2.1", 1)
    answer(stream.system, "2.2", 1)
    assert [watch_clock(at(1, 13)) for _ in range(4)] == [1, 1, 0, 0]
    owner = actor_of(stream.system.owner, stream.system.organization)
    rearm_monitor(actor=owner, monitor_id=stream.monitor("ungated_release").pk, reason="We know of both.")
    assert [watch_clock(at(1, 14)) for _ in range(2)] == [0, 0]
    answer(stream.system, "2.3", 1, hour=14)
    assert [watch_clock(at(1, 15)) for _ in range(2)] == [1, 0]
    assert told(stream)[-1] == "release=2.3"


def test_what_leaves_and_comes_back_is_told_again() -> None:
    stream, _ = make_gated()
    answer(stream.system, "2.1", 1)
    answer(stream.system, "2.2", 1, 2, 3)
    assert [watch_clock(at(1, 13)) for _ in range(3)] == [1, 1, 0]
    assert watch_clock(at(2, 14)) == 0
    answer(stream.system, "2.1", 3)
    # As with every condition the same entry of the log carries one alarm.
    sequence_entries()
    assert [watch_clock(at(3, 13)) for _ in range(2)] == [1, 0]


def test_an_application_that_renames_itself_all_the_time_does_not_ring_all_day() -> None:
    stream, _ = make_gated()
    for number in range(MOST_AT_ONCE + 3):
        answer(stream.system, f"build {number}", 1)
    assert sum(watch_clock(at(1, 13)) for _ in range(MOST_AT_ONCE + 3)) == MOST_AT_ONCE


def test_an_episode_that_was_kept_as_the_only_one_goes_on() -> None:
    stream, _ = make_gated()
    answer(stream.system, "2.1", 1)
    assert watch_clock(at(1, 13)) == 1
    Monitor.objects.filter(kind="ungated_release").update(state={"episode": "release=2.1"})
    assert watch_clock(at(1, 14)) == 0
    assert watch_clock(at(3, 14)) == 0
    assert len(told_to_have_ended()) == 1
    assert stream.monitor("ungated_release").status == Status.WATCHING


def test_other_settings_ring_nothing_again_that_was_told_of() -> None:
    stream, _ = make_gated()
    answer(stream.system, "2.1", 1, 2)
    answer(stream.system, "2.2", 1, 2)
    assert [watch_clock(at(1, 13)) for _ in range(3)] == [1, 1, 0]
    monitor = stream.monitor("ungated_release")
    change_monitor(actor=OPERATOR, monitor_id=monitor.pk, settings={"cooldown_s": 600})
    assert [watch_clock(at(1, 14)) for _ in range(3)] == [0, 0, 0]
    assert watch_clock(at(9, 14)) == 0
    assert len(told_to_have_ended()) == 2


def test_who_judges_one_alarm_false_still_hears_that_another_has_ended() -> None:
    stream, _ = make_gated()
    answer(stream.system, "2.1", 1)
    answer(stream.system, "2.2", 1, 2)
    assert [watch_clock(at(1, 13)) for _ in range(2)] == [1, 1]
    newest = stream.alarms()[-1]
    judge_alarm(actor=OPERATOR, alarm_id=newest.pk, is_false=True)
    assert watch_clock(at(2, 14)) == 0
    assert len(told_to_have_ended()) == 1
    assert stream.monitor("ungated_release").status == Status.WATCHING


@pytest.mark.django_db(transaction=True)
def test_who_re_arms_while_the_clock_tells_of_another_release_forgets_neither() -> None:
    stream, _ = make_gated()
    answer(stream.system, "2.1", 1)
    watch_clock(at(1, 13))
    monitor = stream.monitor("ungated_release")
    answer(stream.system, "2.2", 1, hour=13)
    race(lambda: watch_clock(at(1, 14)), lambda: rearm_monitor(actor=OPERATOR, monitor_id=monitor.pk))
    for minute in range(4):
        watch_clock(at(2, 10) + timedelta(minutes=minute))
    assert told(stream) == ["release=2.1", "release=2.2"]


@pytest.mark.django_db(transaction=True)
def test_clocks_at_once_raise_one_alarm_for_each_release() -> None:
    stream, _ = make_gated()
    answer(stream.system, "2.1", 1)
    watch_clock(at(1, 13))
    answer(stream.system, "2.2", 1, hour=13)
    for _ in range(2):
        race(*[lambda: watch_clock(at(1, 14))] * 3)
    assert told(stream) == ["release=2.1", "release=2.2"]
    race(*[lambda: watch_clock(at(9, 14))] * 3)
    assert len(told_to_have_ended()) == 2


def test_a_release_from_before_the_gates_may_go_on_and_is_an_alarm_when_it_comes_back() -> None:
    stream, first = make_gated()
    # Nothing answers on the weekend of days 5 and 6.
    answer(stream.system, "1.0", *range(-30, 5), 7, 8)
    answer(stream.system, "1.1", 8, 9, 10)
    judge(Release.objects.get(name="1.1"), "pass", at=at(8, 9))
    assert [watch_clock(at(day, 13)) for day in (0, 1, 4, 7, 8, 9)] == [0] * 6
    assert watch_clock(at(10, 13)) == 0, "it is away"
    answer(stream.system, "1.0", 11)
    assert [watch_clock(at(11, 13)), watch_clock(at(11, 14))] == [1, 0]
    (alarm,) = stream.alarms()
    assert (alarm.segment, alarm.since_at) == ("release=1.0", at(11, 12))
    assert "is in use again" in alarm.title and "before this system's first gate" in alarm.summary
    answer(stream.system, "1.0", 12, 13)
    assert [watch_clock(at(12, 13)), watch_clock(at(13, 13))] == [0, 0]
    assert not told_to_have_ended()
    judge(first, "pass", at=at(13, 14))
    assert watch_clock(at(13, 15)) == 0
    assert len(told_to_have_ended()) == 1


def test_what_comes_back_is_found_in_few_questions(django_assert_max_num_queries: Any) -> None:
    for _ in range(4):
        stream, _ = make_gated()
        answer(stream.system, "1.0", *range(-3, 5))
        answer(stream.system, "", *range(5))
    with django_assert_max_num_queries(12):
        assert watch_clock(at(4, 13)) == 0


def month_with_traffic(system: AISystem, day: datetime) -> None:
    """A day of decisions in a system that has been there for years."""
    AISystem.objects.filter(pk=system.pk).update(created_at=day - timedelta(days=400))
    make_roll_up(system, starts_at=day, decisions=40)


def sign(system: AISystem, month: date, at: datetime) -> None:
    OwnershipReport.objects.create(
        organization_id=system.organization_id,
        system=system,
        month=month,
        document="{}",
        sha256="0" * 64,
        frozen_at=at,
        frozen_by_label="x",
        attested_at=at,
        attested_by=system.owner,
        attested_by_label="x",
    )


def test_a_month_that_nobody_signed_by_the_tenth_day_is_an_alarm_until_somebody_does() -> None:
    stream = only("report_overdue", Stream(make_system()))
    month_with_traffic(stream.system, datetime(2026, 9, 14, tzinfo=UTC))
    due = datetime(2026, 10, 11, tzinfo=UTC)
    assert watch_clock(due - timedelta(seconds=1)) == 0
    assert watch_clock(due) == 1
    assert watch_clock(due + timedelta(hours=1)) == 0
    (alarm,) = stream.alarms()
    assert (alarm.segment, alarm.since_at) == ("month=2026-09", due)
    assert "not frozen" in alarm.summary
    assert alarm.incident and alarm.incident.assignee == stream.system.owner
    sign(stream.system, date(2026, 9, 1), due)
    assert watch_clock(due + timedelta(hours=2)) == 0
    assert stream.monitor("report_overdue").status == Status.WATCHING


def test_a_month_before_the_system_or_without_traffic_or_still_running_is_not_overdue() -> None:
    stream = only("report_overdue", Stream(make_system()))
    month_with_traffic(stream.system, datetime(2026, 9, 14, tzinfo=UTC))
    assert watch_clock(datetime(2026, 9, 30, tzinfo=UTC)) == 0, "the month is running"
    AISystem.objects.filter(pk=stream.system.pk).update(created_at=datetime(2026, 10, 1, tzinfo=UTC))
    assert watch_clock(datetime(2026, 10, 20, tzinfo=UTC)) == 0, "it came after that month"
    assert watch_clock(datetime(2026, 11, 20, tzinfo=UTC)) == 0, "October had no traffic"


def test_how_many_days_an_owner_has_is_a_setting() -> None:
    stream = only("report_overdue", Stream(make_system()))
    month_with_traffic(stream.system, datetime(2026, 9, 14, tzinfo=UTC))
    Monitor.objects.filter(system=stream.system, kind="report_overdue").update(settings={"days": 20})
    assert watch_clock(datetime(2026, 10, 20, tzinfo=UTC)) == 0
    assert watch_clock(datetime(2026, 10, 21, tzinfo=UTC)) == 1


def test_each_month_that_is_overdue_is_an_alarm_of_its_own() -> None:
    stream = only("report_overdue", Stream(make_system()))
    month_with_traffic(stream.system, datetime(2026, 9, 14, tzinfo=UTC))
    make_roll_up(stream.system, starts_at=datetime(2026, 10, 14, tzinfo=UTC), decisions=40)
    assert watch_clock(datetime(2026, 10, 11, tzinfo=UTC)) == 1
    november = datetime(2026, 11, 11, tzinfo=UTC)
    assert watch_clock(november - timedelta(seconds=1)) == 0
    assert [watch_clock(november), watch_clock(november)] == [1, 0]
    assert told(stream) == ["month=2026-09", "month=2026-10"]
    assert Incident.objects.count() == 1
    sign(stream.system, date(2026, 9, 1), november + timedelta(hours=1))
    assert watch_clock(november + timedelta(hours=2)) == 0
    assert told_to_have_ended() == ["Ended by itself: The report of 2026-09 is not signed"]
    assert stream.monitor("report_overdue").status == Status.ALARMED


def test_a_month_that_is_overdue_when_another_one_is_signed_is_an_alarm() -> None:
    stream = only("report_overdue", Stream(make_system()))
    month_with_traffic(stream.system, datetime(2026, 9, 14, tzinfo=UTC))
    make_roll_up(stream.system, starts_at=datetime(2026, 10, 14, tzinfo=UTC), decisions=40)
    assert watch_clock(datetime(2026, 10, 11, tzinfo=UTC)) == 1
    november = datetime(2026, 11, 11, tzinfo=UTC)
    sign(stream.system, date(2026, 9, 1), november)
    assert [watch_clock(november), watch_clock(november)] == [1, 0]
    assert Incident.objects.get().status == Incident.Status.OPEN
    assert told(stream)[-1] == "month=2026-10"
    assert told_to_have_ended() == ["Ended by itself: The report of 2026-09 is not signed"]
