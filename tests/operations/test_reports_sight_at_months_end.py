"""What a report says of the monitors is as it stood at the month's end, whatever they have learned or been told since."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from governance.actors import SYSTEM
from operations.models import Monitor
from operations.monitor_kinds import KINDS
from operations.months import end_of_month, month_after, month_of, start_of_month
from operations.observations import Inputs
from operations.report_document import build_report, build_report_document
from operations.report_parts.figures import Month
from operations.report_parts.sight import look_at_monitors, say_tripwires
from operations.services.baselines import change_monitor, judge_alarm, seal_baseline
from operations.web.report_words import sight_words, sum_up
from tests.factories import make_system
from tests.operations.report_scenes import MONTH
from tests.operations.sight_scenes import (
    DAY_S,
    LEARNED,
    change,
    make_learning,
    make_rulings,
    make_sealed,
    october,
    raise_alarm,
    relearn,
    seal,
    september,
    sight_of,
)

pytestmark = pytest.mark.django_db


def make_watched(kind: str = "override_rate") -> Monitor:
    monitor = make_sealed(make_system(), kind)
    make_rulings(monitor.system)
    return monitor


def test_who_learns_anew_after_the_month_has_watched_in_it() -> None:
    monitor = make_watched()
    before = sight_of(monitor)
    relearn(monitor, october(2))
    said = sight_of(monitor)
    changed = {name for name in said if said[name] != before[name]}
    assert changed == {"detectable", "unknown_because"}
    assert (said["detectable"], said["unknown_because"]) == (None, "learned_anew")
    assert sight_words(said) == (
        f"{before['promise']} How small a change it could have noticed can't be told any more: it has learned anew since."
    )


def test_a_baseline_that_was_sealed_since_says_nothing_of_the_month() -> None:
    monitor = make_watched()
    before = sight_of(monitor)
    relearn(monitor, october(2))
    seal(monitor, october(9), n=400, events=300)
    said = sight_of(monitor)
    assert said["detectable"] is None and said["promise"] == before["promise"] != monitor.stated["sentence"]


def test_who_is_switched_off_after_the_month_has_watched_in_it() -> None:
    monitor = make_watched()
    before = build_report(monitor.system, MONTH).text
    change(monitor, october(2), status="off")
    assert build_report(monitor.system, MONTH).text == before


def test_who_was_off_at_the_months_end_was_off_though_it_watches_today() -> None:
    monitor = make_watched()
    change(monitor, september(16), status="off")
    before = sight_of(monitor)
    change(monitor, october(2), status="watching")
    said = sight_of(monitor)
    assert said == before
    assert (said["state"], said["observations"], said["off_s"]) == ("off", 1_500, 15 * DAY_S)
    assert sight_words(said).endswith("For 15 days it was switched off. At the month's end it was switched off.")


def test_who_was_off_all_month_watched_nothing() -> None:
    monitor = make_watched()
    change(monitor, datetime(2026, 8, 20, tzinfo=UTC), status="off")
    change(monitor, october(2), status="watching")
    said = sight_of(monitor)
    assert (said["state"], said["observations"], said["expected_false"]) == ("off", 0, None)
    assert sight_words(said) == "It was switched off, so it watched nothing."


def test_who_sealed_its_first_baseline_after_the_month_was_learning_in_it() -> None:
    monitor = make_sealed(make_system(), "override_rate", october(2))
    make_rulings(monitor.system)
    said = sight_of(monitor)
    assert (said["state"], said["observations"], said["promise"]) == ("learning", 0, "")
    assert sight_words(said) == "It was still learning what is usual, so it watched nothing."


def test_who_forgot_its_baseline_within_the_month_has_watched_until_then() -> None:
    monitor = make_watched()
    promise = sight_of(monitor)["promise"]
    relearn(monitor, september(29))
    said = sight_of(monitor)
    assert (said["state"], said["observations"], said["detectable"]) == ("learning", 2_800, None)
    assert said["promise"] == promise and said["expected_false"] == pytest.approx(2_800 / 5_000)
    assert sight_words(said).endswith("For 2 days it was learning anew. At the month's end it was learning anew.")


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (lambda monitor: change(monitor, october(2), settings={"arl0": 500}), "set_anew"),
        (lambda monitor: seal(monitor, october(2), n=500, events=130), "learned_more"),
    ],
)
def test_another_design_since_says_nothing_of_the_month(act: Any, why: str) -> None:
    monitor = make_watched()
    before = sight_of(monitor)
    act(monitor)
    said = sight_of(monitor)
    assert (said["detectable"], said["unknown_because"]) == (None, why)
    assert (said["promise"], said["expected_false"]) == (before["promise"], before["expected_false"])


def test_settings_that_no_detector_knows_of_leave_the_month_as_it_was() -> None:
    monitor = make_watched()
    before = sight_of(monitor)
    change(monitor, october(2), settings={"cooldown_s": 600, "baseline": 80})
    assert sight_of(monitor) == before


def test_what_the_log_can_not_say_of_a_promise_is_left_out() -> None:
    monitor = make_watched("model")
    change(monitor, september(5), settings={"window": 500})
    assert sight_of(monitor)["unknown_because"] is None
    change(monitor, october(2), settings={"window": 700})
    said = sight_of(monitor)
    assert (said["promise"], said["false_alarm_interval"], said["unknown_because"]) == ("", None, "set_anew")
    assert sight_words(said) == (
        "How small a change it could have noticed can't be told any more: its settings were changed since."
    )


def test_a_silence_that_was_meant_changes_the_promise_of_later_months_alone() -> None:
    monitor = make_sealed(make_system(), "silence")
    before = sight_of(monitor)
    alarm = raise_alarm(monitor, october(2))
    type(alarm).objects.filter(pk=alarm.pk).update(observed_value=90_000.0)
    judge_alarm(actor=SYSTEM, alarm_id=alarm.pk, is_false=True)
    monitor.refresh_from_db()
    assert monitor.stated["sentence"] != before["promise"]
    assert sight_of(monitor) == before


def tripwires_of(monitor: Monitor) -> dict[str, Any]:
    month = Month(monitor.system, MONTH)
    return say_tripwires(look_at_monitors(month), month, None)


def test_tripwires_are_those_of_the_months_end() -> None:
    monitor = make_watched()
    before = tripwires_of(monitor)
    change(monitor, october(2), settings={"arl0": 500}, trips_breaker=True)
    relearn(monitor, october(3))
    change(monitor, october(4), status="off")
    assert tripwires_of(monitor) == before
    assert (before["monitors"][0]["trips_breaker"], before["monitors"][0]["settings"]["arl0"]) == (False, 5_000)


def test_a_row_from_before_there_were_entries_is_taken_as_it_stands() -> None:
    system = make_system()
    sealed = datetime(2026, 8, 5, tzinfo=UTC)
    baseline = KINDS["override_rate"].design(LEARNED["override_rate"], KINDS["override_rate"].defaults(), Inputs())
    watching = make_learning(
        system, "override_rate", status="watching", baseline=baseline, baseline_sealed_at=sealed, stated={}
    )
    late = make_learning(system, "latency", status="watching", baseline_sealed_at=september(28, 12))
    learning, off = make_learning(system, "cost"), make_learning(system, "model", status="off")
    make_rulings(system)
    assert [sight_of(one)["state"] for one in (watching, late, learning, off)] == [
        "watched",
        "watched",
        "learning",
        "off",
    ]
    assert sight_of(watching)["observations"] == 3_000
    assert sight_of(late)["watched_since"] == "2026-09-28T12:00:00Z"
    change(watching, october(2), status="off")
    assert sight_of(watching)["state"] == "watched"


def test_one_that_was_made_later_is_new() -> None:
    monitor = make_learning(make_system(), "cost", created_at=october(1))
    assert sight_of(monitor)["state"] == "new"
    assert tripwires_of(monitor)["monitors"] == []


def test_the_verbs_leave_the_month_that_is_over_as_it_was() -> None:
    now = timezone.now()
    month = month_after(month_of(now), -1)
    made = start_of_month(month) - timedelta(days=40)
    monitors = [
        make_sealed(make_system(), "override_rate", made + timedelta(days=5), created_at=made) for _ in range(3)
    ]
    off, relearned, _ = monitors
    change_monitor(actor=SYSTEM, monitor_id=off.pk, is_on=False)
    seal_baseline(actor=SYSTEM, monitor_id=relearned.pk, reason="It shall stay so.")
    said = [build_report_document(one.system, month)["sight"]["monitors"][0] for one in monitors]
    whole = int((end_of_month(month) - start_of_month(month)).total_seconds())
    assert [(one["state"], one["watched_s"]) for one in said] == [("watched", whole)] * 3
    assert said[0] == said[2]


def test_the_sum_of_a_month_says_how_many_watched_and_which_not_all_the_time() -> None:
    system = make_system()
    make_sealed(system, "override_rate")
    make_sealed(system, "corrections", september(28))
    assert sum_up(build_report_document(system, MONTH))[-1] == "All 2 monitors watched, 1 of them not all the time."
    make_learning(system, "cost")
    assert sum_up(build_report_document(system, MONTH))[-1].startswith(
        "2 of 3 monitors watched, 1 of them not all the time; what the others"
    )


def test_the_words_of_documents_that_were_frozen_earlier_stand() -> None:
    frozen = {
        "kind": "silence",
        "state": "watched",
        "watched_since": None,
        "silent_s": 7_200,
        "unit": "seconds",
        "observations": 2_592_000,
        "detectable": [],
        "promise": "It promises.",
    }
    assert sight_words(frozen) == "It promises. It was silent for 2 h, because it was alarmed."
    assert sight_words({**frozen, "state": "learning"}).startswith("It was still learning")
