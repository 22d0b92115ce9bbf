"""Text that an AI or its user wrote, made harmless for the eye.

Autoescaping keeps such text from being markup; what it leaves is text that looks like something else: characters that
turn the reading direction, that take no room, or that spell a second message in a script nobody sees. Here each of them
becomes a visible token with its code point (Unicode Technical Report 36, 2.10 and 3.6; CVE-2021-42574).
"""

from __future__ import annotations

import re
from typing import Any, Final

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()

# Of a run of hidden characters so many are named; the rest is counted, so that no text grows a thousandfold.
NAMED_IN_A_RUN: Final = 6

HIDDEN: Final = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls but tab and newline
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"  # soft hyphen, joiners, fillers
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f"  # zero width, line separators, reading direction
    "\u2800\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff9-\ufffb"  # blank signs, variation selectors, byte order mark
    "\ud800-\udfff"  # halves of a pair, which can't be sent at all
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"  # musical controls; tags and further selectors
)
# U+FE0E and U+FE0F choose how an emoji is drawn; only piled up do they carry something.
_RUN: Final = re.compile(f"(?:[{HIDDEN}]|(?<=[\ufe00-\ufe0f])[\ufe0e\ufe0f])+")
_LINE_END: Final = re.compile(r"\r\n?")
# Not str.split(), which would swallow separators that are to be shown, such as U+2028.
_WORD: Final = re.compile(r"[^ \t\n\r\f\v]+")


@register.filter
def inert(value: Any) -> SafeString:
    """The text of `value`, escaped, lines kept, each hidden character shown as a token. The input is never trusted, even
    where something marked it as safe."""
    return _tokenize(_LINE_END.sub("\n", _plain(value)))


@register.filter
def inert_line(value: Any) -> SafeString:
    """As `inert`, on one line and isolated, so that a right-to-left word can't reorder what stands beside it."""
    return format_html("<bdi>{}</bdi>", _tokenize(" ".join(_WORD.findall(_plain(value)))))


def truncate(text: str, limit: int) -> tuple[str, int]:
    """The first `limit` characters, and how many more there are: whoever cuts has to say so."""
    return (text, 0) if len(text) <= limit else (text[:limit], len(text) - limit)


def _plain(value: Any) -> str:
    # str + "" is a plain str again: a SafeString must not pass through unescaped.
    return "" if value is None else str(value) + ""


def _tokenize(text: str) -> SafeString:
    pieces: list[tuple[Any]] = []
    end = 0
    for run in _RUN.finditer(text):
        pieces += [(text[end : run.start()],), (_name(run.group()),)]
        end = run.end()
    pieces.append((text[end:],))
    return format_html_join("", "{}", pieces)


def _name(run: str) -> SafeString:
    named = format_html_join(
        "", '<span class="token">U+{}</span>', ((f"{ord(one):04X}",) for one in run[:NAMED_IN_A_RUN])
    )
    rest = len(run) - NAMED_IN_A_RUN
    if rest <= 0:
        return named
    return format_html('{}<span class="token">and {} more hidden characters</span>', named, rest)
