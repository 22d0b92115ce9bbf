"""The word diff shows every word of both texts, and never takes long, whatever an AI wrote."""

import random
import time

import pytest

from reviews.web.evidence import COMPARED_AT_MOST, diff_words

TEXTS = ["", "one", "one two three", "one 2 three!", "three two one", " spaced \n out ", "one two three four " * 2000]


def sides(before: str, after: str) -> tuple[str, str]:
    pieces = diff_words(before, after)
    return (
        "".join(piece.text for piece in pieces if piece.kind != "added"),
        "".join(piece.text for piece in pieces if piece.kind != "removed"),
    )


@pytest.mark.parametrize("before", TEXTS)
@pytest.mark.parametrize("after", TEXTS)
def test_both_texts_can_be_read_from_it(before: str, after: str) -> None:
    assert sides(before, after) == (before, after)


def test_only_the_word_that_changed_is_marked() -> None:
    text = "word " * 5_000
    changed = [(piece.kind, piece.text) for piece in diff_words(f"{text}900 {text}", f"{text}150 {text}")]
    assert changed == [("same", text), ("removed", "900"), ("added", "150"), ("same", f" {text}")]


def test_texts_with_nothing_in_common_take_no_longer_than_a_page_may() -> None:
    words = random.Random(1)
    one, other = (" ".join(words.choice("abcdefgh") for _ in range(COMPARED_AT_MOST // 4)) for _ in range(2))
    began = time.process_time()
    diff_words(f"x{one}", f"y{other}")
    assert time.process_time() - began < 3
    began = time.process_time()
    assert len(diff_words(f"x{one * 50}x", f"y{other * 50}y")) == 2
    assert time.process_time() - began < 3
