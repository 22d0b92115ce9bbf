"""One organization that holds one of everything, so that every address of the site leads to something."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from evaluations.services.gating import Plan, open_run
from evaluations.services.releases import state_release
from evaluations.services.sealing import seal_version
from governance.actors import OPERATOR
from governance.models import AccessToken, AISystem, Group, Organization, PolicyVersion, User
from governance.permissions import ROLES
from governance.services.accounts import make_password_link
from governance.services.recording import record
from operations.models import ImprovementItem, ModelPrice, OwnershipReport, Repricing
from operations.months import month_after, month_of, name_month
from operations.report_document import build_report
from operations.services.budgets import state_budget, state_review_rate
from reviews.models import Notification
from tests.evaluations.scenes import make_dataset, make_example
from tests.factories import (
    actor_of,
    make_decision,
    make_escalation,
    make_key,
    make_organization,
    make_person,
    make_queue,
    make_system,
    put_in_force,
)
from tests.operations.watch_scenes import make_alarm, make_channel, make_incident

# Stands in the name of everything that this organization holds: a stranger's page must not show it.
MARK = "our-own"


@dataclass
class Scene:
    organization: Organization
    people: dict[str, User]
    stranger: User
    key: str
    foreign_key: str
    arguments: dict[str, Any] = field(default_factory=dict)
    own: dict[str, dict[str, Any]] = field(default_factory=dict)


def set_scene() -> Scene:
    """People with one role each, a person of another organization who holds all of them there, and the things."""
    organization = make_organization(slug=MARK, name=f"{MARK} organization")
    people = {role: make_person(organization, role, name=f"{MARK} {role}") for role in ROLES}
    elsewhere = make_organization()
    stranger = make_person(elsewhere, *ROLES)
    system = make_system(organization, slug=f"{MARK}-system", name=f"{MARK} system", owner=people["owner"])
    key, secret = make_key(system, name=f"{MARK} key")
    _, foreign_key = make_key(make_system(elsewhere, owner=stranger))
    group = Group.objects.create(organization=organization, slug=f"{MARK}-group", name=f"{MARK} group")
    queue = make_queue(organization, slug=f"{MARK}-queue", name=f"{MARK} queue")
    subject = make_person(organization, "viewer", name=f"{MARK} subject")
    escalation = make_escalation(make_decision(system), queue=queue, title=f"{MARK} escalation")
    version = put_in_force(system)
    draft = PolicyVersion.objects.create(
        organization=organization, policy=version.policy, number=2, source=version.source, author=subject
    )
    dataset = make_dataset(system, slug=f"{MARK}-dataset", name=f"{MARK} dataset")
    with transaction.atomic():
        entry = record(
            organization_id=organization.pk, type="test.marked", actor=OPERATOR, subject="x:1", payload={"mark": MARK}
        )
    example = make_example(dataset, input={"message": MARK})
    sealed = seal_version(actor=OPERATOR, dataset_id=dataset.pk, reason=f"{MARK} reason")
    release = state_release(actor=OPERATOR, system=system, name=f"{MARK} release", reason=f"{MARK} reason")
    run = open_run(actor=OPERATOR, version=sealed, plan=Plan(candidate=release.name, split=""))
    incident = make_incident(system, title=f"{MARK} incident")
    alarm = make_alarm(incident, title=f"{MARK} alarm", evidence=[escalation.decision])
    price = ModelPrice.objects.create(
        organization=organization,
        pattern=f"{MARK}/model",
        effective_from=entry.occurred_at.date(),
        input=1,
        output=2,
        created_at=entry.occurred_at,
    )
    owner = actor_of(people["owner"], organization)
    budget = state_budget(actor=owner, system=system, monthly_micros=10**9, note=f"{MARK} note")
    rate = state_review_rate(
        actor=owner, hour_micros=10**7, effective_from=entry.occurred_at.date(), note=f"{MARK} note"
    )
    Repricing.objects.create(
        organization=organization,
        system=system,
        since_at=entry.occurred_at - timedelta(days=1),
        until_at=entry.occurred_at,
        reason=f"{MARK} reason",
        requested_by_label="x",
        created_at=entry.occurred_at,
        finished_at=entry.occurred_at,
    )
    report, item = make_month_of(system, entry.occurred_at)
    scene = Scene(organization, people, stranger, secret, foreign_key)
    _, _, uidb64, token, _ = make_password_link(subject).removeprefix("http://").split("/")
    scene.arguments = {
        "system_id": system.pk,
        "systems/slug": system.slug,
        "policies/slug": system.slug,
        "queues/slug": queue.slug,
        "person_id": subject.pk,
        "group_id": group.pk,
        "key_id": key.pk,
        "decision_id": escalation.decision_id,
        "escalation_id": escalation.pk,
        "policy_id": version.policy_id,
        "version_id": draft.pk,
        "dataset_id": dataset.pk,
        "example_id": example.pk,
        "datasets/number": sealed.number,
        "run_id": run.pk,
        "incident_id": incident.pk,
        "report_id": report.pk,
        "reports/slug": system.slug,
        "month": name_month(report.month),
        "item_id": item.pk,
        "due_on": f"{entry.occurred_at + timedelta(days=9):%Y-%m-%d}",
        "monitor_id": alarm.monitor_id,
        "channel_id": make_channel(organization, name=f"{MARK} channel").pk,
        "number": draft.number,
        "entry_id": entry.pk,
        "price_id": price.pk,
        "budget_id": budget.pk,
        "rate_id": rate.pk,
        "view": "all",
        "format": "csv",
        "review_id": uuid.uuid4(),
        "unknown_id": uuid.uuid4(),
        "source": version.source,
        "sha256": version.sha256,
        "reviewer_email": people["reviewer"].email,
        "uidb64": uidb64,
        "token": token,
    }
    for number, (role, person) in enumerate(people.items()):
        token = AccessToken.objects.create(
            organization=organization, user=person, name=MARK, prefix="cs_pat_test", secret_sha256=f"{number:064}"
        )
        notification = Notification.objects.create(
            organization=organization,
            user=person,
            entry_id=entry.pk,
            type="escalation.opened",
            title=f"{MARK} news",
            path="/overview/",
            created_at=entry.occurred_at,
        )
        scene.own[role] = {"token_id": token.pk, "notification_id": notification.pk}
    return scene


def make_month_of(system: AISystem, now: datetime) -> tuple[OwnershipReport, ImprovementItem]:
    """The frozen report of the month before, not signed yet, and an item that was decided on it."""
    month = month_after(month_of(now), -1)
    item = ImprovementItem.objects.create(
        organization_id=system.organization_id,
        system=system,
        month=month,
        title=f"{MARK} improvement",
        metric=ImprovementItem.Metric.ERROR_RATE,
        expected_value=0.05,
        owner=system.owner,
        due_on=(now + timedelta(days=20)).date(),
        created_by_label=f"{MARK} owner",
        created_at=now,
    )
    built = build_report(system, month)
    report = OwnershipReport.objects.create(
        organization_id=system.organization_id,
        system=system,
        month=month,
        document=built.text,
        sha256=built.sha256,
        frozen_at=now,
        frozen_by_label=f"{MARK} owner",
    )
    return report, item
