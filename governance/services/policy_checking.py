"""What a policy's text says before anybody obeys it: its faults by line and column, its own tests, and its verdict on
one context. Nothing here is recorded; the editor, the API and the verbs ask the same questions.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from governance.actors import Actor
from governance.canonical import InvalidJson, parse_ijson
from governance.errors import Invalid
from governance.permissions import require
from governance.rules.document import (
    DocumentError,
    InvalidPolicy,
    PolicyDocument,
    load_policy_document,
)
from governance.rules.evaluation import (
    Evaluation,
    TestResult,
    compile_policy,
    run_tests,
)
from governance.rules.values import EvaluationError, parse_timestamp
from governance.services.policy_refusals import (
    PolicyKeyDiffers,
    PolicyNotValid,
    PolicyTestsFailed,
)

# Where a valid document says its key; only to point at it, never to read it.
_KEY_LINE = re.compile(r"^metadata:[^#]*?\bkey:\s*(\S)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class CheckedText:
    """One text, checked: either `document` or `errors`; `tests` are the results of the document's own tests."""

    document: PolicyDocument | None
    errors: Sequence[DocumentError] = ()
    tests: Sequence[TestResult] = ()

    @property
    def is_valid(self) -> bool:
        return self.document is not None

    @property
    def failed_tests(self) -> Sequence[TestResult]:
        return [test for test in self.tests if not test.passed]

    @property
    def is_submittable(self) -> bool:
        return self.is_valid and not self.failed_tests


def check_text(source: str, *, key: str) -> CheckedText:
    """Everything that stands against a text becoming a version of the policy `key`, and how its own tests end."""
    try:
        document = load_policy_document(source)
    except InvalidPolicy as refusal:
        return CheckedText(None, tuple(refusal.errors))
    if document.key != key:
        return CheckedText(None, (_key_differs(source, document.key, key),))
    return CheckedText(document, (), tuple(run_tests(document)))


def require_submittable(source: str, *, key: str) -> PolicyDocument:
    """The document of a text that may be submitted. Refuses (PolicyNotValid, PolicyKeyDiffers, PolicyTestsFailed)."""
    document = load_or_refuse(source)
    if document.key != key:
        fault = _key_differs(source, document.key, key)
        raise PolicyKeyDiffers(fault.detail, errors=[describe_fault(fault)])
    results = run_tests(document)
    failed = [
        {
            "pointer": f"/tests/{place}",
            "detail": f"{test.name}: expected {_say(test.expected)}, got {_say(test.got)}",
        }
        for place, test in enumerate(results)
        if not test.passed
    ]
    if failed:
        raise PolicyTestsFailed(f"{len(failed)} of {len(results)} tests fail.", errors=failed)
    return document


def load_or_refuse(source: str | Mapping[str, Any]) -> PolicyDocument:
    """The document of a YAML text or a JSON object; PolicyNotValid, with every fault, where it is none."""
    try:
        return load_policy_document(source)
    except InvalidPolicy as refusal:
        faults = [describe_fault(fault) for fault in refusal.errors]
        count = "one fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise PolicyNotValid(f"The document has {count}.", errors=faults) from refusal


def describe_fault(fault: DocumentError) -> dict[str, Any]:
    """One fault as the API shows it; without a suggestion where there is none."""
    return {name: value for name, value in asdict(fault).items() if name != "suggestion" or value}


def evaluate_text(*, actor: Actor, document: str | Mapping[str, Any], context: Mapping[str, Any]) -> Evaluation:
    """What a document would say of a context, now. Refuses (PolicyNotValid) a document that is none. Needs
    `policies.read`; nothing is recorded."""
    require(actor, "policies.read")
    compiled = compile_policy(load_or_refuse(document))
    return compiled.evaluate(context, now=_clock_of(context))


def read_context(text: str) -> Mapping[str, Any]:
    """The context of the playground from its text: an I-JSON object. Refuses (Invalid) anything else."""
    try:
        context = parse_ijson(text.encode("utf-8", "surrogatepass"))
    except InvalidJson as refusal:
        raise Invalid(f"The context can't be read: {refusal.detail}.") from refusal
    if not isinstance(context, dict):
        raise Invalid('The context must be a JSON object, for example {"action": {"name": "refund"}}.')
    return context


def describe_evaluation(evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation as `POST /policies/evaluate` answers it."""
    rules = []
    for rule in evaluation.rules:
        described: dict[str, Any] = {
            "id": rule.id,
            "result": rule.result,
            "inputs": dict(rule.inputs),
        }
        if rule.error is not None:
            described["error"] = rule.error
        rules.append(described)
    return {"verdict": evaluation.verdict, "rules": rules, "fuel": evaluation.fuel}


def _clock_of(context: Mapping[str, Any]) -> datetime:
    """What `now` is: the context's own, as in a document's tests, or the present."""
    if "now" not in context:
        return timezone.now()
    try:
        return parse_timestamp(context["now"])
    except (EvaluationError, TypeError) as error:
        detail = "`now` has to be an instant like 2026-01-01T00:00:00Z."
        raise Invalid(detail, errors=[{"pointer": "/context/now", "detail": detail}]) from error


def _say(outcome: Mapping[str, Any]) -> str:
    rules = outcome.get("rules")
    by = f" by {', '.join(rules)}" if rules else " by no rule" if rules is not None else ""
    return f"{outcome['verdict']}{by}"


def _key_differs(source: str, found: str, expected: str) -> DocumentError:
    written = next((match for match in _KEY_LINE.finditer(source)), None)
    line = source.count("\n", 0, written.start(1)) + 1 if written else None
    column = written.start(1) - source.rfind("\n", 0, written.start(1)) if written else None
    detail = f"this policy's key is `{expected}`, the document says `{found}`"
    return DocumentError("/metadata/key", line, column, detail, expected)
