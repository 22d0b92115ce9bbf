"""What a rule may read of a decision's cost: what the application reported, when it was asked and when it is tried again."""

from typing import Any

import pytest

from reviews.models import Decision
from tests.factories import put_in_force
from tests.reviews.scenes import Desk, open_desk, post
from tests.reviews.test_evaluating import URL, token_of

pytestmark = pytest.mark.django_db
POLICY = """
apiVersion: governance/v1
kind: Policy
metadata: {key: dear}
default: allow
on_error: block
rules:
  - id: dear
    when: usage != null && has(usage.cost_usd) && usage.cost_usd > 0.5
    verdict: review
    queue: refunds
    reason: Dearer than half a dollar
"""


def desk_of_costs() -> Desk:
    desk = open_desk()
    put_in_force(desk.system, POLICY)
    return desk


def ask(desk: Desk, **fields: Any) -> dict[str, Any]:
    body = {"action": {"name": "refund", "arguments": {}}, "input": "x", **fields}
    answer = post("/api/v1/decisions", body, secret=desk.secret, **{"Idempotency-Key": str(len(fields)) + str(fields)})
    return answer.json()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"cost_usd": 0.75}, "review"),
        ({"cost_usd": 0.75, "usage": {"input_tokens": 10}}, "review"),
        ({"cost_usd": 0.5}, "allow"),
        ({"cost_usd": 0}, "allow"),
        ({"usage": {"input_tokens": 10**9}, "model": "openai/gpt-4o"}, "allow"),
        ({}, "allow"),
    ],
)
def test_a_rule_reads_the_cost_that_was_reported_and_no_price_table(fields: dict[str, Any], verdict: str) -> None:
    desk = desk_of_costs()
    answer = ask(desk, **fields)
    assert answer["verdict"] == verdict
    decision = Decision.objects.get(pk=answer["id"])
    tried = post(URL, {"document": POLICY, "decision": str(decision.pk)}, secret=token_of(desk, "viewer"))
    assert tried.json()["verdict"] == verdict
