"""Ninety days of an organization, written by SQL on PostgreSQL: decisions with what happened to them, their rulings,
outcomes and costs, as B9 reads them."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

DAYS = 90
# The shares in which the decisions fall to the organization's systems.
SHARES = (0.7, 0.1, 0.1, 0.1)


@dataclass(frozen=True, slots=True)
class Site:
    """An organization, its largest system, and somebody who may see everything."""

    organization_id: uuid.UUID
    slug: str
    system_ids: list[uuid.UUID]
    person_id: uuid.UUID


def seed_site(decisions: int) -> Site:
    """An organization of four systems with that many decisions over ninety days; without roll-ups."""
    from django.db import connection, transaction

    from tests.factories import make_organization, make_person, make_queue, make_system

    organization = make_organization()
    owner = make_person(organization, "owner", "admin", "lead", "reviewer")
    systems = [make_system(organization, owner=owner) for _ in SHARES]
    queue = make_queue(organization)
    start = 0.0
    with transaction.atomic(), connection.cursor() as cursor:
        for system, share in zip(systems, SHARES, strict=True):
            values = {
                "organization": organization.pk,
                "system": system.pk,
                "queue": queue.pk,
                "reviewer": owner.pk,
                "size": round(decisions * share),
                "days": DAYS,
                "seed": 0.1 + start,
            }
            start += share / 2
            for statement in _SEED:
                cursor.execute(statement, values)
    _add_watching(systems, incidents=max(decisions // 5_000, 60))
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM (ANALYZE) {', '.join(_TABLES)}")
        cursor.execute("CHECKPOINT")
    return Site(organization.pk, systems[0].slug, [system.pk for system in systems], owner.pk)


def _add_watching(systems: list[Any], *, incidents: int) -> None:
    """A monitor of every kind for each system; incidents with an alarm each, all but one reviewed."""
    from django.utils import timezone

    from operations.models import Incident, Monitor
    from reviews.models import Decision
    from tests.operations.watch_scenes import make_alarm, make_incident, make_monitor

    for system in systems:
        for kind in Monitor.Kind.values:
            make_monitor(system, kind=kind)
    evidence = list(Decision.objects.filter(system=systems[0]).order_by("-created_at")[:5])
    now = timezone.now()
    for number in range(incidents):
        opened_at = now - timedelta(days=DAYS * number / incidents)
        incident = make_incident(systems[number % len(systems)], opened_at=opened_at, fingerprint=f"cause-{number}")
        if number:
            Incident.objects.filter(pk=incident.pk).update(
                status=Incident.Status.RESOLVED,
                acknowledged_at=opened_at,
                mitigated_at=opened_at,
                resolved_at=opened_at,
                next_step_at=None,
            )
        make_alarm(incident, evidence=evidence, detected_index=number)


_TABLES = (
    "reviews_decision",
    "reviews_decisionpayload",
    "reviews_escalation",
    "reviews_review",
    "reviews_outcome",
    "operations_costentry",
    "operations_incident",
    "operations_alarm",
)

# Ids begin with the time, as the product's do (UUIDv7), so that rows land in its order. `born` lives as long as the
# transaction; each system makes it anew. What waits is of the last eight days, enough for a full page of the
# queue at ten thousand.
_SEED = (
    "DROP TABLE IF EXISTS born",
    "SELECT setseed(%(seed)s)",
    """
CREATE TEMPORARY TABLE born ON COMMIT DROP AS
SELECT n, created_at,
    (lpad(to_hex((extract(epoch FROM created_at) * 1000)::bigint), 12, '0')
        || '7' || substr(digest, 1, 3) || '8' || substr(digest, 4, 15))::uuid AS id,
    gen_random_uuid() AS escalation_id, gen_random_uuid() AS review_id,
    CASE WHEN fate < .70 THEN 'allow' WHEN fate < .95 THEN 'review' ELSE 'block' END AS verdict,
    fate < .035 AS is_sampled,
    CASE WHEN fate < .70 OR fate >= .95 THEN false ELSE created_at > now() - interval '8 days' AND luck < .5 END AS waits,
    (fate < .035 OR (fate >= .70 AND fate < .95)) AND luck < .9 AS is_ruled,
    (ARRAY['approve', 'approve', 'approve', 'approve', 'approve', 'correct', 'reject'])[1 + floor(whim * 7)::int] AS ruling,
    whim, luck, fate
FROM (
    SELECT n, now() - (%(size)s - n) * (interval '1 day' * %(days)s / %(size)s) AS created_at,
        md5(%(system)s::text || n) AS digest, random() AS fate, random() AS luck, random() AS whim
    FROM generate_series(1, %(size)s) AS n
) AS drawn
""",
    """
INSERT INTO reviews_decision (id, organization_id, system_id, idempotency_key, request_sha256, mode, is_test, status,
    verdict, action_name, proposal_sha256, effective_sha256, confidence, subject, actor, trace_id, session_id, external_id,
    model, release, input_tokens, output_tokens, cached_input_tokens, latency_ms, rule, review_probability, is_sampled,
    is_diverted, expires_at, created_at, decided_at, decided_by_kind, decided_by_label)
SELECT id, %(organization)s, %(system)s, 'key-' || n, repeat('0', 64), 'enforce', false,
    CASE WHEN waits THEN 'pending' WHEN verdict = 'allow' THEN 'allowed' WHEN verdict = 'block' THEN 'blocked'
        WHEN NOT is_ruled THEN 'expired' ELSE (jsonb_build_object('approve', 'approved', 'correct', 'corrected',
        'reject', 'rejected') ->> ruling) END,
    verdict, (ARRAY['refund', 'send', 'book', 'close'])[1 + floor(whim * 4)::int], repeat('0', 64), '', luck,
    'customer-' || n %% 5000, 'agent-7', '', '', '',
    (ARRAY['openai/gpt-4o', 'openai/gpt-4o-mini', 'acme/triage-2'])[1 + floor(luck * 3)::int],
    'r' || (n * 12 / %(size)s), 1800, 200, 1000, exp(5 + 3 * (luck - .5)),
    (ARRAY['large-refund', 'legal', 'night', ''])[1 + floor(whim * 4)::int],
    CASE verdict WHEN 'allow' THEN .05 WHEN 'review' THEN 1 ELSE 0 END, is_sampled, false,
    CASE WHEN waits THEN created_at + interval '10 days' END, created_at,
    CASE WHEN NOT waits THEN created_at END,
    CASE WHEN waits THEN '' WHEN verdict <> 'review' THEN 'policy' WHEN is_ruled THEN 'person' ELSE 'timeout' END, ''
FROM born
""",
    """
INSERT INTO reviews_decisionpayload (decision_id, input, proposal, evaluation, message)
SELECT id, '{"text":"Order ' || n || ' came in two pieces."}', '{"action":{"arguments":{"amount":900},"name":"refund"}}',
    '{"rules":[]}', ''
FROM born
""",
    """
INSERT INTO reviews_escalation (id, organization_id, system_id, queue_id, decision_id, kind, status, priority, title, rule,
    reason, chain, on_timeout, respond_s, does_pause, opened_at, due_at, expires_at, question, closure, closed_at,
    ruling_id, version)
SELECT escalation_id, %(organization)s, %(system)s, %(queue)s, id, CASE WHEN verdict = 'allow' THEN 'quality' ELSE 'approval' END,
    CASE WHEN waits THEN 'open' ELSE 'closed' END, 1 + (n %% 50 = 0)::int, 'Refund bot wants to refund: 900', 'large-refund',
    'Refunds over 200 need a person', '[]', 'block', 864000, false, created_at, created_at + interval '10 days',
    created_at + interval '10 days', '', CASE WHEN waits THEN '' WHEN is_ruled THEN 'ruled' ELSE 'expired' END,
    CASE WHEN NOT waits THEN created_at END, CASE WHEN is_ruled AND NOT waits THEN review_id END, 1
FROM born WHERE verdict = 'review' OR is_sampled
""",
    """
INSERT INTO reviews_review (id, organization_id, escalation_id, decision_id, reviewer_id, reviewer_label, verdict, correction,
    labels, reason, note, group_slug, held_s, idempotency_key, request_sha256, created_at)
SELECT review_id, %(organization)s, escalation_id, id, %(reviewer)s, 'Reviewer', ruling,
    CASE WHEN ruling = 'correct' THEN '{"action":{"arguments":{},"name":"refund"}}' END,
    CASE WHEN ruling = 'approve' THEN '[]'::jsonb ELSE jsonb_build_array((ARRAY['wrong-date', 'wrong-amount', 'tone'])[1
        + floor(luck * 3)::int]) END,
    '', '', '', 20 + 60 * luck, '', '', created_at
FROM born WHERE (verdict = 'review' OR is_sampled) AND is_ruled AND NOT waits
""",
    """
INSERT INTO reviews_outcome (organization_id, decision_id, status, is_resolved, reported_at)
SELECT %(organization)s, id, CASE WHEN luck < .05 THEN 'failed' ELSE 'executed' END, whim < .8, created_at
FROM born WHERE verdict = 'allow' AND whim < .7
""",
    """
INSERT INTO operations_costentry (organization_id, system_id, decision_id, sequence, amount_micros, source, price_label,
    input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, created_at)
SELECT %(organization)s, %(system)s, id, 1, 4000 + n %% 100, 'default', 'genai-prices: openai/gpt-4o', 800, 1000, 0, 200, 0,
    created_at
FROM born WHERE luck < .67
""",
)
