"""The way back: what is counted, when a half-open breaker closes, when it opens again, and that it happens once."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from governance.actors import SYSTEM
from governance.models import AISystem, AuditEntry
from operations.models import Incident, Monitor, Recovery
from operations.services.breaker import Conditions, close_breaker, half_open_breaker, open_breaker
from operations.services.incidents import resolve_incident
from operations.services.judging import judge_recoveries
from operations.services.recovering import measure_recovery
from reviews.models import Decision, Escalation, Outcome, Review
from tests.factories import make_decision, make_escalation, make_system
from tests.operations.incident_scenes import alarm_on, types_of
from tests.support.races import race

pytestmark = pytest.mark.django_db
FOUR = Conditions(share=0.5, wanted_rulings=4, most_overridden=0.25, wanted_outcomes=0)


def start(conditions: Conditions = FOUR) -> Recovery:
    system = make_system()
    open_breaker(actor=SYSTEM, system=system, reason="Wrong.")
    return half_open_breaker(actor=SYSTEM, system=system, conditions=conditions)


def rule_on(recovery: Recovery, ruled: str = "approve", **fields: Any) -> Decision:
    """A diverted decision, ruled on and released."""
    decision = make_decision(recovery.system, **{"is_diverted": True, **fields})
    escalation = make_escalation(decision)
    ruling = Review.objects.create(
        organization_id=decision.organization_id,
        escalation=escalation,
        decision=decision,
        reviewer=recovery.system.owner,
        reviewer_label="Owner",
        verdict=ruled,
        correction="{}" if ruled == "correct" else None,
        answer="{}" if ruled == "answer" else None,
        created_at=timezone.now(),
    )
    Escalation.objects.filter(pk=escalation.pk).update(
        status="closed", closure="ruled", ruling=ruling, closed_at=timezone.now()
    )
    return decision


def report(recovery: Recovery, *statuses: str, **fields: Any) -> None:
    decision = make_decision(recovery.system, status="allowed", verdict="allow", **fields)
    for status in statuses:
        Outcome.objects.create(
            organization_id=decision.organization_id, decision=decision, status=status, reported_at=timezone.now()
        )


def breaker_of(recovery: Recovery) -> str:
    return AISystem.objects.get(pk=recovery.system_id).breaker


def status_of(recovery: Recovery) -> str:
    return Recovery.objects.get(pk=recovery.pk).status


@pytest.mark.parametrize("is_by_hand", [True, False])
def test_what_may_open_the_breaker_watches_again_as_soon_as_it_is_closed(is_by_hand: bool) -> None:
    system = make_system()
    alarm_on(system, trips_breaker=True)
    alarm_on(system, "latency")
    alarm_on(make_system(), trips_breaker=True)
    recovery = half_open_breaker(actor=SYSTEM, system=AISystem.objects.get(pk=system.pk), conditions=FOUR)
    assert set(Monitor.objects.values_list("status", flat=True)) == {"alarmed"}
    if is_by_hand:
        close_breaker(actor=SYSTEM, system=system, reason="Repaired.")
    else:
        for _ in range(4):
            rule_on(recovery)
        assert judge_recoveries() == 1
    watching = Monitor.objects.get(status="watching")
    assert (watching.system, watching.kind) == (system, "override_rate")


def test_good_rulings_close_the_breaker() -> None:
    recovery = start()
    for verdict in ("approve", "approve", "correct"):
        rule_on(recovery, verdict)
    assert (judge_recoveries(), breaker_of(recovery)) == (0, "half_open")
    rule_on(recovery)
    assert (judge_recoveries(), breaker_of(recovery), status_of(recovery)) == (1, "closed", "passed")
    assert recovery.incident is not None
    assert types_of(recovery.incident)[-2:] == ["breaker.closed", "recovery.passed"]
    assert "1 of 4 rulings overrode the system" in Recovery.objects.get().finding
    assert judge_recoveries() == 0


def test_it_opens_again_as_soon_as_too_many_are_overridden() -> None:
    recovery = start()
    rule_on(recovery, "reject")
    assert judge_recoveries() == 0
    rule_on(recovery, "correct")
    assert (judge_recoveries(), breaker_of(recovery), status_of(recovery)) == (1, "open", "failed")
    assert recovery.incident is not None
    assert types_of(recovery.incident)[-3:] == ["incident.joined", "breaker.opened", "recovery.failed"]


def test_a_failed_recovery_of_a_resolved_incident_opens_another() -> None:
    recovery = start()
    assert recovery.incident is not None
    resolve_incident(actor=SYSTEM, incident_id=recovery.incident.pk, note="Over.")
    rule_on(recovery, "reject")
    rule_on(recovery, "reject")
    assert judge_recoveries() == 1
    assert Incident.objects.filter(status="open").count() == 1


def test_outcomes_are_a_condition_of_their_own() -> None:
    recovery = start(Conditions(share=0.5, wanted_rulings=0, wanted_outcomes=3, most_failed=0.34))
    report(recovery, "executed")
    report(recovery, "failed")
    report(recovery, "unknown")
    assert judge_recoveries() == 0
    report(recovery, "failed", "executed")
    assert (judge_recoveries(), status_of(recovery)) == (1, "passed")


def test_failing_outcomes_open_it_again() -> None:
    recovery = start(Conditions(share=0.5, wanted_rulings=0, wanted_outcomes=3, most_failed=0.34))
    report(recovery, "failed")
    report(recovery, "executed", "failed")
    assert (judge_recoveries(), breaker_of(recovery)) == (1, "open")


def test_only_what_would_act_is_counted() -> None:
    recovery = start()
    rule_on(recovery, "reject", is_diverted=False)
    rule_on(recovery, "reject", is_test=True)
    rule_on(recovery, "reject", created_at=recovery.started_at - timedelta(seconds=1))
    rule_on(recovery, "answer")
    rule_on(recovery, "reject", is_diverted=False, verdict="allow", status="allowed")
    make_escalation(make_decision(recovery.system, is_diverted=True))
    progress = measure_recovery(recovery)
    assert (progress.rulings, progress.overridden) == (2, 1)


@pytest.mark.parametrize(("kind", "is_setback"), [("latency", True), ("queue_age", False), ("owner", False)])
def test_a_new_alarm_opens_it_again_unless_the_breaker_explains_it(kind: str, is_setback: bool) -> None:
    recovery = start()
    alarm_on(recovery.system, kind)
    assert judge_recoveries() == is_setback
    assert breaker_of(recovery) == ("open" if is_setback else "half_open")


def test_a_monitor_that_trips_the_breaker_ends_the_recovery_at_once() -> None:
    recovery = start()
    alarm_on(recovery.system, "failed_outcomes", trips_breaker=True)
    assert (breaker_of(recovery), status_of(recovery)) == ("open", "failed")
    assert judge_recoveries() == 0


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_judge_once() -> None:
    recovery = start()
    for _ in range(4):
        rule_on(recovery)
    race(*[judge_recoveries] * 3)
    assert (breaker_of(recovery), status_of(recovery)) == ("closed", "passed")
    assert AuditEntry.objects.filter(type="breaker.closed", payload__subject__startswith="system:").count() == 1
    assert AuditEntry.objects.filter(type="recovery.passed").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_sweep_a_hand_and_an_alarm_at_once_leave_one_sound_state() -> None:
    recovery = start()
    for _ in range(4):
        rule_on(recovery)
    system = recovery.system
    race(
        judge_recoveries,
        lambda: close_breaker(actor=SYSTEM, system=AISystem.objects.get(pk=system.pk), reason="By hand."),
        lambda: alarm_on(AISystem.objects.get(pk=system.pk), "failed_outcomes", trips_breaker=True),
    )
    assert status_of(recovery) != "running"
    kinds = list(AuditEntry.objects.about(f"system:{system.pk}").values_list("type", flat=True))
    words = {"open": "breaker.opened", "closed": "breaker.closed"}
    assert kinds[-1] == words[breaker_of(recovery)]
