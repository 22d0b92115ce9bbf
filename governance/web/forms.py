"""What people type into the ground floor's pages.

Forms only read; services decide, and their refusals come back into the form.
"""

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm

from governance.canonical import InvalidJson, parse_ijson
from governance.errors import DomainError
from governance.models import AISystem, ApiKey, Group, Membership, User
from governance.services.registry import APPROVALS_TAUGHT_PERCENT, HELD_OUT_PERCENT


def add_refusal(form: forms.Form, refusal: DomainError) -> None:
    """Show a service's refusal at the fields that it points to, or above the form."""
    placed = [(str(fault["pointer"]).strip("/"), str(fault["detail"])) for fault in refusal.errors]
    for name, detail in placed or [("", refusal.detail or refusal.title)]:
        form.add_error(name if name in form.fields else None, detail)


class PersonChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A person of the organization, told apart by address."""

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.name} ({obj.email})" if obj.name else obj.email


class PeopleChoice(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.name} ({obj.email})" if obj.name else obj.email


class SignInForm(AuthenticationForm):
    """E-mail address and password; while a pause lasts (`refusal`) the password is not even looked at."""

    error_messages = {
        "invalid_login": "The e-mail address or the password is wrong.",
        "inactive": "The e-mail address or the password is wrong.",
    }

    def __init__(self, *args: Any, refusal: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.refusal = refusal
        self.fields["username"].label = "E-mail address"
        self.fields["username"].widget = forms.EmailInput(
            attrs={"autofocus": True, "autocomplete": "username", "maxlength": 254}
        )

    def clean(self) -> dict[str, Any]:
        if self.refusal:
            raise forms.ValidationError(self.refusal)
        return super().clean()


class PasswordLinkForm(forms.Form):
    email = forms.EmailField(
        label="E-mail address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True}),
    )


class PreferencesForm(forms.Form):
    name = forms.CharField(max_length=200, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    theme = forms.ChoiceField(choices=User.Theme.choices, widget=forms.RadioSelect)
    are_shortcuts_on = forms.BooleanField(
        label="Single-key shortcuts",
        required=False,
        help_text="Letters act outside fields; keys with Ctrl always work.",
    )
    is_mail_on = forms.BooleanField(
        label="Mail me",
        required=False,
        help_text="When something is handed to me, or is late. The bell shows it all the same.",
    )


class CredentialForm(forms.Form):
    name = forms.CharField(
        label="Name of the token", max_length=100, help_text="Where it will live, for example: laptop, CI."
    )


class ApiKeyForm(forms.Form):
    name = forms.CharField(
        label="Name of the key", max_length=100, help_text="Where it will live, for example: production."
    )
    kind = forms.ChoiceField(
        choices=[
            (ApiKey.Kind.LIVE.value, "Live: asks for real"),
            (ApiKey.Kind.TEST.value, "Test: gets simulated verdicts, counts nowhere"),
        ],
        initial=ApiKey.Kind.LIVE.value,
        widget=forms.RadioSelect,
    )


class PeopleFilterForm(forms.Form):
    q = forms.CharField(label="Name or address", required=False, max_length=200)
    role = forms.ChoiceField(choices=[("", "Any role"), *Membership.Role.choices], required=False)


class PersonForm(forms.Form):
    email = forms.EmailField(
        label="E-mail address", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "off"})
    )
    name = forms.CharField(max_length=200, required=False, help_text="People set their own name later on.")
    role = forms.ChoiceField(choices=Membership.Role.choices, help_text="More roles can be given on the person's page.")


class GroupForm(forms.Form):
    name = forms.CharField(max_length=200)
    slug = forms.CharField(
        label="Short name", max_length=63, help_text="Policies name the group by it, for example legal. It stays."
    )
    members = PeopleChoice(queryset=User.objects.none(), required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, people: Any, group: Group | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["members"].queryset = people  # type: ignore[attr-defined]
        if group is not None:
            del self.fields["slug"]


class SystemForm(forms.Form):
    """Everything that is said of a system; `system` is given when one is edited, whose slug stays."""

    name = forms.CharField(max_length=200)
    slug = forms.CharField(
        label="Short name", max_length=63, help_text="In addresses and commands, for example mail-triage. It stays."
    )
    purpose = forms.CharField(
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What it does, for whom, and what it must not do.",
    )
    owner = PersonChoice(
        queryset=User.objects.none(),
        empty_label="Choose a person",
        help_text="Answers for it, and gets the role owner.",
    )
    backup = PersonChoice(
        queryset=User.objects.none(),
        required=False,
        empty_label="Nobody",
        help_text="Stands in for the owner. A live key needs one.",
    )
    risk_tier = forms.ChoiceField(
        label="Risk tier",
        choices=AISystem.RiskTier.choices,
        initial=AISystem.RiskTier.LIMITED.value,
        widget=forms.RadioSelect,
    )
    fallback_message = forms.CharField(
        label="Fallback message",
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="What the application may tell its user when the AI may not act. A live key needs one.",
    )
    fallback_verdict = forms.ChoiceField(
        label="While the breaker is open",
        choices=AISystem.FallbackVerdict.choices,
        initial=AISystem.FallbackVerdict.REVIEW.value,
        widget=forms.RadioSelect,
        help_text="What happens to decisions that policy would allow.",
    )
    fallback_queue = forms.CharField(
        label="Fallback queue",
        max_length=63,
        required=False,
        help_text="Where people then decide, by its short name. Empty: the system's own queue.",
    )
    schemas = forms.CharField(
        label="Schemas",
        required=False,
        widget=forms.Textarea(attrs={"rows": 8, "class": "mono", "spellcheck": "false"}),
        help_text='A JSON object: JSON Schema 2020-12 of the arguments by action name, and of outputs under "". '
        "Corrections are checked against them where the request brings none.",
    )

    approvals_taught_percent = forms.IntegerField(
        label="Approvals that become examples (%)",
        min_value=0,
        max_value=100,
        initial=APPROVALS_TAUGHT_PERCENT,
        help_text="Corrections, rejections and answers all do. Approvals show a test whether a new release still does right "
        "what was right.",
    )
    held_out_percent = forms.IntegerField(
        label="Subjects held out for tests (%)",
        min_value=1,
        max_value=100,
        initial=HELD_OUT_PERCENT,
        help_text="Releases are tested on their examples, and must not learn from them; 100 where none ever learns. Fixed from "
        "the first example on.",
    )

    def __init__(self, *args: Any, people: Any, system: AISystem | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["owner"].queryset = people  # type: ignore[attr-defined]
        self.fields["backup"].queryset = people  # type: ignore[attr-defined]
        if system is not None:
            del self.fields["slug"]
        if system is not None and system.is_split_fixed:
            self.fields["held_out_percent"].widget.attrs["readonly"] = True
            self.fields["held_out_percent"].help_text = "There are examples already, so this stays as it is."

    def clean_schemas(self) -> dict[str, Any]:
        text = self.cleaned_data["schemas"].strip()
        if not text:
            return {}
        try:
            schemas = parse_ijson(text.encode())
        except InvalidJson as error:
            raise forms.ValidationError(f"This can't be read as JSON: {error.detail}") from error
        if not isinstance(schemas, dict):
            raise forms.ValidationError("This must be a JSON object with an action's name as each key.")
        return schemas
