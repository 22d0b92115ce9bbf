"""What the tests of the rule language share: expressions evaluated alone, and documents built from few words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from governance.rules.checker import check_expression
from governance.rules.closures import compile_node
from governance.rules.document import DocumentError, InvalidPolicy, load_policy_document
from governance.rules.evaluation import CompiledPolicy, compile_policy
from governance.rules.frames import Frame, Paths
from governance.rules.guards import admit_context
from governance.rules.limits import FUEL
from governance.rules.parser import parse_expression

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def value_of(source: str, context: Mapping[str, Any] | None = None, *, is_checked: bool = True) -> Any:
    """The value of an expression; unchecked, it is evaluated even if it could only ever fail."""
    node = parse_expression(source)
    if is_checked:
        check_expression(node)
    paths = Paths()
    closure = compile_node(node, paths)
    return closure(Frame(admit_context(context or {}), NOW, FUEL, paths))


def policy_value(*rules: Mapping[str, Any] | str, **others: Any) -> dict[str, Any]:
    """A document as a JSON value. A rule given as text is that condition, with verdict review and the id r1, r2 …"""
    entries = [
        {"id": f"r{number}", "verdict": "review", **({"when": rule} if isinstance(rule, str) else rule)}
        for number, rule in enumerate(rules, start=1)
    ]
    return {
        "apiVersion": "governance/v1",
        "kind": "Policy",
        "metadata": {"key": "a-policy"},
        "default": "allow",
        "rules": entries,
        **others,
    }


def policy(*rules: Mapping[str, Any] | str, **others: Any) -> CompiledPolicy:
    """The same, loaded and compiled."""
    return compile_policy(load_policy_document(policy_value(*rules, **others)))


def errors_of(source: str | Mapping[str, Any]) -> list[DocumentError]:
    """The errors of a document, [] for a good one."""
    try:
        load_policy_document(source)
    except InvalidPolicy as refusal:
        return refusal.errors
    return []


def the_error(rule: str) -> DocumentError:
    """The one error of a document with this condition."""
    (error,) = errors_of(policy_value(rule))
    return error
