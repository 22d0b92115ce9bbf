"""The client's pure half: what an answer means, and when to try again. No network, no clock."""

import json
from datetime import UTC, datetime

import pytest

from countersign import ApiProblem, Decision, Unavailable, WaitTimedOut
from countersign.conversations import Conversations, Pause, Send
from countersign.protocol import (
    Answer,
    Lost,
    Settings,
    ask_request,
    decision_of,
    error_of,
    is_worth_retrying,
    pause_before_retry,
    retry_after_s,
)

ACTION = {"name": "refund", "arguments": {"amount": 480}}


def reply(status, shown, **headers):
    return Answer(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps(shown).encode()
    )


def play(conversation, *replies, tick=None):
    """Hold a conversation with these replies; the answer and the steps that it took."""
    steps, left, given = [], list(replies), None
    while True:
        try:
            step = conversation.send(given)
        except StopIteration as end:
            return end.value, steps
        steps.append(step)
        if isinstance(step, Send):
            given = left.pop(0)
        else:
            given = None
            if tick is not None:
                tick(step.seconds)


def conversations(**changes):
    settings = {"timeout_s": 5.0, "max_retries": 2, "unavailable": "block", **changes}
    return Conversations(Settings("http://localhost:1", "key", **settings))


def asked(of, **changes):
    question = {"input": "x", "fields": {"action": ACTION}, "idempotency_key": "k", "wait": None, **changes}
    return of.ask(**question)


@pytest.mark.parametrize(
    "status", ["pending", "blocked", "observed", "rejected", "answered", "expired", "cancelled", "superseded"]
)
def test_no_other_status_proceeds_whatever_the_answer_says(status, answered):
    assert not Decision.from_json(answered(status, proceed=True, effective_action=ACTION)).proceed


def test_an_unknown_status_does_not_proceed_and_shows_nothing_to_run(answered):
    decision = Decision.from_json(answered("rubber_stamped", proceed=True, effective_action=ACTION))
    assert (decision.proceed, decision.effective_action, decision.is_pending) == (False, None, False)


@pytest.mark.parametrize("proceed", [False, None, "true", 1])
def test_an_allowed_status_alone_does_not_proceed(proceed, answered):
    assert not Decision.from_json(answered("allowed", proceed=proceed)).proceed


@pytest.mark.parametrize("status", ["allowed", "approved", "corrected"])
def test_allowed_approved_and_corrected_proceed(status, answered):
    decision = Decision.from_json(answered(status, effective_action=ACTION))
    assert decision.proceed
    assert decision.effective_action == ACTION


def test_instants_and_reasons_are_read(answered):
    decision = Decision.from_json(answered())
    assert decision.expires_at == datetime(2030, 1, 1, tzinfo=UTC)
    assert decision.why == "Refunds over 200 need a person"
    told = Decision.from_json({**answered(), "message": "A colleague will call you back."})
    assert told.why == "A colleague will call you back; Refunds over 200 need a person"


def test_a_question_needs_a_proposal():
    with pytest.raises(TypeError, match="action or an output"):
        ask_request(input=1, fields={}, mode="enforce", idempotency_key=None)


def test_a_misspelt_field_is_refused_before_it_is_sent():
    with pytest.raises(TypeError, match="confidense"):
        ask_request(input=1, fields={"action": ACTION, "confidense": 1}, mode="enforce", idempotency_key=None)


def test_what_json_cannot_carry_is_refused():
    with pytest.raises(ValueError):
        ask_request(input=float("nan"), fields={"action": ACTION}, mode="enforce", idempotency_key=None)


def test_only_what_was_given_is_sent():
    request = ask_request(input=None, fields={"action": ACTION, "subject": None}, mode="observe", idempotency_key="k")
    assert json.loads(request.body) == {"input": None, "action": ACTION, "mode": "observe"}
    assert request.headers["Idempotency-Key"] == "k"


def test_every_question_without_a_key_gets_its_own():
    keys = {
        ask_request(input=1, fields={"action": ACTION}, mode="enforce", idempotency_key=None).headers["Idempotency-Key"]
        for _ in range(3)
    }
    assert len(keys) == 3


@pytest.mark.parametrize("key", ["", "x" * 256, "line\nbreak", "ключ"])
def test_an_idempotency_key_that_no_header_can_carry_is_refused(key):
    with pytest.raises(ValueError):
        ask_request(input=1, fields={"action": ACTION}, mode="enforce", idempotency_key=key)


@pytest.mark.parametrize(
    ("received", "worth"),
    [
        (Lost("reset"), True),
        (reply(429, {}), True),
        (reply(502, {}), True),
        (reply(503, {}), True),
        (reply(504, {}), True),
        (reply(409, {"type": "https://example.org/problems/idempotency-in-flight"}), True),
        (reply(409, {"type": "https://example.org/problems/decision-final"}), False),
        (reply(500, {}), False),
        (reply(422, {}), False),
        (reply(401, {}), False),
    ],
)
def test_what_is_tried_again(received, worth):
    assert is_worth_retrying(received) is worth


def test_a_refusal_is_a_problem_and_a_failure_an_outage():
    refused = error_of(
        reply(422, {"type": "t", "title": "Invalid", "errors": [{"pointer": "/input", "detail": "missing"}]})
    )
    assert isinstance(refused, ApiProblem)
    assert refused.errors == ({"pointer": "/input", "detail": "missing"},)
    failed = error_of(Answer(500, {}, b"<html>"))
    assert isinstance(failed, Unavailable)
    assert failed.status == 500
    assert error_of(reply(201, {})) is None


@pytest.mark.parametrize("body", [b"<html>welcome</html>", b"[]", b'{"proceed": true}', b"[" * 100_000])
def test_a_success_that_holds_no_decision_is_no_permission(body):
    with pytest.raises(ApiProblem):
        decision_of(Answer(200, {}, body))


def test_retry_after_is_read_in_seconds_and_as_a_date():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert retry_after_s(reply(429, {}, retry_after="7")) == 7
    assert retry_after_s(reply(429, {}, retry_after="Thu, 01 Jan 2026 00:00:30 GMT"), now=now) == 30
    assert retry_after_s(reply(429, {}, retry_after="soon")) == 0
    assert retry_after_s(reply(429, {}, retry_after="²")) == 0


def test_backoff_grows_to_a_ceiling_and_never_undercuts_retry_after():
    assert [pause_before_retry(Lost(""), attempt, chance=1.0) for attempt in (0, 1, 2, 50)] == [
        0.25,
        0.5,
        1.0,
        8.0,
    ]
    assert pause_before_retry(reply(503, {}, retry_after="3"), 0, chance=0.0) == 3.0
    assert pause_before_retry(reply(429, {}, retry_after="3600"), 0, chance=0.0) is None


def test_every_attempt_sends_the_same_bytes_and_key(answered):
    decision, steps = play(asked(conversations()), Lost("reset"), reply(503, {}), reply(201, answered()))
    sent = [step.request for step in steps if isinstance(step, Send)]
    assert decision.proceed
    assert len(sent) == 3
    assert sent[0] == sent[1] == sent[2]


def test_attempts_are_bounded():
    with pytest.raises(Unavailable):
        play(asked(conversations(max_retries=2)), *[Lost("reset")] * 3)


def test_a_longer_retry_after_than_anybody_waits_ends_the_attempts():
    with pytest.raises(ApiProblem) as refusal:
        play(asked(conversations()), reply(429, {"title": "Slow down"}, retry_after="600"))
    assert refusal.value.status == 429


@pytest.mark.parametrize("outage", [Lost("refused"), reply(503, {}), reply(500, {})])
def test_allow_lets_the_proposal_pass_while_the_service_is_away(outage):
    decision, _ = play(asked(conversations(unavailable="allow", max_retries=0)), outage)
    assert (decision.proceed, decision.effective_action, decision.is_recorded) == (True, ACTION, False)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 429])
def test_allow_never_turns_a_refusal_into_permission(status):
    with pytest.raises(ApiProblem):
        play(asked(conversations(unavailable="allow", max_retries=0)), reply(status, {}))


def test_allow_never_speaks_for_a_person_who_was_asked(answered):
    clock = iter([0.0, 0.0, 100.0, 100.0, 100.0])
    of = Conversations(Settings("http://localhost:1", "key", 5.0, 0, "allow"), clock=lambda: next(clock))
    decision, _ = play(asked(of, wait=10), reply(202, answered("pending")), Lost("reset"))
    assert (decision.status, decision.proceed) == ("pending", False)


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def pass_(self, seconds):
        self.now += seconds


def test_waiting_survives_outages_and_ends_with_the_ruling(answered):
    clock = Clock()
    of = Conversations(Settings("http://localhost:1", "key", 5.0, 0, "block"), clock=clock)
    replies = [
        reply(200, answered("pending")),
        Lost("reset"),
        reply(502, {}),
        reply(500, {}),
        reply(200, answered("approved")),
    ]
    decision, steps = play(of.wait("id-1", 60), *replies, tick=clock.pass_)
    assert decision.status == "approved"
    assert all(
        step.request.path.startswith("/api/v1/decisions/id-1?wait=25") for step in steps if isinstance(step, Send)
    )


def test_waiting_ends_with_the_callers_patience_and_never_spins(answered):
    clock = Clock()
    of = Conversations(Settings("http://localhost:1", "key", 5.0, 0, "block"), clock=clock)
    with pytest.raises(WaitTimedOut) as ended:
        play(of.wait("id-1", 3), *[reply(200, answered("pending"))] * 10, tick=clock.pass_)
    assert ended.value.decision.is_pending
    assert clock.now == pytest.approx(3)


def test_waiting_for_what_nobody_ever_answered_is_an_outage():
    clock = Clock()
    of = Conversations(Settings("http://localhost:1", "key", 5.0, 0, "block"), clock=clock)
    with pytest.raises(Unavailable):
        play(of.wait("id-1", 2), *[Lost("refused")] * 50, tick=clock.pass_)


def test_waiting_for_another_tenants_id_is_refused_at_once():
    with pytest.raises(ApiProblem):
        play(conversations().wait("id-1", 60), reply(404, {"title": "Not found"}))


def test_a_cancel_whose_answer_was_lost_counts_as_done(answered):
    decision, steps = play(
        conversations().cancel("id-1", "no longer needed"),
        Lost("reset"),
        reply(409, {"title": "Final"}),
        reply(200, answered("cancelled")),
    )
    assert decision.status == "cancelled"
    assert any(isinstance(step, Pause) for step in steps)


def test_a_cancel_that_came_too_late_is_refused(answered):
    with pytest.raises(ApiProblem):
        play(
            conversations().cancel("id-1", "late"),
            reply(409, {"title": "Final"}),
            reply(200, answered("approved")),
        )


def test_an_id_cannot_leave_its_place_in_the_address():
    _, steps = play(conversations().outcome("../keys?x", "executed", resolved=True, detail=None), reply(200, {}))
    assert steps[0].request.path == "/api/v1/decisions/..%2Fkeys%3Fx/outcome"


@pytest.mark.parametrize(("url", "key"), [("", "k"), ("localhost:8000", "k"), ("http://x", ""), ("http://x", "a\nb")])
def test_a_setting_that_can_never_work_is_refused_at_once(url, key):
    with pytest.raises(ValueError):
        Settings.resolve(url, key, timeout=1, max_retries=0, unavailable="allow")


def test_the_key_is_not_shown():
    assert "s3cret" not in repr(Settings("http://x", "s3cret", 1.0, 0, "block"))
