"""The product in one process, under a clock that the drill moves: every request goes through the API, every task runs as the
scheduler would run it. Only the network, the broker and real time are left out.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import time_machine

from tests.drill.streams import DEPENDENCIES, POLICY, Case

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
# So often people look at the queues and the scheduler's tasks run, in decisions. In life the tasks run every few seconds.
EVERY = 20


@contextmanager
def fresh_site() -> Iterator[None]:
    """Django on an empty SQLite database in a folder of its own; once a process."""
    # In memory where there is such a folder: a hundred thousand commits would wait for the disk, which is not under drill.
    memory = Path("/dev/shm")  # noqa: S108
    folder = tempfile.mkdtemp(prefix="countersign-drill-", dir=memory if memory.is_dir() else None)
    os.environ.pop("DATABASE_URL", None)
    os.environ.pop("REDIS_URL", None)
    os.environ["COUNTERSIGN_DATA_DIR"] = folder
    os.environ["COUNTERSIGN_SECRET_KEY"] = "known to everybody, and to drills alone"
    os.environ["DJANGO_SETTINGS_MODULE"] = "aiops_site.settings"
    import django
    from django.core.management import call_command
    from django.db import connections

    django.setup()
    from django.conf import settings

    settings.ALLOWED_HOSTS = ["*"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    try:
        call_command("migrate", verbosity=0, interactive=False)
        yield
    finally:
        connections.close_all()
        shutil.rmtree(folder, ignore_errors=True)


class World:
    """One organization with an inbox under governance, its owner, and a reviewer who knows the truth.

    `seen` counts decisions. The reviewer rules with the truth of the drill, through the API, with a token of their own.
    """

    def __init__(self, clock: time_machine.Traveller, name: str) -> None:
        from django.test import Client

        from governance.actors import OPERATOR
        from governance.models import AISystem
        from governance.services.accounts import set_password
        from governance.services.credentials import create_access_token, create_api_key
        from governance.services.membership import add_person
        from governance.services.policy_activation import activate_first_version
        from governance.services.registry import SystemFacts, create_system, ensure_organization

        self.clock = clock
        self.seen = 0
        self.known: dict[str, Case] = {}
        self._approved: list[str] = []
        self.organization = ensure_organization(actor=OPERATOR, slug=name)
        people = {}
        for role in ("owner", "lead", "reviewer"):
            people[role], _ = add_person(
                actor=OPERATOR, organization=self.organization, email=f"{role}@{name}.example", role=role
            )
        self.owner = people["owner"]
        set_password(actor=OPERATOR, user=self.owner, password=uuid.uuid4().hex)
        self.system: AISystem = create_system(
            actor=OPERATOR,
            organization=self.organization,
            slug="inbox",
            facts=SystemFacts(
                name="Inbox",
                purpose="Sorts a support inbox.",
                owner=self.owner,
                backup=people["lead"],
                fallback_message="A colleague answers within a day.",
            ),
        )
        activate_first_version(actor=OPERATOR, system=self.system, source=POLICY)
        _, key = create_api_key(actor=OPERATOR, system=self.system, name="drill")
        _, token = create_access_token(
            actor=OPERATOR, user=people["reviewer"], organization=self.organization, name="drill"
        )
        self._application = Client(headers={"Authorization": f"Bearer {key}"})
        self._reviewer = Client(headers={"Authorization": f"Bearer {token}"})
        self.pages = Client()
        self.pages.force_login(self.owner)

    def ask(self, case: Case) -> None:
        """Let the case happen: its time passes, it is asked, and what proceeds reports its outcome."""
        self.clock.shift(case.gap_s)
        answer = self._post(
            self._application,
            "/api/v1/decisions",
            {
                "action": {"name": case.action, "arguments": {"customer": case.customer}},
                "input": {"subject": case.subject, "body": case.body, "channel": "mail"},
                "confidence": case.confidence,
                "subject": case.customer,
                "model": "acme/sorter-2",
                "release": "2026.3",
                "usage": {"input_tokens": case.tokens, "output_tokens": case.output_tokens},
                "cost_usd": case.cost_usd,
                "latency_ms": case.latency_ms,
            },
            {"Idempotency-Key": uuid.uuid4().hex},
        )
        self.known[answer["id"]] = case
        if answer["proceed"]:
            self._report(answer["id"], case)
        self.seen += 1
        if self.seen % EVERY == 0:
            self.tick()

    def tick(self) -> None:
        """What people and the scheduler do meanwhile."""
        from governance.services.sequencing import sequence_entries
        from operations.tasks import tend_incidents, watch, watch_clock
        from reviews.services.resolution import act_on_deadlines, release_due_rulings
        from reviews.tasks import notify

        self._rule_all()
        self.clock.shift(10.0)
        release_due_rulings()
        while self._approved:
            decision_id = self._approved.pop()
            self._report(decision_id, self.known[decision_id])
        act_on_deadlines()
        sequence_entries()
        watch()
        watch_clock()
        tend_incidents()
        sequence_entries()
        notify()

    def let_pass(self, duration: timedelta, *, step: timedelta = timedelta(minutes=1)) -> None:
        """Time in which nobody asks."""
        for _ in range(int(duration / step)):
            self.clock.shift(step.total_seconds())
            self.tick()

    def _rule_all(self) -> None:
        for queue in ("inbox", "quality"):
            while True:
                taken = self._post(self._reviewer, f"/api/v1/queues/{queue}/take-next", {}, {}, may_fail=True)
                escalation = taken.get("escalation")
                if not escalation:
                    break
                case = self.known[escalation["decision"]]
                self._post(
                    self._reviewer,
                    f"/api/v1/escalations/{escalation['id']}/review",
                    {
                        "verdict": "reject" if case.is_wrong else "approve",
                        "labels": ["wrong-action"] if case.is_wrong else [],
                        "reason": "Ruled from the drill's own truth.",
                        "claim_token": escalation["claim"]["token"],
                    },
                    {},
                )
                if queue == "inbox" and not case.is_wrong:
                    self._approved.append(escalation["decision"])

    def _report(self, decision_id: str, case: Case) -> None:
        if not case.reports:
            return
        body: dict[str, Any] = {"status": "failed" if case.fails else "executed", "resolved": not case.fails}
        body["detail"] = {"dependency": DEPENDENCIES[case.action]}
        self._post(self._application, f"/api/v1/decisions/{decision_id}/outcome", body, {})

    def _post(
        self, client: Any, path: str, body: dict[str, Any], headers: dict[str, str], *, may_fail: bool = False
    ) -> dict[str, Any]:
        response = client.post(path, json.dumps(body), content_type="application/json", headers=headers)
        if response.status_code >= 300 and not may_fail:
            raise RuntimeError(f"{path} answered {response.status_code}: {response.content[:500]!r}")
        answer: dict[str, Any] = response.json()
        return answer
