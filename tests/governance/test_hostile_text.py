"""Text that means harm stays text, and what it hides becomes visible."""

import re

import pytest
from django.template import Context, Template
from django.utils.safestring import SafeString, mark_safe
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.templatetags.hostile import NAMED_IN_A_RUN, inert, inert_line, truncate

OUR_MARKUP = re.compile(r'<span class="token">(?:U\+[0-9A-F]{4,6}|and \d+ more hidden characters)</span>')


@pytest.mark.parametrize(
    "hidden",
    [
        *"\u200b\u200e\u200f\u202a\u202e\u2060\u2066\u2069\ufeff\u00ad\x00\x07\x1b\x7f\x9f\u2028\u3164",
        "\U000e0041",
        "\ud800",
    ],
    ids=lambda one: f"{ord(one):X}",
)
def test_a_hidden_character_is_shown_by_its_code_point(hidden: str) -> None:
    token = f'<span class="token">U+{ord(hidden):04X}</span>'
    assert inert(f"a{hidden}b") == f"a{token}b"
    assert inert_line(f"a{hidden}b") == f"<bdi>a{token}b</bdi>"


def test_markup_is_escaped_even_where_it_was_marked_as_safe() -> None:
    harm = mark_safe("<script>alert(1)</script>\u202e<img src=x onerror=alert(2)>")
    for shown in (inert(harm), inert_line(harm)):
        assert isinstance(shown, SafeString)
        assert "<script" not in shown
        assert "<img" not in shown


def test_plain_text_of_any_script_stays_as_it_is() -> None:
    for text in ("Das Regal fehlt", "الطلب لم يصل", "注文が届きません", "👍🏽 ❤️", "a\tb\nc"):
        assert inert(text) == text


def test_lines_are_kept_by_one_filter_and_folded_by_the_other() -> None:
    assert inert("one\r\ntwo\rthree") == "one\ntwo\nthree"
    assert inert_line(" one\r\n\ttwo  three ") == "<bdi>one two three</bdi>"


def test_a_long_run_of_hidden_characters_is_counted() -> None:
    shown = inert("\u200b" * 5000)
    assert shown.count("U+200B") == NAMED_IN_A_RUN
    assert f"and {5000 - NAMED_IN_A_RUN} more hidden characters" in shown
    assert len(shown) < 500


def test_what_is_no_text_is_shown_as_text_and_nothing_as_nothing() -> None:
    assert inert(None) == ""
    assert inert(4.5) == "4.5"


def test_cutting_says_how_much_is_hidden() -> None:
    assert truncate("abc", 3) == ("abc", 0)
    assert truncate("abcdef", 4) == ("abcd", 2)


@settings(deadline=None)
@given(st.text())
def test_nothing_but_our_own_markup_ever_comes_out(text: str) -> None:
    shown = Template("{% load hostile %}{{ text|inert }}").render(Context({"text": text}))
    left = OUR_MARKUP.sub("", shown)
    assert "<" not in left
    assert ">" not in left
    assert '"' not in left
    shown.encode()
