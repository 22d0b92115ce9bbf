"""What the commands of watching read: every field is known, of its own JSON type, and none is ignored."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from governance.api.policy_shapes import Body, TextField
from governance.models import AISystem


class Flag(serializers.BooleanField):
    """A JSON boolean; no text or number is taken for one."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError("This has to be true or false.")
        return data


class Number(serializers.FloatField):
    """A JSON number; no text or boolean is taken for one."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, (int, float)):
            raise serializers.ValidationError("This has to be a number.")
        return float(data)


class Count(serializers.IntegerField):
    """A whole JSON number."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            raise serializers.ValidationError("This has to be a whole number.")
        return data


class Nothing(Body):
    """No body, or an empty object."""


class Comment(Body):
    text = TextField()


class Mitigation(Body):
    note = TextField(help_text="What keeps it from doing more harm.")


class Judgement(Body):
    id = serializers.UUIDField()
    is_false = Flag()


class Resolution(Body):
    note = TextField(help_text="Why it is over.")
    is_false_alarm = Flag(default=False, help_text="Said of every alarm that nobody has judged yet.")
    alarms = serializers.ListField(
        child=Judgement(), default=list, max_length=100, help_text="Said of single alarms instead."
    )


class ReviewBody(Body):
    cause = TextField()
    earlier_detection = TextField(help_text="How it could have been found earlier.")
    example_ids = serializers.ListField(
        child=serializers.UUIDField(),
        default=list,
        max_length=100,
        help_text="The regression examples that were added.",
    )
    no_examples_reason = TextField(required=False, default="", allow_blank=True)
    action = TextField(help_text="What will be done so that it does not come back.")
    action_owner = serializers.EmailField(help_text="The address of whoever does it.")
    action_due_on = serializers.DateField()


class MonitorBody(Body):
    """A change of a monitor: what is left out stays as it is."""

    version = Count(help_text="The version that you have read: 409 where somebody was faster.")
    settings = serializers.DictField(
        required=False, help_text="Numbers by name; null sets one back to its default, and those left out stay."
    )
    is_on = Flag(required=False, help_text="False: it looks at nothing until it is switched on again.")
    trips_breaker = Flag(required=False, help_text="Whether its alarm opens the system's breaker.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if set(attrs) == {"version"}:
            raise serializers.ValidationError("Say what to change: settings, is_on or trips_breaker.")
        return attrs


class BreakerBody(Body):
    state = serializers.ChoiceField(choices=AISystem.Breaker.values)
    reason = TextField()
    share = Number(required=False, help_text="Half-open: the share that acts again, above 0 and at most 1.")
    wanted_rulings = Count(required=False, min_value=0)
    most_overridden = Number(required=False, help_text="A share, below 1.")
    wanted_outcomes = Count(required=False, min_value=0)
    most_failed = Number(required=False, help_text="A share, below 1.")

    CONDITIONS = ("share", "wanted_rulings", "most_overridden", "wanted_outcomes", "most_failed")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Conditions belong to half-opening; elsewhere they would be ignored, so they are refused."""
        given = [name for name in self.CONDITIONS if name in attrs]
        if given and attrs["state"] != AISystem.Breaker.HALF_OPEN:
            raise serializers.ValidationError({given[0]: ["Only a half-open breaker has conditions."]})
        return attrs

    def conditions(self) -> dict[str, Any]:
        return {name: self.validated_data[name] for name in self.CONDITIONS if name in self.validated_data}
