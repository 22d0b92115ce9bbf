"""What people fill in on the pages of reports and improvements. Forms read; services decide."""

from __future__ import annotations

from typing import Any

from django import forms

from governance.models import User
from governance.web.forms import PersonChoice
from operations.models import ImprovementItem
from operations.services.improving import LONGEST_NOTE, LONGEST_TITLE
from operations.services.reporting import LONGEST_STATEMENT


class AttestForm(forms.Form):
    statement = forms.CharField(
        label="Statement",
        max_length=LONGEST_STATEMENT,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What you take from this month, in your own words. It stands above your name on the report.",
    )


class ImprovementForm(forms.Form):
    """`expected_value`: rates in percent, as people say them."""

    system = forms.ChoiceField(label="AI system")
    month = forms.RegexField(
        r"^[0-9]{4}-[0-9]{2}$",
        label="Decided on the report of",
        help_text="The month that later ones are compared with.",
        widget=forms.TextInput(attrs={"type": "month", "placeholder": "2026-11"}),
    )
    title = forms.CharField(label="What is to become better", max_length=LONGEST_TITLE)
    metric = forms.ChoiceField(label="Which figure shows it", choices=ImprovementItem.Metric.choices)
    expected_value = forms.FloatField(
        label="What it should be",
        min_value=0,
        help_text="Rates in percent, costs in US dollars, times in seconds.",
        widget=forms.NumberInput(attrs={"step": "any", "min": "0", "inputmode": "decimal"}),
    )
    owner = PersonChoice(label="Who sees to it", queryset=User.objects.none(), empty_label="Choose a person")
    due_on = forms.DateField(label="Until when", widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, people: Any, systems: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["owner"].queryset = people  # type: ignore[attr-defined]
        self.fields["system"].choices = systems  # type: ignore[attr-defined]


class CloseForm(forms.Form):
    status = forms.ChoiceField(
        label="What came of it",
        choices=[("done", "Done"), ("dropped", "Dropped")],
        widget=forms.RadioSelect,
        initial="done",
    )
    note = forms.CharField(
        label="Note",
        max_length=LONGEST_NOTE,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="What was done, or why not. The next report says whether the figure followed.",
    )
