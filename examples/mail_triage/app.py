"""The application: it reads one mail after another, asks what it may do with each, does exactly that, and goes on
reading while people think about the others.

What it may not do, it does not do: a mail whose question was not answered, for whatever reason, stays where it is.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from countersign import ApiProblem, AsyncClient, Decision, Unavailable
from examples.mail_triage.classifier import RELEASE, Classifier
from examples.mail_triage.lines import named, printable, proposal, ruled, shown, why
from examples.mail_triage.mailroom import Desk, Mailboxes
from examples.mail_triage.mails import STREAMS, Acquaintances, Mail, read_part, read_stream
from examples.mail_triage.proposals import errand_of, question_for

DEFAULT_URL = "http://127.0.0.1:8000"
# The service answers as soon as a decision is final; a round is only how long one request lasts.
ROUND_S = 20.0
SHORTEST_ROUND_S = 1.0
PAUSE_WHILE_AWAY_S = 2.0
# The first mails come fast enough to see something within a minute, the others slowly enough for one person at the desk:
# about one in seven waits for somebody.
INTERVAL_S, INTERVAL_LATER_S, BRISK = 1.5, 5.0, 60
MOST_POLLS_AT_ONCE = 128
# Wrong key, no rights, or something else at this address: no later mail will fare better.
HOPELESS = frozenset({401, 403, 404, 405})
DONE = {"deliver": "delivered", "quarantine": "quarantined", "delete": "deleted"}


class Hopeless(Exception):
    """The service refuses this application as such."""


@dataclass(frozen=True)
class Options:
    """How this run reads: seconds between mails, how many at the most (None: all), and whether to begin anew. After the first
    `brisk` mails there are `interval_later_s` seconds between them. `prefix` begins the key of every question."""

    interval_s: float
    limit: int | None
    loop: bool
    directory: Path
    interval_later_s: float | None = None
    brisk: int = BRISK
    prefix: str = RELEASE


class Triage:
    """One run of the application over one client."""

    def __init__(
        self,
        *,
        client: AsyncClient,
        classifier: Classifier,
        acquaintances: Acquaintances,
        mails: Sequence[Mail],
        options: Options,
        chapters: Mapping[int, str] | None = None,
        heard: Callable[[Mail, str, Decision], None] | None = None,
        say: Callable[[str], None] | None = None,
    ) -> None:
        """`chapters`: what to say before the mail of a position. `heard` is called with each mail, the proposed action's name and
        the answer."""
        self._client = client
        self._classifier = classifier
        self._acquaintances = acquaintances
        self._mails = mails
        self._by_id = {mail.id: mail for mail in mails}
        self._options = options
        self._chapters = chapters or {}
        self._heard = heard
        self._say = say or _say_with_the_time
        self._desk = Desk.found_in(options.directory)
        self._mailboxes = Mailboxes(options.directory)
        self._polls = asyncio.Semaphore(MOST_POLLS_AT_ONCE)
        self._followed: set[asyncio.Task[None]] = set()
        self._is_away = False
        self.counts: Counter[str] = Counter()

    async def run(self) -> None:
        """Read to the end, and follow what is open until every question is settled. Raises Hopeless."""
        if self._desk.position or self._desk.open:
            self._say(f"Going on at mail {self._desk.position + 1}, with {len(self._desk.open)} open questions.")
        try:
            async with asyncio.TaskGroup() as tasks:
                for decision_id, asked in list(self._desk.open.items()):
                    tasks.create_task(self._follow(decision_id, asked))
                await self._read(tasks)
                left = len(self._mails) - self._desk.position
                self._say(
                    f"{f'{left} mails are left for another time' if left else 'All mails are read'}; "
                    f"{len(self._desk.open)} questions are open."
                )
        except ExceptionGroup as errors:
            refusals = errors.subgroup(Hopeless)
            raise (errors if refusals is None else refusals.exceptions[0]) from None

    def summary(self) -> str:
        """What became of the mails of this run."""
        return ", ".join(f"{count} {what}" for what, count in sorted(self.counts.items())) or "nothing done"

    async def _read(self, tasks: asyncio.TaskGroup) -> None:
        read = 0
        while True:
            while self._desk.position < len(self._mails):
                if self._options.limit is not None and read >= self._options.limit:
                    return
                if self._desk.position in self._chapters:
                    self._say(self._chapters[self._desk.position])
                await self._triage(self._mails[self._desk.position], tasks)
                read += 1
                await asyncio.sleep(self._pause())
            if not self._options.loop:
                return
            self._desk.round += 1
            self._desk.position = 0
            self._desk.keep(self._options.directory)
            self._say(f"All mails are read; round {self._desk.round} begins with the first of them.")

    async def _triage(self, mail: Mail, tasks: asyncio.TaskGroup) -> None:
        """One mail: judge, ask, act or wait."""
        key = f"{self._options.prefix}/{self._desk.round}/{mail.id}"
        if self._desk.asking is None or self._desk.asking["key"] != key:
            judgement = self._classifier.judge(mail)
            self._desk.asking = {"key": key, "question": question_for(mail, judgement, self._acquaintances)}
            # Before it is sent: the same key may only ever carry the same words, in a later run too.
            self._desk.keep(self._options.directory)
        question = self._desk.asking["question"]
        decision = await self._asked(mail, key, question)
        asked = {"mail": mail.id, "key": key, "action": question["action"]["name"]}
        if decision is not None:
            self._desk.open[decision.id] = asked
        self._desk.asking = None
        self._desk.position += 1
        self._desk.keep(self._options.directory)
        if decision is not None and self._heard is not None:
            self._heard(mail, asked["action"], decision)
        if decision is None:
            self.counts["held"] += 1
        elif decision.is_pending:
            self.counts["asked"] += 1
            self._say(f"asked        {shown(mail)}: {proposal(question)}. {why(decision)}")
            tasks.create_task(self._follow(decision.id, asked))
        else:
            await self._settle(decision, asked, confidence=question["confidence"])

    async def _asked(self, mail: Mail, key: str, question: dict[str, Any]) -> Decision | None:
        """The answer, however long it takes; None where the service refuses the question."""
        is_held = False
        while True:
            try:
                decision = await self._client.ask(**question, idempotency_key=key)
            except Unavailable as outage:
                self._note_away(outage)
            except ApiProblem as problem:
                if problem.status in HOPELESS:
                    raise Hopeless(str(problem)) from problem
                if problem.status != 429:
                    details = "; ".join(f"{e.get('pointer')}: {e.get('detail')}" for e in problem.errors)
                    self._say(f"held         {shown(mail)}: the service refuses the question ({problem}) {details}")
                    return None
            else:
                self._note_back()
                return decision
            if not is_held:
                is_held = True
                self._say(f"held         {shown(mail)}: nothing is done with it until the service answers.")
            await asyncio.sleep(PAUSE_WHILE_AWAY_S)

    async def _follow(self, decision_id: str, asked: dict[str, str]) -> None:
        """Wait for the ruling on one open decision, through outages and questions back, then settle it."""
        answered_question: Any = None
        asked_at = time.monotonic()
        while True:
            try:
                async with self._polls:
                    asked_at = time.monotonic()
                    decision = await self._client.get(decision_id, wait=ROUND_S)
                self._note_back()
                if not decision.is_pending:
                    await self._settle(decision, asked)
                    return
                wanted = decision.information
                if wanted and wanted.get("asked_at") != answered_question:
                    answered_question = wanted.get("asked_at")
                    await self._answer(decision_id, str(wanted.get("question", "")), asked)
            except Unavailable as outage:
                self._note_away(outage)
                await asyncio.sleep(PAUSE_WHILE_AWAY_S)
            except ApiProblem as problem:
                if problem.status in (401, 403):
                    raise Hopeless(str(problem)) from problem
                if problem.status in (404, 410):
                    self._say(f"held         {asked['mail']}: its question is no longer known to the service.")
                    self._forget(decision_id)
                    return
                await asyncio.sleep(PAUSE_WHILE_AWAY_S)
            # A service that does not hold the request would otherwise be asked without a pause.
            if time.monotonic() - asked_at < SHORTEST_ROUND_S:
                await asyncio.sleep(SHORTEST_ROUND_S)

    async def _answer(self, decision_id: str, question: str, asked: dict[str, str]) -> None:
        """Tell a reviewer who asks back what else is known of the mail: all that weighed, and who wrote."""
        mail = self._by_id.get(asked["mail"])
        if mail is None:
            return
        judgement = self._classifier.judge(mail, words=25)
        earlier = self._acquaintances.earlier_mails(mail.sender)
        known = {
            "words": [{"word": word.text, "weight": word.weight} for word in judgement.words],
            "is_from_a_list": mail.is_list,
            "earlier_mails": [{"subject": sent.subject, "at": sent.received_at} for sent in earlier[-10:]],
            "note": "This application knows nothing beyond the mail, the words that weighed and who wrote before.",
        }
        try:
            await self._client.inform(decision_id, known)
        except ApiProblem as problem:
            # Told before a restart, or ruled on meanwhile: the next round shows which.
            self._say(f"was asked    {shown(mail)}: the answer was not wanted any more ({problem.status}).")
            return
        self._say(f"was asked    {shown(mail)}: “{printable(question)}”, and told all it knows.")

    async def _settle(self, decision: Decision, asked: dict[str, str], confidence: float | None = None) -> None:
        """Do what the final decision permits, and report it."""
        mail = self._by_id.get(asked["mail"])
        named_mail = shown(mail) if mail is not None else asked["mail"]
        if not decision.proceed:
            self.counts[decision.status] += 1
            self._say(f"{decision.status:12} {named_mail} stays where it is. {ruled(decision) or why(decision)}")
            self._forget(decision.id)
            return
        errand = errand_of(decision.effective_action, asked["mail"])
        if errand is None:
            self.counts["held"] += 1
            self._say(f"held         {named_mail}: what was allowed is nothing that this application can do.")
            await self._report(decision.id, "failed", "not an action of this application")
            return
        self._mailboxes.place(asked["key"], asked["mail"], errand, decision.id)
        done = f"{DONE[errand.action]:12} {named_mail}" + (f" to {errand.folder}" if errand.action == "deliver" else "")
        self.counts[DONE[errand.action]] += 1
        if decision.status == "corrected":
            instead = f"{errand.action} instead of {asked['action']}"
            if errand.action == asked["action"]:
                instead = f"{errand.action}, with other arguments"
            self.counts["corrected"] += 1
            self._say(f"{done}. A person{named(decision)} corrected: {instead}.")
        elif decision.status == "approved":
            self._say(f"{done}. A person{named(decision)} approved.")
        else:
            self._say(done + (f" ({confidence:.0%} sure)" if confidence is not None else ""))
        await self._report(decision.id, "executed", None)

    async def _report(self, decision_id: str, status: Any, detail: str | None) -> None:
        """Report what happened, however long that takes; until then the decision stays open here."""
        while True:
            try:
                await self._client.outcome(decision_id, status, detail=detail)
            except Unavailable as outage:
                self._note_away(outage)
                await asyncio.sleep(PAUSE_WHILE_AWAY_S)
                continue
            except ApiProblem as problem:
                self._say(f"The outcome of {decision_id} was refused ({problem}).")
            self._forget(decision_id)
            return

    def _forget(self, decision_id: str) -> None:
        self._desk.open.pop(decision_id, None)
        self._desk.keep(self._options.directory)

    def _note_away(self, outage: Unavailable) -> None:
        if not self._is_away:
            self._is_away = True
            self._say(f"The service is away, so nothing is delivered or deleted. {printable(str(outage))}")

    def _note_back(self) -> None:
        if self._is_away:
            self._is_away = False
            self._say("The service is back.")

    def _pause(self) -> float:
        is_later = self._desk.round > 1 or self._desk.position >= self._options.brisk
        later_s = self._options.interval_later_s
        return later_s if is_later and later_s is not None else self._options.interval_s


def _say_with_the_time(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {words}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the application; 0 when it was done or stopped, 2 when it could not work at all."""
    parser = argparse.ArgumentParser(
        prog="mail_triage", description="Triages a support inbox, and asks before it acts."
    )
    parser.add_argument("--url", default=os.environ.get("COUNTERSIGN_URL", DEFAULT_URL), help="the service")
    parser.add_argument("--interval", type=float, metavar="S", help=f"seconds between mails ({INTERVAL_S})")
    parser.add_argument(
        "--interval-later",
        type=float,
        metavar="S",
        help=f"after the first {BRISK} mails ({INTERVAL_LATER_S}, or what --interval says where that is given)",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="stop reading after so many mails")
    parser.add_argument("--loop", action="store_true", help="begin again when all mails are read")
    parser.add_argument(
        "--part",
        choices=STREAMS,
        default="later",
        help="which mails to read; all: the later ones, then the hard ones (%(default)s)",
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=Path(os.environ.get("COUNTERSIGN_DATA_DIR", "var")),
        help="the model, the position and the mailboxes are kept in its folder mail-triage (%(default)s)",
    )
    chosen = parser.parse_args(arguments)
    directory = chosen.data_dir / "mail-triage"
    key = os.environ.get("COUNTERSIGN_API_KEY", "")
    try:
        # One retry at most: this application waits by itself, and says so.
        client = AsyncClient(chosen.url, key, max_retries=1)
    except ValueError as error:
        print(f"mail_triage: {error}", file=sys.stderr)
        return 2
    training = read_part("train")
    classifier, is_new = Classifier.remembered(training, directory)
    mails, chapters = read_stream(chosen.part)
    print(
        f"{'Trained on' if is_new else 'Remembering what was learned from'} {len(training)} mails; "
        f"{len(mails)} wait. The service is at {chosen.url}.",
        flush=True,
    )
    triage = Triage(
        client=client,
        classifier=classifier,
        acquaintances=Acquaintances(training),
        mails=mails,
        options=_options(chosen, directory),
        chapters=chapters,
    )
    try:
        is_done = asyncio.run(_until_stopped(triage, client))
    except Hopeless as refusal:
        print(f"mail_triage: the service refuses this application: {refusal}", file=sys.stderr)
        return 2
    print(f"{'Done' if is_done else 'Stopped'}: {triage.summary()}.", flush=True)
    return 0


def _options(chosen: argparse.Namespace, directory: Path) -> Options:
    later_s = INTERVAL_LATER_S if chosen.interval is None else chosen.interval
    return Options(
        INTERVAL_S if chosen.interval is None else chosen.interval,
        chosen.limit,
        chosen.loop,
        directory / chosen.part,
        interval_later_s=later_s if chosen.interval_later is None else chosen.interval_later,
        # The same mails, read as another stream, are asked anew.
        prefix=f"{RELEASE}/all" if chosen.part == "all" else RELEASE,
    )


async def _until_stopped(triage: Triage, client: AsyncClient) -> bool:
    """Run to the end (True), or until SIGINT or SIGTERM (False)."""
    run = asyncio.ensure_future(triage.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError, ValueError):
            loop.add_signal_handler(number, run.cancel)
    try:
        await run
    except asyncio.CancelledError:
        return False
    finally:
        await client.aclose()
    return True
