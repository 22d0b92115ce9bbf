"""The charts of a report, drawn from its document: volume by verdict and cost, day by day, each with its table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from operations.charts import Series, Slot, draw_stack
from operations.web import figure_words as words
from operations.web.figure_charts import Cell, ChartShown
from operations.web.report_words import MONTHS

Json = Mapping[str, Any]
MIX: Final = (
    ("allowed", "allow", "Allowed"),
    ("asked", "review", "Sent to people"),
    ("diverted", "other", "Diverted by the breaker"),
    ("blocked", "block", "Blocked"),
)


def draw_report_charts(document: Json) -> dict[str, ChartShown]:
    return {"volume": _draw_volume(document["volume"]), "cost": _draw_cost(document["cost"])}


def _day(text: str) -> str:
    return f"{int(text[8:])} {MONTHS[int(text[5:7]) - 1][:3]}"


def _draw_volume(volume: Json) -> ChartShown:
    title = "Decisions by day"
    if not volume["decisions"]:
        return ChartShown("volume", title, "No decision in this month.")
    days, shown = volume["days"], [one for one in MIX if volume["mix"][one[0]]["part"]]
    parts = [f"{words.count_words(volume['mix'][code]['part'])} {name.lower()}" for code, _, name in shown]
    return ChartShown(
        "volume",
        title,
        f"{words.count_words(volume['decisions'])} decisions: {', '.join(parts)}.",
        draw_stack(
            [Series(name, tone, [day[code] for day in days]) for code, tone, name in shown],
            [Slot(_day(day["day"]), f"{_day(day['day'])}: {words.count_words(day['decisions'])}") for day in days],
            write=words.short_count,
        ),
        ["Day", "Decisions", *(name for _, _, name in shown)],
        [
            [
                Cell(_day(day["day"])),
                Cell(words.count_words(day["decisions"])),
                *(Cell(words.count_words(day[code])) for code, _, _ in shown),
            ]
            for day in days
        ],
        [(tone, name) for _, tone, name in shown],
    )


def _draw_cost(cost: Json) -> ChartShown:
    title = "Cost by day"
    if cost["total_micros"] is None:
        return ChartShown("cost", title, "What this month's decisions cost is not known.")
    days, has_review = cost["days"], cost["review_micros"] is not None
    series = [Series("Models", "part", [day["models_micros"] for day in days])]
    columns, legend = ["Day", "Models"], [("accent", "Models")]
    if has_review:
        series.append(Series("Reviewers' time", "review", [day["review_micros"] or 0 for day in days]))
        columns.append("Reviewers' time")
        legend.append(("review", "Reviewers' time"))
    spent = words.money_words(cost["total_micros"])
    return ChartShown(
        "cost",
        title,
        f"{spent} in the month, models{' and reviewers’ time' if has_review else ' alone'}.",
        draw_stack(
            series,
            [
                Slot(_day(day["day"]), words.money_words(day["models_micros"] + (day["review_micros"] or 0)))
                for day in days
            ],
            write=words.short_money,
        ),
        columns,
        [
            [
                Cell(_day(day["day"])),
                Cell(words.money_words(day["models_micros"])),
                *([Cell(words.money_words(day["review_micros"] or 0))] if has_review else []),
            ]
            for day in days
        ],
        legend,
    )
