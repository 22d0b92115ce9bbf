"""What people type into the pages of costs, in dollars and days; the services decide, in millionths and instants."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from django import forms

from operations.services.budgets import HIGHEST_BUDGET_MICROS, HIGHEST_HOUR_MICROS, LONGEST_NOTE
from operations.services.repricing import LONGEST_REASON

MICROS = 1_000_000
_DATE = forms.DateInput(attrs={"type": "date"})


def _dollars(label: str, *, at_most_micros: int, help_text: str = "") -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        help_text=help_text,
        min_value=0,
        max_value=at_most_micros // MICROS,
        decimal_places=6,
        max_digits=16,
        widget=forms.NumberInput(attrs={"step": "any", "min": "0", "inputmode": "decimal"}),
    )


def to_micros(dollars: Decimal) -> int:
    return int(dollars * MICROS)


class BudgetForm(forms.Form):
    monthly_micros = _dollars("US dollars a month", at_most_micros=HIGHEST_BUDGET_MICROS)
    includes_review = forms.BooleanField(
        label="Reviewers' time counts too",
        required=False,
        help_text="At the organization's rate; where none is stated, models count alone.",
    )
    note = forms.CharField(max_length=LONGEST_NOTE, required=False, help_text="Who agreed to it, where it is from.")


class ReviewRateForm(forms.Form):
    hour_micros = _dollars(
        "US dollars an hour", at_most_micros=HIGHEST_HOUR_MICROS, help_text="With all that it brings."
    )
    effective_from = forms.DateField(
        label="From the day", widget=_DATE, help_text="May lie in the past: months since then are counted by it."
    )
    note = forms.CharField(max_length=LONGEST_NOTE, required=False)


class RepricingForm(forms.Form):
    """Whole UTC days, the last one included."""

    since = forms.DateField(label="From the day", widget=_DATE)
    until = forms.DateField(label="To the day", widget=_DATE, help_text="Included.")
    reason = forms.CharField(
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="What was wrong. It stands in the audit log.",
    )

    def instants(self) -> tuple[datetime, datetime]:
        since: date = self.cleaned_data["since"]
        until: date = self.cleaned_data["until"]
        return datetime.combine(since, time(), UTC), datetime.combine(until, time(), UTC) + timedelta(days=1)

    def clean(self) -> None:
        super().clean()
        for name in ("since", "until"):
            day = self.cleaned_data.get(name)
            if day is not None and not 2000 <= day.year <= 2200:
                self.add_error(name, "A day from 2000 to 2200.")
