"""Figures in words: what is small stays readable, and a difference that may be chance is not called a change."""

import pytest

from evaluations.statistics import Estimate, NotEnough, newcombe_difference
from operations.figure_selectors import Share
from operations.web import figure_words as words


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (None, "not known"),
        (0, "$0.00"),
        (1_234_500_000, "$1,234.50"),
        (999_000, "$1.00"),
        (420_000, "$0.42"),
        (4_200, "$0.0042"),
        (12_345, "$0.0123"),
        (3, "$0.000003"),
    ],
)
def test_money_keeps_what_means_something(micros: float | None, text: str) -> None:
    assert words.money_words(micros) == text


@pytest.mark.parametrize(
    ("share", "text"), [(None, "nothing to count"), (0, "0.0 %"), (0.0004, "0.04 %"), (0.123, "12.3 %"), (1, "100.0 %")]
)
def test_a_rate_without_a_whole_is_no_rate(share: float | None, text: str) -> None:
    assert words.percent_words(share).replace(words.NO_BREAK, " ") == text


def test_axes_are_short() -> None:
    assert [words.short_count(number) for number in (0, 950, 12_000, 1_500_000)] == ["0", "950", "12k", "1.5M"]
    assert [words.short_money(micros) for micros in (0, 5_000, 2_000_000)] == ["$0", "$0.005", "$2"]
    assert [words.latency_words(value) for value in (820, 1240, None)] == ["820 ms", "1.24 s", "not known"]


def test_a_clear_difference_of_rates_has_its_interval() -> None:
    change = words.compare_shares(Share(240, 1000), Share(120, 1000))
    interval = newcombe_difference(240, 1000, 120, 1000)
    assert change.is_clear
    assert change.text == f"12.0 points up (95 %: +{100 * interval.low:.1f} to +{100 * interval.high:.1f} points)"


def test_a_difference_that_may_be_chance_is_not_called_one() -> None:
    change = words.compare_shares(Share(3, 20), Share(2, 20))
    assert not change.is_clear and change.text.startswith("no clear change (95 %: −")


def test_nothing_before_is_said_and_not_made_up() -> None:
    assert words.compare_shares(Share(1, 10), Share()).text == "nothing to compare with in the time before"
    assert words.compare_shares(Share(), Share(1, 10)).text == ""
    assert words.compare_amounts(5, 0).text == "nothing to compare with in the time before"
    assert words.compare_amounts(None, 5).text == ""


def test_amounts_are_compared_as_shares_of_the_former() -> None:
    assert words.compare_amounts(120, 100).text == "20 % more than before"
    assert words.compare_amounts(80, 100, less="shorter").text == "20 % shorter than before"
    assert words.compare_amounts(300, 100).text == "3.0 times as much as before"
    assert words.compare_amounts(100.1, 100).text == "as in the time before"


def test_estimates_are_compared_by_their_intervals() -> None:
    def estimate(rate: float, low: float, high: float) -> Estimate:
        return Estimate(rate, low, high, reviewed=100, covered=1000, more_reviews=0)

    far = words.compare_estimates(estimate(0.2, 0.17, 0.24), estimate(0.05, 0.03, 0.08))
    near = words.compare_estimates(estimate(0.06, 0.03, 0.1), estimate(0.05, 0.03, 0.08))
    assert far.is_clear and far.text.startswith("15.0 points up")
    assert not near.is_clear
    assert words.compare_estimates(NotEnough(5, 0), estimate(0.05, 0.03, 0.08)).text == ""
    assert "too few reviews" in words.compare_estimates(estimate(0.05, 0.03, 0.08), NotEnough(5, 0)).text


def test_mover_with_wilson_intervals_is_newcombe() -> None:
    """The interval that is put together from two intervals is Newcombe's where those are Wilson's."""
    from evaluations.statistics import wilson_interval

    def estimate(part: int, whole: int) -> Estimate:
        interval = wilson_interval(part, whole)
        return Estimate(part / whole, interval.low, interval.high, whole, whole, 0)

    pairs = ((56, 70), (48, 80))
    put_together = words.compare_estimates(*(estimate(*pair) for pair in pairs))
    assert put_together == words.compare_shares(*(Share(*pair) for pair in pairs))
    # Newcombe (1998), table II, row a, method 10: 0.0524 to 0.3339.
    assert put_together.text == "20.0 points up (95 %: +5.2 to +33.4 points)"


def test_too_few_reviews_are_said() -> None:
    assert words.estimate_words(NotEnough(reviews_needed=37, waiting=4)) == "not enough reviews: 37 more"


@pytest.mark.parametrize(
    ("rulings", "said"),
    [
        (1, "one more ruling on a sample is needed"),
        (2, "2 more rulings on samples are needed"),
        (1200, "1,200 more rulings on samples are needed"),
    ],
)
def test_how_many_rulings_are_needed(rulings: int, said: str) -> None:
    assert words.needed_words(rulings) == said
