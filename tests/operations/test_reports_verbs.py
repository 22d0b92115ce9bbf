"""Freezing a month, its guards, its owner's signature, the sweep, and items that are to make it better."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from governance.errors import Invalid, NotFound, NotPermitted
from governance.models import AISystem, AuditEntry, Membership
from governance.services.membership import NotAMember
from governance.services.sequencing import sequence_entries
from operations.errors import (
    ImprovementClosed,
    MonthNotOver,
    NothingToReport,
    ReportAttested,
    RepricingRunning,
    RollUpsBehind,
)
from operations.models import ImprovementItem, OwnershipReport, Repricing, RollUp
from operations.months import month_of
from operations.report_document import build_report
from operations.services.improving import Intention, close_improvement, decide_improvement
from operations.services.reporting import (
    attest_report,
    attester_of,
    freeze_due,
    freeze_report,
    is_counted,
    verify_report,
)
from operations.services.repricing import reprice_requested
from operations.services.rollups import note_due_step, recount_due, roll_up
from reviews.models import Notification
from reviews.services.clock import database_now
from reviews.services.notifying import notify_from_log
from tests.factories import actor_of, make_actor, make_organization, make_person, make_system
from tests.operations.report_scenes import BEFORE, MONTH, make_item, make_month, set_scene
from tests.reviews.scenes import open_desk
from tests.support.races import race

pytestmark = pytest.mark.django_db


def make_full(month: date = MONTH) -> AISystem:
    """A system that was there and answered in a month."""
    system = make_system()
    AISystem.objects.filter(pk=system.pk).update(created_at=datetime(2026, 7, 1, tzinfo=UTC))
    system.refresh_from_db()
    make_month(system, month, days=3)
    return system


def owner_of(system: AISystem) -> Any:
    return actor_of(system.owner, system.organization)


def freeze(system: AISystem, month: date = MONTH) -> OwnershipReport:
    return freeze_report(actor=owner_of(system), system=system, month=month)


def test_a_frozen_month_has_the_bytes_that_the_rows_give_and_its_hash_is_in_the_log() -> None:
    system = make_full()
    report = freeze(system)
    assert report.document == build_report(system, MONTH).text
    entry = AuditEntry.objects.get(type="report.frozen")
    payload = json.loads(entry.payload.payload)
    assert entry.payload.subject == f"report:{report.pk}"
    assert payload["sha256"] == f"sha256:{report.sha256}" and payload["month"] == "2026-09"


def test_freezing_twice_gives_the_same_report() -> None:
    system = make_full()
    first = freeze(system)
    RollUp.objects.filter(system=system, dimension="").update(overridden=1)
    assert freeze(system) == first and OwnershipReport.objects.get().document == first.document
    assert AuditEntry.objects.filter(type="report.frozen").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_who_freeze_at_once_one_report_stands() -> None:
    system = make_full()
    lead = make_actor(system.organization, "lead")
    first, second = race(lambda: freeze(system), lambda: freeze_report(actor=lead, system=system, month=MONTH))
    assert first == second == OwnershipReport.objects.get()
    assert AuditEntry.objects.filter(type="report.frozen").count() == 1


def test_a_running_month_is_not_frozen() -> None:
    system = make_full()
    with pytest.raises(MonthNotOver):
        freeze(system, month_of(database_now()))


def test_a_month_before_the_system_is_not_frozen() -> None:
    with pytest.raises(NothingToReport):
        freeze(make_system())


def test_a_month_of_which_an_hour_is_due_waits() -> None:
    system = make_full()
    with transaction.atomic():
        note_due_step(hours=[(system.pk, datetime(2026, 9, 3, 7, tzinfo=UTC))], now=database_now())
    with pytest.raises(RollUpsBehind):
        freeze(system)
    assert freeze_due() == 0
    while recount_due():
        pass
    assert freeze(system).month == MONTH


@pytest.mark.parametrize(
    ("since", "until", "waits"),
    [
        (datetime(2026, 9, 30, tzinfo=UTC), datetime(2026, 10, 2, tzinfo=UTC), True),
        (datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 8, 2, tzinfo=UTC), True),
        (datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC), False),
        (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 2, tzinfo=UTC), False),
    ],
)
def test_a_month_that_is_priced_anew_or_is_compared_with_such_a_one_waits(
    since: datetime, until: datetime, waits: bool
) -> None:
    system = make_full()
    Repricing.objects.create(
        organization=system.organization,
        system=system,
        since_at=since,
        until_at=until,
        reason="The contract's price.",
        created_at=database_now(),
    )
    if not waits:
        assert freeze(system).month == MONTH
        return
    with pytest.raises(RepricingRunning):
        freeze(system)
    assert freeze_due() == 0
    while reprice_requested():
        pass
    while recount_due():
        pass
    assert freeze(system).month == MONTH


def test_what_is_counted_while_a_month_is_read_makes_it_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    system = make_full()
    readings = 0

    def read_and_count(*given: Any) -> Any:
        nonlocal readings
        readings += 1
        built = build_report(*given)
        if readings == 1:
            RollUp.objects.filter(system=system, dimension="").update(overridden=1)
        return built

    monkeypatch.setattr("operations.services.reporting.build_report", read_and_count)
    with pytest.raises(RollUpsBehind):
        freeze(system)
    assert not OwnershipReport.objects.exists()
    assert freeze(system).document == build_report(system, MONTH).text


def test_a_month_that_waits_keeps_no_other_waiting() -> None:
    behind, ready = make_full(), make_full()
    with transaction.atomic():
        note_due_step(hours=[(behind.pk, datetime(2026, 9, 3, 7, tzinfo=UTC))], now=database_now())
    assert freeze_due(limit=1) == 1
    assert OwnershipReport.objects.get().system == ready


def test_a_decision_that_is_not_counted_yet_makes_only_its_own_month_wait() -> None:
    desk = open_desk()
    desk.ask()
    sequence_entries()
    system, running = desk.system, month_of(database_now())
    assert not is_counted(system, running) and is_counted(system, BEFORE)
    roll_up(budget_s=20)
    assert is_counted(system, running)


@pytest.mark.parametrize("role", ["viewer", "reviewer", "policy_author", "auditor"])
def test_who_does_not_answer_for_the_system_does_not_freeze(role: str) -> None:
    system = make_full()
    with pytest.raises(NotPermitted):
        freeze_report(actor=make_actor(system.organization, role), system=system, month=MONTH)


def test_a_stranger_finds_nothing_to_freeze_or_attest() -> None:
    system = make_full()
    stranger = make_actor(make_organization(), "owner", "admin")
    with pytest.raises(NotFound):
        freeze_report(actor=stranger, system=system, month=MONTH)
    with pytest.raises(NotFound):
        attest_report(actor=stranger, report=freeze(system), statement="Mine")


def refuse(sql: str, *parameters: Any) -> None:
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)


@pytest.mark.parametrize(
    "change",
    ["document = '{}'", "sha256 = 'x'", "month = '2026-08-01'", "frozen_by_label = 'x'", "statement = 'x'"],
)
def test_the_database_keeps_a_frozen_report_as_it_is(change: str) -> None:
    freeze(make_full())
    refuse(f"UPDATE operations_ownershipreport SET {change}")
    refuse("DELETE FROM operations_ownershipreport")


def test_the_database_keeps_a_signature_too() -> None:
    system = make_full()
    attest_report(actor=owner_of(system), report=freeze(system), statement="Read.")
    refuse("UPDATE operations_ownershipreport SET statement = 'Never read.'")
    refuse("UPDATE operations_ownershipreport SET attested_at = NULL, attested_by_id = NULL, attested_by_label = ''")


def test_the_owner_attests_once_and_the_log_holds_the_hash() -> None:
    system = make_full()
    report = freeze(system)
    attested = attest_report(actor=owner_of(system), report=report, statement=" The open points are mine. ")
    assert (attested.attested_by, attested.statement) == (system.owner, "The open points are mine.")
    payload = json.loads(AuditEntry.objects.get(type="report.attested").payload.payload)
    assert payload["sha256"] == f"sha256:{report.sha256}" and payload["statement"] == "The open points are mine."
    with pytest.raises(ReportAttested):
        attest_report(actor=owner_of(system), report=report, statement="Again")


@pytest.mark.django_db(transaction=True)
def test_of_two_signatures_at_once_one_stands() -> None:
    system = make_full()
    report = freeze(system)
    actor = owner_of(system)
    results = race(*[lambda: attest_report(actor=actor, report=report, statement="Read.")] * 2)
    assert sorted(type(one).__name__ for one in results) == ["OwnershipReport", "ReportAttested"]
    assert AuditEntry.objects.filter(type="report.attested").count() == 1


def test_nobody_but_the_owner_attests_not_even_an_admin_or_the_backup() -> None:
    system = make_full()
    report = freeze(system)
    backup = actor_of(system.backup, system.organization)
    for actor in (backup, make_actor(system.organization, "admin", "owner", "lead")):
        with pytest.raises(NotPermitted):
            attest_report(actor=actor, report=report, statement="Read.")


def test_the_backup_attests_where_the_owners_account_is_closed() -> None:
    system = make_full()
    report = freeze(system)
    type(system.owner).objects.filter(pk=system.owner_id).update(is_active=False)
    backup = actor_of(system.backup, system.organization)
    assert attest_report(actor=backup, report=report, statement="For Ann.").attested_by == system.backup


def test_where_owner_and_backup_have_left_nobody_can_attest() -> None:
    system = make_full()
    Membership.objects.filter(user__in=[system.owner, system.backup]).delete()
    assert attester_of(system) is None


def test_an_attestation_without_a_word_is_refused() -> None:
    system = make_full()
    with pytest.raises(Invalid):
        attest_report(actor=owner_of(system), report=freeze(system), statement="  ")


def test_the_sweep_freezes_on_the_third_day_and_tells_the_owner() -> None:
    system = make_full()
    third = datetime(2026, 10, 3, tzinfo=UTC)
    assert freeze_due(now=third - timedelta(seconds=1)) == 0
    assert freeze_due(now=third) == 1
    assert freeze_due(now=third) == 0
    report = OwnershipReport.objects.get()
    assert (report.system, report.month, report.frozen_by_label) == (system, MONTH, "Countersign")
    sequence_entries()
    while notify_from_log():
        pass
    told = Notification.objects.get(type="report.frozen")
    assert told.user == system.owner and told.path == f"/reports/{system.slug}/2026-09/"
    assert "waits for your signature" in told.title


def test_the_sweep_leaves_months_without_traffic_and_before_the_system_alone() -> None:
    idle = make_full()
    RollUp.objects.filter(system=idle).update(decisions=0)
    young = make_full()
    AISystem.objects.filter(pk=young.pk).update(created_at=datetime(2026, 10, 1, tzinfo=UTC))
    assert freeze_due(now=datetime(2026, 11, 20, tzinfo=UTC)) == 0


def test_verifying_says_which_sections_late_rulings_have_changed_and_the_frozen_one_stays() -> None:
    system = set_scene().system
    report = freeze(system)
    assert verify_report(report).is_same
    RollUp.objects.filter(system=system, dimension="", starts_at__gte=datetime(2026, 9, 28, tzinfo=UTC)).update(
        ruled=99
    )
    found = verify_report(report)
    assert found.changed == ["comparison", "handling"] and found.sha256 != report.sha256
    report.refresh_from_db()
    assert verify_report(report).changed and report.sha256 in report_line(system)


def report_line(system: AISystem) -> str:
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("report", f"{system.organization.slug}/{system.slug}", "2026-09", "--verify", stdout=out)
    return out.getvalue()


def test_the_command_prints_freezes_and_verifies() -> None:
    system = make_full()
    place = f"{system.organization.slug}/{system.slug}"

    def run(*more: str) -> str:
        out = StringIO()
        call_command("report", place, "2026-09", *more, stdout=out)
        return out.getvalue()

    text = run()
    assert text == build_report(system, MONTH).text
    with pytest.raises(CommandError, match="not frozen"):
        run("--verify")
    report = json.loads(run("--freeze", "--json"))
    assert report["sha256"] == f"sha256:{OwnershipReport.objects.get().sha256}"
    assert run() == text and "same bytes" in run("--verify")
    with pytest.raises(CommandError):
        call_command("report", "nobody/nothing", "2026-09")


def intend(system: AISystem, **fields: Any) -> Intention:
    due = database_now().date() + timedelta(days=30)
    given = {"month": MONTH, "title": "Fewer errors", "metric": "error_rate", "expected_value": 0.05}
    return Intention(**{**given, "owner_id": system.owner_id, "due_on": due, **fields})


def test_an_improvement_is_decided_told_and_closed_once() -> None:
    system = make_system()
    lead = make_actor(system.organization, "lead")
    item = decide_improvement(actor=lead, system=system, intention=intend(system))
    assert (item.status, item.owner) == ("open", system.owner)
    assert json.loads(AuditEntry.objects.get(type="improvement.decided").payload.payload)["to"] == [
        str(system.owner_id)
    ]
    closed = close_improvement(actor=owner_of(system), item=item, status="done", note="It is sampled.")
    assert (closed.status, closed.closing_note) == ("done", "It is sampled.")
    with pytest.raises(ImprovementClosed):
        close_improvement(actor=lead, item=item, status="dropped", note="No.")
    assert AuditEntry.objects.filter(type="improvement.closed").count() == 1


def test_what_is_to_become_better_is_decided_once_until_it_is_closed() -> None:
    system = make_system()
    lead = make_actor(system.organization, "lead")
    item = decide_improvement(actor=lead, system=system, intention=intend(system))
    assert decide_improvement(actor=lead, system=system, intention=intend(system)) == item
    assert decide_improvement(actor=lead, system=system, intention=intend(system, expected_value=0.04)) != item
    close_improvement(actor=lead, item=item, status="dropped", note="No.")
    assert decide_improvement(actor=lead, system=system, intention=intend(system)) != item
    assert AuditEntry.objects.filter(type="improvement.decided").count() == 3


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"metric": "happiness"}, "/metric"),
        ({"expected_value": 1.2}, "/expected_value"),
        ({"expected_value": float("nan")}, "/expected_value"),
        ({"expected_value": -0.1}, "/expected_value"),
        ({"month": date(2090, 1, 1)}, "/month"),
        ({"due_on": date(2020, 1, 1)}, "/due_on"),
        ({"owner_id": None}, "/owner"),
        ({"title": " "}, "/title"),
    ],
)
def test_an_improvement_that_says_too_little_is_refused(fields: dict[str, Any], pointer: str) -> None:
    system = make_system()
    with pytest.raises(Invalid) as refusal:
        decide_improvement(actor=owner_of(system), system=system, intention=intend(system, **fields))
    assert [error["pointer"] for error in refusal.value.errors] == [pointer]


def test_an_improvement_has_an_owner_from_the_organization() -> None:
    system = make_system()
    outsider = make_person(make_organization(), "owner")
    with pytest.raises(NotAMember):
        decide_improvement(actor=owner_of(system), system=system, intention=intend(system, owner_id=outsider.pk))


def test_improvements_are_not_for_everybody() -> None:
    system = make_system()
    item = make_item(system)
    for actor in (make_actor(system.organization, "viewer"), make_actor(system.organization, "reviewer")):
        with pytest.raises(NotPermitted):
            decide_improvement(actor=actor, system=system, intention=intend(system))
        with pytest.raises(NotPermitted):
            close_improvement(actor=actor, item=item, status="done", note="x")
    stranger = make_actor(make_organization(), "owner")
    with pytest.raises(NotFound):
        decide_improvement(actor=stranger, system=system, intention=intend(system))
    assert ImprovementItem.objects.count() == 1


def test_whoever_has_an_item_closes_it() -> None:
    system = make_system()
    reviewer = make_person(system.organization, "reviewer")
    item = make_item(system, owner=reviewer)
    actor = actor_of(reviewer, system.organization)
    assert close_improvement(actor=actor, item=item, status="dropped", note="Not needed.").status == "dropped"
