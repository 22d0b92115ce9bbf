"""What a month says of releases and gates: what holds by its end, what was demanded, and what has to be noted before it is frozen."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from evaluations.models import EvaluationRun, Release
from evaluations.services.releases import read_releases
from governance.canonical import canonicalize, sha256_hex
from governance.models import AISystem
from governance.services.sequencing import sequence_entries
from operations.months import month_after, month_of
from operations.report_document import build_report_document
from operations.services.reporting import is_counted
from operations.services.rollups import roll_up
from operations.web.report_words import gate_words, sum_up
from reviews.services.clock import database_now
from tests.factories import make_decision, make_system
from tests.operations.report_scenes import BEFORE, HOSTILE, MONTH, make_day, make_judged_release, make_month
from tests.reviews.scenes import SMALL, open_desk

pytestmark = pytest.mark.django_db
OCTOBER = month_after(MONTH, 1)


def make_scene(verdict: str = "pass") -> tuple[AISystem, Release]:
    """A release that was judged in September and answered in September and October."""
    system = make_system()
    make_month(system, MONTH)
    make_day(system, datetime(2026, 10, 5, tzinfo=UTC))
    make_day(system, datetime(2026, 10, 5, tzinfo=UTC), dimension="release", value="2026.9")
    return system, make_judged_release(system, verdict=verdict)


def judge_again(release: Release, verdict: str, at: datetime, **fields: Any) -> EvaluationRun:
    evidence = canonicalize(fields.pop("evidence", {"examples": 300, "right": 240, "clusters": 120}))
    return EvaluationRun.objects.create(
        **{
            "organization_id": release.organization_id,
            "system": release.system,
            "version": release.runs.earliest("closed_at").version,
            "split": "test",
            "candidate": release,
            "status": "closed",
            "verdict": verdict,
            "evidence": evidence,
            "evidence_sha256": sha256_hex(evidence),
            "created_by_label": "Ann",
            "created_at": at,
            "closed_at": at,
            **fields,
        }
    )


def changes_of(system: AISystem, month: Any = OCTOBER) -> Any:
    return build_report_document(system, month)["changes"]


def page_of(client: Client, system: AISystem, month: str = "2026-10") -> str:
    client.force_login(system.owner)
    return client.get(reverse("report-detail", args=[system.slug, month])).content.decode()


def test_a_later_fail_is_shown_beside_the_older_pass(client: Client) -> None:
    system, release = make_scene()
    failed = judge_again(release, "fail", datetime(2026, 10, 6, tzinfo=UTC))
    (said,) = changes_of(system)["releases"]
    assert (said["gate"]["verdict"], said["gate"]["run"]) == ("fail", str(failed.pk))
    assert (said["earlier_pass"]["verdict"], said["judgements"]) == ("pass", 2)
    assert not said["is_ungated_traffic"]
    assert "1 release new or judged, 1 of them past a gate, 1 not in the newest run." in sum_up(
        build_report_document(system, OCTOBER)
    )
    assert "An older run had let it out:" in page_of(client, system)


def test_what_is_judged_after_the_months_end_is_not_known_in_it() -> None:
    system, release = make_scene()
    judge_again(release, "fail", datetime(2026, 10, 6, tzinfo=UTC))
    (said,) = changes_of(system, MONTH)["releases"]
    assert (said["gate"]["verdict"], said["earlier_pass"], said["judgements"]) == ("pass", None, 1)


def test_a_pass_after_a_fail_needs_no_older_one() -> None:
    system, release = make_scene()
    judge_again(release, "fail", datetime(2026, 10, 6, tzinfo=UTC))
    judge_again(release, "pass", datetime(2026, 10, 7, tzinfo=UTC))
    (said,) = changes_of(system)["releases"]
    assert (said["gate"]["verdict"], said["earlier_pass"]) == ("pass", None)


def test_a_pass_on_what_it_may_have_learned_is_no_gate(client: Client) -> None:
    system, release = make_scene("fail")
    judge_again(release, "not_evaluated", datetime(2026, 10, 6, tzinfo=UTC), split="train")
    changes = changes_of(system)
    (said,) = changes["releases"]
    assert (said["gate"]["split"], said["earlier_pass"], said["is_ungated_traffic"]) == ("train", None, True)
    assert changes["ungated"] == [{"release": "2026.9", "decisions": 100}]
    assert sum_up(build_report_document(system, OCTOBER))[2].startswith(
        "1 release new or judged, 0 of them past a gate."
    )
    assert "Every example was one that a release may learn from." in page_of(client, system)


def test_a_run_on_all_examples_says_that_it_could_have_learned_them(client: Client) -> None:
    system, _ = make_scene()
    (said,) = changes_of(system, MONTH)["releases"]
    assert said["gate"]["split"] == "all"
    assert "Among the examples were those that a release may learn from." in page_of(client, system, "2026-09")


def test_what_the_gate_demanded_is_in_the_document() -> None:
    system, release = make_scene()
    demands = {"margin": 0.05, "alpha": 0.1, "measure": "score", "minimum": 0.9, "scorer": {"kind": "exact"}}
    judge_again(release, "pass", datetime(2026, 10, 6, tzinfo=UTC), demands=demands)
    names = ("split", "measure", "margin", "alpha", "smallest_effect", "minimum", "clusters")
    (said,) = changes_of(system)["releases"]
    assert [said["gate"][name] for name in names] == ["test", "score", 0.05, 0.1, 0.05, 0.9, 120]
    (before,) = changes_of(system, MONTH)["releases"]
    assert [before["gate"][name] for name in names] == ["all", "right", 0.02, 0.05, 0.05, None, None]


GATE = {
    "verdict": "pass",
    "goal": "not_worse",
    "dataset": "refunds",
    "version": 2,
    "split": "test",
    "baseline": "2026.8",
    "measure": "right",
    "margin": 0.05,
    "alpha": 0.1,
    "smallest_effect": 0.04,
    "minimum": None,
    "examples": 300,
    "clusters": 120,
    "right": 290,
    "baseline_right": 280,
    "difference": 0.0333,
    "interval": [0.001, 0.066],
    "p_value": 0.0213,
    "more_examples": None,
}


def words_of(**changes: Any) -> str:
    return gate_words({**GATE, **changes}).replace("\u00a0", " ")


def test_a_gate_is_said_with_its_true_level_and_its_demands() -> None:
    assert words_of() == (
        "version 2 of refunds, what was held out; 290 of 300 right, of 120 subjects; 2026.8: 280; difference +3.3 points "
        "(90 %: +0.1 to +6.6); p = 0.021; asked to be less than 5 points behind in right answers (90 %)"
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"goal": "better"},
            "asked to be ahead in right answers (p ≤ 0.1), where an improvement of 4 points can be seen",
        ),
        ({"measure": "score", "alpha": 0.001}, "asked to be less than 5 points behind in the mean score (99.9 %)"),
        ({"baseline": None, "minimum": 0.9, "alpha": 0.05}, "asked for 90.0 % in right answers (95 %)"),
        ({"baseline": None}, "asked for no minimum"),
    ],
)
def test_each_demand_has_its_words(changes: dict[str, Any], said: str) -> None:
    assert words_of(**changes).endswith(said)


def test_a_document_that_names_no_level_is_shown_without_one() -> None:
    older = {name: GATE[name] for name in GATE if name not in {"split", "alpha", "measure", "margin", "clusters"}}
    words = gate_words(older)
    assert "(interval: +0.1 to +6.6)" in words and "%" not in words and "asked" not in words


def evidence_read(queries: CaptureQueriesContext) -> list[str]:
    return [one["sql"] for one in queries if '"evaluations_evaluationrun"."evidence",' in one["sql"]]


def test_the_evidence_of_runs_that_are_not_shown_is_not_read() -> None:
    system, release = make_scene()
    for day in range(1, 12):
        judge_again(release, "fail", datetime(2026, 9, 10 + day, tzinfo=UTC))
    with CaptureQueriesContext(connection) as queries:
        (said,) = changes_of(system, MONTH)["releases"]
    assert said["judgements"] == 12 and said["earlier_pass"]["verdict"] == "pass"
    (reading,) = evidence_read(queries)
    assert '."id" IN (' in reading


def test_a_baselines_evidence_is_not_read_either() -> None:
    system, release = make_scene()
    newer = Release.objects.create(
        organization_id=system.organization_id,
        system=system,
        name=f"2026.10 {HOSTILE}",
        first_seen_at=datetime(2026, 10, 2, tzinfo=UTC),
        created_at=datetime(2026, 10, 2, tzinfo=UTC),
    )
    baseline = release.runs.get()
    judge_again(release, "pass", datetime(2026, 10, 4, tzinfo=UTC), candidate=newer, baseline=baseline)
    with CaptureQueriesContext(connection) as queries:
        said = changes_of(system)["releases"]
    assert [one["gate"]["baseline"] for one in said if one["name"] == newer.name] == ["2026.9"]
    (reading,) = evidence_read(queries)
    assert reading.count('"evidence"') == 1


def test_more_releases_than_are_listed_still_say_which_of_them_answer_without_a_gate() -> None:
    system = make_system()
    at = datetime(2026, 9, 4, tzinfo=UTC)
    for number in range(52):
        make_day(system, at, n=20, dimension="release", value=f"r{number:02}")
        Release.objects.create(
            organization_id=system.organization_id, system=system, name=f"r{number:02}", first_seen_at=at, created_at=at
        )
    changes = changes_of(system, MONTH)
    assert (len(changes["releases"]), changes["more_releases"], len(changes["ungated"])) == (50, 2, 52)


def test_traffic_is_listed_as_ungated_before_the_systems_first_gate_too() -> None:
    system = make_system()
    make_month(system, MONTH)
    seen_at = datetime(2026, 8, 1, tzinfo=UTC)
    Release.objects.create(
        organization_id=system.organization_id, system=system, name="2026.9", first_seen_at=seen_at, created_at=seen_at
    )
    assert changes_of(system, MONTH)["ungated"] == [{"release": "2026.9", "decisions": 2_800}]


def test_the_releases_page_says_that_gates_have_not_begun_until_one_has_judged(client: Client) -> None:
    system = make_system()
    client.force_login(system.owner)
    page = reverse("release-list", args=[system.slug])
    words = "No gate has judged any release of this system yet."
    assert words not in client.get(page).content.decode(), "nobody is answered yet"
    make_decision(system, is_test=True)
    assert words not in client.get(page).content.decode(), "a test key's decisions are no traffic"
    make_decision(system)
    said = client.get(page).content.decode()
    assert words in said and reverse("api-docs") in said
    make_judged_release(system, verdict="fail")
    assert words not in client.get(page).content.decode()


def test_a_month_waits_until_its_releases_are_noted() -> None:
    desk = open_desk()
    desk.ask(SMALL, release="2026.9")
    while sequence_entries():
        pass
    roll_up(budget_s=20)
    running = month_of(database_now())
    assert not is_counted(desk.system, running) and is_counted(desk.system, BEFORE)
    while read_releases():
        pass
    assert Release.objects.filter(name="2026.9").exists()
    assert is_counted(desk.system, running)


def test_what_names_no_release_waits_for_nobody_to_note_it() -> None:
    desk = open_desk()
    desk.ask(SMALL)
    while sequence_entries():
        pass
    roll_up(budget_s=20)
    assert is_counted(desk.system, month_of(database_now()))
