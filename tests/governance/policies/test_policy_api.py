"""Policies over the API: the whole life by token, problem details for every refusal, nothing recorded by a trial."""

import json
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from governance.actors import Actor
from governance.models import AuditEntry, PolicyVersion, User
from governance.services.credentials import create_access_token
from tests.factories import make_actor, make_key, make_organization, make_system
from tests.governance.policies.texts import Governed, make_governed, policy_text


def caller(governed: Governed, actor: Actor) -> Client:
    user = User.objects.get(pk=actor.user_id)
    _, token = create_access_token(actor=actor, user=user, organization=governed.organization, name="tests")
    return Client(headers={"authorization": f"Bearer {token}"})


def send(client: Client, method: str, path: str, body: Any = None, **headers: str) -> Any:
    options = {"data": json.dumps(body), "content_type": "application/json"} if body is not None else {}
    return getattr(client, method)(f"/api/v1/policies{path}", headers=headers, **options)


def test_two_people_change_a_rule_by_token(db: None) -> None:
    governed = make_governed()
    author, approver = caller(governed, governed.author), caller(governed, governed.approver)
    home = f"/{governed.policy.pk}"
    drafted = send(author, "post", f"{home}/versions", {})
    assert drafted.status_code == 201 and drafted.json()["document"] == policy_text()
    version = f"{home}/versions/{drafted.json()['id']}"
    assert drafted["Location"] == f"/api/v1/policies{version}"
    saved = send(author, "put", version, {"document": policy_text(amount=500.0)}, if_match=drafted["ETag"])
    assert saved.status_code == 200 and saved["ETag"] != drafted["ETag"]
    submitted = send(author, "post", f"{version}/submit", {"reason": "Finance"}, if_match=saved["ETag"]).json()
    assert submitted["status"] == "submitted" and submitted["sha256"].startswith("sha256:")
    approved = send(approver, "post", f"{version}/approve", {"sha256": submitted["sha256"]}).json()
    assert approved["approvals"][0]["verdict"] == "approve"
    activation = send(approver, "post", f"{version}/activate", {}).json()
    assert (activation["number"], activation["reason"]) == (2, "Finance")
    assert send(author, "get", home).json()["in_force"]["version"]["number"] == 2
    back = send(author, "post", f"{home}/rollback", {"reason": "Too lax", "activation": 2})
    assert back.json()["version"]["number"] == 1
    ledger = send(author, "get", f"{home}/activations").json()["results"]
    assert [row["origin"] for row in ledger] == ["rollback", "approval", "bootstrap"]


def test_a_save_over_somebody_elses_is_412_and_one_without_if_match_400(db: None) -> None:
    governed = make_governed()
    author, other = caller(governed, governed.author), caller(governed, governed.second_author)
    draft = send(author, "post", f"/{governed.policy.pk}/versions", {})
    version = f"/{governed.policy.pk}/versions/{draft.json()['id']}"
    assert send(other, "put", version, {"document": "theirs"}, if_match=draft["ETag"]).status_code == 200
    late = send(author, "put", version, {"document": "mine"}, if_match=draft["ETag"])
    assert (late.status_code, late["Content-Type"], late.json()["state"]["revision"]) == (
        412,
        "application/problem+json",
        2,
    )
    assert send(author, "put", version, {"document": "mine"}).status_code == 400
    for tag in ("*", 'W/"2-draft"', "2", '"9999999999999"'):
        assert send(author, "put", version, {"document": "mine"}, if_match=tag).status_code == 412
    assert PolicyVersion.objects.get(pk=draft.json()["id"]).source == "theirs"


def test_a_json_document_is_kept_as_yaml_of_the_same_meaning(db: None) -> None:
    governed = make_governed()
    author = caller(governed, governed.author)
    document = {
        "apiVersion": "governance/v1",
        "kind": "Policy",
        "metadata": {"key": "refunds"},
        "default": "block",
        "rules": [],
    }
    draft = send(author, "post", f"/{governed.policy.pk}/versions", {"document": document})
    assert draft.json()["document"].startswith("apiVersion: governance/v1\n")
    broken = send(author, "post", f"/{governed.policy.pk}/versions", {"document": {**document, "default": "perhaps"}})
    assert broken.status_code == 422 and broken.json()["errors"][0]["pointer"] == "/default"


def test_a_policy_is_opened_for_a_system_without_one(db: None) -> None:
    governed = make_governed()
    author = caller(governed, governed.author)
    make_system(governed.organization, slug="mail-triage")
    opened = send(author, "post", "", {"system": "mail-triage"})
    assert (opened.status_code, opened.json()["number"], opened.json()["status"]) == (201, 1, "draft")
    assert send(author, "post", "", {"system": "mail-triage"}).status_code == 409
    assert send(author, "post", "", {"system": "no-such"}).status_code == 422
    listed = send(author, "get", "?system=mail-triage").json()["results"]
    assert [(row["key"], row["in_force"]) for row in listed] == [("mail-triage", None)]


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("submit", {}),
        ("submit", {"reason": 7}),
        ("submit", {"reason": "x", "force": True}),
        ("approve", {}),
        ("reject", {"sha256": "x"}),
        ("withdraw", {"reason": None}),
        ("activate", {"percent": 10}),
    ],
)
def test_a_body_that_does_not_fit_is_422_and_changes_nothing(db: None, verb: str, body: Any) -> None:
    governed = make_governed()
    person = caller(governed, make_actor(governed.organization, "policy_author", "policy_approver"))
    draft = governed.draft()
    before = AuditEntry.objects.count()
    answer = send(person, "post", f"/{governed.policy.pk}/versions/{draft.pk}/{verb}", body)
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    assert answer.json()["errors"][0]["pointer"].startswith("/")
    assert AuditEntry.objects.count() == before


def test_another_organizations_policy_is_404_everywhere(db: None) -> None:
    governed, other = make_governed(), make_governed()
    draft = governed.draft()
    stranger = caller(other, make_actor(other.organization, "policy_author", "policy_approver", "owner"))
    home = f"/{governed.policy.pk}"
    version = f"{home}/versions/{draft.pk}"
    for method, path, body in (
        ("get", home, None),
        ("get", f"{home}/versions", None),
        ("get", f"{home}/activations", None),
        ("get", version, None),
        ("post", f"{home}/versions", {}),
        ("post", f"{home}/rollback", {"reason": "x"}),
        ("post", f"{version}/submit", {"reason": "x"}),
        ("post", f"{version}/approve", {"sha256": "x"}),
        ("post", f"{version}/activate", {}),
        ("get", f"/{other.policy.pk}/versions/{draft.pk}", None),
        ("post", f"/{other.policy.pk}/versions", {"copy_of": str(draft.pk)}),
    ):
        assert send(stranger, method, path, body).status_code == 404, path


def test_a_key_of_an_ai_system_reads_no_policies(db: None) -> None:
    governed = make_governed()
    _, secret = make_key(governed.system)
    key = Client(headers={"authorization": f"Bearer {secret}"})
    assert send(key, "get", "").status_code == 403
    assert send(key, "post", "/evaluate", {"document": policy_text(), "context": {}}).status_code == 403
    assert send(Client(), "get", "").status_code == 401


def test_a_trial_answers_verdict_rules_and_what_they_read_and_records_nothing(db: None) -> None:
    governed = make_governed()
    viewer = caller(governed, make_actor(governed.organization, "viewer"))
    before = AuditEntry.objects.count(), PolicyVersion.objects.count()
    context = {"action": {"name": "refund", "arguments": {"amount": 900}}}
    answer = send(viewer, "post", "/evaluate", {"document": policy_text(), "context": context})
    assert answer.status_code == 200
    body = answer.json()
    inputs = {"action.name": "refund", "action.arguments.amount": 900}
    assert body["verdict"] == "review" and body["fuel"] > 0
    assert body["rules"] == [{"id": "large-refund", "result": "hit", "inputs": inputs}]
    missing = send(viewer, "post", "/evaluate", {"document": policy_text(), "context": {"action": {"name": "refund"}}})
    assert missing.json()["rules"][0]["result"] == "error" and missing.json()["rules"][0]["error"]
    assert (AuditEntry.objects.count(), PolicyVersion.objects.count()) == before


def test_a_trial_of_an_invalid_document_names_line_column_and_suggestion(db: None) -> None:
    governed = make_governed()
    viewer = caller(governed, make_actor(governed.organization, "viewer"))
    text = policy_text().replace("verdict: review\n    queue", "verdict: reviev\n    queue")
    answer = send(viewer, "post", "/evaluate", {"document": text, "context": {}})
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    (fault,) = answer.json()["errors"]
    assert (fault["pointer"], fault["line"], fault["column"], fault["suggestion"]) == (
        "/rules/0/verdict",
        8,
        14,
        "review",
    )


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"document": 7, "context": {}},
        {"document": "x: [", "context": {}},
        {"document": "", "context": {}},
        {"document": policy_text(), "context": []},
        {"document": policy_text()},
        {"document": policy_text(), "context": {}, "now": "2026-01-01T00:00:00Z"},
        {"document": policy_text(), "context": {"now": 5}},
        {"document": policy_text(), "context": {"now": "yesterday"}},
    ],
)
def test_a_trial_that_can_not_be_read_is_422(db: None, body: Any) -> None:
    governed = make_governed()
    viewer = caller(governed, make_actor(governed.organization, "viewer"))
    answer = send(viewer, "post", "/evaluate", body)
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")


def test_the_list_costs_the_same_for_one_policy_and_for_many(
    db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    governed = make_governed()
    client = caller(governed, governed.author)
    send(client, "get", "")
    with django_assert_num_queries(4):  # token, roles, policies, activations
        assert len(send(client, "get", "").json()["results"]) == 1
    for _ in range(3):
        make_governed_key(governed)
    with django_assert_num_queries(4):
        assert len(send(client, "get", "").json()["results"]) == 4
    make_governed(organization=make_organization())


def make_governed_key(governed: Governed) -> None:
    from governance.actors import OPERATOR
    from governance.services.policy_activation import activate_first_version

    system = make_system(governed.organization)
    activate_first_version(actor=OPERATOR, system=system, source=policy_text(key=system.slug))
