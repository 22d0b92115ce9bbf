"""`@requires_approval`: a function that runs only when the service says so, with the arguments that it says.

The decision is about JSON arguments, the function takes Python ones; the module is mostly about crossing that border
without a gap. What a person approved is what runs: a corrected argument replaces the caller's, one that the function
does not have means that it is not called at all, and an argument that somebody changed while a person was thinking
runs as it was when it was shown.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from countersign.client import AsyncClient, Client
from countersign.conversations import Conversation, Conversations, T
from countersign.decision import Decision
from countersign.errors import ApiProblem, CountersignError, NotAllowed
from countersign.protocol import FIELD_NAMES

if TYPE_CHECKING:
    from countersign.protocol import DecisionFields

logger = logging.getLogger("countersign")

Function = TypeVar("Function", bound=Callable[..., Any])
Arguments = dict[str, Any]
OnBlocked = Literal["raise"] | Callable[[Decision], Any]
DEFAULT_WAIT_S = 300.0
RECEIVERS = frozenset({"self", "cls"})


@dataclass(frozen=True)
class Permitted:
    """A call that may run now, and the decision that permits it."""

    decision: Decision
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass(frozen=True)
class Guard:
    """What a decorated function asks with. Each of `input`, `idempotency_key` and `fields` may be a function of the
    call's arguments.
    """

    action: str
    signature: inspect.Signature
    withheld: frozenset[str]
    input: Any
    wait: float
    idempotency_key: Any
    fields: Mapping[str, Any]

    def permission(
        self, conversations: Conversations, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Conversation[Permitted | Decision]:
        """Ask; the result is the call that may run, or the decision that lets none run. Raises NotAllowed where what
        was allowed does not fit the function.
        """
        call = self.signature.bind(*args, **kwargs)
        call.apply_defaults()
        arguments = self.shown_arguments(call)
        fields = {name: _resolved(value, arguments) for name, value in self.fields.items()}
        fields["action"] = {"name": self.action, "arguments": arguments}
        decision = yield from conversations.ask(
            input=arguments if self.input is None else _resolved(self.input, arguments),
            fields=cast("DecisionFields", fields),
            idempotency_key=_resolved(self.idempotency_key, arguments),
            wait=self.wait,
        )
        if decision.is_pending:
            decision = yield from _withdrawn(conversations, decision)
        return self.effective_call(call, decision) if decision.proceed else decision

    def shown_arguments(self, call: inspect.BoundArguments) -> Arguments:
        """The call's arguments as JSON, by name; `**kwargs` stand beside the named ones. Raises TypeError for a value
        that JSON cannot carry, before anything is asked.
        """
        shown: Arguments = {}
        for name, value in call.arguments.items():
            if name in self.withheld:
                continue
            if self.signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
                shadowed = sorted(set(shown) & set(value))
                if shadowed:
                    raise TypeError(f"Two arguments are called {', '.join(map(repr, shadowed))}.")
                shown.update({key: _as_json(key, entry) for key, entry in value.items()})
            else:
                shown[name] = _as_json(name, value)
        return shown

    def effective_call(self, call: inspect.BoundArguments, decision: Decision) -> Permitted:
        """The call that the decision permits. Raises NotAllowed where it is for another action, or names an argument
        that the function does not have, or lacks one that it needs.
        """
        effective = decision.effective_action or {}
        arguments = effective.get("arguments")
        if effective.get("name") != self.action or not isinstance(arguments, Mapping):
            raise NotAllowed(f"What may run is not {self.action!r}: {effective.get('name')!r}.", decision)
        rest = dict(arguments)
        permitted = inspect.BoundArguments(self.signature, cast("Any", {}))
        for name, parameter in self.signature.parameters.items():
            if name in self.withheld:
                permitted.arguments[name] = call.arguments[name]
            elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
                given = call.arguments.get(name, {})
                permitted.arguments[name] = {key: _kept(given, key, rest[key]) for key in rest}
                rest = {}
            elif name in rest:
                permitted.arguments[name] = _kept(call.arguments, name, rest.pop(name))
                if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                    permitted.arguments[name] = self._positional(name, permitted.arguments[name], decision)
            elif parameter.default is not inspect.Parameter.empty:
                permitted.arguments[name] = parameter.default
            elif parameter.kind is not inspect.Parameter.VAR_POSITIONAL:
                raise NotAllowed(f"What may run lacks the argument {name!r}.", decision)
        if rest:
            raise NotAllowed(f"{self.action!r} has no argument {', '.join(map(repr, sorted(rest)))}.", decision)
        try:
            self.signature.bind(*permitted.args, **permitted.kwargs)
        except TypeError as error:
            raise NotAllowed(f"What may run does not fit {self.action!r}: {error}.", decision) from error
        return Permitted(decision, permitted.args, permitted.kwargs)

    def _positional(self, name: str, value: Any, decision: Decision) -> tuple[Any, ...]:
        if not isinstance(value, (list, tuple)):
            raise NotAllowed(f"The argument {name!r} is not a list.", decision)
        return tuple(value)


def requires_approval(
    client: Client | AsyncClient,
    *,
    action: str | None = None,
    input: Any = None,
    confidence: float | Callable[[Arguments], float | None] | None = None,
    wait: float = DEFAULT_WAIT_S,
    on_blocked: OnBlocked = "raise",
    idempotency_key: str | Callable[[Arguments], str] | None = None,
    withhold: Collection[str] = (),
    **fields: Any,
) -> Callable[[Function], Function]:
    """Let a function (sync, or async) run only when its decision says `proceed`, with the effective arguments.

    `action` names it (default: the function's name). The call's arguments are bound to their names, defaults
    included, and shown as JSON; those named in `withhold` (a database handle, say), and `self` and `cls`, are neither
    shown nor changed. `input` is what the AI was given (default: the arguments); it, `confidence`,
    `idempotency_key` and every further field may be a function of the arguments, as a dict. A person is waited for
    `wait` seconds; a decision that is then still open is cancelled, since nobody is left to act on it.

    Where the decision does not permit the call, NotAllowed is raised, or `on_blocked(decision)` answers in its stead.
    After it ran, its outcome is reported: executed, or failed with the name of the exception's class, never its words.

    A synchronous function needs a `Client`; an async one takes either (with a `Client`, in a thread). TypeError for
    other combinations and for generators. Unavailable where the service is away, unless the client allows that.
    """

    def decorate(function: Function) -> Function:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError("A generator runs piece by piece; guard a function that does the whole action.")
        misnamed = sorted(set(fields) - FIELD_NAMES)
        if misnamed:
            raise TypeError(f"Unknown field: {', '.join(misnamed)}.")
        signature = inspect.signature(function)
        unknown = sorted(set(withhold) - set(signature.parameters))
        if unknown:
            raise TypeError(f"{function.__qualname__} has no argument {', '.join(map(repr, unknown))}.")
        guard = Guard(
            action=action or function.__name__,
            signature=signature,
            withheld=(frozenset(withhold) | RECEIVERS) & frozenset(signature.parameters),
            input=input,
            wait=wait,
            idempotency_key=idempotency_key,
            fields={**fields, "confidence": confidence},
        )
        if inspect.iscoroutinefunction(function):
            return cast("Function", _async_wrapper(function, guard, client, on_blocked))
        if isinstance(client, AsyncClient):
            raise TypeError("A synchronous function cannot await an AsyncClient; give it a Client.")
        return cast("Function", _sync_wrapper(function, guard, client, on_blocked))

    return decorate


def _sync_wrapper(
    function: Callable[..., Any], guard: Guard, client: Client, on_blocked: OnBlocked
) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        result = client.hold(guard.permission(client.conversations, args, kwargs))
        if isinstance(result, Decision):
            return _blocked(result, guard, on_blocked)
        try:
            value = function(*result.args, **result.kwargs)
        except Exception as error:
            client.hold(_reported(client.conversations, result.decision, "failed", type(error).__name__))
            raise
        client.hold(_reported(client.conversations, result.decision, "executed", None))
        return value

    return wrapper


def _async_wrapper(
    function: Callable[..., Awaitable[Any]], guard: Guard, client: Client | AsyncClient, on_blocked: OnBlocked
) -> Callable[..., Any]:
    async def hold(conversation: Conversation[T]) -> T:
        if isinstance(client, AsyncClient):
            return await client.hold(conversation)
        return await asyncio.to_thread(client.hold, conversation)

    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        result = await hold(guard.permission(client.conversations, args, kwargs))
        if isinstance(result, Decision):
            answer = _blocked(result, guard, on_blocked)
            return await answer if inspect.isawaitable(answer) else answer
        try:
            value = await function(*result.args, **result.kwargs)
        except Exception as error:
            await hold(_reported(client.conversations, result.decision, "failed", type(error).__name__))
            raise
        await hold(_reported(client.conversations, result.decision, "executed", None))
        return value

    return wrapper


def _blocked(decision: Decision, guard: Guard, on_blocked: OnBlocked) -> Any:
    if on_blocked != "raise":
        return on_blocked(decision)
    words = f": {decision.why}" if decision.why else "."
    raise NotAllowed(f"{guard.action!r} may not run, its decision is {decision.status}{words}", decision)


def _withdrawn(conversations: Conversations, decision: Decision) -> Conversation[Decision]:
    """Cancel what nobody waits for any more. A ruling that was faster counts; an outage leaves it to its deadline."""
    try:
        return (yield from conversations.cancel(decision.id, "The caller stopped waiting."))
    except ApiProblem as problem:
        if problem.status != 409:
            return decision
    except CountersignError:
        return decision
    try:
        return (yield from conversations.get(decision.id))
    except CountersignError:
        return decision


def _reported(
    conversations: Conversations,
    decision: Decision,
    status: Literal["executed", "failed"],
    detail: str | None,
) -> Conversation[None]:
    """Report the outcome. What was done stays done where that fails: it is logged, never raised."""
    if not decision.is_recorded:
        return
    try:
        yield from conversations.outcome(decision.id, status, resolved=None, detail=detail)
    except CountersignError as error:
        logger.warning("The outcome of decision %s could not be reported: %s", decision.id, error)


def _resolved(value: Any, arguments: Arguments) -> Any:
    return value(arguments) if callable(value) else value


def _as_json(name: str, value: Any) -> Any:
    """A copy of the value as JSON carries it. TypeError where it cannot be carried faithfully."""
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"The argument {name!r} cannot be shown as JSON: {error}") from error


def _kept(given: Mapping[str, Any], name: str, effective: Any) -> Any:
    """The caller's own object where it still says what was permitted (a tuple stays a tuple), else what was."""
    if name in given:
        value = given[name]
        try:
            if _same_json(_as_json(name, value), effective):
                return value
        except TypeError:
            pass
    return effective


def _same_json(left: Any, right: Any) -> bool:
    """Equality as JSON has it: 1 and 1.0 are the same number, true is no number."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same_json(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same_json, left, right))
    return bool(left == right)
