"""A document's value, read key by key. Every refusal is collected with its pointer and place, so that an author sees
all of them at once, and every key that this version can't carry out is refused by name rather than ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from governance.rules.checker import check_condition, did_you_mean
from governance.rules.closures import count_nodes
from governance.rules.document import (
    API_VERSION,
    MODES,
    ON_TIMEOUT,
    PRIORITIES,
    VERDICTS,
    DocumentError,
    InvalidPolicy,
    PolicyDocument,
    PolicyTest,
    Rule,
    Sampling,
    Sla,
)
from governance.rules.guards import admit_context
from governance.rules.limits import (
    FUEL,
    MAX_ERRORS_REPORTED,
    MAX_RULES,
    MAX_SAMPLING_ENTRIES,
    MAX_TESTS,
)
from governance.rules.parser import parse_expression
from governance.rules.syntax import ExpressionError, Literal, Node
from governance.rules.types import NAMES
from governance.rules.values import EvaluationError, GuardBreached, parse_timestamp
from governance.rules.yaml_source import YamlSource, escape_pointer

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?")
_DURATION = re.compile(r"([1-9][0-9]{0,8})([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_LONGEST_SLA_S: Final = 365 * 86_400
_ABSENT: Final[Any] = object()
_NOT_YET: Final = "is not supported by this version, and a policy is never half-obeyed"

_DOCUMENT_KEYS: Final = (
    "apiVersion", "kind", "metadata", "schema", "default", "on_error", "rules", "sampling", "retires", "tests",
)  # fmt: skip
_UNSUPPORTED: Final = frozenset(("limits", "schedule", "canary", "layers", "models", "schema", "quorum"))
_RULE_KEYS: Final = ("id", "when", "verdict", "queue", "priority", "quorum", "sla", "reason", "mode")
_SLA_KEYS: Final = ("respond", "total", "on_timeout", "escalate_to", "pause_while_waiting")


def read_document(value: dict[str, Any], text: YamlSource | None, canonical: str, sha256: str) -> PolicyDocument:
    """The document of a JSON object. Refuses (InvalidPolicy) with every error that was found."""
    reader = _Reader(text)
    document = reader.document(value, canonical, sha256)
    if reader.errors or document is None:
        errors = sorted(reader.errors, key=lambda error: (error.line or 0, error.column or 0))
        raise InvalidPolicy(errors[:MAX_ERRORS_REPORTED])
    return document


class _Reader:
    def __init__(self, text: YamlSource | None) -> None:
        self._text = text
        self.errors: list[DocumentError] = []

    # Complaints and the shapes of values

    def _complain(self, pointer: str, detail: str, suggestion: str | None = None, *, of_key: bool = False) -> None:
        line, column = self._text.position_of(pointer, of_key=of_key) if self._text else (None, None)
        self.errors.append(DocumentError(pointer, line, column, detail, suggestion))

    def _mapping(self, value: Any, pointer: str, keys: Iterable[str], what: str) -> Mapping[str, Any] | None:
        if not isinstance(value, dict):
            self._complain(pointer, f"{what} has to be a mapping")
            return None
        known = tuple(keys)
        for key in value:
            if key in known and key not in _UNSUPPORTED:
                continue
            inner = f"{pointer}/{escape_pointer(key)}"
            if key == "quorum" and key in known:
                if value[key] != 1 or isinstance(value[key], bool):
                    self._complain(inner, f"a quorum other than 1 {_NOT_YET}")
            elif key in _UNSUPPORTED:
                self._complain(inner, f"`{key}` {_NOT_YET}", of_key=True)
            else:
                self._complain(inner, f"unknown key `{key[:64]}` in {what}", did_you_mean(key, known), of_key=True)
        return value

    def _list(self, value: Any, pointer: str, what: str, most: int) -> list[Any]:
        if value is _ABSENT:
            return []
        if not isinstance(value, list):
            self._complain(pointer, f"{what} has to be a list")
            return []
        if len(value) > most:
            self._complain(pointer, f"{what} may have {most} entries at most, this has {len(value)}")
            return []
        return value

    def _text_of(self, value: Any, pointer: str, what: str, most: int) -> str | None:
        if not isinstance(value, str):
            suggestion = f'"{value}"' if isinstance(value, int | float) else None
            self._complain(pointer, f"{what} has to be a string", suggestion)
            return None
        if len(value) > most:
            self._complain(pointer, f"{what} may have {most} characters at most")
            return None
        return value

    def _slug(self, value: Any, pointer: str, what: str) -> str | None:
        text = self._text_of(value, pointer, what, 64)
        if text is None:
            return None
        if not _SLUG.fullmatch(text):
            folded = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
            self._complain(pointer, f"{what} takes lower-case letters, digits, `-` and `_`, 64 at most", folded or None)
            return None
        return text

    def _choice(self, value: Any, pointer: str, what: str, choices: tuple[str, ...]) -> str | None:
        if isinstance(value, str) and value in choices:
            return value
        suggestion = did_you_mean(value, choices) if isinstance(value, str) else None
        self._complain(pointer, f"{what} has to be one of {', '.join(choices)}", suggestion)
        return None

    def _required(
        self, mapping: Mapping[str, Any], key: str, pointer: str, what: str, read: Callable[[Any, str], Any]
    ) -> Any:
        if key not in mapping:
            self._complain(pointer, f"{what} needs `{key}`")
            return None
        return read(mapping[key], f"{pointer}/{key}")

    def _optional(
        self,
        mapping: Mapping[str, Any],
        key: str,
        pointer: str,
        otherwise: Any,
        read: Callable[[Any, str], Any],
    ) -> Any:
        return read(mapping[key], f"{pointer}/{key}") if key in mapping else otherwise

    def _duration(self, value: Any, pointer: str) -> int | None:
        match = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            suggestion = f"{value}s" if type(value) is int and value > 0 else None
            self._complain(pointer, "a duration is a number and a unit, like 30s, 30m, 24h or 7d", suggestion)
            return None
        seconds = int(match[1]) * _SECONDS[match[2]]
        if seconds > _LONGEST_SLA_S:
            self._complain(pointer, "a duration may be 365d at most")
            return None
        return seconds

    # The document

    def document(self, value: dict[str, Any], canonical: str, sha256: str) -> PolicyDocument | None:
        self._mapping(value, "", _DOCUMENT_KEYS, "the document")
        self._required(value, "apiVersion", "", "the document", self._constant(API_VERSION))
        self._required(value, "kind", "", "the document", self._constant("Policy"))
        key, description = self._metadata(value.get("metadata", _ABSENT))
        default = self._required(
            value, "default", "", "the document", lambda v, p: self._choice(v, p, "`default`", VERDICTS)
        )
        on_error = self._optional(value, "on_error", "", "review", self._on_error)
        if "rules" not in value:
            self._complain("", "the document needs `rules`")
        rules = self._rules(value.get("rules", _ABSENT))
        sampling = self._sampling(value.get("sampling", _ABSENT))
        retired = self._retires(value.get("retires", _ABSENT))
        tests = self._tests(value.get("tests", _ABSENT), {rule.id for rule in rules})
        if self.errors:
            return None
        return PolicyDocument(
            key=key,
            description=description,
            default=default,
            on_error=on_error,
            rules=rules,
            sampling=sampling,
            retires_labels=retired,
            tests=tests,
            warnings=tuple(_warnings(default, rules, sampling)),
            canonical=canonical,
            sha256=sha256,
        )

    def _constant(self, expected: str) -> Callable[[Any, str], Any]:
        def read(value: Any, pointer: str) -> Any:
            if value != expected:
                self._complain(pointer, f"this version reads `{expected}` only", expected)
            return value

        return read

    def _metadata(self, value: Any) -> tuple[str, str]:
        if value is _ABSENT:
            self._complain("", "the document needs `metadata`")
            return "", ""
        metadata = self._mapping(value, "/metadata", ("key", "description"), "`metadata`")
        if metadata is None:
            return "", ""
        key = self._required(
            metadata, "key", "/metadata", "`metadata`", lambda v, p: self._slug(v, p, "`metadata.key`")
        )
        description = self._optional(
            metadata, "description", "/metadata", "", lambda v, p: self._text_of(v, p, "`description`", 2_000)
        )
        return key or "", description or ""

    def _on_error(self, value: Any, pointer: str) -> str | None:
        if value == "allow":
            self._complain(pointer, "`on_error` can't be allow: a rule that errors never loosens anything", "review")
            return None
        return self._choice(value, pointer, "`on_error`", VERDICTS[1:])

    # Rules

    def _rules(self, value: Any) -> tuple[Rule, ...]:
        rules: list[Rule] = []
        seen: dict[str, str] = {}
        cost = 0
        for position, entry in enumerate(self._list(value, "/rules", "`rules`", MAX_RULES)):
            pointer = f"/rules/{position}"
            rule = self._rule(entry, pointer)
            identifier = entry.get("id") if isinstance(entry, dict) else None
            if isinstance(identifier, str):
                if identifier in seen:
                    self._complain(f"{pointer}/id", f"the id `{identifier[:64]}` is that of {seen[identifier]} too")
                seen.setdefault(identifier, f"rule {position + 1}")
            if rule is not None:
                rules.append(rule)
                cost += count_nodes(rule.condition)
        if cost > FUEL:
            self._complain("/rules", f"the rules need {cost:,} steps before any decision, {FUEL:,} are allowed")
        return tuple(rules)

    def _rule(self, value: Any, pointer: str) -> Rule | None:
        entry = self._mapping(value, pointer, _RULE_KEYS, "a rule")
        if entry is None:
            return None
        before = len(self.errors)
        identifier = self._required(entry, "id", pointer, "a rule", lambda v, p: self._slug(v, p, "a rule's id"))
        condition = self._required(entry, "when", pointer, "a rule", self._condition)
        verdict = self._required(
            entry, "verdict", pointer, "a rule", lambda v, p: self._choice(v, p, "a verdict", VERDICTS)
        )
        queue = self._optional(entry, "queue", pointer, None, lambda v, p: self._slug(v, p, "a queue"))
        priority = self._optional(
            entry, "priority", pointer, "normal", lambda v, p: self._choice(v, p, "a priority", PRIORITIES)
        )
        sla = self._optional(entry, "sla", pointer, None, lambda v, p: self._sla(v, p, verdict))
        reason = self._optional(entry, "reason", pointer, "", lambda v, p: self._text_of(v, p, "a reason", 1_000))
        mode = self._optional(entry, "mode", pointer, "enforce", lambda v, p: self._choice(v, p, "a mode", MODES))
        if len(self.errors) > before:
            return None
        return Rule(identifier, entry["when"], verdict, condition, queue, priority, sla, reason, mode)

    def _condition(self, value: Any, pointer: str) -> Node | None:
        if isinstance(value, bool):
            self._complain(pointer, "`when` has to be a string", f'"{str(value).lower()}"')
            return None
        if not isinstance(value, str):
            self._complain(pointer, "`when` has to be a string")
            return None
        try:
            node = parse_expression(value)
            check_condition(node)
        except ExpressionError as error:
            line, column = self._text.position_inside(pointer, value, error.offset) if self._text else (None, None)
            self.errors.append(DocumentError(pointer, line, column, error.detail, error.suggestion))
            return None
        return node

    def _sla(self, value: Any, pointer: str, verdict: str | None) -> Sla | None:
        entry = self._mapping(value, pointer, _SLA_KEYS, "an sla")
        if entry is None:
            return None
        groups = [
            self._slug(group, f"{pointer}/escalate_to/{position}", "a group")
            for position, group in enumerate(
                self._list(entry.get("escalate_to", _ABSENT), f"{pointer}/escalate_to", "`escalate_to`", 10)
            )
        ]
        respond = self._required(entry, "respond", pointer, "an sla", self._duration)
        otherwise = respond * (1 + len(groups)) if respond else None
        total = self._optional(entry, "total", pointer, otherwise, self._duration)
        on_timeout = self._optional(
            entry, "on_timeout", pointer, None, lambda v, p: self._choice(v, p, "`on_timeout`", ON_TIMEOUT)
        )
        pauses = entry.get("pause_while_waiting", False)
        if not isinstance(pauses, bool):
            self._complain(f"{pointer}/pause_while_waiting", "`pause_while_waiting` has to be true or false")
        if respond and total and respond > total:
            self._complain(
                f"{pointer}/total" if "total" in entry else pointer, "`total` can't be shorter than `respond`"
            )
        if on_timeout == "escalate" and not groups:
            self._complain(
                f"{pointer}/on_timeout",
                "`on_timeout: escalate` needs `escalate_to`, the groups to hand over to",
            )
        if on_timeout == "allow" and verdict == "escalate":
            self._complain(f"{pointer}/on_timeout", "a rule whose verdict is escalate can't allow on timeout", "block")
        if not respond or not total or None in groups:
            return None
        return Sla(respond, total, on_timeout, tuple(group for group in groups if group), pauses)

    # The rest

    def _sampling(self, value: Any) -> tuple[Sampling, ...]:
        entries: list[Sampling] = []
        for position, item in enumerate(self._list(value, "/sampling", "`sampling`", MAX_SAMPLING_ENTRIES)):
            pointer = f"/sampling/{position}"
            entry = self._mapping(item, pointer, ("rate", "of", "queue"), "a sampling entry")
            if entry is None:
                continue
            rate = self._required(entry, "rate", pointer, "a sampling entry", self._rate)
            of = self._required(entry, "of", pointer, "a sampling entry", self._sampled_verdict)
            queue = self._optional(entry, "queue", pointer, None, lambda v, p: self._slug(v, p, "a queue"))
            if rate is not None and of is not None:
                entries.append(Sampling(rate, of, queue))
        return tuple(entries)

    def _rate(self, value: Any, pointer: str) -> float | None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
            self._complain(pointer, "a rate is a number above 0 and at most 1, like 0.02")
            return None
        return float(value)

    def _sampled_verdict(self, value: Any, pointer: str) -> str | None:
        if value != "allow":
            self._complain(pointer, "only decisions with the verdict allow can be sampled", "allow")
            return None
        return "allow"

    def _retires(self, value: Any) -> tuple[str, ...]:
        if value is _ABSENT:
            return ()
        entry = self._mapping(value, "/retires", ("labels",), "`retires`")
        labels = self._list(entry.get("labels", _ABSENT) if entry else _ABSENT, "/retires/labels", "`labels`", 100)
        slugs = [self._slug(label, f"/retires/labels/{i}", "a label") for i, label in enumerate(labels)]
        return tuple(slug for slug in slugs if slug)

    def _tests(self, value: Any, rule_ids: set[str]) -> tuple[PolicyTest, ...]:
        tests: list[PolicyTest] = []
        for position, item in enumerate(self._list(value, "/tests", "`tests`", MAX_TESTS)):
            test = self._test(item, f"/tests/{position}", rule_ids)
            if test is not None:
                tests.append(test)
        return tuple(tests)

    def _test(self, value: Any, pointer: str, rule_ids: set[str]) -> PolicyTest | None:
        entry = self._mapping(value, pointer, ("name", "context", "expect"), "a test")
        if entry is None:
            return None
        before = len(self.errors)
        name = self._required(entry, "name", pointer, "a test", lambda v, p: self._text_of(v, p, "a name", 200))
        context = self._required(entry, "context", pointer, "a test", self._context)
        expect = self._required(
            entry,
            "expect",
            pointer,
            "a test",
            lambda v, p: self._mapping(v, p, ("verdict", "rules"), "`expect`"),
        )
        if expect is None:
            return None
        inner = f"{pointer}/expect"
        verdict = self._required(
            expect, "verdict", inner, "`expect`", lambda v, p: self._choice(v, p, "a verdict", VERDICTS)
        )
        expected = expect.get("rules", _ABSENT)
        names = self._list(expected, f"{inner}/rules", "`rules`", MAX_RULES)
        for position, rule in enumerate(names):
            if not isinstance(rule, str) or (rule not in rule_ids and not self.errors):
                suggestion = did_you_mean(rule, rule_ids) if isinstance(rule, str) else None
                self._complain(f"{inner}/rules/{position}", "there is no such rule in this document", suggestion)
        if len(self.errors) > before:
            return None
        return PolicyTest(name, context, verdict, None if expected is _ABSENT else tuple(names))

    def _context(self, value: Any, pointer: str) -> Mapping[str, Any] | None:
        context = self._mapping(value, pointer, NAMES, "a test's context")
        if context is None:
            return None
        if "now" in context:
            try:
                parse_timestamp(context["now"] if isinstance(context["now"], str) else "")
            except EvaluationError as error:
                self._complain(f"{pointer}/now", f"`now` is {error}", '"2026-01-01T00:00:00Z"')
        try:
            admit_context(context)
        except GuardBreached as breach:
            self._complain(pointer, str(breach))
        return context


def _warnings(default: str, rules: tuple[Rule, ...], sampling: tuple[Sampling, ...]) -> Iterable[str]:
    can_allow = default == "allow" or any(rule.verdict == "allow" and rule.mode == "enforce" for rule in rules)
    if can_allow and not sampling:
        yield "This policy allows decisions that nobody samples: nothing can then be said of that part."
    for rule in rules:
        unused = [key for key, value in (("queue", rule.queue), ("sla", rule.sla)) if value is not None]
        if unused and rule.verdict in ("allow", "block"):
            yield f"Rule {rule.id}: verdict {rule.verdict} asks nobody, so its {' and '.join(unused)} has no effect."
        if isinstance(rule.condition, Literal):
            yield f"Rule {rule.id}: its condition is always {str(rule.condition.value).lower()}."
