"""What people fill in on the datasets' pages: the filters of the examples, and the reason of an adjudication."""

from __future__ import annotations

from typing import Any

from django import forms

from evaluations.models import Example
from evaluations.selectors import Selection
from evaluations.services import auto_sealing, releases, sealing
from evaluations.services.adjudicating import LONGEST_REASON


class ExampleFilterForm(forms.Form):
    """A GET form; what is not valid filters nothing and is said beside its field."""

    q = forms.CharField(label="Search inputs and answers", required=False, max_length=255)
    split = forms.ChoiceField(label="Split", required=False, choices=[("", "Any split"), *Example.Split.choices])
    status = forms.ChoiceField(label="Status", required=False, choices=[("", "Any status"), *Example.Status.choices])
    label = forms.CharField(
        label="Label", required=False, max_length=255, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )

    def read_selection(self) -> Selection:
        self.is_valid()
        chosen: dict[str, Any] = self.cleaned_data
        status = chosen.get("status")
        return Selection(
            statuses=(status,) if status else (),
            split=chosen.get("split", ""),
            label=chosen.get("label", ""),
            words=chosen.get("q", ""),
        )


class AdjudicationForm(forms.Form):
    """Why this example holds. Which ones were looked at stands beside it as hidden fields `seen`."""

    reason = forms.CharField(
        label="Why this one holds",
        max_length=LONGEST_REASON,
        help_text="It is kept with the examples that retire, and in the audit log.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class SealForm(forms.Form):
    """Why a version is sealed now."""

    reason = forms.CharField(
        label="Why now",
        max_length=sealing.LONGEST_REASON,
        help_text="It stands beside the version, and in the audit log.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class SealingForm(forms.Form):
    """When the dataset is sealed by itself; an empty field is none."""

    every_days = forms.IntegerField(
        label="Every so many days",
        required=False,
        min_value=1,
        max_value=auto_sealing.MOST_DAYS,
        help_text="Counted from the newest version. Empty: not by the calendar.",
    )
    after_changes = forms.IntegerField(
        label="After so many changes",
        required=False,
        min_value=1,
        max_value=auto_sealing.MOST_CHANGES,
        help_text="Examples that have come or gone since the newest version. Empty: not by their number.",
    )


class ReleaseForm(forms.Form):
    """A release, and why it differs from the one before."""

    name = forms.CharField(
        label="Release",
        max_length=releases.LONGEST_NAME,
        help_text="As its decisions will name it in their field “release”.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    reason = forms.CharField(
        label="What changes, and why",
        max_length=releases.LONGEST_REASON,
        help_text="It stands beside the release, and in the audit log.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )
