"""What every template must keep to: nothing inline (the Content-Security-Policy would refuse it), nothing unescaped."""

import re
from pathlib import Path

import pytest
from django.template.loader import get_template

ROOT = Path(__file__).resolve().parents[2]
# Mail is plain text, whatever Django calls its file: nothing in it is markup.
TEMPLATES = sorted(path for path in (ROOT / "templates").rglob("*.html") if not path.stem.endswith("_email"))
FORBIDDEN = {
    "an inline style": re.compile(r"<style\b|\sstyle\s*=", re.IGNORECASE),
    "an inline script": re.compile(r"<script\b(?![^>]*\ssrc\s*=)(?![^>]*type=\"application/json\")", re.IGNORECASE),
    "an inline handler": re.compile(r"\son[a-z]+\s*=\s*[\"']", re.IGNORECASE),
    "a javascript: address": re.compile(r"javascript:", re.IGNORECASE),
    "unescaped output": re.compile(r"\|\s*safe\b|\|\s*safeseq\b|{%\s*autoescape\s+off"),
    "another host's file": re.compile(
        r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)\s*=\s*[\"'](?:https?:)?//", re.I
    ),
    "evaluated htmx": re.compile(r"\shx-(?:on|vals\s*=\s*[\"']js:)", re.IGNORECASE),
}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT / "templates"))


@pytest.mark.parametrize("template", TEMPLATES, ids=name_of)
def test_a_template_holds_nothing_that_the_browser_must_refuse(template: Path) -> None:
    text = template.read_text()
    assert not [what for what, pattern in FORBIDDEN.items() if pattern.search(text)]


@pytest.mark.parametrize("template", TEMPLATES, ids=name_of)
def test_a_template_compiles(template: Path) -> None:
    get_template(name_of(template))


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("an inline style", '<p style="color: red">'),
        ("an inline style", "<style>p {}</style>"),
        ("an inline script", "<script>alert(1)</script>"),
        ("an inline handler", '<a onclick="go()">'),
        ("unescaped output", "{{ proposal|safe }}"),
        ("another host's file", '<script src="https://cdn.example/x.js"></script>'),
        ("evaluated htmx", '<a hx-on:click="go()">'),
    ],
)
def test_the_patterns_see_what_they_look_for(what: str, text: str) -> None:
    assert FORBIDDEN[what].search(text)
