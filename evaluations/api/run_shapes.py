"""What the endpoints of runs read and answer, with an example of each; the shapes hold no decision of their own."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field
from rest_framework import serializers

from evaluations.api.shapes import DATASET_ID, EXAMPLE_ID, StoredJson, SystemReference
from evaluations.models import EvaluationRun, Example
from evaluations.models.runs import ALL
from evaluations.services.gating import MOST_REPEATS
from governance.api.policy_shapes import Body, JsonObjectField, TextField
from reviews.models import Review

RUN_ID = "0199c1f8-1b2c-7d10-8a55-3f1b9c2d4e5f"
SPLITS = [*Example.Split.choices, (ALL, "All")]
CONTENT = "sha256:9f1c2a7be0d34455a1f0c6b7d8e9fa0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f"


class NewRun(Body):
    dataset = serializers.UUIDField()
    version = serializers.IntegerField(min_value=1)
    candidate = TextField(help_text="The release that is tested; state it first.")
    split = serializers.ChoiceField(
        choices=SPLITS,
        default=Example.Split.TEST.value,
        help_text="Of which part the examples are. `test` was held out; `train` and `all` hold what a release may have learned "
        "from, and on `train` alone nothing passes.",
    )
    baseline = serializers.UUIDField(
        required=False, help_text="A closed run of the same version, part, scorer and repeats to pair the answers with."
    )
    goal = serializers.ChoiceField(choices=EvaluationRun.Goal.choices, default=EvaluationRun.Goal.NOT_WORSE)
    scorer = JsonObjectField(
        required=False,
        default=lambda: {"kind": "exact"},
        help_text="`{kind}`: exact, text, labels; fields with `fields`, pattern with `pattern`, schema with `schema`.",
    )
    repeats = serializers.IntegerField(min_value=1, max_value=MOST_REPEATS, default=1)
    demands = JsonObjectField(
        required=False,
        default=dict,
        help_text="`margin`, `alpha`, `smallest_effect`, `minimum`, `cost_ceiling_micros`, `latency_ceiling_ms` (means), "
        "`pass_score`, `critical_labels`; `measure`: `right` (the default) or `score`; `slices`: of `label` and `action`.",
    )


class RunOutput(serializers.Serializer[EvaluationRun]):
    id = serializers.UUIDField()
    system = SystemReference()
    dataset = serializers.UUIDField(source="version.dataset_id")
    version = serializers.IntegerField(source="version.number")
    split = serializers.SerializerMethodField()
    candidate = serializers.CharField(source="candidate.name")
    baseline = serializers.UUIDField(source="baseline_id", allow_null=True)
    goal = serializers.ChoiceField(choices=EvaluationRun.Goal.choices)
    repeats = serializers.IntegerField()
    demands = serializers.DictField(help_text="With the scorer.")
    status = serializers.ChoiceField(choices=EvaluationRun.Status.choices)
    verdict = serializers.CharField(help_text="Empty while the run is open.")
    created_by = serializers.CharField(source="created_by_label")
    created_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)

    @extend_schema_field(serializers.ChoiceField(choices=SPLITS))
    def get_split(self, run: EvaluationRun) -> str:
        return run.part


class QuestionOutput(serializers.Serializer[Example]):
    id = serializers.UUIDField()
    example = serializers.SerializerMethodField(help_text="What a result names it by.")
    input = StoredJson(help_text="What the candidate is to answer.")
    answered = serializers.IntegerField(help_text="How many results it has.")

    def get_example(self, example: Example) -> str:
        return f"sha256:{example.content_sha256}"


class TakenOutput(serializers.Serializer[Any]):
    added = serializers.IntegerField()
    repeated = serializers.IntegerField(help_text="Stood already.")


class RulingOutput(serializers.Serializer[Any]):
    review = serializers.UUIDField()
    decision = serializers.UUIDField()
    verdict = serializers.CharField()
    reviewer = serializers.CharField()
    reason = serializers.CharField()


class FlipOutput(serializers.Serializer[Any]):
    example = serializers.UUIDField()
    change = serializers.ChoiceField(choices=["broken", "fixed"])
    ruling = RulingOutput(allow_null=True, help_text="The newest ruling that taught the example.")


class GateOutput(serializers.Serializer[Any]):
    run = serializers.UUIDField()
    status = serializers.ChoiceField(choices=EvaluationRun.Status.choices)
    verdict = serializers.ChoiceField(choices=[one for one in EvaluationRun.Verdict.values if one], allow_null=True)
    evidence = serializers.DictField(allow_null=True, help_text="All that the verdict rests on.")
    evidence_sha256 = serializers.CharField(required=False, help_text="As it stands in the audit log.")
    flips = FlipOutput(many=True, help_text="At most 100 of each kind, the broken first; `evidence` counts all.")


def describe_ruling(review: Review | None) -> dict[str, str] | None:
    if review is None:
        return None
    return {
        "review": str(review.pk),
        "decision": str(review.decision_id),
        "verdict": review.verdict,
        "reviewer": review.reviewer_label,
        "reason": review.reason,
    }


ASKED = {
    "dataset": DATASET_ID,
    "version": 3,
    "candidate": "2026-04-02",
    "split": "test",
    "baseline": "0199c1f8-0000-7d10-8a55-3f1b9c2d4e5f",
    "goal": "not_worse",
    "scorer": {"kind": "fields", "fields": {"/arguments/amount": {"absolute": 0.01}}},
    "demands": {"margin": 0.02, "critical_labels": ["unsafe"]},
}
RUN = OpenApiExample(
    "A run",
    value={
        "id": RUN_ID,
        "system": {"id": "0199c1f0-5c1e-7b3a-9c41-0d8f5c1e7b3a", "slug": "refund-bot", "name": "Refund bot"},
        **{name: ASKED[name] for name in ("dataset", "version", "candidate", "baseline", "goal")},
        "split": "test",
        "repeats": 1,
        "demands": {"margin": 0.02, "critical_labels": ["unsafe"], "scorer": ASKED["scorer"]},
        "status": "open",
        "verdict": "",
        "created_by": "Ann Owner",
        "created_at": "2026-04-02T08:10:00Z",
        "closed_at": None,
    },
    response_only=True,
)
QUESTION = OpenApiExample(
    "An example to answer",
    value={"id": EXAMPLE_ID, "example": CONTENT, "input": {"message": "The lamp came in two pieces."}, "answered": 0},
    response_only=True,
)
LINE = {
    "example": CONTENT,
    "repeat": 1,
    "answer": {"action": {"name": "refund", "arguments": {"amount": 150, "customer": "C-1042"}}},
    "cost_usd": 0.0004,
    "latency_ms": 812,
}
TAKEN = OpenApiExample("Taken", value={"added": 1, "repeated": 0}, response_only=True)
GATE = OpenApiExample(
    "A gate",
    value={
        "run": RUN_ID,
        "status": "closed",
        "verdict": "pass",
        "evidence": {
            "examples": 418,
            "right": 402,
            "fixed_count": 9,
            "broken_count": 1,
            "interval": [0.004, 0.037],
            "slices": [
                {
                    "by": "label",
                    "name": "late parcel",
                    "examples": 60,
                    "candidate": 0.95,
                    "baseline": 0.9,
                    "fixed": 4,
                    "broken": 1,
                    "p_value": 0.375,
                    "p_adjusted": 0.75,
                    "standing": "unclear",
                }
            ],
        },
        "evidence_sha256": CONTENT,
        "flips": [
            {
                "example": EXAMPLE_ID,
                "change": "broken",
                "ruling": {
                    "review": "0199c1f3-2222-7c44-b0de-9e2f7a6c5b4d",
                    "decision": "0199c1f3-1111-7c44-b0de-9e2f7a6c5b4d",
                    "verdict": "correct",
                    "reviewer": "Rita Reviewer",
                    "reason": "Half of it was broken.",
                },
            }
        ],
    },
    response_only=True,
)
