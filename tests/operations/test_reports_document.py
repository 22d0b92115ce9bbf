"""A month's document: the same rows give the same bytes, whatever the database, the order of rows, the clock or a rebuild."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from governance.actors import SYSTEM
from governance.canonical import canonicalize, parse_ijson, sha256_hex
from governance.models import AISystem
from governance.services.recording import record
from operations.models import Monitor, ReviewRate, RollUp
from operations.monitor_kinds import KINDS
from operations.months import end_of_month
from operations.observations import Inputs
from operations.report_document import build_report, build_report_document, find_changed_sections
from operations.services.rollups import rebuild
from tests.factories import make_decision, make_organization, make_person, make_system
from tests.operations.figure_scenes import make_decisions_of_every_kind
from tests.operations.report_scenes import (
    BEFORE,
    HOSTILE,
    MONTH,
    make_day,
    make_item,
    make_judged_release,
    make_month,
    set_scene,
)
from tests.operations.sight_scenes import make_hours

pytestmark = pytest.mark.django_db


def stated_system() -> AISystem:
    """A system in which nothing depends on chance or on how many rows a test has made before."""
    organization = make_organization(slug="stated", name="Stated")
    owner = make_person(organization, "owner", name="Ann", email="ann@stated.example")
    return make_system(organization, slug="stated", name="Stated", owner=owner, backup=None, risk_tier="limited")


def shuffle_rows(system: AISystem) -> None:
    """Write the roll-ups anew in another order, as a rebuild may."""
    rows = list(RollUp.objects.filter(system=system).order_by("id"))
    RollUp.objects.filter(system=system).delete()
    random.Random(4).shuffle(rows)
    for row in rows:
        row.pk = None
    RollUp.objects.bulk_create(rows)


def test_the_text_is_canonical_and_hashed_as_it_stands() -> None:
    built = build_report(set_scene().system, MONTH)
    assert canonicalize(parse_ijson(built.text.encode())) == built.text
    assert built.sha256 == sha256_hex(built.text)


def test_the_same_rows_in_another_order_give_the_same_bytes() -> None:
    system = set_scene().system
    before = build_report(system, MONTH).text
    shuffle_rows(system)
    assert build_report(system, MONTH).text == before


def test_the_clock_is_in_no_document_of_a_month_that_is_over() -> None:
    system = set_scene().system
    texts = {
        canonicalize(build_report_document(system, MONTH, now=now))
        for now in (None, timezone.now(), datetime(2031, 5, 5, tzinfo=UTC))
    }
    assert len(texts) == 1


def test_both_databases_give_one_hash() -> None:
    system = stated_system()
    AISystem.objects.filter(pk=system.pk).update(created_at=datetime(2026, 7, 1, tzinfo=UTC))
    make_month(system, BEFORE, n=97)
    make_month(system, MONTH, n=131, failed=3, review_seconds=0.1 + 0.2)
    make_judged_release(system)
    seal_rates(system)
    make_hours(system)
    document = build_report_document(system, MONTH)
    for release in document["changes"]["releases"]:
        release["gate"]["run"] = ""
    assert sha256_hex(canonicalize(document)) == STATED_HASH


# The hash of a scene in which every name is stated: the same on SQLite and PostgreSQL, today and next year.
STATED_HASH = "48a98f2f4908b17d48156eb6d4eb57f862958713d2d1cee72fc16f998f9f774f"


def seal_rates(system: AISystem) -> None:
    """Two monitors that watched, one of rates and one of numbers."""
    learned: dict[str, Any] = {
        "escalation_rate": {"n": 300, "events": 42},
        "latency": {"values": [5.0 + (number % 17) / 10 for number in range(300)]},
    }
    for kind, what in learned.items():
        settings = KINDS[kind].defaults()
        baseline = KINDS[kind].design(what, settings, Inputs())
        assert isinstance(baseline, dict)
        Monitor.objects.create(
            organization_id=system.organization_id,
            system=system,
            kind=kind,
            status="watching",
            baseline=baseline,
            baseline_sealed_at=datetime(2026, 8, 5, tzinfo=UTC),
            stated=KINDS[kind].state_promise(KINDS[kind].prepare(baseline, settings), settings),
            created_at=datetime(2026, 7, 1, tzinfo=UTC),
            changed_at=datetime(2026, 8, 5, tzinfo=UTC),
        )


def test_rebuilt_roll_ups_give_the_same_bytes() -> None:
    system = make_system()
    AISystem.objects.filter(pk=system.pk).update(created_at=datetime(2026, 7, 1, tzinfo=UTC))
    for day in range(3):
        make_decisions_of_every_kind(system, datetime(2026, 9, 5 + day, 10, 30, tzinfo=UTC))
    rebuild(system=system)
    before = build_report(system, MONTH)
    assert before.document["volume"]["decisions"] > 20 and before.document["failures"]["labels"]
    RollUp.objects.filter(system=system).delete()
    rebuild(system=system)
    assert build_report(system, MONTH).text == before.text


def test_a_month_holds_its_first_and_last_instant_and_nothing_beyond() -> None:
    system = make_system()
    begins, ends = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)
    for instant in (begins - timedelta(microseconds=1), begins, ends - timedelta(microseconds=1), ends):
        make_decision(system, created_at=instant)
    rebuild(system=system)
    document = build_report_document(system, MONTH)
    assert document["volume"]["decisions"] == 2
    assert [day["decisions"] for day in document["volume"]["days"]] == [1, *([0] * 28), 1]


def test_what_comes_after_the_months_end_is_not_in_it() -> None:
    scene = set_scene()
    before = build_report(scene.system, MONTH).text
    make_judged_release_later(scene.system)
    make_item(scene.system, created_at=datetime(2026, 10, 2, tzinfo=UTC))
    assert build_report(scene.system, MONTH).text == before


def make_judged_release_later(system: AISystem) -> None:
    from evaluations.models import Release

    Release.objects.create(
        organization_id=system.organization_id,
        system=system,
        name="2026.10",
        reason="Later",
        stated_by_label="Ann",
        stated_at=datetime(2026, 10, 2, tzinfo=UTC),
        created_at=datetime(2026, 10, 2, tzinfo=UTC),
    )


def test_a_late_ruling_is_found_in_the_sections_that_it_changes() -> None:
    system = set_scene().system
    frozen = build_report(system, MONTH)
    row = RollUp.objects.filter(system=system, dimension="", starts_at=datetime(2026, 9, 3, tzinfo=UTC))
    row.update(overridden=9)
    changed = find_changed_sections(frozen.text, build_report_document(system, MONTH))
    assert changed == ["comparison", "handling"]


def test_a_gate_is_shown_with_its_evidence() -> None:
    scene = set_scene()
    (release,) = build_report_document(scene.system, MONTH)["changes"]["releases"]
    run = scene.release.runs.get()
    assert (release["name"], release["decisions"], release["is_ungated_traffic"]) == ("2026.9", 3_920, False)
    assert release["gate"]["verdict"] == "pass"
    assert release["gate"]["evidence_sha256"] == run.evidence_sha256
    assert release["gate"]["interval"] == [0.001, 0.066]


def test_traffic_of_a_release_that_no_gate_passed_is_named() -> None:
    system = make_system()
    make_month(system, MONTH)
    make_judged_release(system, verdict="fail")
    changes = build_report_document(system, MONTH)["changes"]
    assert changes["ungated"] == [{"release": "2026.9", "decisions": 2_800}]
    assert changes["releases"][0]["gate"]["verdict"] == "fail"


def test_alarms_are_counted_as_they_were_judged_beside_what_was_announced() -> None:
    scene = set_scene()
    seal_more(scene.system)
    alarms = build_report_document(scene.system, MONTH)["alarms"]
    assert [alarms[name] for name in ("raised", "real", "false", "unjudged")] == [3, 1, 1, 1]
    # 784 rulings of the month at one false alarm in 5,000.
    assert alarms["expected_false"] == pytest.approx(784 / 5_000, rel=0.01)


def seal_more(system: AISystem) -> None:
    make_hours(system)
    kind = KINDS["override_rate"]
    baseline = kind.design({"n": 400, "events": 100}, kind.defaults(), Inputs())
    assert isinstance(baseline, dict)
    stated = kind.state_promise(kind.prepare(baseline, kind.defaults()), kind.defaults())
    Monitor.objects.filter(system=system, kind="override_rate").update(
        status="watching", baseline=baseline, baseline_sealed_at=datetime(2026, 8, 5, tzinfo=UTC), stated=stated
    )


def test_an_incident_says_how_long_people_took_and_the_breaker_how_long_it_stood_open() -> None:
    incidents = build_report_document(set_scene().system, MONTH)["incidents"]
    (incident,) = incidents["incidents"]
    assert (incident["acknowledged_after_s"], incident["mitigated_after_s"]) == (720, 3_600)
    assert incident["cause"].startswith("The new prompt")
    breaker = incidents["breaker"]
    assert (breaker["openings"], breaker["open_s"], breaker["half_open_s"]) == (1, 11 * 3_600, 2 * 3_600)


def test_a_breaker_that_was_open_before_the_month_counts_from_its_first_instant() -> None:
    system = set_scene().system
    move_breaker(system, "breaker.opened", datetime(2026, 9, 29, 18, tzinfo=UTC))
    move_breaker(system, "breaker.half_opened", datetime(2026, 10, 1, 5, tzinfo=UTC))
    move_breaker(system, "breaker.closed", datetime(2026, 10, 1, 8, tzinfo=UTC))
    breaker = build_report_document(system, date(2026, 10, 1))["incidents"]["breaker"]
    assert (breaker["openings"], breaker["open_s"], breaker["half_open_s"]) == (0, 5 * 3_600, 3 * 3_600)
    assert [move["state"] for move in breaker["moves"]] == ["half_open", "closed"]
    september = build_report_document(system, MONTH)["incidents"]["breaker"]
    assert (september["openings"], september["open_s"]) == (2, (11 + 30) * 3_600)


def move_breaker(system: AISystem, type: str, at: datetime) -> None:
    with transaction.atomic():
        record(
            organization_id=system.organization_id,
            type=type,
            actor=SYSTEM,
            subject=f"system:{system.pk}",
            payload={"reason": "It failed.", "state": type},
            occurred_at=at,
        )


def test_what_a_monitor_could_not_have_noticed_is_said_with_numbers() -> None:
    scene = set_scene()
    seal_more(scene.system)
    sight = build_report_document(scene.system, MONTH)["sight"]
    monitors = {one["kind"]: one for one in sight["monitors"]}
    override = monitors["override_rate"]
    assert (override["state"], override["observations"], override["unit"]) == ("watched", 784, "rulings")
    edges = {one["direction"]: one["edge"] for one in override["detectable"]}
    assert edges["down"] < 0.25 < edges["up"] < 0.5
    assert monitors["latency"]["state"] == "learning" and monitors["latency"]["detectable"] == []
    assert "latency" in sight["unwatched"] and "override_rate" not in sight["unwatched"]


def test_an_improvement_is_measured_against_the_month_that_it_was_decided_on() -> None:
    improvements = build_report_document(set_scene().system, MONTH)["improvements"]
    (item,) = improvements["measured"]
    assert (item["effect"]["before"], item["effect"]["now"]) == (0.08, 0.042857)
    assert item["effect"]["verdict"] == "lower" and item["effect"]["high"] < 0
    assert item["now_high"] < 0.06 and item["outcome"] == "reached"
    assert improvements["decided"] == []


@pytest.mark.parametrize(("expected", "outcome"), [(0.06, "reached"), (0.043, "cannot_be_told"), (0.02, "not_reached")])
def test_whether_it_was_reached_is_told_only_where_the_interval_tells(expected: float, outcome: str) -> None:
    scene = set_scene()
    type(scene.item).objects.update(expected_value=expected)
    (item,) = build_report_document(scene.system, MONTH)["improvements"]["measured"]
    assert item["outcome"] == outcome


def test_too_few_reviews_give_no_error_rate_but_what_is_missing() -> None:
    system = make_system()
    make_month(system, MONTH, n=20, days=1, certain_ruled=0, certain_errors=0, sampled_ruled=0, sampled_weight=0)
    quality = build_report_document(system, MONTH)["quality"]
    assert quality["estimate"] is None and quality["missing"]["reviews_needed"] > 0


def test_an_empty_month_has_a_document_too() -> None:
    document = build_report_document(make_system(), MONTH)
    assert document["volume"]["decisions"] == 0 and document["comparison"] is None
    assert document["cost"]["total_micros"] is None and document["forecast"]["cost_micros"]["expected"] is None


def test_a_running_month_is_forecast_to_its_end_and_one_that_is_over_forecasts_the_next() -> None:
    system = make_system()
    make_month(system, BEFORE, days=31)
    make_month(system, MONTH, days=14)
    running = build_report_document(system, MONTH, now=datetime(2026, 9, 15, 12, tzinfo=UTC))
    assert running["forecast"]["cost_micros"]["expected"] > 0 and not running["is_complete"]
    assert running["forecast"]["month"] == "2026-09"
    august = build_report(system, BEFORE)
    coming = august.document["forecast"]
    assert (coming["month"], coming["cost_micros"]["days"]) == ("2026-09", 28)
    a_day = august.document["cost"]["days"][-1]["models_micros"]
    assert coming["models_micros"]["expected"] == pytest.approx(30 * a_day)
    # What came later, in the month that was forecast, changes nothing.
    RollUp.objects.filter(system=system, starts_at__gte=end_of_month(BEFORE)).update(cost_micros=9_999_999)
    ReviewRate.objects.create(
        organization=system.organization,
        hour_micros=10**9,
        effective_from=MONTH,
        stated_by_label="x",
        created_at=timezone.now(),
    )
    assert build_report(system, BEFORE).text == august.text


def test_a_forecast_needs_fourteen_days_and_says_how_many_are_missing() -> None:
    system = make_system()
    for day in range(25, 31):
        make_day(system, datetime(2026, 9, day, tzinfo=UTC))
    cost = build_report_document(system, MONTH)["forecast"]["cost_micros"]
    # The day of its first decision was cut.
    assert (cost["days"], cost["more_days"], cost["expected"]) == (5, 9, None)


def test_a_ruling_counts_once_whether_it_approved_corrected_or_answered() -> None:
    system = make_system()
    make_day(system, datetime(2026, 9, 5, tzinfo=UTC), ruled=20, answered=8, judged=10, review_seconds=300.0)
    handling = build_report_document(system, MONTH)["handling"]
    assert (handling["rulings"], handling["seconds_per_ruling"]) == (30, 10.0)


def test_what_was_labelled_and_approved_was_not_wrong() -> None:
    failures = build_report_document(set_scene().system, MONTH)["failures"]
    assert [(one["label"], one["decisions"]) for one in failures["labels"]][:2] == [("tone", 168), ("wrong amount", 84)]
    assert "seen by legal" not in str(failures)
    assert failures["labels"][-1]["cumulated"] == 1.0


@pytest.mark.parametrize(("closed_on", "is_measured"), [(10, True), (31, True), (0, False)])
def test_what_was_closed_is_measured_over_one_whole_month_more(closed_on: int, is_measured: bool) -> None:
    scene = set_scene()
    closed_at = datetime(2026, 8, closed_on, tzinfo=UTC) if closed_on else datetime(2026, 7, 31, 23, tzinfo=UTC)
    type(scene.item).objects.update(
        month=date(2026, 7, 1), status="done", closed_at=closed_at, created_at=datetime(2026, 7, 2, tzinfo=UTC)
    )
    assert bool(build_report_document(scene.system, MONTH)["improvements"]["measured"]) == is_measured


def test_a_resolved_case_is_not_compared_where_the_cost_of_more_decisions_is_known() -> None:
    system = make_system()
    make_month(system, BEFORE, priced=20, cost_micros=20 * 4_217)
    make_month(system, MONTH)
    make_item(system, metric="cost_per_resolved", expected_value=0.005)
    document = build_report_document(system, MONTH)
    compared = {one["metric"]: one for one in document["comparison"]["metrics"]}
    assert compared["cost_per_resolved"]["verdict"] == "cannot_be_told"
    assert compared["cost_per_decision"]["verdict"] == "no_clear_change"
    assert document["improvements"]["measured"][0]["outcome"] == "cannot_be_told"
    RollUp.objects.update(priced=F("decisions"), cost_micros=F("decisions") * 4_217)
    document = build_report_document(system, MONTH)
    assert document["improvements"]["measured"][0]["outcome"] == "not_reached"


def test_hostile_names_are_kept_as_they_are() -> None:
    document = json.loads(build_report(set_scene().system, MONTH).text)
    assert HOSTILE in [one["label"] for one in document["failures"]["labels"]]


def test_a_report_costs_a_few_dozen_queries_however_long_the_month() -> None:
    system = set_scene().system
    with CaptureQueriesContext(connection) as queries:
        build_report(system, MONTH)
    assert len(queries) <= 32
