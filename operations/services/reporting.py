"""Freezing a month, holding a frozen one against the data, and its owner's signature."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db import IntegrityError, transaction

from evaluations.services.releases import READER as NOTING
from governance.actors import SYSTEM, Actor
from governance.errors import NotFound, NotPermitted
from governance.models import AISystem, AuditEntry, ReaderCursor
from governance.permissions import may_about
from governance.services.fields import read_text
from governance.services.recording import record
from governance.services.sweeping import sweep
from operations.errors import MonthNotOver, NothingToReport, ReportAttested, RepricingRunning, RollUpsBehind
from operations.models import OwnershipReport, Repricing, RollUpDue
from operations.months import end_of_month, month_after, name_month, start_of_month
from operations.report_document import BuiltReport, build_report, find_changed_sections
from operations.report_selectors import months_with_traffic, unattested_months
from operations.services.assigning import has_standing
from operations.services.rollups import CHANGED, MADE
from operations.services.rollups import READER as COUNTING
from reviews.models import Decision
from reviews.querysets import DecisionQuerySet
from reviews.services.clock import database_now

LONGEST_STATEMENT: Final = 4_000
# A month is over when the last decision that was made in it has been committed.
LATE_COMMITS: Final = timedelta(minutes=1)
# Nobody froze it by the third day: then it is frozen by itself, so that the owner has a week to sign it.
FROZEN_AFTER: Final = timedelta(days=2)
# With more unread entries than these the counting is plainly behind.
UNREAD_AT_MOST: Final = 1_000


def freeze_report(*, actor: Actor, system: AISystem, month: date) -> OwnershipReport:
    """Keep a month's report as its rows say it now; it never changes again. Frozen before, it is returned as it stands.

    Refuses (NotFound, NotPermitted) whom the system does not concern, (MonthNotOver) a month that is running, (NothingToReport)
    one before the system was there, (RollUpsBehind) one of which something is not counted yet, (RepricingRunning) one whose
    decisions are being priced anew.
    """
    if actor.kind != "system" and actor.organization_id != system.organization_id:
        raise NotFound()
    if not may_about(actor, "reports.freeze", system):
        raise NotPermitted("Reports are frozen by leads, owners and admins, and by the system's owner and backup.")
    standing = _find(system, month)
    if standing is not None:
        return standing
    built = _build_settled(system, month)
    with transaction.atomic(durable=True):
        now = database_now()
        report = OwnershipReport(
            organization_id=system.organization_id,
            system=system,
            month=month,
            document=built.text,
            sha256=built.sha256,
            frozen_at=now,
            frozen_by_label=actor.label,
        )
        if not _insert(report):
            found = _find(system, month)
            assert found is not None, "whoever was faster has committed, and nobody deletes"
            return found
        name = name_month(month)
        _record(
            "report.frozen",
            report,
            actor,
            to=[attester_of(system)],
            title=f"The report of {system.name} for {name} is frozen: it waits for your signature",
            now=now,
        )
    return report


def _build_settled(system: AISystem, month: date) -> BuiltReport:
    """The document of a month in which nothing moves. Its sections are read one after another: two readings that are alike say
    that nothing was counted or priced between them."""
    _refuse_unfit(system, month, database_now())
    built = build_report(system, month)
    _refuse_unfit(system, month, database_now())
    if build_report(system, month).sha256 != built.sha256:
        raise RollUpsBehind(state={"system": system.slug, "month": name_month(month)})
    return built


def _find(system: AISystem, month: date) -> OwnershipReport | None:
    report: OwnershipReport | None = OwnershipReport.objects.filter(system=system, month=month).first()
    return report


def _refuse_unfit(system: AISystem, month: date, now: datetime) -> None:
    until = end_of_month(month)
    if now < until + LATE_COMMITS:
        raise MonthNotOver(
            f"It ends on {until:%-d %B %Y}, 00:00 UTC, and can be frozen a minute later.",
            state={"system": system.slug, "month": name_month(month)},
        )
    if system.created_at >= until and not months_with_traffic([system], month, month_after(month)):
        raise NothingToReport("The system was not there yet.")
    if not is_counted(system, month):
        raise RollUpsBehind(state={"system": system.slug, "month": name_month(month)})
    # The month before stands in the report, too: for comparison.
    shown_from = start_of_month(month_after(month, -1))
    if Repricing.objects.filter(
        system=system, finished_at__isnull=True, since_at__lt=until, until_at__gt=shown_from
    ).exists():
        raise RepricingRunning("Costs of this month are being stated anew; freeze it when that is finished.")


def is_counted(system: AISystem, month: date) -> bool:
    """Whether the roll-ups of a month hold all that the log says about its decisions, and each release that these name for the
    first time has been noted."""
    since, until = start_of_month(month), end_of_month(month)
    if RollUpDue.objects.filter(system=system, starts_at__gte=since, starts_at__lt=until).exists():
        return False
    made = Decision.objects.real().filter(system=system, created_at__gte=since, created_at__lt=until)
    has_rolled_up = _has_read(COUNTING, MADE | CHANGED, made, system.organization_id)
    return has_rolled_up and _has_read(NOTING, MADE, made.exclude(release=""), system.organization_id)


def _has_read(reader: str, types: Collection[str], decisions: DecisionQuerySet, organization_id: uuid.UUID) -> bool:
    """Whether a reader of the log has nothing of these types before it that is about one of these decisions."""
    read_to = ReaderCursor.objects.filter(reader=reader).values_list("next_index", flat=True).first() or 0
    entries = AuditEntry.objects.filter(organization_id=organization_id, type__in=types).order_by()
    subjects: list[str] = []
    # One after the other: asked for both at once SQLite would read the whole log of the organization.
    for unread in (entries.filter(leaf_index__gte=read_to), entries.filter(leaf_index__isnull=True)):
        subjects += unread.values_list("payload__subject", flat=True)[: UNREAD_AT_MOST + 1]
    if len(subjects) > UNREAD_AT_MOST:
        return False
    keys = {uuid.UUID(subject.partition(":")[2]) for subject in subjects if subject}
    return not decisions.filter(pk__in=keys).exists()


def _insert(report: OwnershipReport) -> bool:
    """False where somebody was faster: a month has one report."""
    try:
        with transaction.atomic():
            report.save(force_insert=True)
    except IntegrityError:
        return False
    return True


def freeze_due(*, now: datetime | None = None, limit: int = 20) -> int:
    """The sweep: freeze what nobody has frozen by the third day after the month's end; how many were frozen, `limit` at the
    most. A month of which something is not counted yet is left to the next one, and keeps no other waiting."""
    instant = now or database_now()
    systems = list(AISystem.objects.select_related("organization", "owner", "backup").order_by("pk"))
    months = unattested_months(systems, now=instant)
    due = [
        (system, month)
        for system in systems
        for month, is_frozen in sorted(months[system.pk].items())
        if not is_frozen and end_of_month(month) + FROZEN_AFTER <= instant
    ]
    frozen = 0

    def freeze(one: tuple[AISystem, date]) -> bool:
        nonlocal frozen
        is_done = frozen < limit and _freeze(*one)
        frozen += is_done
        return is_done

    return sweep(due, freeze)


def _freeze(system: AISystem, month: date) -> bool:
    try:
        freeze_report(actor=SYSTEM, system=system, month=month)
    except (RollUpsBehind, MonthNotOver, RepricingRunning):
        return False
    return True


def attester_of(system: AISystem) -> uuid.UUID | None:
    """Who signs: the system's owner. The backup does where the owner's account is closed or has no role in the organization
    any more; None where neither is left, and then nobody can sign until an owner is named."""
    for person_id in (system.owner_id, system.backup_id):
        if person_id is not None and has_standing(system, person_id):
            return person_id
    return None


def may_attest(actor: Actor, system: AISystem) -> bool:
    is_here = actor.is_person and actor.organization_id == system.organization_id
    return is_here and actor.user_id is not None and actor.user_id == attester_of(system)


def attest_report(*, actor: Actor, report: OwnershipReport, statement: str) -> OwnershipReport:
    """The owner's signature under a frozen report, once, with a statement in their own words.

    Refuses (NotFound) another organization's, (NotPermitted) everybody but whom `attester_of` names, (Invalid) an empty
    statement, (ReportAttested) a second signature.
    """
    if actor.organization_id != report.organization_id:
        raise NotFound()
    system = AISystem.objects.select_related("owner", "backup").get(pk=report.system_id)
    if not may_attest(actor, system):
        raise NotPermitted(
            "A report is attested by the system's owner alone; by the backup only where the owner's account is closed."
        )
    chosen = read_text(statement, field="statement", limit=LONGEST_STATEMENT, is_multiline=True)
    with transaction.atomic(durable=True):
        now = database_now()
        signed = OwnershipReport.objects.filter(pk=report.pk, attested_at__isnull=True).update(
            attested_at=now, attested_by=actor.user_id, attested_by_label=actor.label, statement=chosen
        )
        report.refresh_from_db()
        if not signed:
            raise ReportAttested(state=describe_report(report))
        name = name_month(report.month)
        _record(
            "report.attested",
            report,
            actor,
            to=[system.owner_id, system.backup_id],
            title=f"{actor.label} has attested the report of {system.name} for {name}",
            now=now,
        )
    return report


def describe_report(report: OwnershipReport) -> dict[str, str | None]:
    """What a refusal says of the report as it is now."""
    return {
        "id": str(report.pk),
        "month": name_month(report.month),
        "sha256": report.sha256,
        "attested_by": report.attested_by_label or None,
    }


def _record(
    type: str, report: OwnershipReport, actor: Actor, *, to: Iterable[uuid.UUID | None], title: str, now: datetime
) -> None:
    """An entry with the document's hash; it names whom the log's readers tell."""
    slug, month = report.system.slug, name_month(report.month)
    record(
        organization_id=report.organization_id,
        type=type,
        actor=actor,
        subject=f"report:{report.pk}",
        payload={
            "report": str(report.pk),
            "system": slug,
            "month": month,
            "sha256": f"sha256:{report.sha256}",
            **({"statement": report.statement} if report.statement else {}),
            "to": [str(person) for person in dict.fromkeys(to) if person is not None],
            "title": title[:300],
            "path": f"/reports/{slug}/{month}/",
        },
        occurred_at=now,
    )


@dataclass(frozen=True, slots=True)
class Verification:
    """What the data say now against what was frozen: the hash that a report of today would have, and the sections that would
    differ. The frozen one stays."""

    sha256: str
    changed: list[str]

    @property
    def is_same(self) -> bool:
        return not self.changed


def verify_report(report: OwnershipReport) -> Verification:
    """Build the month anew and compare; changes nothing."""
    built = build_report(report.system, report.month)
    if built.text == report.document:
        return Verification(built.sha256, [])
    return Verification(built.sha256, find_changed_sections(report.document, built.document) or ["format"])
