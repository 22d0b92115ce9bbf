"""What people fill in on the datasets' pages: the filters of the examples, what of them leaves, why an adjudication holds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from django import forms

from evaluations.models import Example
from evaluations.selectors import Selection
from evaluations.services import auto_sealing, releases, sealing
from evaluations.services.adjudicating import LONGEST_REASON

ANY_STATUS = "any"


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


class ExportForm(forms.Form):
    """A GET form: which part of a dataset is taken along. What is not valid chooses nothing."""

    version = forms.ChoiceField(label="Version", required=False)
    split = forms.ChoiceField(label="Split", required=False, choices=[("", "Both splits"), *Example.Split.choices])
    status = forms.ChoiceField(
        label="Status",
        required=False,
        choices=[("", "The active ones"), *Example.Status.choices[1:], (ANY_STATUS, "Any status")],
        help_text="Not asked of a sealed version.",
    )
    label = forms.CharField(
        label="Label", required=False, max_length=255, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )

    def __init__(self, *args: Any, numbers: Iterable[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sealed = [(str(number), f"v{number}") for number in numbers]
        cast("forms.ChoiceField", self.fields["version"]).choices = [("", "What is there now"), *sealed]

    def read_part(self) -> tuple[int | None, Selection]:
        """The sealed version's number, if one was chosen, and the selection."""
        self.is_valid()
        chosen: dict[str, Any] = self.cleaned_data
        number = int(chosen["version"]) if chosen.get("version") else None
        statuses = Selection().statuses
        if number is None and chosen.get("status") == ANY_STATUS:
            statuses = tuple(Example.Status.values)
        elif number is None and chosen.get("status"):
            statuses = (chosen["status"],)
        return number, Selection(statuses=statuses, split=chosen.get("split", ""), label=chosen.get("label", ""))


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
