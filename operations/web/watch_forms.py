"""What people fill in on the pages of monitors and incidents. Forms read; services decide."""

from __future__ import annotations

from typing import Any

from django import forms

from operations.models import Incident, Monitor

LONGEST_TEXT = 4000


def _text(label: str, help_text: str = "", *, rows: int = 3, required: bool = True) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        required=required,
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": rows}),
    )


class MonitorFilterForm(forms.Form):
    system = forms.ChoiceField(label="AI system", required=False)
    status = forms.ChoiceField(label="Status", required=False, choices=[("", "Any status"), *Monitor.Status.choices])

    def __init__(self, *args: Any, systems: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["system"].choices = [("", "Any system"), *systems]  # type: ignore[attr-defined]


class IncidentFilterForm(forms.Form):
    system = forms.ChoiceField(label="AI system", required=False)
    status = forms.ChoiceField(
        label="Status",
        required=False,
        choices=[("", "Any status"), ("unresolved", "Not resolved yet"), *Incident.Status.choices],
    )

    def __init__(self, *args: Any, systems: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["system"].choices = [("", "Any system"), *systems]  # type: ignore[attr-defined]
