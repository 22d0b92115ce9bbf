"""What happens in the month, chapter by chapter, and why: the story's own decisions, taken on what the product says."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from examples.mail_triage.pages import Console
from examples.mail_triage.stage import OWNER
from examples.month import telling
from examples.month.governor import Governor
from examples.month.learning import Learning, Trial
from examples.month.models import Price
from examples.month.timetable import HARD_FROM, THICK_DAYS, days_of, midnight
from examples.month.watchfulness import Watchfulness
from examples.month.world import World
from examples.telling import say, title

# Stated by the owner before the month begins: what an hour of review costs, and what the triage may cost with it.
HOUR_USD, BUDGET_USD = 36, 280
# For so long people decide everything after the breaker opened, and the candidate is watched with it open.
CORRECTING, WATCHED = timedelta(days=3), timedelta(days=1)
MOST_TRIALS, MOST_RECOVERIES = 4, 3
# A release that came later could not recover before the month's end.
LEAST_LEFT = timedelta(days=2)
# Half acts again; 30 rulings on the others, of which at most a tenth may override.
RECOVERY = {"share": 0.5, "wanted_rulings": 30, "most_overridden": 0.1, "wanted_outcomes": 30, "most_failed": 0.1}


@dataclass
class Told:
    """What the summary at the end speaks of."""

    hard_from: datetime | None = None
    incident: dict[str, Any] | None = None
    opened_at: datetime | None = None
    trials: list[Trial] = field(default_factory=list)
    released_at: datetime | None = None
    closed_at: datetime | None = None
    report: dict[str, Any] | None = None


class Plot:
    """The chapters. Each goes on from where the one before has left the world."""

    def __init__(
        self,
        *,
        month: date,
        world: World,
        governor: Governor,
        console: Console,
        watch: Watchfulness,
        learning: Learning,
        prices: list[Price],
    ) -> None:
        self._days = days_of(month)
        self._month = month
        self._world = world
        self._governor = governor
        self._console = console
        self._watch = watch
        self._learning = learning
        self._prices = prices
        self.told = Told()
        world.looks_in = watch.look_in

    @property
    def _end(self) -> datetime:
        return self._days[-1] + timedelta(days=1)

    def _day(self, number: int) -> datetime:
        return self._days[min(number, len(self._days)) - 1]

    async def play(self) -> None:
        """All of it, up to the month's last midnight. Raises Stuck, NotBuilt."""
        await self._state_beforehand()
        await self._easy_mails()
        await self._hard_mails()
        await self._people_decide()
        if await self._candidates():
            await self._recover()
        await self._to_the_end()

    async def _state_beforehand(self) -> None:
        title("Before the month: release, prices, and what it may cost")
        baseline = self._world.inbox.release
        await self._governor.state_release(
            baseline.name, "The first release: both models, trained on the corpus's first part."
        )
        for price in self._prices:
            await self._console.fill_in(
                "/prices/",
                {
                    "pattern": price.model,
                    "effective_from": self._month.isoformat(),
                    "input": str(price.input.normalize()),
                    "output": str(price.output.normalize()),
                    "note": f"{price.source}; the model itself is scikit-learn's and costs nothing.",
                },
            )
        rate = {
            "hour_micros": str(HOUR_USD),
            "effective_from": self._month.isoformat(),
            "note": "Stated for the story.",
        }
        await self._console.fill_in("/costs/", rate, action="/costs/review-rate/")
        await self._governor.state_budget(
            BUDGET_USD * 1_000_000, "Seven hours of review, and a tenth for what comes between."
        )
        telling.tell_prices(self._prices, HOUR_USD, BUDGET_USD)

    async def _easy_mails(self) -> None:
        title(f"Days 1 to {HARD_FROM - 1}: mails like those that the models were built for")
        await self._world.live(self._day(HARD_FROM))
        telling.tell_cases(self._world.inbox.cases, self._world.ruled)
        telling.tell_monitors(await self._governor.monitors())

    async def _hard_mails(self) -> None:
        title(f"From day {HARD_FROM} on: hard mails come among them, wanted ones that look like spam")
        first = len(self._world.inbox.cases)
        self._watch.expects_nothing = False
        await self._world.live(self._day(HARD_FROM + THICK_DAYS - 3), unless=lambda: self._watch.found is not None)
        came = self._world.inbox.cases[first:]
        hard = [case.at for case in came if case.mail.origin.startswith("hard")]
        self.told.hard_from = hard[0] if hard else None
        if self._watch.found is None:
            say(
                f"  No monitor has noticed anything in {len(came)} mails, {len(hard)} of them hard. People at the desk tell the owner."
            )
        else:
            self.told.incident = await self._governor.incident(self._watch.found["id"])
            telling.tell_incident(self.told.incident, came, self.told.hard_from)

    async def _people_decide(self) -> None:
        title("The breaker opens: people decide every mail, and what they correct becomes examples")
        await self._governor.turn_breaker("open", "Wanted mails are taken for spam.")
        self.told.opened_at = self._world.playground.at
        if self._watch.found is None:
            # Whoever opens a breaker by hand has an incident, and has taken it.
            self._watch.found = (await self._governor.incidents("acknowledged"))[0]
            self.told.incident = self._watch.found
        await self._governor.handle(
            self._watch.found, "mitigate", note="The breaker is open; people decide every mail."
        )
        first, ruled = len(self._world.inbox.cases), len(self._world.ruled)
        until = max(self._day(HARD_FROM + THICK_DAYS), midnight((self.told.opened_at + CORRECTING).date()))
        await self._world.live(until)
        telling.tell_cases(self._world.inbox.cases[first:], self._world.ruled[ruled:])

    async def _candidates(self) -> bool:
        """Whether one of them has passed; each after the first has learned from another day of rulings."""
        title("A dataset version, a candidate, the gate")
        baseline = self._world.inbox.release
        while len(self.told.trials) < MOST_TRIALS:
            morning = self._next_morning()
            await self._world.live(morning)
            self._world.playground.travel(morning)
            if self._world.playground.at + LEAST_LEFT > self._end:
                break
            if not await self._learning.has_news():
                say("  Nothing was taught since: there is no new version.")
                continue
            name = f"mail-triage-{len(self.told.trials) + 2}"
            trial = await self._learning.try_release(name, baseline)
            if trial is None:
                say("  Of the examples so far none was held out: there is nothing to ask a candidate about.")
                continue
            self.told.trials.append(trial)
            telling.tell_trial(trial, self._world.playground.at)
            if trial.has_passed:
                return True
            say("  It is not released. The breaker stays open, and people go on ruling.")
        say("  No candidate has passed, so none is released: the month ends with people deciding every mail.")
        return False

    async def _recover(self) -> None:
        trial = self.told.trials[-1]
        title(f"The release of {trial.candidate.name}, and the way back")
        world = self._world
        world.inbox.release, self.told.released_at = trial.candidate, world.playground.at
        first, ruled = len(world.inbox.cases), len(world.ruled)
        say("  For a day it answers with the breaker open, so that people see all that it proposes.")
        await world.live(world.playground.at + WATCHED)
        telling.tell_cases(world.inbox.cases[first:], world.ruled[ruled:])
        for _ in range(MOST_RECOVERIES):
            await self._governor.turn_breaker("half_open", f"{trial.candidate.name} has passed the gate.", **RECOVERY)
            say(f"  {telling.moment(world.playground.at)}  Half-open: half of what policy allows is done alone again.")
            state = await self._until_it_turns()
            say(f"  {telling.moment(world.playground.at)}  The breaker is {state.replace('_', '-')}.")
            if state == "closed":
                self.told.closed_at = world.playground.at
                await self._learn_from_it(trial)
                return
            if state == "half_open":
                return
            await world.live(world.playground.at + timedelta(days=1))

    async def _until_it_turns(self) -> str:
        """What the breaker has become by the conditions of the recovery, or `half_open` at the month's end."""
        state = "half_open"

        async def look_in() -> None:
            nonlocal state
            await self._watch.look_in()
            state = await self._governor.breaker()

        self._world.looks_in = look_in
        await self._world.live(self._end, unless=lambda: state != "half_open")
        self._world.looks_in = self._watch.look_in
        return state

    async def _learn_from_it(self, trial: Trial) -> None:
        """Resolve the incident, and write down what was learned."""
        incident = await self._watch.resolve(f"{trial.candidate.name} has passed the gate and the recovery.")
        dataset = (await self._governor.dataset())["id"]
        taught = await self._governor.examples(dataset, trial.version["number"], "test")
        due = (self._world.playground.at + timedelta(days=14)).date()
        await self._governor.handle(
            incident,
            "review",
            cause="Wanted mails began to look like spam: newsletters and offers that customers had asked for.",
            earlier_detection="Samples of newsletters in the training set, and a look at what marketing plans for the month.",
            example_ids=[line["id"] for line in taught][:20],
            action="Train with the corrections of every month, before the month is over.",
            action_owner=OWNER.email,
            action_due_on=due.isoformat(),
        )
        say("  The incident is resolved, and reviewed with cause, examples against a repetition, an action and a date.")
        # In the console, and signed in anew: a session of the first day has ended.
        await self._console.sign_in(OWNER.email, OWNER.password)
        monitor = f"/monitors/{(await self._governor.monitor('release'))['id']}/"
        reason = f"{trial.candidate.name} is what is usual from here on."
        await self._console.fill_in(monitor, {"reason": reason}, action=f"{monitor}learn/")
        say("  The monitor of releases learns anew what is usual.")

    async def _to_the_end(self) -> None:
        title("The rest of the month")
        first, ruled = len(self._world.inbox.cases), len(self._world.ruled)
        await self._world.live(self._end)
        if len(self._world.inbox.cases) > first:
            telling.tell_cases(self._world.inbox.cases[first:], self._world.ruled[ruled:])

    def _next_morning(self) -> datetime:
        """The next nine o'clock."""
        at = self._world.playground.at
        nine = midnight(at.date()) + timedelta(hours=9)
        return nine if at < nine else nine + timedelta(days=1)
