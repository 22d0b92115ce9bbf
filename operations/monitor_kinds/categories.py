"""Categories: which actions, models and releases, in which shares, by PSI over windows that follow each other; and for models
and releases a name that the baseline never saw, which is no matter of chance.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import NormalDist
from typing import Any, ClassVar

from operations.detectors import InsufficientData, PsiResult, false_alarm_interval, psi
from operations.monitor_kinds import words
from operations.monitor_kinds.base import (
    COOLDOWN,
    EVIDENCE,
    Finding,
    Json,
    MonitorKind,
    Setting,
    Shown,
    baseline_setting,
)
from operations.observations import DecisionMade, Event, Inputs

WINDOW = Setting("window", 250, 100, 2_000, "How many decisions a window has", is_whole=True)
ALPHA = Setting("alpha", 0.005, 0.0001, 0.1, "How many windows of an unchanged system may be alarms, as a share")
PSI_FLOOR = Setting("floor", 0.1, 0, 2, "Shifts smaller than this are no alarm (PSI; 0.1 is small, 0.25 large)")
NOVEL = Setting(
    "novel", 3, 1, 1_000, "How many decisions of a name that the baseline never saw are an alarm", is_whole=True
)
# More names than this are counted as one.
MOST_NAMES = 60
OTHER = "(other)"


def shares_promise(baseline: int, settings: Mapping[str, float], unit: str) -> Json:
    """A share that changes by so much that 95 of 100 windows notice, at worst around one half; a change begins somewhere in a
    window, and the next one is full of it."""
    window = settings["window"]
    spread = math.sqrt(0.25 * (1 / baseline + 1 / window))
    normal = NormalDist()
    change = (normal.inv_cdf(1 - settings["alpha"] / 2) + normal.inv_cdf(0.95)) * spread
    effect = f"a share that changes by {100 * change:.0f} percentage points or more"
    return {
        "false_alarm_interval": false_alarm_interval(int(window), settings["alpha"]),
        "unit": unit,
        "effect": effect,
        "expected_delay": 1.5 * window,
        "delay_within": 2 * window,
        "sentence": words.promise(effect, 1.5 * window, 2 * window, unit),
    }


@dataclass(frozen=True, slots=True)
class Shares:
    """A sealed baseline: how often each name came."""

    counts: Mapping[str, int]
    n: int


class CategoryKind(MonitorKind):
    """The name that a decision has for something."""

    is_designed_by_settings = False
    listens = (DecisionMade,)
    settings: tuple[Setting, ...] = (
        baseline_setting(300, "decisions", least=100),
        WINDOW,
        ALPHA,
        PSI_FLOOR,
        COOLDOWN,
    )
    subject: ClassVar[str]
    segment: ClassVar[str]
    nameless: ClassVar[str] = "(none)"
    does_notice_new: ClassVar[bool] = False

    def learn(self, learned: Json, sample: Any, event: Event) -> None:
        counts: dict[str, int] = learned.setdefault("counts", {})
        name = sample if sample in counts or len(counts) < MOST_NAMES else OTHER
        counts[name] = counts.get(name, 0) + 1

    def count(self, learned: Json) -> int:
        return sum(learned.get("counts", {}).values())

    def design(self, learned: Json, settings: Mapping[str, float], inputs: Inputs) -> Json | InsufficientData:
        return {"learned": learned}

    def teach(self, learned: Json, lesson: Json) -> Json | None:
        return {"counts": dict(Counter(learned["counts"]) + Counter(lesson["counts"]))}

    def prepare(self, baseline: Json, settings: Mapping[str, float]) -> Shares:
        counts = baseline["learned"]["counts"]
        return Shares(counts=counts, n=sum(counts.values()))

    def watch(self, prepared: Any, settings: Mapping[str, float], state: Json, inputs: Inputs) -> CategoryWatch:
        return CategoryWatch(self, prepared, settings, state)

    def state_promise(self, prepared: Any, settings: Mapping[str, float]) -> Json:
        promise = shares_promise(prepared.n, settings, self.unit)
        if self.does_notice_new:
            new = words.count(settings["novel"])
            promise["sentence"] += (
                f" A {self.segment} that the baseline never saw is noticed at its decision number {new}."
            )
        return promise


class CategoryWatch:
    """The window that is being filled, and names that are new."""

    def __init__(self, kind: CategoryKind, prepared: Shares, settings: Mapping[str, float], state: Json) -> None:
        self.statistic: float | None = None
        self._kind = kind
        self._prepared = prepared
        self._settings = settings
        self._counts: dict[str, int] = dict(state.get("counts", {}))
        self._total: Counter[str] = Counter(state.get("total", {}))
        self._began: str = state.get("began", "")
        self._shown = Shown(state.get("shown"))
        # By name: how many decisions, since when, their ids.
        self._new: dict[str, dict[str, Any]] = dict(state.get("new", {}))

    def step(self, sample: Any, event: Event) -> Finding | None:
        found = self._notice_new(sample, event) if self._kind.does_notice_new else None
        name = sample if sample in self._prepared.counts or sample in self._counts else self._admit(sample)
        self._began = self._began or event.at.isoformat()
        self._counts[name] = self._counts.get(name, 0) + 1
        self._total[name if name in self._total or len(self._total) < MOST_NAMES else OTHER] += 1
        self._shown.add(name, event.decision_id)
        if found is not None or sum(self._counts.values()) < self._settings["window"]:
            return found
        return self._close_window()

    def _admit(self, name: str) -> str:
        return name if len(self._counts) < MOST_NAMES else OTHER

    def _notice_new(self, name: str, event: Event) -> Finding | None:
        if name in self._prepared.counts or (name not in self._new and len(self._new) >= MOST_NAMES):
            return None
        seen = self._new.setdefault(name, {"n": 0, "since": event.at.isoformat(), "ids": []})
        seen["n"] += 1
        seen["ids"] = [event.decision_id, *seen["ids"]][:EVIDENCE]
        if seen["n"] != self._settings["novel"]:
            return None
        since = datetime.fromisoformat(seen["since"])
        noun, called = self._kind.segment, words.name(name)
        known = ", ".join(
            words.name(one) for one in sorted(self._prepared.counts, key=self._prepared.counts.__getitem__)[-3:]
        )
        return Finding(
            title=f"New {noun}: {called}",
            summary=(
                f"The {noun} {called} asks since {words.moment(since)}, with {words.count(seen['n'])} decisions so far; in the "
                f"baseline of {words.count(self._prepared.n)} decisions it never came (most often: {known}). This is counted, "
                f"not estimated: it is never false, though it may be meant."
            ),
            since=since,
            delay=seen["n"],
            segment=f"{noun}={name}",
            direction="new",
            baseline_value=0.0,
            observed_value=float(seen["n"]),
            unit="decisions",
            evidence=tuple(seen["ids"]),
            stated={"false_alarm_interval": None, "delay_within": self._settings["novel"]},
        )

    def _close_window(self) -> Finding | None:
        counts, began, shown = self._counts, datetime.fromisoformat(self._began), self._shown
        self._counts, self._began, self._shown = {}, "", Shown()
        result = psi(
            self._prepared.counts, counts, alpha=self._settings["alpha"], floor=self._settings["floor"], minimum=100
        )
        if isinstance(result, InsufficientData):
            return None
        self.statistic = result.psi
        return self._describe(result, sum(counts.values()), began, shown) if result.is_signal else None

    def _describe(self, result: PsiResult, window: int, began: datetime, shown: Shown) -> Finding:
        name, before, now = result.shares[0]
        changes = "; ".join(
            f"{words.name(one)} {words.percent(share)} instead of {words.percent(was)}"
            for one, was, share in result.shares[:3]
        )
        interval = false_alarm_interval(window, self._settings["alpha"])
        return Finding(
            title=f"{self._kind.subject} shifted: {words.name(name)} at {words.percent(now)} instead of {words.percent(before)}",
            summary=(
                f"In the {words.count(window)} decisions since {words.moment(began)} the shares differ from the baseline of "
                f"{words.count(self._prepared.n)} decisions: {changes}. Their distance (PSI) is {result.psi:.2f}; by chance it "
                f"would stay below {result.threshold:.2f}. {words.falseness(interval, self._kind.unit)}"
            ),
            since=began,
            delay=window,
            segment=f"{self._kind.segment}={name}",
            direction="up" if now >= before else "down",
            baseline_value=before,
            observed_value=now,
            unit="share",
            evidence=shown.newest(name) or shown.newest_but({one for one, _, _ in result.shares}),
        )

    def lesson(self) -> Json:
        return {"counts": dict(self._total)}

    def document(self) -> Json:
        return {
            "counts": self._counts,
            "total": dict(self._total),
            "began": self._began,
            "shown": self._shown.document(),
            "new": self._new,
        }


class ActionMix(CategoryKind):
    """Which action a decision proposes; one without is an output."""

    kind = "action_mix"
    subject = "Action mix"
    segment = "action"

    def sample(self, event: Event) -> str | None:
        assert isinstance(event, DecisionMade)
        return event.action or "(output)"


class Model(CategoryKind):
    """The model that answered, as the application names it."""

    kind = "model"
    subject = "Models"
    segment = "model"
    does_notice_new = True
    settings = (*CategoryKind.settings, NOVEL)

    def sample(self, event: Event) -> str | None:
        assert isinstance(event, DecisionMade)
        return event.model or self.nameless


class Release(CategoryKind):
    """The application's release."""

    kind = "release"
    subject = "Releases"
    segment = "release"
    does_notice_new = True
    settings = (*CategoryKind.settings, NOVEL)

    def sample(self, event: Event) -> str | None:
        assert isinstance(event, DecisionMade)
        return event.release or self.nameless
