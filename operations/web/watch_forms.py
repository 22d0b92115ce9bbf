"""What people fill in on the pages of monitors and incidents. Forms read; services decide."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django import forms

from governance.models import User
from governance.templatetags.hostile import inert_line
from governance.web.forms import PersonChoice
from operations.models import Alarm, Incident, Monitor
from operations.monitor_kinds import Setting

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


class MonitorForm(forms.Form):
    """The settings of one kind of monitor, each with its own bounds; `version` is the one that was looked at."""

    def __init__(self, *args: Any, known: Iterable[Setting], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.known = tuple(known)
        for setting in self.known:
            self.fields[setting.name] = _number_field(setting)

    def settings(self) -> dict[str, Any]:
        return {setting.name: self.cleaned_data[setting.name] for setting in self.known}


class MonitorChangeForm(MonitorForm):
    """What somebody sets for good: the settings, whether it looks at all, whether it may stop the system."""

    is_on = forms.BooleanField(label="On", required=False, help_text="Off, it looks at nothing and raises no alarm.")
    trips_breaker = forms.BooleanField(
        label="Opens the breaker by itself",
        required=False,
        help_text="An alarm stops the system at once, before anybody was asked. Otherwise it only tells people.",
    )
    version = forms.IntegerField(widget=forms.HiddenInput)


class PreviewForm(MonitorForm):
    """Settings to try on the past: a GET form, so that a preview is an address."""

    days = forms.IntegerField(
        label="Days to look back", min_value=1, max_value=30, initial=30, help_text="5,000 decisions at the most."
    )


def _number_field(setting: Setting) -> forms.Field:
    usual, least, most = (write_number(value, ",") for value in (setting.default, setting.least, setting.most))
    help_text = f"Usually {usual}; from {least} to {most}."
    if setting.is_whole:
        return forms.IntegerField(
            label=setting.words, min_value=int(setting.least), max_value=int(setting.most), help_text=help_text
        )
    return forms.FloatField(label=setting.words, min_value=setting.least, max_value=setting.most, help_text=help_text)


def write_number(value: float, group: str = "") -> str:
    """A number as people type it: never with an exponent."""
    return f"{int(value):{group}}" if value == int(value) else f"{value:.10f}".rstrip("0")


class CommentForm(forms.Form):
    text = _text("Comment", "It stands in the timeline for good.")


class MitigateForm(forms.Form):
    note = _text("What keeps it from doing more harm", "For example: the breaker is open, or the last release is back.")


class ResolveForm(forms.Form):
    """Why it is over, and of each alarm that nobody has judged yet whether something had really changed."""

    note = _text("Why it is over", "For example: the calendar sends the old fields again.")

    def __init__(self, *args: Any, alarms: Iterable[Alarm], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.alarms = [alarm for alarm in alarms if alarm.is_false is None]
        for alarm in self.alarms:
            self.fields[f"alarm-{alarm.pk}"] = forms.ChoiceField(
                label=inert_line(alarm.title[:120]),
                choices=[("real", "Something had really changed"), ("false", "A false alarm: nothing had changed")],
                widget=forms.RadioSelect,
            )

    def judged_false(self) -> dict[uuid.UUID, bool]:
        """Of each alarm whether it was false, as it was ticked."""
        return {alarm.pk: self.cleaned_data[f"alarm-{alarm.pk}"] == "false" for alarm in self.alarms}


class ReviewForm(forms.Form):
    """What was learned. All of it is compulsory; where there is no example, a reason stands in its place."""

    cause = _text("What caused it")
    earlier_detection = _text(
        "How it could have been found earlier", "Another monitor, a tighter one, a test, a question asked in time."
    )
    example_ids = forms.MultipleChoiceField(
        label="Regression examples",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Examples of this system that were made since it began. The next candidate is tested with them.",
    )
    no_examples_reason = _text("Or why there is none", rows=2, required=False)
    action = _text("What will be done so that it does not come back")
    action_owner = PersonChoice(label="By whom", queryset=User.objects.none())
    action_due_on = forms.DateField(label="Until when", widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, people: Any, examples: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["action_owner"].queryset = people  # type: ignore[attr-defined]
        self.fields["example_ids"].choices = examples  # type: ignore[attr-defined]
        if not examples:
            del self.fields["example_ids"]
            self.fields["no_examples_reason"].required = True
            self.fields["no_examples_reason"].label = "Why there is no regression example"
            self.fields["no_examples_reason"].help_text = "None has been made of this system's rulings since it began."


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label="Why",
        max_length=1000,
        help_text="Everybody who looks at the system reads it, and it stands in the audit log.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class HalfOpenForm(ReasonForm):
    """The share that acts again, and what has to be seen before the breaker closes by itself. Percents, as people type."""

    share = forms.FloatField(
        label="Share that acts again, in %",
        min_value=0.1,
        max_value=100,
        initial=10,
        help_text="Drawn at random among what policy would let act. People decide on the rest.",
    )
    wanted_rulings = forms.IntegerField(
        label="Rulings to wait for",
        min_value=0,
        max_value=10_000,
        initial=20,
        help_text="0: rulings are not asked for.",
    )
    most_overridden = forms.FloatField(
        label="Of these overridden at most, in %",
        min_value=0,
        max_value=99,
        initial=20,
        help_text="More: it opens again.",
    )
    wanted_outcomes = forms.IntegerField(
        label="Outcomes to wait for",
        min_value=0,
        max_value=10_000,
        initial=20,
        help_text="0: outcomes are not asked for.",
    )
    most_failed = forms.FloatField(
        label="Of these failed at most, in %", min_value=0, max_value=99, initial=10, help_text="More: it opens again."
    )
    field_order = ("share", "wanted_rulings", "most_overridden", "wanted_outcomes", "most_failed", "reason")
