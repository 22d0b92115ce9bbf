"""Trying a policy on a decision of the past."""

import pytest

from governance.models import User
from governance.services.credentials import create_access_token
from reviews.models import Decision
from tests.factories import POLICY
from tests.reviews.scenes import Desk, open_desk, post

pytestmark = pytest.mark.django_db
URL = "/api/v1/policies/evaluate"


def token_of(desk: Desk, *roles: str) -> str:
    actor = desk.reviewer(*roles)
    person = User.objects.get(pk=actor.user_id)
    return create_access_token(actor=actor, user=person, organization=desk.organization, name="t")[1]


def test_a_document_is_tried_on_a_past_decision_and_nothing_is_recorded() -> None:
    desk = open_desk()
    decision = desk.ask()
    body = {"document": POLICY.replace("200.0", "1000.0"), "decision": str(decision.pk)}
    response = post(URL, body, secret=token_of(desk, "viewer"))
    assert (response.status_code, response.json()["verdict"]) == (200, "allow")
    (rule, *_) = response.json()["rules"]
    assert (rule["id"], rule["result"], rule["inputs"]["action.arguments.amount"]) == ("large-refund", "miss", 900.0)
    assert Decision.objects.count() == 1


def test_the_same_document_says_the_same_of_the_past() -> None:
    desk = open_desk()
    decision = desk.ask()
    response = post(URL, {"document": POLICY, "decision": str(decision.pk)}, secret=token_of(desk, "viewer"))
    assert response.json()["verdict"] == decision.verdict


@pytest.mark.parametrize("body", [{}, {"context": {}, "decision": "01990a3c-7d1e-7c43-9a51-2f4d8f6b0c11"}])
def test_either_a_context_or_a_decision_is_needed(body: dict[str, object]) -> None:
    desk = open_desk()
    assert post(URL, {"document": POLICY, **body}, secret=token_of(desk, "viewer")).status_code == 422


def test_another_organizations_decision_is_not_there() -> None:
    desk, other = open_desk(), open_desk()
    decision = other.ask()
    response = post(URL, {"document": POLICY, "decision": str(decision.pk)}, secret=token_of(desk, "viewer"))
    assert response.status_code == 404


def test_a_key_may_not_try_policies() -> None:
    desk = open_desk()
    assert post(URL, {"document": POLICY, "context": {}}, secret=desk.secret).status_code == 403
