"""Scenes of the browser tests: an office at work, in which every text can mean harm, and people who are signed in to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models, transaction
from django.test import Client
from django.utils import timezone

from evaluations.models import Dataset
from evaluations.services.harvesting import harvest_corrections
from governance.models import (
    AccessToken,
    AISystem,
    ApiKey,
    Group,
    Membership,
    Organization,
    PolicyVersion,
    User,
)
from governance.permissions import ROLES
from governance.services.policy_life import draft_version, submit_version
from governance.services.recording import record
from operations.models import Alarm, Channel, Incident, Monitor, Recovery
from reviews.models import Decision, Escalation, Notification, Outcome
from reviews.rulings import Ruling
from reviews.services.drafts import save_draft
from reviews.services.rulings import Submission, rule
from reviews.services.triage import claim
from tests.contract.scene import Scene, set_scene
from tests.factories import POLICY, actor_of, make_person, put_in_force
from tests.operations.watch_scenes import make_alarm, make_incident, make_monitor
from tests.reviews.scenes import FIXED, SMALL, Desk

if TYPE_CHECKING:
    from playwright.sync_api import Page

LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2
HARM = "<script>alert(1)</script><img src=x onerror=alert(2)>\u202eevil\u2066\u200b{{ 7*7 }} "
HOSTILE = HARM + LONG_WORD
PASSWORD = "correct horse battery"


def sign_in(page: Page, address: str, person: User) -> None:
    """The page's browser becomes this person's, whoever it was before."""
    client = Client()
    client.force_login(person)
    name = settings.SESSION_COOKIE_NAME
    page.context.clear_cookies()
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": address}])


@dataclass
class Office:
    """The contract's scene at work. `everybody` holds every role; `more` are pages beyond the table's one for each
    address."""

    scene: Scene
    desk: Desk
    everybody: User
    more: list[str]


def open_office(*, hostile: bool) -> Office:
    """Escalations held, ruled, asked about and waiting, a dataset, a policy to approve; hostile text wherever a text of
    an AI, a user or a colleague can stand."""
    scene = set_scene()
    everybody = scene.people["admin"]
    for role in ROLES:
        Membership.objects.get_or_create(organization=scene.organization, user=everybody, role=role)
    system = AISystem.objects.get(pk=scene.arguments["system_id"])
    desk = Desk(scene.organization, system, ApiKey.objects.get(pk=scene.arguments["key_id"]), scene.key)
    group = Group.objects.get(pk=scene.arguments["group_id"])
    group.members.add(everybody)
    words = HOSTILE if hostile else "The lamp came in two pieces."
    if hostile:
        put_in_force(system, POLICY.replace("Refunds over 200 need a person", f"{HARM[:58]}{LONG_WORD}"))
    held, decided = work_at(desk, everybody, words, hostile=hostile)
    harvest_corrections()
    with transaction.atomic():
        entry = record(
            organization_id=scene.organization.pk,
            type="test.marked",
            actor=actor_of(everybody, scene.organization),
            subject="x:2",
            payload={"words": words, words[:40]: [words, {"deep": words}]},
        )
    source = POLICY.replace("Nobody wipes", words[25:]) + ("\nnonsense: [\n" if hostile else "")
    submitted = submit_by_somebody(scene, LONG_WORD if hostile else "Finance trusts it up to 250")
    PolicyVersion.objects.filter(pk=scene.arguments["version_id"]).update(source=source)
    resolved, watching = leave_a_resolved_incident(system)
    if hostile:
        make_every_text_hostile(scene.organization)
    review, policy = f"/review/{held.pk}/", f"/policies/{submitted.policy_id}/versions"
    tabs = ("conversation", "input", "context", "rules", "similar", "history", "raw")
    more = [f"{review}?tab={tab}" for tab in tabs]
    more += [f"/decisions/{one.pk}/" for one in decided]
    more += [f"/queue/{view}/" for view in ("mine", "waiting", "quality", "breaching")]
    more += [f"{policy}/1/", f"{policy}/{submitted.number}/", f"/audit/{entry.pk}/"]
    more += [f"/datasets/{dataset.pk}/" for dataset in Dataset.objects.filter(organization=scene.organization)]
    more += [
        f"/incidents/{resolved.pk}/",
        f"/incidents/{resolved.pk}/review/",
        f"/systems/{system.slug}/breaker/?state=open",
    ]
    more += [f"/monitors/{watching.pk}/preview/?baseline=50&arl0=50000&batch=20&floor=0.2&cooldown_s=0&days=30"]
    return Office(scene, desk, everybody, more)


def leave_a_resolved_incident(system: AISystem) -> tuple[Incident, Monitor]:
    """An incident to be reviewed, its monitor, and a way back that is under way."""
    resolved = make_incident(system, fingerprint="ownership", status=Incident.Status.RESOLVED)
    watching = make_monitor(system, kind=Monitor.Kind.LATENCY)
    make_alarm(resolved, watching, segment="action=refund", is_false=True)
    Recovery.objects.create(
        organization_id=system.organization_id, system=system, incident=resolved, share=0.2, started_at=timezone.now()
    )
    return resolved, watching


def work_at(desk: Desk, person: User, words: str, *, hostile: bool) -> tuple[Escalation, list[Decision]]:
    """What a day leaves behind: an escalation that `person` holds, with a draft of a correction, and the decisions of
    each kind that were made."""
    actor = actor_of(person, desk.organization)
    messages = [{"role": "user", "content": words}, {"role": "assistant", "content": words}]
    sent: dict[str, Any] = {"input": {"message": words}, "context": {"messages": messages, "order": {"note": words}}}
    if hostile:
        sent["context"][words[:80]] = words
        sent["input"][words[:80]] = [words, {"deep": words}]
    big = {"name": "refund", "arguments": {"amount": 900.0, "customer": "C-1042", "note": words}}
    desk.queue(undo_window_s=0)
    corrected = desk.ask(action=big, confidence=0.61, model="m-4", **sent)
    ruled(desk, person, corrected, "correct", action=FIXED, labels=("wrong-amount",), reason=words, note=words)
    Outcome.objects.create(
        organization=desk.organization,
        decision=corrected,
        status="executed",
        detail=f'{{"said": "{words}"}}',
        reported_at=timezone.now(),
    )
    desk.queue(undo_window_s=3000)
    approved = desk.ask(action=big, **sent)
    ruled(desk, person, approved, "approve", note=words)
    asked = desk.ask(action=big, **sent)
    ruled(desk, person, asked, "need_information", reason=words)
    free = desk.ask(action=big, subject="legal", **sent)
    done = [desk.ask(action={"name": "wipe", "arguments": {"path": words}}, **sent), desk.ask(action=SMALL, **sent)]
    other = make_person(desk.organization, "reviewer", name="Another Reviewer")
    claim(actor=actor_of(other, desk.organization), escalation_id=desk.escalation(action=big, **sent).pk)
    held = desk.escalation(action=big, confidence=0.42, model="m-4", release="2026-11-02", **sent)
    claim(actor=actor, escalation_id=held.pk)
    draft = {"verdict": "correct", "action_name": "refund", "fix/amount": "150", "note": words, "labels": ["unsafe"]}
    save_draft(actor=actor, escalation=held, fields=draft)
    return held, [corrected, approved, asked, free, *done]


def ruled(desk: Desk, person: User, decision: Decision, verdict: str, **fields: Any) -> None:
    actor, escalation = actor_of(person, desk.organization), decision.escalations.get()
    claimed = claim(actor=actor, escalation_id=escalation.pk)
    assert claimed.claim_token is not None
    submission = Submission(ruling=Ruling(verdict=verdict, **fields), claim_token=claimed.claim_token)
    rule(actor=actor, escalation_id=escalation.pk, submission=submission)


def submit_by_somebody(scene: Scene, reason: str) -> PolicyVersion:
    author = actor_of(make_person(scene.organization, "policy_author", name="Paula Author"), scene.organization)
    source = POLICY.replace("200.0", "250.0").replace("over 200", "over 250")
    policy_id = scene.arguments["policy_id"]
    draft = draft_version(actor=author, policy_id=policy_id, source=source)
    return submit_version(actor=author, version_id=draft.pk, reason=reason)


# Texts that people and applications write into rows; whatever else is shown comes through the API above.
TEXTS: tuple[tuple[type[models.Model], Iterable[str]], ...] = (
    (AISystem, ("name", "purpose", "fallback_message")),
    (ApiKey, ("name",)),
    (AccessToken, ("name",)),
    (Group, ("name",)),
    (Escalation, ("title", "reason", "question")),
    (Decision, ("model", "release", "subject", "actor", "trace_id", "session_id", "external_id")),
    (Dataset, ("name",)),
    (Notification, ("title",)),
    (Incident, ("title",)),
    (Alarm, ("title", "summary", "segment")),
    (Channel, ("name", "last_error")),
)


def make_every_text_hostile(organization: Organization) -> None:
    for model, names in TEXTS:
        fields = {name: model._meta.get_field(name) for name in names}
        hostile = {name: HOSTILE[: getattr(field, "max_length", None) or 400] for name, field in fields.items()}
        model._default_manager.filter(organization=organization).update(**hostile)
    organization.queues.update(name=HOSTILE[:200])
    User.objects.filter(memberships__organization=organization).update(name=HOSTILE[:200])
    Organization.objects.filter(pk=organization.pk).update(name=HOSTILE[:200])
