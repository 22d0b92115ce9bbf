"""Runs: opened on a sealed version, fed once for each answer, judged once, and unchanged ever after."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from evaluations.errors import ResultDiffers, RunClosed
from evaluations.models import Dataset, DatasetVersion, EvaluationRun, Example, Release, RunResult
from evaluations.release_selectors import ungated_traffic
from evaluations.results import read_lines
from evaluations.run_selectors import unanswered
from evaluations.services.gating import Plan, Taken, add_results, close_run, open_run
from evaluations.services.harvesting import harvest_corrections
from evaluations.services.releases import state_release
from evaluations.services.sealing import seal_version
from governance.actors import OPERATOR
from governance.canonical import sha256_hex
from governance.errors import Invalid, NotFound, NotPermitted
from governance.models import AuditEntry
from tests.evaluations.scenes import make_dataset, make_example, teach
from tests.factories import make_actor, make_organization
from tests.reviews.scenes import open_desk
from tests.support.races import race

pytestmark = pytest.mark.django_db
RIGHT, WRONG = {"output": "spam"}, {"output": "ham"}


def seal(examples: int = 4, **fields: Any) -> DatasetVersion:
    dataset = make_dataset()
    for _ in range(examples):
        make_example(dataset, expected=RIGHT, sources=0, **fields)
    for name in ("v1", "v2"):
        state_release(actor=OPERATOR, system=dataset.system, name=name, reason="x")
    return seal_version(actor=OPERATOR, dataset_id=dataset.pk, reason="x")


def begin(version: DatasetVersion, candidate: str = "v1", **plan: Any) -> EvaluationRun:
    return open_run(actor=OPERATOR, version=version, plan=Plan(candidate=candidate, **{"split": "", **plan}))


def line(example: Example, answer: Any = RIGHT, **fields: Any) -> dict[str, Any]:
    return {"example": f"sha256:{example.content_sha256}", "answer": answer, **fields}


def send(run: EvaluationRun, *lines: dict[str, Any]) -> Taken:
    body = b"\n".join(json.dumps(one).encode() for one in lines)
    return add_results(actor=OPERATOR, run=run, results=read_lines(body))


def answer_all(run: EvaluationRun, *wrong: int, **fields: Any) -> EvaluationRun:
    examples = Example.objects.filter(dataset=run.version.dataset).order_by("id")
    send(run, *(line(one, WRONG if place in wrong else RIGHT, **fields) for place, one in enumerate(examples)))
    return close_run(actor=OPERATOR, run=run)


def evidence(run: EvaluationRun) -> Any:
    return json.loads(run.evidence)


def test_a_candidate_is_paired_with_the_baseline_and_the_flips_are_named() -> None:
    version = seal(200)
    ids = [str(key) for key in Example.objects.order_by("id").values_list("pk", flat=True)]
    baseline = answer_all(begin(version, demands={"minimum": 0.9}), 0, 1, 2, 3, 4, 5, 6)
    assert baseline.verdict == "pass"
    run = answer_all(begin(version, "v2", goal="better", baseline_id=baseline.pk), 6)
    assert run.verdict == "pass"
    said = evidence(run)
    assert (said["fixed"], said["broken"], said["baseline_right"], said["right"]) == (ids[:6], [], 193, 199)
    assert said["p_value"] == pytest.approx(0.03125)
    assert said["root"] == f"sha256:{version.root_sha256}"
    assert run.evidence_sha256 == sha256_hex(run.evidence)
    entry = AuditEntry.objects.filter(type="evaluation.judged").latest("pk")
    assert json.loads(entry.payload.payload)["evidence"] == f"sha256:{run.evidence_sha256}"


def test_too_little_data_is_inconclusive_and_a_missing_result_is_no_pass() -> None:
    version = seal(4)
    baseline = answer_all(begin(version))
    assert baseline.verdict == "not_evaluated"
    run = answer_all(begin(version, "v2", baseline_id=baseline.pk))
    assert (run.verdict, evidence(run)["more_examples"] > 100) == ("inconclusive", True)
    short = begin(version, "v2", demands={"minimum": 0.5})
    send(short, line(Example.objects.earliest("id")))
    assert [one.answered for one in unanswered(short)] == [0, 0, 0]
    assert close_run(actor=OPERATOR, run=short).verdict == "not_evaluated"
    assert evidence(short)["missing"] == 3


def test_results_sent_again_are_passed_over_and_other_ones_refused() -> None:
    run = begin(seal(2))
    one, two = Example.objects.order_by("id")
    assert send(run, line(one), line(one)) == Taken(added=1, repeated=1)
    assert send(run, line(one), line(two)) == Taken(added=1, repeated=1)
    with pytest.raises(ResultDiffers):
        send(run, line(one, WRONG))
    assert RunResult.objects.count() == 2


def test_of_a_request_that_does_not_fit_nothing_is_kept() -> None:
    run = begin(seal(2))
    one = Example.objects.earliest("id")
    stranger = make_example(make_dataset())
    for bad, pointer in (
        (line(stranger), "/1/example"),
        (line(one, repeat=2), "/1/repeat"),
        ({**line(one), "why": 1}, "/1/why"),
        (line(one, {"text": 1}), "/1/answer"),
        ({**line(one), "error": "x"}, "/1/answer"),
        (line(one, cost_usd=-1), "/1/cost_usd"),
        (line(one, latency_ms=True), "/1/latency_ms"),
        ({"example": "abc", "answer": RIGHT}, "/1/example"),
    ):
        with pytest.raises(Invalid) as refusal:
            send(run, line(one), bad)
        assert refusal.value.errors[0]["pointer"] == pointer
    with pytest.raises(Invalid):
        read_lines(b'{"example": 1, "example": 2}')
    with pytest.raises(Invalid):
        read_lines(b"{}\n" * 1_001)
    assert not RunResult.objects.exists()


def test_an_error_is_a_wrong_answer_and_of_repeats_all_have_to_be_right() -> None:
    run = begin(seal(2), repeats=2, demands={"minimum": 0.5})
    one, two = Example.objects.order_by("id")
    send(run, line(one), line(one, WRONG, repeat=2), line(two))
    send(run, {"example": f"sha256:{two.content_sha256}", "repeat": 2, "error": "timed out"})
    close_run(actor=OPERATOR, run=run)
    assert (evidence(run)["right"], evidence(run)["missing"]) == (0, 0)


def test_ceilings_and_critical_labels_are_kept() -> None:
    version = seal(200, labels=["safety"])
    dear = answer_all(begin(version, demands={"minimum": 0.5, "cost_ceiling_micros": 100}), cost_usd=0.0002)
    assert (dear.verdict, "cost" in evidence(dear)["reasons"][0]) == ("fail", True)
    unsafe = answer_all(begin(version, demands={"minimum": 0.5, "critical_labels": ["safety"]}), 7)
    assert (unsafe.verdict, len(evidence(unsafe)["critical_failures"])) == ("fail", 1)


def test_what_can_not_be_compared_is_refused() -> None:
    version = seal(3)
    baseline = answer_all(begin(version))
    still_open = begin(version)
    text = {"kind": "text"}
    for plan in (
        {"candidate": "v9"},
        {"baseline_id": still_open.pk},
        {"baseline_id": answer_all(begin(seal(3))).pk},
        {"baseline_id": baseline.pk, "repeats": 2},
        {"baseline_id": baseline.pk, "split": "train"},
        {"baseline_id": baseline.pk, "scorer": text},
        {"split": "test"},
        {"scorer": {"kind": "judge"}},
        {"baseline_id": baseline.pk, "candidate": "v1"},
        {"demands": {"margin": 2}},
        {"demands": {"margin": 0.6}},
        {"demands": {"alpha": 0.3}},
        {"demands": {"alpha": 1e-17}},
        {"demands": {"margin": "x"}},
        {"demands": {"pass_score": 0}},
        {"demands": {"magrin": 0.1}},
    ):
        with pytest.raises(Invalid):
            begin(version, **{"candidate": "v2", **plan})
    begin(version, "v2", baseline_id=baseline.pk, demands={"alpha": 1e-6, "margin": 0.5})


def test_a_verdict_is_final_and_the_database_holds_to_it() -> None:
    run = answer_all(begin(seal(2)))
    with pytest.raises(RunClosed):
        close_run(actor=OPERATOR, run=run)
    with pytest.raises(RunClosed):
        send(run, line(Example.objects.earliest("id"), repeat=1))
    for queryset, change in (
        (EvaluationRun.objects.filter(pk=run.pk), {"verdict": "pass"}),
        (RunResult.objects.filter(run=run), {"score": 0.5}),
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            queryset.update(**change)


def test_others_neither_open_nor_feed_nor_close() -> None:
    version = seal(2)
    run = begin(version)
    for actor, refusal in (
        (make_actor(version.organization, "reviewer"), NotPermitted),
        (make_actor(make_organization(), "owner"), NotFound),
    ):
        with pytest.raises(refusal):
            open_run(actor=actor, version=version, plan=Plan(candidate="v1"))
        with pytest.raises(refusal):
            add_results(actor=actor, run=run, results=[])
        with pytest.raises(refusal):
            close_run(actor=actor, run=run)


def test_traffic_of_a_release_is_ungated_until_one_of_its_runs_passes() -> None:
    version = seal(30)
    assert not ungated_traffic().exists()
    Release.objects.update(first_seen_at=timezone.now())
    answer_all(begin(version, demands={"minimum": 0.8}), *range(29))
    assert {release.name for release in ungated_traffic()} == {"v1", "v2"}
    learned = answer_all(begin(version, demands={"minimum": 0.8}, split="train"))
    assert (learned.verdict, ungated_traffic().count()) == ("not_evaluated", 2)
    assert "examples to learn from" in evidence(learned)["reasons"][0]
    answer_all(begin(version, demands={"minimum": 0.8}))
    assert [release.name for release in ungated_traffic()] == ["v2"]


@pytest.mark.django_db(transaction=True)
def test_results_that_come_twice_at_once_while_somebody_closes_are_kept_once_or_refused() -> None:
    run = begin(seal(20))
    lines = [line(one) for one in Example.objects.all()]
    first, second, closed = race(
        lambda: send(run, *lines), lambda: send(run, *lines), lambda: close_run(actor=OPERATOR, run=run)
    )
    assert isinstance(closed, EvaluationRun)
    taken = [one for one in (first, second) if isinstance(one, Taken)]
    assert all(isinstance(one, RunClosed) for one in (first, second) if not isinstance(one, Taken))
    assert sum(one.added for one in taken) == RunResult.objects.count() == (20 if taken else 0)
    assert evidence(EvaluationRun.objects.get())["missing"] == 20 - RunResult.objects.count()


def amount(dollars: float) -> dict[str, Any]:
    return {"action": {"name": "refund", "arguments": {"dollars": dollars, "currency": "EUR"}}}


def seal_about(subjects: int) -> DatasetVersion:
    """Twelve corrections, about so many customers in turn, and two releases."""
    desk = open_desk()
    for number in range(12):
        teach(desk, input={"n": number}, subject=f"C-{number % subjects}", action=amount(number)["action"])
    harvest_corrections()
    dataset = Dataset.objects.get()
    for name in ("v1", "v2"):
        state_release(actor=OPERATOR, system=dataset.system, name=name, reason="x")
    return seal_version(actor=OPERATOR, dataset_id=dataset.pk, reason="x")


GRADED = {"kind": "fields", "fields": {"/arguments/dollars": {}, "/arguments/currency": {}}}


def test_scores_are_compared_by_whom_they_are_about_and_repeats_by_their_mean() -> None:
    version = seal_about(subjects=4)
    plan: dict[str, Any] = {"scorer": GRADED, "repeats": 2, "demands": {"measure": "score"}}
    examples = list(Example.objects.order_by("id"))
    baseline = begin(version, **plan)
    send(baseline, *(line(one, amount(-1), repeat=repeat) for one in examples for repeat in (1, 2)))
    close_run(actor=OPERATOR, run=baseline)
    run = begin(version, "v2", baseline_id=baseline.pk, **plan)
    for one in examples:
        right = json.loads(one.expected)
        send(run, line(one, right), line(one, amount(-1), repeat=2))
    said = evidence(close_run(actor=OPERATOR, run=run))
    assert (said["score"], said["baseline_score"], said["difference"]) == (0.75, 0.5, 0.25)
    assert (said["clusters"], said["right"], said["fixed_count"]) == (4, 0, 0)
    assert said["demands"]["measure"] == "score"
    assert said["interval"][0] < 0.25 < said["interval"][1]


@pytest.mark.parametrize(("subjects", "verdict", "p_value"), [(12, "pass", 2**-11), (2, "inconclusive", 0.5)])
def test_right_and_wrong_answers_too_are_compared_by_whom_they_are_about(
    subjects: int, verdict: str, p_value: float
) -> None:
    version = seal_about(subjects)
    examples = list(Example.objects.order_by("id"))
    baseline = begin(version)
    send(baseline, *(line(one, amount(-1)) for one in examples))
    close_run(actor=OPERATOR, run=baseline)
    run = begin(version, "v2", baseline_id=baseline.pk, goal="better")
    send(run, *(line(one, json.loads(one.expected)) for one in examples))
    said = evidence(close_run(actor=OPERATOR, run=run))
    assert (said["verdict"], said["fixed_count"], said["clusters"]) == (verdict, 12, subjects)
    assert said["p_value"] == pytest.approx(p_value)


def test_slices_by_label_and_by_action_stand_in_the_evidence_and_a_worse_one_fails() -> None:
    dataset = make_dataset()
    for number in range(200):
        make_example(dataset, expected=amount(number), sources=0, labels=["odd"] if number % 10 == 0 else [])
    for _ in range(8):
        make_example(dataset, expected={"action": None}, sources=0)
    for name in ("v1", "v2"):
        state_release(actor=OPERATOR, system=dataset.system, name=name, reason="x")
    version = seal_version(actor=OPERATOR, dataset_id=dataset.pk, reason="x")
    runs = []
    for broken in ("", "odd"):
        plan = {"baseline_id": runs[0].pk} if runs else {}
        run = begin(version, "v2" if runs else "v1", **plan, demands={"margin": 0.3})
        rows = [
            line(one, amount(-1) if broken in one.labels else json.loads(one.expected))
            for one in dataset.examples.all()
        ]
        send(run, *rows)
        runs.append(close_run(actor=OPERATOR, run=run))
    said = evidence(runs[1])
    assert [(one["by"], one["name"], one["examples"], one["standing"]) for one in said["slices"]] == [
        ("action", "refund", 200, "worse"),
        ("label", "odd", 20, "worse"),
        ("action", "none", 8, "unclear"),
    ]
    assert (runs[1].verdict, "“odd”" in said["reasons"][1]) == ("fail", True)
    plain = begin(version, "v2", baseline_id=runs[0].pk, demands={"margin": 0.3, "slices": []})
    send(plain, *rows)
    assert (close_run(actor=OPERATOR, run=plain).verdict, evidence(plain)["slices"]) == ("pass", [])


@pytest.mark.parametrize(
    "demands", [{"measure": "grade"}, {"slices": ["colour"]}, {"slices": "label"}, {"slices": [1]}, {"measure": []}]
)
def test_a_measure_or_a_slice_that_nobody_knows_is_refused(demands: Any) -> None:
    with pytest.raises(Invalid) as refusal:
        begin(seal(2), demands=demands)
    assert refusal.value.errors[0]["pointer"].startswith("/demands/")
