"""The geometry of charts: everything within its frame, gaps where nothing is known, axes that end on round numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.charts import (
    BOTTOM,
    LABELS_AT_MOST,
    LEFT,
    RIGHT,
    TOP,
    Moment,
    Series,
    Slot,
    draw_lines,
    draw_spark,
    draw_stack,
    share_box,
    ticks_to,
)

COUNTS = st.lists(st.integers(0, 10**7), min_size=1, max_size=120)
RATES = st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=1, max_size=120)


def slots(count: int) -> list[Slot]:
    return [Slot(label=f"{number}", title=f"slot {number}") for number in range(count)]


def points_of(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split() for pair in path.removeprefix("M").split("L"))]


@pytest.mark.parametrize(
    ("highest", "steps"),
    [
        (0.23, [0, 0.1, 0.2, 0.3]),
        (7, [0, 2, 4, 6, 8]),
        (1130, [0, 500, 1000, 1500]),
        (100, [0, 25, 50, 75, 100]),
        (0, [0, 0.25, 0.5, 0.75, 1.0]),
    ],
)
def test_an_axis_ends_on_the_first_round_step_that_reaches_the_highest(highest: float, steps: list[float]) -> None:
    assert ticks_to(highest) == pytest.approx(steps)


def test_counts_have_whole_steps_and_shares_end_at_one() -> None:
    assert ticks_to(1, whole=True) == [0, 1]
    assert ticks_to(3, whole=True) == [0, 1, 2, 3]
    assert ticks_to(0.99, at_most=1.0)[-1] == 1.0
    assert ticks_to(0, at_most=1.0)[-1] == pytest.approx(0.1)


@given(st.floats(1e-9, 1e12), st.booleans())
def test_an_axis_has_few_steps_and_reaches_the_highest(highest: float, whole: bool) -> None:
    steps = ticks_to(highest, whole=whole)
    assert 2 <= len(steps) <= 6
    assert steps[-1] >= highest * (1 - 1e-6)
    assert steps == sorted(set(steps))


@given(COUNTS)
def test_stacked_bars_stay_within_the_frame_and_do_not_overlap(counts: list[int]) -> None:
    chart = draw_stack(
        [Series("a", "allow", counts), Series("b", "block", counts)], slots(len(counts)), write=lambda value: f"{value}"
    )
    assert len(chart.bars) == 2 * sum(1 for count in counts if count)
    for bar in chart.bars:
        assert float(bar.x) >= LEFT and float(bar.x) + float(bar.width) <= RIGHT + 0.2
        assert float(bar.y) >= TOP - 0.6 and float(bar.y) + float(bar.height) <= BOTTOM + 0.6


def test_a_bar_stands_on_the_one_before() -> None:
    chart = draw_stack(
        [Series("a", "allow", [1]), Series("b", "block", [3])], slots(1), write=lambda value: f"{value:g}"
    )
    low, high = chart.bars
    assert float(high.y) + float(high.height) == pytest.approx(float(low.y))
    assert float(high.height) == pytest.approx(3 * float(low.height), abs=0.2)


@given(RATES)
def test_a_line_has_a_point_for_each_value_that_is_known_and_none_for_a_gap(rates: list[float | None]) -> None:
    chart = draw_lines([Series("a", "", rates)], slots(len(rates)), write=lambda value: f"{value}", at_most=1.0)
    lone = sum(
        1
        for index, value in enumerate(rates)
        if value is not None
        and (index == 0 or rates[index - 1] is None)
        and (index + 1 == len(rates) or rates[index + 1] is None)
    )
    drawn = [point for line in chart.lines for point in points_of(line.path)]
    assert len(drawn) + lone == sum(value is not None for value in rates)
    assert all(LEFT <= x <= RIGHT and TOP - 0.1 <= y <= BOTTOM + 0.1 for x, y in drawn)


def test_a_gap_is_not_a_zero() -> None:
    chart = draw_lines([Series("a", "", [0.5, None, 0.5, 0.5])], slots(4), write=lambda value: f"{value}")
    assert len(chart.lines) == 1 and len(points_of(chart.lines[0].path)) == 2
    assert len(chart.dots) == 3


def test_an_interval_is_as_wide_as_what_it_speaks_for() -> None:
    chart = draw_lines(
        [Series("a", "", [0.2, None])], slots(2), write=lambda value: f"{value}", band=[(0.1, 0.4), None], at_most=1.0
    )
    (band,) = chart.bands
    assert float(band.width) == pytest.approx((RIGHT - LEFT) / 2)
    assert float(band.y) < float(chart.dots[0].y) < float(band.y) + float(band.height)


def test_marks_stand_where_they_happened_and_not_outside() -> None:
    moments = [Moment(0.5, "alarm", "x"), Moment(1.2, "alarm", "y"), Moment(-0.1, "alarm", "z")]
    chart = draw_stack([Series("a", "", [1])], slots(1), write=lambda value: f"{value}", moments=moments)
    assert [(mark.x, mark.title) for mark in chart.marks] == [(f"{(LEFT + RIGHT) / 2:g}", "x")]


@given(st.integers(1, 400))
def test_few_slots_have_labels_and_all_can_be_pressed(count: int) -> None:
    chart = draw_stack([Series("a", "", [1] * count)], slots(count), write=lambda value: f"{value}")
    assert 1 <= len(chart.x_ticks) <= LABELS_AT_MOST
    assert len(chart.columns) == count


def test_a_spark_needs_something_to_draw() -> None:
    assert draw_spark([]) is None and draw_spark([3]) is None and draw_spark([0, 0]) is None
    spark = draw_spark([0, 5, 10])
    assert spark is not None and len(points_of(spark.line)) == 3
    assert spark.end_y == "2"


def test_a_share_is_a_bar_of_a_hundred() -> None:
    assert share_box(0.25).width == "25"
    assert share_box(2.0).width == "100"
