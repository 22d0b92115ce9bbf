"""The small templates that every page is made of: what they say, and that hostile text stays text."""

from datetime import timedelta

import pytest
from django import forms
from django.template.loader import render_to_string
from django.utils import timezone

from governance.templatetags.console import age_words, due_tone, due_words, duration_words

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (40, "40 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3600, "1 h"),
        (7800, "2 h 10 min"),
        (86400, "1 d"),
        (97200, "1 d 3 h"),
        (-5, "0 s"),
        (None, ""),
    ],
)
def test_a_duration_has_at_most_two_units(seconds: float | None, words: str) -> None:
    assert duration_words(seconds) == words


def test_a_deadline_is_late_soon_or_in_time() -> None:
    now = timezone.now()
    assert (due_tone(now - timedelta(minutes=8)), due_words(now - timedelta(minutes=8))) == ("late", "8 min late")
    assert due_tone(now + timedelta(minutes=5)) == "soon"
    assert due_tone(now + timedelta(minutes=5), 60) == "ok"
    assert due_words(now + timedelta(minutes=38, seconds=5)) == "in 38 min"
    assert (due_tone(None), due_words(None), age_words(None)) == ("ok", "", "")


@pytest.mark.parametrize(
    ("name", "context"),
    [
        ("verdict_tag", {"verdict": HOSTILE}),
        ("status_tag", {"status": "open", "label": HOSTILE}),
        ("priority_tag", {"priority": 3, "label": HOSTILE}),
        ("pagination", {"next_url": HOSTILE, "shown": 5, "total_text": HOSTILE}),
        ("empty", {"kind": "done", "title": HOSTILE, "text": HOSTILE, "action_url": HOSTILE, "action_label": HOSTILE}),
        ("error_summary", {"errors": [{"anchor": HOSTILE, "label": HOSTILE, "text": HOSTILE}]}),
        ("facts", {"rows": [{"label": HOSTILE, "value": HOSTILE, "is_read": True, "depth": 1}]}),
        ("ai_frame", {"text": HOSTILE, "who": HOSTILE, "detail": HOSTILE}),
        ("turns", {"turns": [{"who": HOSTILE, "text": HOSTILE, "is_ai": True}]}),
        ("timeline", {"entries": [{"what": HOSTILE, "who": HOSTILE, "detail": HOSTILE, "url": HOSTILE}]}),
        ("undo_bar", {"undo": {"url": HOSTILE, "label": HOSTILE, "until": None, "fields": [{"name": HOSTILE}]}}),
        ("filter_bar", {"applied": [{"label": HOSTILE, "remove_url": HOSTILE}], "clear_url": HOSTILE}),
        ("navigation", {"navigation": [{"title": HOSTILE, "entries": [{"label": HOSTILE, "url": HOSTILE}]}]}),
    ],
)
def test_hostile_text_stays_text(name: str, context: dict[str, object]) -> None:
    html = render_to_string(f"components/{name}.html", context)
    assert "&lt;script&gt;" in html
    assert "<script" not in html
    assert "<img" not in html


class PersonForm(forms.Form):
    email = forms.EmailField(label="E-mail", help_text="Where the notices go.")
    role = forms.ChoiceField(choices=[("reviewer", "Reviewer"), ("lead", "Lead")], widget=forms.RadioSelect)


def test_a_refused_field_is_tied_to_its_help_and_its_error() -> None:
    form = PersonForm({"email": "nonsense"})
    html = render_to_string("components/form.html", {"form": form})
    assert 'aria-describedby="id_email_helptext id_email_error"' in html
    assert 'id="id_email_helptext"' in html
    assert 'id="id_email_error"' in html
    assert 'href="#id_role"' in html
    assert '<fieldset class="field invalid" id="id_role"' in html


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "500"])
def test_an_error_page_needs_no_context(name: str) -> None:
    html = render_to_string(f"{name}.html")
    assert "<h1>" in html
    assert 'id="main"' in html
