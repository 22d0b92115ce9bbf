"""`python -m examples.booking_agent.story`: ordinary days, a calendar that changes silently, and what becomes of the guests.

Starts everything that it needs, plays it through, and prints what was measured. Messages come faster than in life; all that
is said about seconds is about this run, all that is said about messages and decisions is not.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from countersign import AsyncClient
from examples.booking_agent.agent import Agent, Hopeless
from examples.booking_agent.calendar_client import Calendar
from examples.booking_agent.calendar_service import SECOND, CalendarService
from examples.booking_agent.desk import DESK, Desk, DeskRefused
from examples.booking_agent.messages import MESSAGES_A_DAY, SEED, Message, write_messages
from examples.booking_agent.stage import OWNER, STAGE, SYSTEM
from examples.booking_agent.telling import among, hours_left, out_of_order, told
from examples.installation import ROOT, Installation, NotInstalled, Product, install, mails_in
from examples.owner import NotBuilt, NotOrdinary, Owner, Stuck
from examples.telling import instant, named, say, share, tell_outbox, title, wait_for_interrupt

ORDINARY, MOST_UNTIL_DETECTED, WITH_BREAKER_OPEN, AFTERWARDS = 700, 200, 40, 40
# The share that acts again when half-open, and how long and how often that is tried.
SHARE, MOST_IN_RECOVERY, MOST_RECOVERIES = 0.2, 300, 4
MOST_AT_ONCE = 8
LOOK_EVERY_S = 1.0
# The monitors read every two seconds: when they have seen nothing new for so long, there is nothing.
READ_FOR_S = 6.0
SETTLED_WITHIN_S = 180.0


@dataclass(frozen=True)
class Plan:
    """How much of everything: messages of ordinary days, seconds between messages."""

    ordinary: int
    interval_s: float


class Story:
    """The run: who plays in it, and what has been counted so far."""

    def __init__(
        self,
        *,
        agent: Agent,
        desk: Desk,
        owner: Owner,
        calendar: CalendarService,
        messages: Sequence[Message],
        plan: Plan,
    ) -> None:
        self._agent = agent
        self._desk = desk
        self._owner = owner
        self._calendar = calendar
        self._messages = messages
        self._plan = plan
        self._next = 0

    async def play(self) -> None:
        """All of it. Raises NotBuilt, Stuck, Hopeless, DeskRefused."""
        await self._ordinary_days()
        incident = await self._silent_change()
        await self._breaker_open(incident)
        await self._repair()
        await self._recovery(incident)

    async def _ordinary_days(self) -> None:
        title(
            f"1. Ordinary days: {self._plan.ordinary} messages, {self._plan.ordinary / MESSAGES_A_DAY:.1f} days of the house"
        )
        self._desk.open()
        await self._send(self._plan.ordinary)
        await self._until("everything is ruled and done", lambda: not self._agent.waiting())
        cases = list(self._agent.cases.values())
        counts = self._agent.counts
        ruled = Counter((one.kind, one.verdict) for one in self._desk.ruled)
        say(f"{counts['allowed']} done alone, {counts['pending']} asked; {share(counts['pending'], len(cases))} asked.")
        say(
            f"The desk approved {ruled['approval', 'approve']} and corrected {ruled['approval', 'correct']}; of the sample "
            f"of what was done alone it found {ruled['quality', 'correct']} wrong of "
            f"{ruled['quality', 'correct'] + ruled['quality', 'approve']}."
        )
        say(
            f"{counts['book']} booked, {counts['move']} moved, {counts['cancel']} cancelled; {told(cases, 'alternatives')} "
            f"were offered another time; {len(self._agent.failed_at)} failures of the calendar."
        )

    async def _silent_change(self) -> dict[str, Any]:
        title("2. The calendar renames its fields, and tells nobody")
        monitor = await self._owner.monitor("failed_outcomes")
        say(f"Failed outcomes are monitored: {monitor['status']}, {monitor['observations']} outcomes read so far.")
        say(f"  {monitor['stated'].get('sentence', 'Nothing is promised while it is learning.')}")
        for early in await self._owner.incidents():
            say(f"A false alarm came before the calendar changed: “{early['title']}”.")
            await self._owner.handle(early, "acknowledge")
            await self._owner.handle(early, "resolve", note="Nothing has changed.", is_false_alarm=True)
            say("  The owner resolves it as false, and its monitors watch again.")
        await self._desk.close()
        self._calendar.deploy(SECOND)
        changed_at, changed, first = datetime.now(UTC), time.monotonic(), self._next
        say(
            "`start` is now `starts_at`, `status` is `state` … Answers are still 200. The desk is busy with other things."
        )
        incident: dict[str, Any] | None = None
        looked_at = time.monotonic()
        while incident is None:
            if self._next - first >= MOST_UNTIL_DETECTED:
                raise Stuck(f"No alarm after {MOST_UNTIL_DETECTED} messages and {len(self._agent.failed_at)} failures.")
            await self._send(1)
            if time.monotonic() - looked_at >= LOOK_EVERY_S:
                looked_at = time.monotonic()
                incident = next((one for one in await self._owner.incidents() if self._shows(one, changed_at)), None)
        say(
            f"Noticed {time.monotonic() - changed:.0f} s later. Until then {self._next - first} messages had come, and "
            f"{len(self._agent.failed_at)} outcomes had failed."
        )
        say(
            f"Incident “{incident['title']}”, {incident.get('severity', '')}, assigned to {named(incident.get('assignee'))}."
        )
        for alarm in incident["alarms"]:
            before = sum(at <= instant(alarm["detected_at"]) for at in self._agent.failed_at)
            say(f"  {alarm.get('kind', '')} {alarm.get('segment', '')}: {alarm['summary']}")
            say(
                f"    since {alarm['since']}, found after {alarm['decisions_until_detected']} observations, "
                f"{before} reported failures after the change"
            )
        return incident

    def _shows(self, incident: dict[str, Any], changed_at: datetime) -> bool:
        """Whether an incident is about the failures: one of the alarms of failed outcomes came after the change."""
        return any(
            alarm.get("kind") == "failed_outcomes" and instant(alarm["detected_at"]) >= changed_at
            for alarm in incident["alarms"]
        )

    async def _breaker_open(self, incident: dict[str, Any]) -> None:
        title("3. The breaker is open: every decision waits for people")
        await self._owner.handle(incident, "acknowledge")
        if await self._owner.breaker() == "open":
            say("The monitor has opened it by itself.")
        else:
            await self._owner.turn_breaker("open", f"Bookings fail: {incident['title']}")
            say("The owner opens it by hand: one click, here one call.")
        await self._owner.handle(incident, "mitigate", note="The breaker is open; the desk books what waits.")
        first, alone = self._next, self._agent.counts["allowed"]
        await self._send(WITH_BREAKER_OPEN)
        came = [self._agent.cases[message.id] for message in self._messages[first : self._next]]
        say(
            f"{len(came)} more messages: {self._agent.counts['allowed'] - alone} done alone, "
            f"{told(came, 'fallback')} guests were told:"
        )
        words = next((letter.text for letter in reversed(self._agent.letters) if letter.kind == "fallback"), "")
        say(f"  “{words}”")

    async def _repair(self) -> None:
        title("4. The repair, and the backlog by urgency")
        waiting = self._agent.waiting()
        message_count = told(list(self._agent.cases.values()), "fallback")
        say(f"{len(waiting)} wishes wait for people; {message_count} guests have the message and no table.")
        old, self._agent.calendar = self._agent.calendar, Calendar(self._calendar.url, SECOND)
        await old.aclose()
        say("The agent's adapter speaks the new names. The desk begins.")
        before, began_at = len(self._desk.ruled), time.monotonic()
        await self._desk.clear(DESK)
        ruled_s = time.monotonic() - began_at
        await self._until("the backlog is empty", lambda: not any(case.state == "waiting" for case in waiting))
        worked = sorted(self._desk.ruled[before:], key=lambda one: one.taken_at)
        by_priority = Counter(one.priority for one in worked)
        say(
            f"{len(worked)} ruled in {ruled_s:.0f} s, booked and empty after {time.monotonic() - began_at:.0f} s (a ruling can "
            f"be taken back for five seconds before it holds)."
        )
        say(
            "In the order in which they were taken: "
            + ", ".join(f"{count} {name}" for name, count in by_priority.items())
            + "."
        )
        for hours in (6, 24):
            places = [
                place for place, one in enumerate(worked, start=1) if hours_left(self._agent.cases[one.request]) < hours
            ]
            say(f"  {len(places)} tables needed within {hours} hours: {among(places)} of {len(worked)}.")
        say(f"Taken before something more urgent that lay there too: {out_of_order(worked)}.")
        states = Counter(case.state for case in waiting)
        say(f"Of the {len(waiting)} guests {states['served']} are served, {len(waiting) - states['served']} are not.")

    async def _recovery(self, incident: dict[str, Any]) -> None:
        title("5. Back to normal: half-open, then closed")
        self._desk.open()
        await self._until_read()
        for _ in range(MOST_RECOVERIES):
            if await self._half_open(incident) == "closed":
                break
        else:
            raise Stuck(f"The breaker did not close in {MOST_RECOVERIES} attempts.")
        alone, first = self._agent.counts["allowed"], self._next
        await self._send(AFTERWARDS)
        say(f"Of the next {self._next - first} messages {self._agent.counts['allowed'] - alone} are done alone.")
        await self._until("everything is ruled and done", lambda: not self._agent.waiting())
        await self._owner.handle(
            incident, "resolve", note="The adapter speaks the calendar's new names; the breaker has closed."
        )
        say(
            "The owner resolves the incident. What was learned from it is for people to write down: its review is open."
        )
        cases = list(self._agent.cases.values())
        unserved = [case.message.id for case in cases if case.state != "served"]
        say(f"All in all: {len(cases)} messages, {len(cases) - len(unserved)} served, {len(unserved)} not.")
        if unserved:
            say(f"  Not served: {', '.join(unserved)}.")

    async def _half_open(self, incident: dict[str, Any]) -> str:
        """Let a share act again, and send messages until the recovery has passed or failed; the breaker's state then."""
        known = {alarm["id"] for alarm in (await self._owner.incident(incident["id"]))["alarms"]}
        await self._owner.turn_breaker("half_open", "The adapter speaks the calendar's new names", share=SHARE)
        first, alone, failures = self._next, self._agent.counts["allowed"], len(self._agent.failed_at)
        began_at = time.monotonic()
        state = "half_open"
        while state == "half_open" and self._next - first < MOST_IN_RECOVERY:
            await self._send(10)
            state = await self._owner.breaker()
        say(
            f"With {SHARE:.0%} acting, {self._next - first} messages later ({time.monotonic() - began_at:.0f} s) the breaker is "
            f"{state}; {self._agent.counts['allowed'] - alone} were done alone, {len(self._agent.failed_at) - failures} failed."
        )
        for alarm in (await self._owner.incident(incident["id"]))["alarms"]:
            if alarm["id"] not in known:
                say(f"  An alarm came meanwhile: {alarm['title']} (since {alarm['since']}).")
        if state == "half_open":
            say("  Its conditions were not met by then, so the owner closes it by hand.")
            await self._owner.turn_breaker("closed", "Nothing fails any more")
            return "closed"
        return state

    async def _send(self, count: int) -> None:
        """So many more messages, one every `interval_s`, a few at once."""
        gate = asyncio.Semaphore(MOST_AT_ONCE)

        async def one(message: Message) -> None:
            async with gate:
                await self._agent.accept(message)

        async with asyncio.TaskGroup() as tasks:
            for message in self._messages[self._next : self._next + count]:
                self._next += 1
                tasks.create_task(one(message))
                await asyncio.sleep(self._plan.interval_s)
                while gate.locked():
                    await asyncio.sleep(0.01)

    async def _until_read(self) -> None:
        """Wait until the monitors have read what happened so far: nobody goes back to normal before."""
        seen, since = -1, time.monotonic()
        ends_at = since + SETTLED_WITHIN_S
        while time.monotonic() - since < READ_FOR_S:
            if time.monotonic() > ends_at:
                raise Stuck(f"The monitors were still reading after {SETTLED_WITHIN_S:.0f} s.")
            await asyncio.sleep(LOOK_EVERY_S)
            now = sum(monitor["observations"] for monitor in await self._owner.monitors())
            if now != seen:
                seen, since = now, time.monotonic()

    async def _until(self, what: str, is_so: Callable[[], bool]) -> None:
        ends_at = time.monotonic() + SETTLED_WITHIN_S
        while not is_so():
            if time.monotonic() > ends_at:
                raise Stuck(f"Waited {SETTLED_WITHIN_S:.0f} s until {what}.")
            await asyncio.sleep(0.2)


async def play(installation: Installation, plan: Plan, directory: Path) -> None:
    """Set calendar, agent, desk and owner on the stage, and play."""
    count = plan.ordinary + MOST_UNTIL_DETECTED + WITH_BREAKER_OPEN + MOST_RECOVERIES * MOST_IN_RECOVERY + AFTERWARDS
    async with AsyncExitStack() as stack:
        owner = Owner(installation.url, installation.owner_token, SYSTEM)
        stack.push_async_callback(owner.aclose)
        seen = await owner.observed()
        if seen:
            say(
                f"This system has decided {seen} times before. Other guests write today; its monitors know what is usual."
            )
        # The same guests again would be the very texts that the baseline was made of, and so less surprising than new ones.
        messages = write_messages(count, seed=SEED + seen)
        known = {message.id: message for message in messages}
        calendar = CalendarService()
        calendar.start()
        stack.callback(calendar.stop)
        client = await stack.enter_async_context(AsyncClient(installation.url, installation.api_key))
        agent = Agent(
            client=client, calendar=Calendar(calendar.url), run=f"{time.time():.0f}", directory=directory, say=say
        )
        stack.push_async_callback(close_agent, agent)
        desk = await stack.enter_async_context(Desk(installation.url, list(installation.desk_tokens), known))
        await Story(agent=agent, desk=desk, owner=owner, calendar=calendar, messages=messages, plan=plan).play()


async def close_agent(agent: Agent) -> None:
    await agent.aclose()
    await agent.calendar.aclose()


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the story; 0 when it came to its end, 2 when it could not begin, 3 when it got stuck."""
    parser = argparse.ArgumentParser(prog="booking_agent.story", description=__doc__)
    parser.add_argument(
        "--port", type=int, default=8410, help="where Countersign is started, on loopback (%(default)s)"
    )
    parser.add_argument(
        "--url", help="a Countersign that runs already, on this machine's settings; none is started then"
    )
    parser.add_argument(
        "--data-dir", type=Path, help="where Countersign keeps its data (default: a new folder in var/)"
    )
    parser.add_argument("--messages", type=int, default=ORDINARY, help="messages of ordinary days (%(default)s)")
    parser.add_argument(
        "--interval", type=float, default=0.15, metavar="S", help="seconds between messages (%(default)s)"
    )
    parser.add_argument("--stay", action="store_true", help="leave Countersign running at the end, until Ctrl-C")
    chosen = parser.parse_args(arguments)
    folder = chosen.data_dir or ROOT / "var" / f"booking-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    folder.mkdir(parents=True, exist_ok=True)
    plan = Plan(chosen.messages, chosen.interval)
    with ExitStack() as stack:
        try:
            if chosen.url is None:
                stack.enter_context(Product(directory=folder, port=chosen.port, say=say))
            url = chosen.url or f"http://127.0.0.1:{chosen.port}"
            installation = install(STAGE, url, directory=None if chosen.url else folder, say=say)
        except NotInstalled as refusal:
            print(f"booking_agent: {refusal}", file=sys.stderr)
            return 2
        code = run(play(installation, plan, folder))
        if not chosen.url:
            tell_outbox(mails_in(folder))
        if chosen.stay and chosen.url is None:
            say(f"\nLook at {url} as {OWNER.email}, password {OWNER.password}. Ctrl-C ends it.")
            wait_for_interrupt()
        return code


def run(story: Coroutine[Any, Any, None]) -> int:
    try:
        asyncio.run(story)
    except NotOrdinary as refusal:
        print(
            f"\nThe story can't begin here: {refusal}. An earlier run has left it so. Resolve that in its console and play again, "
            f"or let it make a folder of its own (without --data-dir).",
            file=sys.stderr,
        )
        return 2
    except NotBuilt as absent:
        print(f"\nThe story stops here: {absent}. This Countersign can't tell what comes next.", file=sys.stderr)
        return 3
    except (Stuck, Hopeless, DeskRefused) as reason:
        print(f"\nThe story is stuck: {reason}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
