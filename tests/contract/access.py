"""Who may reach what: every address of the site, its methods, and the answer to whoever may.

An address that is missing here fails the matrix (test_access_matrix.py), so that nobody adds one without saying who may.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from governance.permissions import ROLES

EVERYBODY = frozenset(ROLES)
ADMIN = frozenset({"admin"})
RULING = frozenset({"reviewer", "lead"})
LEADING = frozenset({"lead", "admin"})
SEEING_PEOPLE = frozenset({"admin", "auditor", "lead", "owner"})
WRITING = frozenset({"policy_author"})
APPROVING = frozenset({"policy_approver"})
ACTIVATING = frozenset({"policy_author", "policy_approver"})
ROLLING_BACK = frozenset({"policy_author", "policy_approver", "owner"})
READING_LOG = frozenset({"auditor", "admin", "owner", "lead"})
PRICING = frozenset({"admin", "owner"})
HANDLING = frozenset({"owner", "admin", "lead"})
MANAGING_MONITORS = frozenset({"owner", "admin"})
# The scene's owner of the system, who signs its reports, holds this role.
OWNING = frozenset({"owner"})
ADJUDICATING = frozenset({"lead", "owner"})


@dataclass(frozen=True)
class Access:
    """One method of one address.

    `roles` get `answer`; people with other roles get `refusal`. `stranger`: what somebody who holds every role in another
    organization gets, whom our things are not there for. `key`: what one of our system's keys gets at the API;
    `foreign_key`: a key of another organization's. Anonymous visitors get 302 at a page, 401 at the API, `answer` where
    everything is `open`. A value of the body that begins with `$` names one of the scene's arguments.
    """

    method: Literal["get", "post", "put", "patch", "delete"]
    roles: frozenset[str]
    answer: int = 200
    stranger: int = 404
    refusal: int = 403
    key: int = 403
    foreign_key: int = 403
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    is_open: bool = False


def see(roles: frozenset[str] = EVERYBODY, answer: int = 200, stranger: int = 404, **more: Any) -> Access:
    return Access("get", roles, answer, stranger, **more)


def do(roles: frozenset[str], answer: int = 302, stranger: int = 404, **more: Any) -> Access:
    return Access("post", roles, answer, stranger, **more)


def is_open(method: Literal["get", "post"] = "get", answer: int = 200, **more: Any) -> Access:
    return Access(method, EVERYBODY, answer, answer, is_open=True, **more)


def ask(answer: int, **more: Any) -> Access:
    """A verb of the application's: its key alone is known there."""
    return Access("post", EVERYBODY, answer=401, stranger=401, key=answer, foreign_key=404, **more)


# For a list, a stranger's answer is their own list (200); the matrix looks for our things in it.
ACCESS: dict[str, tuple[Access, ...]] = {
    # ---- the service itself
    "healthz": (is_open(),),
    "readyz": (is_open(answer=503),),
    "api-schema": (is_open(),),
    "api-docs": (is_open(),),
    "robots": (is_open(),),
    "favicon": (is_open(answer=302),),
    # ---- signing in
    "sign-in": (is_open(), is_open("post")),
    "sign-out": (is_open("post", answer=302),),
    "password-reset": (is_open(), is_open("post")),
    "password-reset-done": (is_open(),),
    "password-reset-confirm": (is_open(answer=302),),
    "password-reset-complete": (is_open(),),
    # ---- one's own
    "home": (see(answer=302, stranger=302),),
    "keys": (see(stranger=200),),
    "switch-organization": (do(EVERYBODY, answer=404),),
    "preferences": (see(stranger=200), do(EVERYBODY, answer=422, stranger=422)),
    "password-change": (see(stranger=200), do(EVERYBODY, answer=200, stranger=200)),
    "password-change-done": (see(stranger=200),),
    "token-create": (do(EVERYBODY, answer=422, stranger=422),),
    "token-revoke": (see(), do(EVERYBODY)),
    # ---- people
    "people-list": (see(SEEING_PEOPLE, stranger=200),),
    "person-add": (see(ADMIN, stranger=200), do(ADMIN, answer=422, stranger=422, body={"email": "x"})),
    "person-detail": (see(SEEING_PEOPLE),),
    "person-role-add": (do(ADMIN, body={"role": "lead"}),),
    "person-role-remove": (do(ADMIN, body={"role": "viewer"}),),
    "person-invite": (do(ADMIN),),
    "person-remove": (see(ADMIN), do(ADMIN)),
    "person-deactivate": (see(ADMIN), do(ADMIN)),
    "person-reactivate": (do(ADMIN),),
    "group-list": (see(SEEING_PEOPLE, stranger=200),),
    "group-add": (see(ADMIN, stranger=200), do(ADMIN, answer=422, stranger=422, body={"name": ""})),
    "group-edit": (see(ADMIN), do(ADMIN, body={"name": "Law"})),
    # ---- systems
    "system-list": (see(stranger=200),),
    "system-add": (see(ADMIN, stranger=200), do(ADMIN, answer=422, stranger=422, body={"name": "x"})),
    "system-detail": (see(),),
    "system-edit": (see(ADMIN), do(ADMIN, answer=422, body={"name": "x"})),
    "key-create": (do(ADMIN, answer=200, body={"name": "ci", "kind": "live"}),),
    "key-revoke": (see(ADMIN), do(ADMIN)),
    "overview": (see(stranger=200),),
    "client-list": (see(stranger=200),),
    "system-health": (see(),),
    "price-list": (
        see(stranger=200),
        do(PRICING, answer=422, stranger=422, body={"pattern": "x"}),
    ),
    "price-withdraw": (see(PRICING), do(PRICING)),
    "cost-list": (see(stranger=200),),
    "review-rate-state": (do(PRICING, answer=422, stranger=422, body={"hour_micros": "x"}),),
    "review-rate-withdraw": (see(PRICING), do(PRICING)),
    "system-costs": (see(),),
    "budget-state": (do(PRICING, body={"monthly_micros": "10"}),),
    "budget-withdraw": (see(PRICING), do(PRICING, body={"budget": "$budget_id"})),
    "repricing-request": (do(PRICING, body={"since": "2026-01-01", "until": "2026-01-02", "reason": "x"}),),
    "api-system-costs": (see(),),
    "api-system-budget": (Access("put", PRICING, body={"monthly_micros": 10}),),
    "api-system-repricings": (
        do(
            PRICING,
            answer=201,
            body={"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z", "reason": "x"},
        ),
    ),
    # ---- the month
    "report-list": (see(stranger=200),),
    "report-detail": (see(),),
    "report-document": (see(),),
    "report-freeze": (do(HANDLING),),
    "report-attest": (do(OWNING, body={"statement": "Read."}),),
    "improvement-list": (see(stranger=200), do(HANDLING, answer=422, stranger=422)),
    "improvement-close": (see(), do(HANDLING, body={"status": "done", "note": "x"})),
    "api-reports": (see(stranger=200),),
    "api-report": (see(),),
    "api-report-document": (see(),),
    "api-report-attest": (do(OWNING, answer=200, body={"statement": "Read."}),),
    "api-system-reports": (do(HANDLING, answer=200, body={"month": "$month"}),),
    "api-improvement-items": (
        see(stranger=200),
        do(
            HANDLING,
            answer=201,
            body={
                "system": "$systems/slug",
                "month": "$month",
                "title": "x",
                "metric": "error_rate",
                "expected_value": 0.1,
                "owner": "$reviewer_email",
                "due_on": "$due_on",
            },
        ),
    ),
    "api-improvement-close": (do(HANDLING, answer=200, body={"status": "done", "note": "x"}),),
    # ---- watching
    "monitor-list": (see(stranger=200),),
    "monitor-detail": (see(),),
    "monitor-preview": (see(),),
    "monitor-change": (do(MANAGING_MONITORS, answer=422),),
    "monitor-learn": (do(MANAGING_MONITORS, body={"reason": "x"}),),
    "monitor-rearm": (do(MANAGING_MONITORS, answer=409, body={"reason": "x"}),),
    "incident-list": (see(stranger=200),),
    "incident-detail": (see(),),
    "incident-acknowledge": (do(HANDLING),),
    "incident-comment": (do(HANDLING, body={"text": "x"}),),
    "incident-mitigate": (do(HANDLING, body={"note": "x"}),),
    "incident-resolve": (do(HANDLING, answer=422, body={"note": "x"}),),
    "incident-review": (see(HANDLING), do(HANDLING, answer=422)),
    "system-breaker": (see(), do(HANDLING, body={"state": "open", "reason": "x"})),
    "channel-list": (see(ADMIN, stranger=200),),
    "channel-add": (see(ADMIN, stranger=200), do(ADMIN, answer=422, stranger=422)),
    "channel-edit": (see(ADMIN), do(ADMIN, body={"name": "On call"})),
    "channel-test": (do(ADMIN),),
    "channel-remove": (see(ADMIN), do(ADMIN)),
    "api-monitors": (see(stranger=200),),
    "api-monitor": (see(), Access("patch", MANAGING_MONITORS, answer=422, body={"version": 1})),
    "api-incidents": (see(stranger=200),),
    "api-incident": (see(),),
    "api-incident-acknowledge": (do(HANDLING, answer=200),),
    "api-incident-comments": (do(HANDLING, answer=200, body={"text": "x"}),),
    "api-incident-mitigate": (do(HANDLING, answer=200, body={"note": "x"}),),
    "api-incident-resolve": (do(HANDLING, answer=200, body={"note": "x"}),),
    "api-incident-review": (do(HANDLING, answer=422, body={"cause": "x"}),),
    "api-system-breaker": (do(HANDLING, answer=200, body={"state": "open", "reason": "x"}),),
    "api-systems": (see(stranger=200, key=200, foreign_key=200),),
    "api-system": (see(key=200, foreign_key=404),),
    # ---- queues
    "queue-settings-list": (see(stranger=200),),
    "queue-settings": (
        see(LEADING),
        do(LEADING, body={"name": "Q", "undo_window_s": 5, "lease_s": 60, "respond_s": 60}),
    ),
    "api-queues": (see(stranger=200),),
    # ---- decisions, asked by a key
    "api-decisions": (
        see(stranger=200, key=200, foreign_key=200),
        Access("post", EVERYBODY, answer=401, stranger=401, key=400, foreign_key=400),
    ),
    "api-decision": (see(key=200, foreign_key=404),),
    "api-decision-cancel": (ask(200, body={"reason": "x"}),),
    "api-decision-outcome": (ask(409, body={"status": "executed"}),),
    "api-decision-inform": (ask(409, body={"answer": "x"}),),
    # ---- ruling
    "api-take-next": (do(RULING, answer=200),),
    "api-escalations": (see(stranger=200),),
    "api-escalation": (see(),),
    "api-claim": (do(RULING, answer=200),),
    "api-release": (do(RULING, answer=409, body={"claim_token": "$unknown_id"}),),
    "api-renew": (do(RULING, answer=409, body={"claim_token": "$unknown_id"}),),
    "api-reassign": (do(LEADING, answer=200, body={"assignee": "$reviewer_email"}),),
    "api-review": (do(RULING, answer=409, body={"verdict": "approve", "claim_token": "$unknown_id"}),),
    "api-undo": (Access("delete", RULING, answer=404),),
    # ---- policies
    "api-policies": (
        see(stranger=200),
        do(
            WRITING, answer=409, stranger=422, body={"system": "$systems/slug", "key": "refunds", "document": "$source"}
        ),
    ),
    "api-policy": (see(),),
    "api-policy-activations": (see(),),
    "api-policy-rollback": (do(ROLLING_BACK, answer=409, body={"reason": "x"}),),
    "api-policy-versions": (see(), do(WRITING, answer=201)),
    "api-policy-version": (
        see(),
        Access("put", WRITING, body={"document": "$source"}, headers={"If-Match": '"1"'}),
    ),
    "api-policy-version-submit": (do(WRITING, answer=409, body={"reason": "x"}),),
    "api-policy-version-approve": (do(APPROVING, answer=409, body={"sha256": "$sha256"}),),
    "api-policy-version-reject": (do(APPROVING, answer=409, body={"sha256": "$sha256", "reason": "x"}),),
    "api-policy-version-withdraw": (do(WRITING, answer=200),),
    "api-policy-version-activate": (do(ACTIVATING, answer=409, body={"reason": "x"}),),
    "api-policy-evaluate": (do(EVERYBODY, answer=200, stranger=200, body={"document": "$source", "context": {}}),),
    "policy-list": (see(stranger=200),),
    "policy-open": (do(WRITING, answer=409),),
    "policy-detail": (see(),),
    "policy-roll-back": (do(ROLLING_BACK, answer=409, body={"reason": "x"}),),
    "policy-draft-start": (see(WRITING), do(WRITING)),
    "policy-draft": (see(WRITING), do(WRITING, body={"intent": "save", "document": "$source", "revision": "1"})),
    "policy-draft-check": (do(WRITING, answer=200, body={"document": "$source"}),),
    "policy-draft-try": (do(EVERYBODY, answer=200, body={"document": "$source", "context": "{}"}),),
    "policy-version": (see(),),
    "policy-version-approve": (do(APPROVING, answer=409, body={"sha256": "$sha256"}),),
    "policy-version-reject": (do(APPROVING, answer=409, body={"sha256": "$sha256", "reason": "x", "comment": "x"}),),
    "policy-version-withdraw": (do(WRITING),),
    "policy-version-activate": (do(ACTIVATING, answer=409, body={"reason": "x"}),),
    # ---- datasets
    "api-datasets": (see(stranger=200),),
    "api-dataset": (see(),),
    "api-examples": (see(),),
    "api-examples-jsonl": (see(),),
    "api-dataset-export": (see(),),
    "api-dataset-versions": (see(), do(ADJUDICATING, answer=409, body={"reason": "x"})),
    "api-dataset-version": (see(),),
    "api-dataset-version-verify": (see(),),
    "api-dataset-sealing": (
        see(),
        Access("put", ADJUDICATING, body={"every_days": 30, "after_changes": None}),
    ),
    "api-releases": (
        see(stranger=200),
        do(HANDLING, answer=201, body={"system": "$systems/slug", "name": "v9", "reason": "x"}),
    ),
    "release-list": (see(), do(HANDLING, answer=302, body={"name": "v9", "reason": "x"})),
    "api-runs": (
        see(stranger=200),
        do(
            HANDLING,
            answer=201,
            body={"dataset": "$dataset_id", "version": 1, "split": "all", "candidate": "our-own release"},
        ),
    ),
    "api-run": (see(),),
    "api-run-examples": (see(),),
    "api-run-results": (do(HANDLING, answer=415),),
    "api-run-close": (do(HANDLING, answer=200),),
    "api-run-gate": (see(),),
    "run-detail": (see(),),
    # ---- the record
    "audit-log": (see(READING_LOG, stranger=200),),
    "audit-entry": (see(READING_LOG),),
    "audit-erase": (do(ADMIN, body={"reason": "x"}),),
    "audit-export": (see(READING_LOG, stranger=200),),
    "api-audit-entries": (see(READING_LOG, stranger=200),),
    # ---- the reviewer's console
    "queue": (see(stranger=200),),
    "queue-new": (see(stranger=200, query="?since=2026-01-01T00:00:00Z"),),
    "take-next": (do(RULING, stranger=302),),
    "review": (see(),),
    "review-rule": (do(RULING, answer=422),),
    "review-preview": (do(RULING, answer=200),),
    "review-draft": (do(RULING),),
    "review-claim": (do(RULING),),
    "review-release": (do(RULING),),
    "review-renew": (do(RULING),),
    "review-assign": (do(LEADING),),
    "review-undo": (do(RULING, answer=404),),
    "decision-list": (see(stranger=200),),
    "decision-detail": (see(),),
    "history": (see(stranger=200),),
    "notifications": (see(stranger=200),),
    "notifications-read": (do(EVERYBODY, stranger=302, body={"up_to": "1"}),),
    "notification-open": (see(answer=302),),
    "notification-read": (do(EVERYBODY),),
    "dataset-list": (see(stranger=200),),
    "dataset-detail": (see(),),
    "dataset-export": (see(),),
    "dataset-versions": (see(), do(ADJUDICATING, answer=409, body={"reason": "x"})),
    "dataset-version": (see(),),
    "dataset-version-verify": (see(),),
    "dataset-sealing": (do(ADJUDICATING, answer=302, body={"every_days": "30"}),),
    "example-detail": (see(),),
    "example-adjudicate": (do(ADJUDICATING, answer=409, body={"seen": "$example_id", "reason": "x"}),),
}
