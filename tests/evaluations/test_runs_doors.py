"""The doors to runs: a pipeline's whole way over the API, and the page that a person reads afterwards."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from evaluations.models import EvaluationRun
from evaluations.services.harvesting import harvest_corrections
from evaluations.services.releases import state_release
from evaluations.services.sealing import seal_version
from governance.actors import OPERATOR
from governance.models import AISystem
from tests.evaluations.scenes import make_dataset, make_example, teach
from tests.factories import make_person
from tests.reviews.scenes import FIXED, open_desk

pytestmark = pytest.mark.django_db
PATH = "/api/v1/evaluation-runs"


def post(client: Client, path: str, body: Any, status: int, media_type: str = "application/json") -> Any:
    answer = client.post(path, body, content_type=media_type)
    assert answer.status_code == status, answer.content
    return answer.json()


def answer_all(client: Client, run: str, answer: Any) -> Any:
    """As a pipeline does it: fetch what is unanswered, answer, until nothing is left; then close."""
    while rows := client.get(f"{PATH}/{run}/examples?page_size=2").json()["results"]:
        lines = [json.dumps({"example": row["example"], "answer": answer, "cost_usd": 0.001}) for row in rows]
        taken = post(client, f"{PATH}/{run}/results", "\n".join(lines), 200, "application/jsonl")
        assert taken == {"added": len(rows), "repeated": 0}
        assert post(client, f"{PATH}/{run}/results", "\n".join(lines), 200, "application/jsonl")["added"] == 0
    return post(client, f"{PATH}/{run}/close", {}, 200)


@pytest.fixture
def taught(client: Client) -> dict[str, Any]:
    desk = open_desk()
    for number in range(3):
        teach(desk, input={"message": f"<b>lamp {number}</b>"}, reason="Half of it <i>was</i> broken.")
    harvest_corrections()
    dataset = desk.system.datasets.get()
    seal_version(actor=OPERATOR, dataset_id=dataset.pk, reason="x")
    for name in ("v1", "v2"):
        state_release(actor=OPERATOR, system=desk.system, name=name, reason="x")
    client.force_login(make_person(desk.organization, "lead"))
    return {"dataset": str(dataset.pk), "version": 1, "split": "all"}


def test_a_pipeline_tests_a_release_and_reads_the_rulings_behind_what_it_broke(
    client: Client, taught: dict[str, Any]
) -> None:
    first = post(client, PATH, {**taught, "candidate": "v1"}, 201)["id"]
    assert client.get(f"{PATH}/{first}/gate").json()["verdict"] is None
    assert answer_all(client, first, {"action": FIXED})["verdict"] == "not_evaluated"
    second = post(client, PATH, {**taught, "candidate": "v2", "baseline": first}, 201)["id"]
    gate = answer_all(client, second, {"action": {"name": "refund", "arguments": {"amount": 1}}})
    assert gate == client.get(f"{PATH}/{second}/gate").json()
    assert (gate["verdict"], gate["evidence"]["broken_count"], gate["evidence"]["right"]) == ("inconclusive", 3, 0)
    assert [flip["change"] for flip in gate["flips"]] == ["broken"] * 3
    assert gate["flips"][0]["ruling"]["reason"] == "Half of it <i>was</i> broken."
    (row,) = client.get(f"{PATH}?candidate=v2&verdict=inconclusive").json()["results"]
    assert (row["id"], row["status"], row["baseline"]) == (second, "closed", first)
    assert client.get(f"{PATH}/{second}").json() == row
    post(client, f"{PATH}/{second}/close", {}, 409)
    shown = client.get(f"/evaluation-runs/{second}/").content.decode()
    assert "Inconclusive" in shown and "Broken" in shown and "lamp 1" in shown
    assert "<b>lamp" not in shown
    assert f"/evaluation-runs/{second}/" in client.get("/systems/refund-bot/releases/").content.decode()


def test_what_does_not_fit_is_refused_with_its_place(client: Client, taught: dict[str, Any]) -> None:
    for fields, pointer in (
        ({"candidate": "v9"}, "/candidate"),
        ({"candidate": "v1", "scorer": {"kind": "x"}}, "/scorer"),
        ({"candidate": "v1", "repeats": 0}, "/repeats"),
        ({"candidate": "v1", "sclorer": {}}, "/sclorer"),
        ({"candidate": "v1", "demands": {"margin": 3}}, "/demands"),
        ({"candidate": "v1", "demands": {"margin": 0.7}}, "/demands/margin"),
        ({"candidate": "v1", "split": "both"}, "/split"),
    ):
        assert post(client, PATH, {**taught, **fields}, 422)["errors"][0]["pointer"] == pointer
    post(client, PATH, {**taught, "version": 2, "candidate": "v1"}, 404)
    assert not EvaluationRun.objects.exists()
    run = post(client, PATH, {**taught, "candidate": "v1"}, 201)["id"]
    post(client, f"{PATH}/{run}/results", {"example": "x"}, 415)
    assert post(client, f"{PATH}/{run}/results", "{", 422, "application/jsonl")["errors"][0]["pointer"] == "/0"
    post(client, f"{PATH}/{run}/results", " " * (1024 * 1024 + 1), 413, "application/jsonl")
    shown = client.get(f"/evaluation-runs/{run}/").content.decode()
    assert "Open." in shown


def test_a_run_is_about_what_was_held_out_unless_it_says_otherwise(client: Client, taught: dict[str, Any]) -> None:
    dataset = make_dataset(AISystem.objects.get(slug="refund-bot"), slug="split")
    examples = {split: make_example(dataset, split=split) for split in ("train", "test")}
    seal_version(actor=OPERATOR, dataset_id=dataset.pk, reason="x")
    asked = {"dataset": str(dataset.pk), "version": 1, "candidate": "v1"}
    for split, about in (({}, ["test"]), ({"split": "train"}, ["train"]), ({"split": "all"}, ["train", "test"])):
        run = post(client, PATH, {**asked, **split}, 201)
        assert run["split"] == (split.get("split") or "test")
        rows = client.get(f"{PATH}/{run['id']}/examples").json()["results"]
        assert {row["id"] for row in rows} == {str(examples[name].pk) for name in about}
    shown = client.get(f"/evaluation-runs/{run['id']}/").content.decode()
    assert "may have learned from" in shown


def test_the_page_costs_the_same_however_much_changed_sides(
    client: Client, taught: dict[str, Any], django_assert_max_num_queries: Any
) -> None:
    system = AISystem.objects.get(slug="refund-bot")
    dataset = make_dataset(system, slug="large")
    for _ in range(40):
        make_example(dataset)
    seal_version(actor=OPERATOR, dataset_id=dataset.pk, reason="x")
    large = {"dataset": str(dataset.pk), "version": 1, "split": "all"}
    first = post(client, PATH, {**large, "candidate": "v1"}, 201)["id"]
    answer_all(client, first, {"action": FIXED})
    second = post(client, PATH, {**large, "candidate": "v2", "baseline": first}, 201)["id"]
    answer_all(client, second, {"action": None})
    with django_assert_max_num_queries(18):
        assert "25 of 40 are shown" in client.get(f"/evaluation-runs/{second}/").content.decode()


def test_slices_and_mean_scores_stand_on_the_page(client: Client, taught: dict[str, Any]) -> None:
    dataset = make_dataset(AISystem.objects.get(slug="refund-bot"), slug="sliced")
    for number in range(40):
        make_example(dataset, labels=["<i>late</i>"] if number % 2 else ["kept"])
    seal_version(actor=OPERATOR, dataset_id=dataset.pk, reason="x")
    asked = {"dataset": str(dataset.pk), "version": 1, "split": "all", "demands": {"measure": "score"}}
    first = post(client, PATH, {**asked, "candidate": "v1"}, 201)["id"]
    answer_all(client, first, {"action": FIXED})
    second = post(client, PATH, {**asked, "candidate": "v2", "baseline": first}, 201)["id"]
    gate = answer_all(client, second, {"action": None})
    assert (gate["verdict"], len(gate["evidence"]["slices"])) == ("fail", 2)
    shown = client.get(f"/evaluation-runs/{second}/").content.decode()
    assert "Mean score" in shown and "100.0 % before" in shown and "Slices" in shown
    assert "&lt;i&gt;late&lt;/i&gt;" in shown and "<i>late" not in shown
    assert shown.count(">worse</span>") == 2
