"""Inputs in any language: another language, topic or format is seen; the same is not."""

import random

import numpy as np

from operations.detectors import (
    InsufficientData,
    categories_shift,
    category_counts,
    category_paths,
    fit_input_reference,
    fit_trigram_model,
    input_length,
    ks,
    surprise,
)

GERMAN = "der termin wurde bestätigt und die rechnung geht an ihre adresse bitte prüfen sie das datum am montag"
ENGLISH = "the booking is confirmed and the invoice goes to your address please check the date on monday"


def mails(language, n, seed):
    chooser, words = random.Random(seed), language.split()
    return [{"subject": chooser.choice(words), "body": " ".join(chooser.choices(words, k=40))} for _ in range(n)]


def test_another_language_surprises():
    model, reference = fit_input_reference(mails(ENGLISH, 400, 1))
    assert len(reference) == 200
    window = [surprise(model, value) for value in mails(GERMAN, 60, 2)]
    result = ks(reference, window)
    assert result.is_signal and result.window_median > result.baseline_median + 2


def test_the_same_language_does_not_and_the_level_holds():
    false = 0
    for seed in range(80):
        model, reference = fit_input_reference(mails(ENGLISH, 200, 1_000 + seed))
        window = [surprise(model, value) for value in mails(ENGLISH, 60, 9_000 + seed)]
        false += ks(reference, window, alpha=0.1, floor=0.0).is_signal
    assert false / 80 < 0.2


def test_a_reference_of_inputs_the_model_learnt_from_would_break_the_level():
    """Why the baseline is halved."""
    false = 0
    for seed in range(30):
        chooser = np.random.default_rng(seed)
        texts = ["".join(map(chr, chooser.integers(97, 123, 60))) for _ in range(200)]
        model = fit_trigram_model(texts[:100])
        window = [surprise(model, text) for text in texts[100:]]
        false += ks([surprise(model, text) for text in texts[:100]], window, alpha=0.1, floor=0.0).is_signal
    assert false > 20


def test_surprise_is_the_same_wherever_strings_stand_in_order():
    model = fit_trigram_model(["abc abc abc"])
    assert surprise(model, {"b": "xyz", "a": ["abc"]}) == surprise(model, {"a": "abc", "b": ["xyz"]})
    assert surprise(model, "abc") < surprise(model, "xyz")


def test_inputs_without_strings_are_no_surprise():
    model = fit_trigram_model([])
    assert surprise(model, {"amount": 3, "ok": True, "none": None}) == 0
    assert surprise(model, "") == 0


def test_hostile_text_is_text():
    model = fit_trigram_model(["\ud800 lone", "😀" * 9_000, "\x00"])
    assert surprise(model, {"\ud800": "\udfff"}) > 0


def test_only_the_first_four_thousand_characters_count():
    model = fit_trigram_model(["a" * 4_000])
    assert surprise(model, "a" * 4_000 + "z" * 10_000) == surprise(model, "a" * 4_000)


def test_length_counts_characters_of_all_strings():
    assert input_length({"a": "four", "b": ["é", {"c": "xy"}], "n": 12_345}) == 7


def test_a_short_baseline_is_told_how_much_longer_it_must_be():
    assert fit_input_reference([{"a": "b"}] * 30).observations_needed == 70


def test_categories_are_found_where_they_stand():
    values = [
        {"lang": "de" if n % 3 else "en", "meta": {"a/b": n % 2 == 0}, "id": f"case {n}", "n": n, "text": "x" * 50}
        for n in range(200)
    ]
    values[0]["meta"]["a/b"] = None
    assert category_paths(values) == {
        "/lang": {"de": 133, "en": 67},
        "/meta/a~1b": {"(false)": 100, "(null)": 1, "(true)": 99},
    }


def test_a_pointer_that_also_carries_numbers_or_prose_is_no_category():
    values = [{"a": "x", "b": "y"}] * 100 + [{"a": 1, "b": "long " * 20}]
    assert category_paths(values) == {}


def test_a_field_that_vanishes_or_is_renamed_shifts():
    baseline = category_paths([{"status": "free" if n % 2 else "busy"} for n in range(300)])
    window = category_counts([{"state": "free"}] * 200, baseline)
    assert window == {"/status": {"(absent)": 200}}
    assert categories_shift(baseline, window)["/status"].is_signal


def test_true_and_the_word_true_are_two_things():
    baseline = category_paths([{"ok": n % 2 == 0} for n in range(300)])
    assert categories_shift(baseline, category_counts([{"ok": "true"}] * 150, baseline))["/ok"].is_signal


def test_numbers_in_place_of_categories_count_as_others():
    assert category_counts([{"a": 5}, {"a": "x"}, {}], ["/a"]) == {"/a": {"(absent)": 1, "(other)": 1, "x": 1}}


def test_many_pointers_share_one_level():
    rng = np.random.default_rng(1)

    def night(n):
        return [{f"f{i}": str(v) for i, v in enumerate(row)} for row in rng.integers(0, 4, (n, 10))]

    false = 0
    for _ in range(80):
        baseline = category_paths(night(300))
        results = categories_shift(baseline, category_counts(night(150), baseline), alpha=0.1, floor=0.0)
        false += any(not isinstance(result, InsufficientData) and result.is_signal for result in results.values())
    assert false / 80 < 0.2
