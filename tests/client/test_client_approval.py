"""`@requires_approval`: the function runs only on `proceed`, with the effective arguments, and nothing else."""

import asyncio
import json

import httpx
import pytest

from countersign import AsyncClient, Client, NotAllowed, Unavailable, requires_approval


class Service:
    """The far edge: answers each question with `decision`, and remembers what it was sent."""

    def __init__(self, decision):
        self.decision = decision
        self.seen = []

    def __call__(self, request):
        body = json.loads(request.content) if request.content else None
        self.seen.append((request.method, request.url.path.rsplit("/", 1)[-1], body))
        answer = self.decision(request, body) if callable(self.decision) else self.decision
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    def client(self, **options):
        return Client("http://service.example", "key", transport=httpx.MockTransport(self), **options)

    def async_client(self, **options):
        return AsyncClient("http://service.example", "key", transport=httpx.MockTransport(self), **options)

    def outcomes(self):
        return [body for _, verb, body in self.seen if verb == "outcome"]


def effective(arguments, name="refund"):
    return {"effective_action": {"name": name, "arguments": arguments}}


def test_the_function_runs_with_what_a_person_corrected(answered):
    service = Service(answered("corrected", **effective({"order": "A-1", "amount": 200, "note": ""})))

    @requires_approval(service.client(), confidence=0.7, input=lambda arguments: {"order": arguments["order"]})
    def refund(order, amount, *, note=""):
        return (order, amount, note)

    assert refund("A-1", 480) == ("A-1", 200, "")
    question = service.seen[0][2]
    assert question["action"] == {"name": "refund", "arguments": {"order": "A-1", "amount": 480, "note": ""}}
    assert question["input"] == {"order": "A-1"}
    assert question["confidence"] == 0.7
    assert service.outcomes() == [{"status": "executed"}]


@pytest.mark.parametrize("status", ["blocked", "rejected", "answered", "expired", "unheard_of"])
def test_the_function_does_not_run_without_permission(status, answered):
    service = Service(answered(status, proceed=status == "unheard_of"))
    ran = []
    guarded = requires_approval(service.client(), action="refund")(ran.append)
    with pytest.raises(NotAllowed) as refusal:
        guarded(1)
    assert refusal.value.decision.status == status
    assert ran == []
    assert service.outcomes() == []


@pytest.mark.parametrize(
    "allowed",
    [
        effective({"order": "A-1", "amount": 1, "card": "x"}),
        effective({"amount": 1}),
        effective({"order": "A-1", "amount": 1}, name="delete_account"),
        effective(None),
        {"effective_action": None},
    ],
)
def test_what_does_not_fit_the_function_is_never_called(allowed, answered):
    service = Service(answered("corrected", **allowed))
    ran = []

    @requires_approval(service.client())
    def refund(order, amount=0):
        ran.append((order, amount))

    with pytest.raises(NotAllowed):
        refund("A-1", 480)
    assert ran == []


def test_on_blocked_answers_in_the_functions_stead(answered):
    service = Service(answered("rejected"))

    @requires_approval(service.client(), on_blocked=lambda decision: f"refused: {decision.status}")
    def refund(order):
        raise AssertionError("must not run")

    assert refund("A-1") == "refused: rejected"


def test_a_failure_is_reported_by_its_class_and_raised(answered):
    service = Service(answered("allowed", **effective({"order": "A-1"})))

    @requires_approval(service.client())
    def refund(order):
        raise LookupError("card 4111 1111 1111 1111")

    with pytest.raises(LookupError):
        refund("A-1")
    assert service.outcomes() == [{"status": "failed", "detail": "LookupError"}]


def test_an_outcome_that_cannot_be_reported_does_not_undo_what_was_done(answered, caplog):
    def edge(request, body):
        return (
            httpx.Response(404, json={})
            if request.url.path.endswith("outcome")
            else answered("allowed", **effective({"order": "A-1"}))
        )

    @requires_approval(Service(edge).client())
    def refund(order):
        return "done"

    assert refund("A-1") == "done"
    assert "could not be reported" in caplog.text


def test_a_method_keeps_its_receiver_and_its_withheld_arguments(answered):
    service = Service(answered("allowed", **effective({"order": "A-1"})))
    database = object()

    class Desk:
        @requires_approval(service.client(), withhold=["database"])
        def refund(self, order, database):
            return (self, order, database)

    desk = Desk()
    assert desk.refund("A-1", database) == (desk, "A-1", database)
    assert service.seen[0][2]["action"]["arguments"] == {"order": "A-1"}


def test_variadic_arguments_cross_the_border(answered):
    service = Service(answered("corrected", **effective({"first": 1, "rest": [2, 9], "flag": False, "extra": "new"})))

    @requires_approval(service.client(), action="refund")
    def call(first, *rest, flag, **more):
        return (first, rest, flag, more)

    assert call(1, 2, 3, flag=True) == (1, (2, 9), False, {"extra": "new"})


def test_an_unchanged_argument_stays_the_callers_own_object(answered):
    service = Service(answered("approved", **effective({"pair": [1, 2]})))
    guarded = requires_approval(service.client(), action="refund")(lambda pair: pair)
    assert guarded((1, 2)) == (1, 2)


def test_an_argument_changed_behind_the_reviewers_back_runs_as_it_was_shown(answered):
    lines = ["one"]

    def edge(request, body):
        lines.append("smuggled in")
        return answered("approved", **effective({"lines": ["one"]}))

    guarded = requires_approval(Service(edge).client(), action="refund")(lambda lines: list(lines))
    assert guarded(lines) == ["one"]


def test_true_is_not_taken_for_one(answered):
    service = Service(answered("corrected", **effective({"amount": 1})))
    guarded = requires_approval(service.client(), action="refund")(lambda amount: amount)
    assert guarded(True) is not True


def test_an_argument_that_json_cannot_carry_is_refused_before_anything_is_asked(answered):
    service = Service(answered())
    guarded = requires_approval(service.client(), action="refund")(lambda when: when)
    with pytest.raises(TypeError, match="'when'"):
        guarded(object())
    assert service.seen == []


def test_nobody_there_means_the_function_does_not_run():
    def edge(request, body):
        raise httpx.ConnectError("refused")

    ran = []
    guarded = requires_approval(Service(edge).client(max_retries=0), action="refund")(ran.append)
    with pytest.raises(Unavailable):
        guarded(1)
    assert ran == []


def test_a_client_that_allows_outages_runs_it_as_it_was_asked():
    def edge(request, body):
        raise httpx.ConnectError("refused")

    service = Service(edge)
    guarded = requires_approval(service.client(max_retries=0, unavailable="allow"), action="refund")(
        lambda amount: amount
    )
    assert guarded(5) == 5
    assert service.outcomes() == []


def test_a_decision_nobody_waits_for_any_more_is_cancelled(answered):
    def edge(request, body):
        return answered("cancelled" if request.url.path.endswith("cancel") else "pending")

    service = Service(edge)
    guarded = requires_approval(service.client(), action="refund", wait=0.05)(lambda amount: amount)
    with pytest.raises(NotAllowed) as refusal:
        guarded(5)
    assert refusal.value.decision.status == "cancelled"
    assert [verb for _, verb, _ in service.seen][-1] == "cancel"


def test_a_ruling_that_beats_the_cancel_counts(answered):
    ruled = []

    def edge(request, body):
        if request.url.path.endswith("cancel"):
            ruled.append(True)
            return httpx.Response(409, json={"title": "Final"})
        return answered("approved", **effective({"amount": 5})) if ruled else answered("pending")

    guarded = requires_approval(Service(edge).client(), action="refund", wait=0.05)(lambda amount: amount)
    assert guarded(5) == 5


@pytest.mark.parametrize("kind", ["client", "async_client"])
def test_async_functions_are_guarded_by_either_client(kind, answered):
    service = Service(answered("corrected", **effective({"order": "A-1", "amount": 200})))

    async def scenario():
        @requires_approval(getattr(service, kind)())
        async def refund(order, amount):
            await asyncio.sleep(0)
            return (order, amount)

        return await refund("A-1", 480)

    assert asyncio.run(scenario()) == ("A-1", 200)
    assert service.outcomes() == [{"status": "executed"}]


def test_an_async_on_blocked_is_awaited(answered):
    service = Service(answered("blocked"))

    async def explain(decision):
        return decision.status

    async def scenario():
        @requires_approval(service.async_client(), on_blocked=explain)
        async def refund(order):
            raise AssertionError("must not run")

        return await refund("A-1")

    assert asyncio.run(scenario()) == "blocked"


def test_combinations_that_cannot_work_are_refused_when_decorating(answered):
    service = Service(answered())

    def plain(order):
        return order

    def pieces(order):
        yield order

    with pytest.raises(TypeError, match="AsyncClient"):
        requires_approval(service.async_client())(plain)
    with pytest.raises(TypeError, match="generator"):
        requires_approval(service.client())(pieces)
    with pytest.raises(TypeError, match="no argument 'databse'"):
        requires_approval(service.client(), withhold=["databse"])(plain)
    with pytest.raises(TypeError, match="modell"):
        requires_approval(service.client(), modell="x")(plain)
