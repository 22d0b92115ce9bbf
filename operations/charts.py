"""Where the bars, lines, bands and marks of a chart stand: numbers in, coordinates out, no Django.

Colours are the style sheet's affair (a chart holds classes, called tones), words are the page's; every chart has its numbers
beside it in a table. Coordinates are texts, so that no template can write them in another country's way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

WIDTH, HEIGHT = 560, 190
LEFT, RIGHT, TOP, BOTTOM = 46, 552, 12, 166
LABELS_AT_MOST = 4
# With more points than these, dots on a line run into each other.
DOTTED_AT_MOST = 32
# What is smaller is drawn as nothing.
LEAST = 1e-9

Write = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Slot:
    """One point of time as the chart shows it: its label on the axis, and what pointing and pressing say and open."""

    label: str
    title: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """Values along the slots, None where there is none: a gap is a gap, not a zero."""

    name: str
    tone: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened: where in the chart's time (0 at its beginning, 1 at its end), and what."""

    share: float
    tone: str
    title: str


@dataclass(frozen=True, slots=True)
class Tick:
    at: str
    label: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Box:
    x: str
    y: str
    width: str
    height: str
    tone: str = ""
    title: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    path: str
    tone: str


@dataclass(frozen=True, slots=True)
class Dot:
    x: str
    y: str
    tone: str


@dataclass(frozen=True, slots=True)
class MarkLine:
    x: str
    tone: str
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """All that a template draws, in the order in which it is drawn; `columns` are what can be pointed at and pressed."""

    y_ticks: list[Tick]
    x_ticks: list[Tick]
    bands: list[Box] = field(default_factory=list)
    bars: list[Box] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    dots: list[Dot] = field(default_factory=list)
    marks: list[MarkLine] = field(default_factory=list)
    columns: list[Box] = field(default_factory=list)
    view_box: str = f"0 0 {WIDTH} {HEIGHT}"
    left: str = str(LEFT)
    right: str = str(RIGHT)
    top: str = str(TOP)
    bottom: str = str(BOTTOM)
    label_at: str = str(BOTTOM + 16)


@dataclass(frozen=True, slots=True)
class Spark:
    """A line without axes, beside the number that it goes with."""

    line: str
    area: str
    end_x: str
    end_y: str


def draw_stack(
    series: Sequence[Series], slots: Sequence[Slot], *, write: Write, moments: Sequence[Moment] = ()
) -> Chart:
    """Bars on each other, the first series lowest."""
    totals = [sum(one.values[index] or 0 for one in series) for index in range(len(slots))]
    steps = ticks_to(max(totals, default=0), whole=True)
    width, gap = _step(slots), _gap(slots)
    bars = []
    for index in range(len(slots)):
        below = 0.0
        for one in series:
            value = one.values[index] or 0
            if value <= 0:
                continue
            top, foot = _y(below + value, steps[-1]), _y(below, steps[-1])
            bars.append(
                Box(_n(LEFT + index * width + gap / 2), _n(top), _n(width - gap), _n(max(foot - top, 0.5)), one.tone)
            )
            below += value
    return replace(_frame(slots, steps, write, moments), bars=bars)


def draw_lines(
    series: Sequence[Series],
    slots: Sequence[Slot],
    *,
    write: Write,
    band: Sequence[tuple[float, float] | None] = (),
    moments: Sequence[Moment] = (),
    at_most: float | None = None,
    whole: bool = False,
) -> Chart:
    """Lines from zero up, broken where a value is missing. `band`: for each slot an interval, drawn as wide as the slot that
    it speaks for. `at_most`: what the values can't exceed (1 for shares)."""
    highest = max((value for one in series for value in one.values if value is not None), default=0.0)
    highest = max([highest, *(pair[1] for pair in band if pair is not None)])
    steps = ticks_to(highest, whole=whole, at_most=at_most)
    lines, dots = [], []
    for one in series:
        runs = _runs(one.values)
        for run in runs:
            points = [(_middle(index, slots), _y(value, steps[-1])) for index, value in run]
            if len(points) > 1:
                lines.append(Line("M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in points), one.tone))
            if len(points) == 1 or len(slots) <= DOTTED_AT_MOST:
                dots += [Dot(_n(x), _n(y), one.tone) for x, y in points]
    width = _step(slots)
    bands = [
        Box(
            _n(LEFT + index * width),
            _n(_y(pair[1], steps[-1])),
            _n(width),
            _n(_y(pair[0], steps[-1]) - _y(pair[1], steps[-1])),
        )
        for index, pair in enumerate(band)
        if pair is not None
    ]
    return replace(_frame(slots, steps, write, moments), bands=bands, lines=lines, dots=dots)


def draw_spark(values: Sequence[float], *, width: int = 120, height: int = 28) -> Spark | None:
    """A spark of at least two values; None where there is nothing but zero to draw."""
    highest = max(values, default=0)
    if len(values) < 2 or highest <= 0:
        return None
    inner = height - 4
    points = [
        (index * (width - 3) / (len(values) - 1), 2 + inner * (1 - value / highest))
        for index, value in enumerate(values)
    ]
    line = "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in points)
    end_x, end_y = points[-1]
    return Spark(line=line, area=f"{line}L{_n(end_x)} {height}L0 {height}Z", end_x=_n(end_x), end_y=_n(end_y))


def share_box(share: float, *, height: int = 10) -> Box:
    """A bar of a hundred units for one share of a whole."""
    return Box("0", "0", _n(100 * min(max(share, 0.0), 1.0)), str(height))


def ticks_to(highest: float, *, whole: bool = False, at_most: float | None = None) -> list[float]:
    """Round steps (1, 2, 2.5 or 5 times a power of ten) from 0 to the first that reaches `highest`: three to six of them."""
    if highest < LEAST:
        highest = 1.0 if whole or at_most is None else at_most / 10
    power = 1.0
    while power * 10 <= highest / 4:
        power *= 10
    while power > highest / 4:
        power /= 10
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= highest / 4)
    if whole:
        step = max(1.0, step if step == int(step) else float(int(step) + 1))
    count = int(highest / step - 1e-9) + 1
    steps = [round(step * number, 12) for number in range(count + 1)]
    if at_most is not None and steps[-1] > at_most:
        steps = [one for one in steps if one < at_most] + [at_most]
    return steps


def _frame(slots: Sequence[Slot], steps: Sequence[float], write: Write, moments: Sequence[Moment]) -> Chart:
    width = _step(slots)
    return Chart(
        y_ticks=[Tick(_n(_y(step, steps[-1])), write(step), "end") for step in steps],
        x_ticks=_label(slots),
        columns=[
            Box(_n(LEFT + index * width), str(TOP), _n(width), str(BOTTOM - TOP), title=slot.title, url=slot.url)
            for index, slot in enumerate(slots)
        ],
        marks=[
            MarkLine(_n(LEFT + (RIGHT - LEFT) * moment.share), moment.tone, moment.title)
            for moment in moments
            if 0 <= moment.share <= 1
        ],
    )


def _label(slots: Sequence[Slot]) -> list[Tick]:
    """At most four labels, evenly apart; those at the edges grow inwards."""
    if not slots:
        return []
    every = max(1, -(-len(slots) // LABELS_AT_MOST))
    ticks = []
    for index in range(0, len(slots), every):
        at = _middle(index, slots)
        anchor = "start" if at < LEFT + 24 else "end" if at > RIGHT - 24 else "middle"
        at = LEFT if anchor == "start" else RIGHT if anchor == "end" else at
        ticks.append(Tick(_n(at), slots[index].label, anchor))
    return ticks


def _runs(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    known = [(index, value) for index, value in enumerate(values) if value is not None]
    runs = [[one] for one in known[:1]]
    for before, one in pairwise(known):
        if one[0] == before[0] + 1:
            runs[-1].append(one)
        else:
            runs.append([one])
    return runs


def _step(slots: Sequence[Slot]) -> float:
    return (RIGHT - LEFT) / max(len(slots), 1)


def _gap(slots: Sequence[Slot]) -> float:
    return min(4.0, _step(slots) * 0.25)


def _middle(index: int, slots: Sequence[Slot]) -> float:
    return LEFT + (index + 0.5) * _step(slots)


def _y(value: float, highest: float) -> float:
    return BOTTOM - (BOTTOM - TOP) * min(max(value / highest, 0.0), 1.0)


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
