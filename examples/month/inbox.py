"""The application of the month: asks what it may do with each mail, does that, and reports it.

It is the mail triage without its own pace (examples/mail_triage/app.py shows how one waits, restarts and lives through outages):
here the story says when a mail comes and when the application looks whether people have ruled.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from countersign import AsyncClient, Decision
from examples.mail_triage.desk import is_right
from examples.mail_triage.mails import Acquaintances, Mail
from examples.mail_triage.proposals import errand_of
from examples.month.models import Release
from examples.month.timetable import Arrival


@dataclass
class Case:
    """One mail on its way: what was proposed by which model, and what became of it. `status` is the decision's."""

    id: str
    mail: Mail
    at: datetime
    model: str
    release: str
    action: str
    status: str
    # Whether it was asked about: people had to rule before anything was done.
    is_asked: bool
    destination: str | None = None

    @property
    def is_wrong(self) -> bool:
        """By the corpus's label, of which the product knows nothing."""
        return not is_right(self.action, self.mail)


class Inbox:
    """One application over one client; `release` is what answers now."""

    def __init__(self, client: AsyncClient, release: Release, acquaintances: Acquaintances) -> None:
        self._client = client
        self._acquaintances = acquaintances
        self.release = release
        self.cases: list[Case] = []
        self._open: dict[str, Case] = {}

    async def read(self, arrival: Arrival) -> Case:
        """A mail has come: judge it, ask, and do what is allowed at once."""
        mail, release = arrival.mail, self.release
        question = release.question(mail, self._acquaintances)
        decision = await self._client.ask(**question, idempotency_key=f"{release.name}/{mail.id}")
        case = Case(
            id=decision.id,
            mail=mail,
            at=arrival.at,
            model=question["model"],
            release=release.name,
            action=question["action"]["name"],
            status=decision.status,
            is_asked=decision.is_pending,
        )
        self.cases.append(case)
        if decision.is_pending:
            self._open[decision.id] = case
        else:
            await self._settle(case, decision)
        return case

    @property
    def waiting(self) -> int:
        """How many mails wait for people."""
        return len(self._open)

    async def look(self) -> None:
        """Carry out what people have ruled since."""
        for case in list(self._open.values()):
            decision = await self._client.get(case.id)
            if not decision.is_pending:
                del self._open[case.id]
                await self._settle(case, decision)

    async def _settle(self, case: Case, decision: Decision) -> None:
        case.status = decision.status
        if not decision.proceed:
            return
        errand = errand_of(decision.effective_action, case.mail.id)
        status: Any = "failed" if errand is None else "executed"
        case.destination = errand.destination if errand else None
        await self._client.outcome(case.id, status, resolved=errand is not None)
