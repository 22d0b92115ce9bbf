"""Inputs: whether what a system is given still looks like what it was given before.

Three looks, none of which knows a language: how long inputs are (Kolmogorov-Smirnov), how surprising their letters are to a
model of the baseline's trigrams (Kolmogorov-Smirnov), and which values their fields with few values have (PSI, Bonferroni over
the fields). Each gets a third of the false alarms. No text is kept: of the baseline's first half the counts of trigrams, of
everything else numbers and the values of such fields.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from operations.detectors import (
    InsufficientData,
    PsiResult,
    TrigramModel,
    categories_shift,
    category_counts,
    category_paths,
    false_alarm_interval,
    fit_input_reference,
    from_json,
    input_length,
    ks,
    surprise,
    to_json,
)
from operations.monitor_kinds import words
from operations.monitor_kinds.base import COOLDOWN, Finding, Json, MonitorKind, Shown, baseline_setting
from operations.monitor_kinds.categories import ALPHA, MOST_NAMES, OTHER, WINDOW
from operations.monitor_kinds.distributions import KS_FLOOR, MOST_TAUGHT, NumberWindow, evidence_of, noticed_distance
from operations.observations import DecisionMade, Event, Inputs, LongText

# So much of a text is looked at for its letters: a distribution of letters needs no more, and the reader has to keep up.
LOOKED_AT = 1_000
LOOKS = 3
# The chance that there is no change, the distance with a minus, and what to say of it.
Ranked = tuple[float, float, Finding]


def letters_of(value: Any) -> str:
    """The beginning of all the text in an input."""
    if isinstance(value, LongText):
        return value.beginning[:LOOKED_AT]
    parts: list[str] = []
    room = LOOKED_AT
    waiting = [value]
    while waiting and room > 0:
        node = waiting.pop()
        if isinstance(node, str):
            parts.append(node[:room])
            room -= len(node) + 1
        elif isinstance(node, dict):
            waiting.extend(reversed(node.values()))
        elif isinstance(node, list):
            waiting.extend(reversed(node))
    return " ".join(parts)


def length_of(value: Any) -> int:
    return value.length if isinstance(value, LongText) else input_length(value)


def fields_of(value: Any) -> Any:
    """The input as far as it can be taken apart."""
    return None if isinstance(value, LongText) else value


@dataclass(frozen=True, slots=True)
class Reference:
    """A sealed baseline of inputs."""

    lengths: tuple[float, ...]
    model: TrigramModel
    surprises: tuple[float, ...]
    fields: Mapping[str, Mapping[str, int]]


class InputShift(MonitorKind):
    """What decisions are given. While it learns it keeps ids alone, and reads the inputs when it seals."""

    is_designed_by_settings = False
    kind = "input_shift"
    listens = (DecisionMade,)
    settings = (baseline_setting(300, "decisions", least=150), WINDOW, ALPHA, KS_FLOOR, COOLDOWN)
    needs_inputs = True

    def sample(self, event: Event) -> str:
        return event.decision_id

    def design(self, learned: Json, settings: Mapping[str, float], inputs: Inputs) -> Json | InsufficientData:
        inputs.fetch(learned["values"])
        values = [value for key in learned["values"] if (value := inputs.of(key)) is not None]
        reference = fit_input_reference([letters_of(value) for value in values])
        if isinstance(reference, InsufficientData):
            return reference
        model, surprises = reference
        return {
            "learned": learned,
            "lengths": [length_of(value) for value in values],
            "model": to_json(model),
            "surprises": surprises,
            "fields": category_paths([fields_of(value) for value in values]),
        }

    def forget(self, learned: Json, inputs: Inputs) -> Json:
        return {**learned, "values": [key for key in learned["values"] if inputs.of(key) is not None]}

    def teach(self, learned: Json, lesson: Json) -> Json | None:
        return {**learned, "values": [*learned["values"], *lesson["values"]][-MOST_TAUGHT:]}

    def prepare(self, baseline: Json, settings: Mapping[str, float]) -> Reference:
        return Reference(
            lengths=tuple(baseline["lengths"]),
            model=from_json(baseline["model"]),
            surprises=tuple(baseline["surprises"]),
            fields=baseline["fields"],
        )

    def watch(self, prepared: Any, settings: Mapping[str, float], state: Json, inputs: Inputs) -> InputWatch:
        return InputWatch(prepared, settings, state, inputs)

    def state_promise(self, prepared: Any, settings: Mapping[str, float]) -> Json:
        window = settings["window"]
        distance = noticed_distance(len(prepared.surprises), window, settings["alpha"] / LOOKS)
        effect = f"a shift of length or letters that moves {words.percent(max(distance, settings['floor']))} of the inputs or more"
        return {
            "false_alarm_interval": false_alarm_interval(int(window), settings["alpha"]),
            "unit": self.unit,
            "effect": effect,
            "expected_delay": 1.5 * window,
            "delay_within": 2 * window,
            "sentence": words.promise(effect, 1.5 * window, 2 * window, self.unit),
        }


class InputWatch:
    """A window of inputs: lengths, surprises, and counts of the fields' values."""

    def __init__(self, prepared: Reference, settings: Mapping[str, float], state: Json, inputs: Inputs) -> None:
        self.statistic: float | None = None
        self._prepared = prepared
        self._settings = settings
        self._inputs = inputs
        self._closed: list[str] = []
        self._lengths = NumberWindow.of(state.get("lengths", {}))
        self._surprises = NumberWindow.of(state.get("surprises", {}))
        self._fields = {pointer: Counter(counts) for pointer, counts in state.get("fields", {}).items()}
        self._shown = {pointer: Shown(ids) for pointer, ids in state.get("shown", {}).items()}

    def step(self, sample: Any, event: Event) -> Finding | None:
        value = self._inputs.of(sample)
        if value is None:
            return None
        self._lengths.add(float(length_of(value)), event)
        self._surprises.add(surprise(self._prepared.model, letters_of(value)), event)
        for pointer, counts in category_counts([fields_of(value)], self._prepared.fields).items():
            counter = self._fields.setdefault(pointer, Counter())
            for category, count in counts.items():
                name = self._admit(pointer, category, counter)
                counter[name] += count
                self._shown.setdefault(pointer, Shown()).add(name, event.decision_id)
        if len(self._lengths.values) < self._settings["window"]:
            return None
        return self._close_window()

    def _admit(self, pointer: str, category: str, counter: Mapping[str, int]) -> str:
        """A field that had few values may now have a new one each time: so many names are kept of it, the rest are one."""
        is_known = category in self._prepared.fields[pointer] or category in counter
        return category if is_known or len(counter) < MOST_NAMES else OTHER

    def _close_window(self) -> Finding | None:
        lengths, surprises, fields, shown = self._lengths, self._surprises, self._fields, self._shown
        self._lengths, self._surprises = NumberWindow([], ""), NumberWindow([], "")
        self._fields, self._shown = {}, {}
        self._closed = [key for _, key in lengths.values]
        found = [
            *self._compare_fields(fields, shown, lengths),
            *self._compare(surprises, self._prepared.surprises, "Letters of inputs", "bits", "letters"),
            *self._compare(lengths, self._prepared.lengths, "Length of inputs", "characters", "length"),
        ]
        if not found:
            return None
        # The least likely one to be chance first, of those that are all but certain the greatest distance.
        (_, _, first), *others = sorted(found, key=lambda one: one[:2])
        if not others:
            return first
        also = "; ".join(other.title for _, _, other in others)
        return replace(first, summary=f"{first.summary} Besides: {also}.")

    def _compare(
        self, window: NumberWindow, baseline: tuple[float, ...], subject: str, unit: str, segment: str
    ) -> Iterator[Ranked]:
        alpha = self._settings["alpha"] / LOOKS
        result = ks(baseline, [value for value, _ in window.values], alpha=alpha, floor=self._settings["floor"])
        if isinstance(result, InsufficientData):
            return
        self.statistic = max(self.statistic or 0.0, result.statistic)
        if not result.is_signal:
            return
        before, now = result.baseline_median, result.window_median
        was, stands = words.amount(before, unit), words.amount(now, unit)
        title = {
            "letters": f"Inputs read differently: {stands} of surprise a letter instead of {was}",
            "length": f"Inputs became {'longer' if now >= before else 'shorter'}: {stands} in the middle instead of {was}",
        }[segment]
        finding = Finding(
            title=title,
            summary=(
                f"{self._opening(window)} {subject.lower()} stand at {stands} in the middle, in the baseline at {was}; the two "
                f"distributions part by {words.percent(result.statistic)}. {self._falseness(len(window.values))}"
            ),
            since=datetime.fromisoformat(window.began),
            delay=len(window.values),
            segment=f"input={segment}",
            direction="up" if now >= before else "down",
            baseline_value=before,
            observed_value=now,
            unit=unit,
            evidence=evidence_of(result, window.values),
        )
        yield result.p_value, -result.statistic, finding

    def _compare_fields(
        self, fields: Mapping[str, Mapping[str, int]], shown: Mapping[str, Shown], window: NumberWindow
    ) -> Iterator[Ranked]:
        results = categories_shift(self._prepared.fields, fields, alpha=self._settings["alpha"] / LOOKS)
        signals = {
            pointer: result for pointer, result in results.items() if isinstance(result, PsiResult) and result.is_signal
        }
        if not signals:
            return
        pointer, result = max(signals.items(), key=lambda one: one[1].psi)
        name, before, now = result.shares[0]
        field = words.name(pointer)
        finding = Finding(
            title=f"Inputs shifted at {field}: {words.name(name)} at {words.percent(now)} instead of {words.percent(before)}",
            summary=(
                f"{self._opening(window)} the field {field} is {words.name(name)} in {words.percent(now)}, in the baseline in "
                f"{words.percent(before)}; the distance of all its values (PSI) is {result.psi:.2f}, by chance it would stay "
                f"below {result.threshold:.2f}. {self._falseness(len(window.values))}"
            ),
            since=datetime.fromisoformat(window.began),
            delay=len(window.values),
            segment=f"path={pointer}"[:300],
            direction="up" if now >= before else "down",
            baseline_value=before,
            observed_value=now,
            unit="share",
            evidence=shown[pointer].newest(name) or shown[pointer].newest_but({one for one, _, _ in result.shares}),
        )
        yield result.p_value, -result.psi, finding

    def _opening(self, window: NumberWindow) -> str:
        since = words.moment(datetime.fromisoformat(window.began))
        return f"In the {words.count(len(window.values))} decisions since {since}"

    def _falseness(self, window: int) -> str:
        return words.falseness(false_alarm_interval(window, self._settings["alpha"]), "decisions")

    def lesson(self) -> Json:
        return {"values": self._closed}

    def document(self) -> Json:
        return {
            "lengths": self._lengths.document(),
            "surprises": self._surprises.document(),
            "fields": {pointer: dict(counts) for pointer, counts in self._fields.items()},
            "shown": {pointer: shown.document() for pointer, shown in self._shown.items()},
        }
