"""What a month costs in words, and its chart: forecasts with their intervals, budgets with what they lead one to expect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from evaluations.statistics import Estimate, Interval
from operations.charts import Series, Slot, draw_stack
from operations.cost_selectors import DayCosts, MonthCosts
from operations.forecasting import NotEnoughDays, Projection
from operations.model_choice import ModelChoice, ModelEvidence
from operations.web import figure_words as words
from operations.web.figure_charts import Cell, ChartShown, decisions_url, when_words

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Said:
    """A figure, and beneath it what it is made of or how sure it is."""

    value: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class BudgetBar:
    """A share of a budget as a bar of a hundred units, 100 at the most, and as text; `outlook` is what the forecast says."""

    units: str
    share: str
    amounts: str
    outlook: str = ""


@dataclass(frozen=True, slots=True)
class ModelRow:
    evidence: ModelEvidence
    cost: str
    review: str
    error: str
    difference: str
    tag: str
    tone: str


@dataclass(frozen=True, slots=True)
class Task:
    """One kind of task as the page shows it."""

    choice: ModelChoice
    rows: list[ModelRow]


def say_projection(projection: Projection | NotEnoughDays | None, write: Callable[[float | None], str]) -> Said:
    """ "$620.00" with "95 %: $580.00 to $660.00"; what is missing; nothing for a month that is over."""
    if projection is None:
        return Said("", "")
    if isinstance(projection, NotEnoughDays):
        days = f"{projection.more} more day{'' if projection.more == 1 else 's'}"
        return Said("not enough days", f"{days} until one can be made")
    interval = f"95 %: {write(projection.low)} to {write(projection.high)}"
    return Said(write(projection.expected), interval)


def say_spent(costs: MonthCosts) -> Said:
    """What models and reviewers cost. Where models' cost is known of no decision, the sum is not known either."""
    if not costs.decisions:
        return Said("nothing", "no decision")
    review = (
        f"{say_minutes(costs)} of review, no rate stated"
        if costs.review_micros is None
        else f"review {words.money_words(costs.review_micros)} for {say_minutes(costs)}"
    )
    if not costs.is_known:
        return Said("not known", f"what models cost is not known; {review}")
    return Said(words.money_words(costs.total_micros), f"models {words.money_words(costs.spent_micros)}; {review}")


def say_forecast(costs: MonthCosts) -> Said:
    """What counts against the budget, to the month's end; without a budget all of it. Nothing for a month that is over."""
    if costs.forecast is not None and costs.decisions and not costs.is_known:
        return Said("not known", "what models cost is not known")
    return say_projection(costs.counted_forecast, words.money_words)


def say_resolved(costs: MonthCosts) -> Said:
    """What one resolved case cost, and what is in it."""
    if not costs.resolved:
        return Said("no case", "none is reported as resolved")
    cases = f"{costs.resolved:,} case{'' if costs.resolved == 1 else 's'} resolved"
    minutes = f"{words.minutes_words(costs.review_seconds_per_resolved)} of review each"
    if costs.per_resolved_micros is None:
        return Said("not known", f"what models cost is not known; {minutes}; {cases}")
    if costs.review_micros is None:
        return Said(words.money_words(costs.per_resolved_micros), f"models alone; and {minutes}; {cases}")
    return Said(words.money_words(costs.per_resolved_micros), f"models and review time; {cases}")


def say_minutes(costs: MonthCosts) -> str:
    return words.minutes_words(costs.review_seconds)


def say_budget(costs: MonthCosts) -> BudgetBar | None:
    """None without a budget. The share is rounded down: what is not 80 % is not shown as such."""
    if costs.budget is None:
        return None
    share = 100 * costs.counted_micros / costs.budget.monthly_micros
    amounts = f"{words.money_words(costs.counted_micros)} of {words.money_words(costs.budget.monthly_micros)}"
    shown = f"{int(share):,}{words.NO_BREAK}%" if share >= 1 or not share else f"under 1{words.NO_BREAK}%"
    return BudgetBar(f"{min(share, 100.0):.4f}", shown, amounts, say_outlook(costs))


def say_outlook(costs: MonthCosts) -> str:
    """How the forecast stands to the budget; nothing where nothing can be said."""
    projection, budget = costs.counted_forecast, costs.budget_micros
    if budget is None:
        return ""
    if costs.decisions and not costs.is_known:
        return "What its models cost is not known: less is held against the budget than was spent."
    if costs.counted_micros > budget:
        return "The budget is overspent."
    if not isinstance(projection, Projection):
        return ""
    if projection.low > budget:
        return "The forecast's whole interval lies above the budget."
    if projection.expected > budget:
        return "The forecast lies above the budget; its interval reaches below."
    if projection.high > budget:
        return "The forecast lies within the budget; its interval reaches above."
    return "The forecast's whole interval lies within the budget."


def draw_days(costs: MonthCosts) -> ChartShown:
    """What each day cost, models and review time on each other."""
    title, is_rated = "Cost by day", costs.review_micros is not None
    if not costs.decisions:
        return ChartShown("cost", title, "No decision in this month.")
    slug = costs.system.slug
    series = [Series("Models", "part", [day.models_micros for day in costs.days])]
    if is_rated:
        series.append(Series("Reviewers' time", "other", [day.review_micros or 0 for day in costs.days]))
    slots = [
        Slot(
            label=f"{day.day.day} {day.day:%b}",
            title=f"{day.day.day} {day.day:%b}: {words.money_words(day.total_micros)}",
            url=_decisions(slug, day) if day.decisions else "",
        )
        for day in costs.days
    ]
    rows = [
        [
            Cell(when_words(_begins(day.day), _begins(day.day) + DAY)),
            Cell(words.money_words(day.models_micros) if day.priced or not day.decisions else "not known"),
            Cell(words.minutes_words(day.review_seconds)),
            Cell(words.money_words(day.review_micros) if day.review_micros is not None else "no rate"),
            Cell(words.count_words(day.decisions), _decisions(slug, day) if day.decisions else ""),
            Cell(words.count_words(day.resolved)),
        ]
        for day in costs.days
    ]
    unknown = costs.priced.whole - costs.priced.part
    missing = f" What {unknown:,} of {costs.decisions:,} decisions cost is not known." if unknown else ""
    unrated = (
        f" {words.minutes_words(costs.unrated_seconds)} of review lie on days without a rate."
        if is_rated and costs.unrated_seconds
        else ""
    )
    return ChartShown(
        "cost",
        title,
        f"{_sum_up(costs)}.{missing}{unrated}",
        draw_stack(series, slots, write=words.short_money) if costs.total_micros else None,
        ["Day", "Models", "Review", "Review cost", "Decisions", "Resolved"],
        rows,
        [("accent", "Models"), ("other", "Reviewers' time")] if is_rated else [],
    )


def _sum_up(costs: MonthCosts) -> str:
    spent = say_spent(costs)
    if not costs.is_known and not costs.total_micros:
        return f"{spent.detail[:1].upper()}{spent.detail[1:]}"
    return f"{spent.value} in all: {spent.detail}"


def show_task(choice: ModelChoice) -> Task:
    return Task(choice, [_show_model(one, choice) for one in choice.models])


def _show_model(one: ModelEvidence, choice: ModelChoice) -> ModelRow:
    tag, tone = "", "outline"
    if one.model == choice.chosen:
        tag, tone = "named", "allow"
    elif not isinstance(one.error, Estimate):
        tag = "can't be judged yet"
    elif one.is_best:
        tag = "best"
    elif one.difference is not None:
        tag = "not worse" if one.is_not_worse else "may be worse"
    return ModelRow(
        evidence=one,
        cost=words.money_words(one.cost_micros),
        review=words.minutes_words(one.review_seconds) if one.review_seconds >= 60 else f"{one.review_seconds:.1f} s",
        error=words.estimate_words(one.error),
        difference="best" if one.is_best else _say_difference(one.difference),
        tag=tag,
        tone=tone,
    )


def _say_difference(interval: Interval | None) -> str:
    if interval is None:
        return "–"
    low, high = (f"{100 * end:+.1f}".replace("-", "−") for end in (interval.low, interval.high))
    return f"{low} to {high} points"


def _begins(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _decisions(slug: str, day: DayCosts) -> str:
    return decisions_url(slug, _begins(day.day), _begins(day.day) + DAY)
