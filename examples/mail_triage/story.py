"""`python -m examples.mail_triage.story`: mails like those that the model was built for, then hard ones, and what is noticed.

Starts everything that it needs, plays it through, and prints what was measured. Mails come faster than in life; what is said
about seconds is about this run, what is said about mails, decisions and rulings is not. Nobody sits at the desk: all rulings
come from the corpus's labels.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from countersign import AsyncClient, Decision
from examples.desk import DeskRefused
from examples.installation import ROOT, Installation, NotInstalled, Product, install, mails_in
from examples.mail_triage.app import Hopeless, Options, Triage
from examples.mail_triage.classifier import RELEASE, Classifier
from examples.mail_triage.desk import Desk
from examples.mail_triage.mails import Acquaintances, Mail, read_part
from examples.mail_triage.pages import Console
from examples.mail_triage.stage import OWNER, SYSTEM, stage
from examples.mail_triage.telling import (
    Asked,
    figures_in,
    tell_alarms,
    tell_false,
    tell_incident,
    tell_mails,
    tell_quiet,
)
from examples.owner import NotBuilt, Owner, Stuck
from examples.telling import instant, named, say, share, tell_outbox, title, wait_for_interrupt

# What ought to notice that the mails have changed; the story sends hard mails until these have, or so many times all of them.
EXPECTED = frozenset({"escalation_rate", "corrections", "confidence", "input_shift"})
MOST_PASSES = 3
WITH_BREAKER_OPEN = 40
SETTLED_WITHIN_S = 300.0
LOOK_EVERY_S = 2.0


@dataclass(frozen=True)
class Plan:
    """How much of everything: seconds between mails, how many later mails and how many hard ones at the most (None: all)."""

    interval_s: float
    later: int | None = None
    passes: int = MOST_PASSES
    with_breaker_open: int = WITH_BREAKER_OPEN


class Story:
    """The run: who plays in it, and what has been counted so far."""

    def __init__(
        self,
        *,
        client: AsyncClient,
        classifier: Classifier,
        desk: Desk,
        owner: Owner,
        console: Console,
        plan: Plan,
        directory: Path,
    ) -> None:
        self._client = client
        self._classifier = classifier
        self._acquaintances = Acquaintances(read_part("train"))
        self._desk = desk
        self._owner = owner
        self._console = console
        self._plan = plan
        self._directory = directory
        self._hard = read_part("hard")
        self.asked: list[Asked] = []

    async def play(self) -> None:
        """All of it. Raises NotBuilt, Stuck, Hopeless, DeskRefused."""
        before = await self._ordinary_mails()
        incident = await self._hard_mails()
        await self._told(incident)
        await self._breaker_open(incident)
        after = await self._figures()
        title("5. What the system's page says")
        for label in after:
            say(f"  {label}: {before.get(label, 'nothing')} before the hard mails; {after[label]} with them.")
        say(
            f"  By the labels {share(sum(one.is_wrong for one in self.asked), len(self.asked))} of all proposals were wrong. The "
            f"breaker stays open: the model has learned nothing since."
        )

    async def _ordinary_mails(self) -> dict[str, str]:
        mails = read_part("later")[: self._plan.later]
        title(f"1. Mails like those that the model was built for: {len(mails)}")
        self._desk.open()
        await self._read(mails, "later").run()
        await self._settled()
        tell_mails(self.asked, self._desk.ruled)
        for early in await self._owner.incidents():
            for alarm in early["alarms"]:
                say(f"  A false alarm: {alarm['kind']}, “{alarm['title']}”. {alarm['summary']}")
            await self._owner.handle(early, "acknowledge")
            await self._owner.handle(early, "resolve", note="Nothing has changed.", is_false_alarm=True)
            say("  The owner resolves it as false, and its monitors watch again.")
        monitors = await self._owner.monitors()
        for monitor in monitors:
            if monitor["kind"] in EXPECTED and monitor["status"] == "watching":
                say(f"  {monitor['kind'].replace('_', ' ')}: {monitor['stated'].get('sentence', '')}")
        tell_quiet(monitors, [])
        return await self._figures()

    async def _hard_mails(self) -> dict[str, Any]:
        title(f"2. Hard mails: wanted, but they look like spam ({len(self._hard)})")
        first, ruled = len(self.asked), len(self._desk.ruled)
        alarms: list[dict[str, Any]] = []
        incident: dict[str, Any] | None = None
        for number in range(1, self._plan.passes + 1):
            if number > 1:
                say(f"  The same {len(self._hard)} mails again, in another order: mails repeat from here on.")
            await self._read(self._pass(number), f"hard-{number}").run()
            await self._settled()
            incident = next(iter(await self._owner.incidents()), None)
            alarms = incident["alarms"] if incident else []
            if {alarm["kind"] for alarm in alarms} >= EXPECTED:
                break
        came = self.asked[first:]
        tell_mails(came, self._desk.ruled[ruled:])
        if incident is None:
            raise Stuck(f"No alarm after {len(came)} hard mails.")
        say(f"Noticed, of {len(came)} hard mails:")
        tell_alarms(alarms, came)
        monitors = await self._owner.monitors()
        tell_quiet(monitors, alarms)
        lacking = EXPECTED - {alarm["kind"] for alarm in alarms}
        if lacking:
            say(f"  Expected, and not noticed: {', '.join(sorted(lacking)).replace('_', ' ')}.")
        tell_incident(incident, came[0].at)
        return incident

    async def _told(self, incident: dict[str, Any]) -> None:
        title("3. Whether the owner was told, and what they see first")
        assignee = named(incident["assignee"])
        say(f"  Assigned to {assignee}. In the console of {OWNER.name}:")
        notes = [line for line in await self._console.lines_of("/notifications/") if incident["title"] in line]
        say(f"  Notifications: {len(notes)} about it, the first one: {notes[-1] if notes else 'none'}")
        lines = await self._console.lines_of(f"/incidents/{incident['id']}/")
        since = next((line for line in lines if line.startswith("Since ")), "says nothing of since when")
        say(f"  Its page: “{lines[0]}”. {since}")

    async def _breaker_open(self, incident: dict[str, Any]) -> None:
        title("4. The breaker is open: every mail waits for people")
        await self._owner.handle(incident, "acknowledge")
        if await self._owner.breaker() != "open":
            await self._owner.turn_breaker("open", "The mails are not what the model was built for.")
            say("The owner takes the incident and opens the breaker by hand. The desk is away for the moment.")
        await self._owner.handle(incident, "mitigate", note="The breaker is open; people decide every mail.")
        await self._desk.close()
        first, ruled = len(self.asked), len(self._desk.ruled)
        mails = self._pass(MOST_PASSES + 1)[: self._plan.with_breaker_open]
        reading = asyncio.create_task(self._read(mails, "breaker").run())
        await self._until("all mails were asked about", lambda: reading.done() or len(self.asked) - first == len(mails))
        came = self.asked[first:]
        told = [one for one in came if one.message]
        say(f"{len(came)} more: {sum(one.is_alone for one in came)} done alone; {len(told)} answers carry the message:")
        say(f"  “{told[-1].message if told else ''}”")
        self._desk.open()
        began_at = time.monotonic()
        await reading
        await self._settled()
        say(
            f"The desk is back. {len(self._desk.ruled) - ruled} were ruled and done {time.monotonic() - began_at:.0f} s later."
        )
        tell_mails(came, self._desk.ruled[ruled:])
        known = {alarm["id"] for alarm in incident["alarms"]}
        for alarm in (await self._owner.incident(incident["id"]))["alarms"]:
            if alarm["id"] not in known:
                say(f"  Joined the incident meanwhile: {alarm['title']}")
                tell_false(alarm)

    def _pass(self, number: int) -> list[Mail]:
        """The hard mails, the first time in their own order."""
        if number == 1:
            return self._hard
        return random.Random(number).sample(self._hard, len(self._hard))

    def _read(self, mails: Sequence[Mail], name: str) -> Triage:
        """The application on its way through some mails, asked under names of their own."""

        def hear(mail: Mail, action: str, decision: Decision) -> None:
            at = instant(str(decision.raw["created_at"]))
            self.asked.append(Asked(mail, action, at, decision.status == "allowed", decision.message))

        return Triage(
            client=self._client,
            classifier=self._classifier,
            acquaintances=self._acquaintances,
            mails=mails,
            options=Options(self._plan.interval_s, None, False, self._directory / name, prefix=f"{RELEASE}/{name}"),
            heard=hear,
            say=self._log,
        )

    def _log(self, words: str) -> None:
        with (self._directory / "application.log").open("a") as log:
            log.write(f"{words}\n")

    async def _settled(self) -> None:
        """Wait until everything is ruled and released, and the monitors have seen it."""

        async def is_empty() -> bool:
            return not await self._owner.unsettled()

        await self._until("everything is ruled", is_empty)
        seen: list[list[int]] = []

        async def is_still() -> bool:
            seen.append([one["observations"] for one in await self._owner.monitors()])
            return len(seen) > 2 and seen[-1] == seen[-2] == seen[-3]

        await self._until("the monitors have read on", is_still)

    async def _figures(self) -> dict[str, str]:
        """What the system's page shows as soon as it has counted all mails."""
        found: dict[str, str] = {}

        async def is_counted() -> bool:
            nonlocal found
            found = figures_in(await self._console.lines_of(f"/systems/{SYSTEM}/health/?range=24h"))
            return found.get("Decisions", "").replace(",", "") == str(len(self.asked))

        await self._until("the page has counted all mails", is_counted)
        return found

    async def _until(self, what: str, is_so: Callable[[], bool | Awaitable[bool]]) -> None:
        ends_at = time.monotonic() + SETTLED_WITHIN_S
        while True:
            answer = is_so()
            if answer if isinstance(answer, bool) else await answer:
                return
            if time.monotonic() > ends_at:
                raise Stuck(f"Waited {SETTLED_WITHIN_S:.0f} s until {what}.")
            await asyncio.sleep(LOOK_EVERY_S)


async def play(installation: Installation, plan: Plan, directory: Path) -> None:
    """Set application, desk, owner and console on the stage, and play."""
    classifier, _ = Classifier.remembered(read_part("train"), directory)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(AsyncClient(installation.url, installation.api_key))
        mails = [*read_part("later"), *read_part("hard")]
        desk = await stack.enter_async_context(Desk(installation.url, installation.desk_tokens, mails))
        owner = Owner(installation.url, installation.owner_token, SYSTEM)
        stack.push_async_callback(owner.aclose)
        console = await stack.enter_async_context(Console(installation.url))
        await console.sign_in(OWNER.email, OWNER.password)
        story = Story(
            client=client,
            classifier=classifier,
            desk=desk,
            owner=owner,
            console=console,
            plan=plan,
            directory=directory,
        )
        await story.play()


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the story; 0 when it came to its end, 2 when it could not begin, 3 when it got stuck."""
    parser = argparse.ArgumentParser(prog="mail_triage.story", description=__doc__)
    parser.add_argument("--port", type=int, default=8420, help="where Countersign is started (%(default)s)")
    parser.add_argument("--data-dir", type=Path, help="where it keeps its data (default: a new folder in var/)")
    parser.add_argument("--interval", type=float, default=0.08, metavar="S", help="seconds between mails (%(default)s)")
    parser.add_argument(
        "--sampled",
        type=float,
        default=0.2,
        metavar="P",
        help="share of what is done alone that people look at (%(default)s)",
    )
    parser.add_argument("--stay", action="store_true", help="leave Countersign running at the end, until Ctrl-C")
    chosen = parser.parse_args(arguments)
    folder = chosen.data_dir or ROOT / "var" / f"mail-story-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    played = folder / "mail-triage"
    if played.exists():
        print(
            f"mail_triage: The story was begun in {folder} before: its mails are answered, and its breaker may be open. It is played "
            f"once a folder; let it make one of its own (without --data-dir). What happened can be looked at with "
            f"COUNTERSIGN_DATA_DIR={folder} make serve.",
            file=sys.stderr,
        )
        return 2
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            product = stack.enter_context(Product(directory=folder, port=chosen.port, say=say))
            installation = install(stage(folder, chosen.sampled), product.url, directory=folder, say=say)
        except NotInstalled as refusal:
            print(f"mail_triage: {refusal}", file=sys.stderr)
            return 2
        say(
            f"While the system is new, people look at {chosen.sampled:.0%} of what it does alone (the example's policy says 5%)."
        )
        say("Nobody sits at the desk: all rulings come from the corpus's labels, through the API, and say so.")
        code = run(installation, Plan(chosen.interval), played)
        tell_outbox(mails_in(folder))
        if chosen.stay:
            say(f"\nLook at {product.url} as {OWNER.email}, password {OWNER.password}. Ctrl-C ends it.")
            wait_for_interrupt()
        return code


def run(installation: Installation, plan: Plan, directory: Path) -> int:
    directory.mkdir(parents=True, exist_ok=True)
    try:
        asyncio.run(play(installation, plan, directory))
    except NotBuilt as absent:
        print(f"\nThe story stops here: {absent}. This Countersign can't tell what comes next.", file=sys.stderr)
        return 3
    except (Stuck, Hopeless, DeskRefused) as reason:
        print(f"\nThe story is stuck: {reason}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
