"""Holds the design language to its promises: contrast in both themes, and nothing that the content policy blocks."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOKENS = {
    name: (light, dark)
    for name, light, dark in re.findall(
        r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)",
        (ROOT / "static/css/tokens.css").read_text(encoding="utf-8"),
    )
}
GROUNDS = ("paper", "surface", "sunken", "raised")
TONES = ("accent", "allow", "review", "escalate", "block", "ai")
TEXT_PAIRS = [
    *((ink, ground) for ink in ("ink", "ink-2", "ink-3", *TONES) for ground in GROUNDS),
    *((ink, f"{tone}-soft") for ink in ("ink", "ink-2") for tone in TONES),
    *((tone, f"{tone}-soft") for tone in TONES),
    *((tone, "accent-soft") for tone in ("block", "review", "ink-3")),
    *(("accent", f"{tone}-soft") for tone in TONES),
    ("accent-ink", "accent"),
    ("accent-ink", "accent-strong"),
    ("block-ink", "block"),
    ("paper", "ink"),
]
EDGE_PAIRS = [(edge, ground) for edge in ("control-line", "focus") for ground in GROUNDS]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


def luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour, WCAG 2.2."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21, WCAG 2.2."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("front", "back", "least"),
    [*((front, back, 4.5) for front, back in TEXT_PAIRS), *((front, back, 3.0) for front, back in EDGE_PAIRS)],
)
def test_the_pairs_of_colours_reach_their_contrast(front: str, back: str, least: float, theme: int) -> None:
    assert contrast(TOKENS[front][theme], TOKENS[back][theme]) >= least


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_inline_style_script_or_handler_and_trusts_no_text(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=|<script(?![^>]*\ssrc=)|hx-on|javascript:", source)
    assert not re.search(r"\|\s*safe(seq)?\b", source)


@pytest.mark.parametrize("path", sorted((ROOT / "static").rglob("*.*")), ids=lambda path: path.name)
def test_static_files_load_nothing_from_elsewhere(path: Path) -> None:
    source = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|@import|url\(|\beval\(|new Function|innerHTML|insertAdjacentHTML", source)


def test_only_the_token_sheet_names_colours() -> None:
    for name in ("frame", "components", "review", "charts"):
        source = (ROOT / f"static/css/{name}.css").read_text(encoding="utf-8")
        found = set(re.findall(r"#[0-9a-fA-F]{3,8}\b|\brgba?\(", source))
        assert found <= {"#fff"}, name  # paper, when printed
