"""A month with half of its mails, played through the product: what is in the installation afterwards."""

import hashlib
import json
import sqlite3
import subprocess
import sys
import uuid
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from examples.installation import ROOT, environment
from examples.mail_triage.stage import OWNER
from examples.month.__main__ import APPROVALS_TAUGHT, HELD_OUT
from examples.month.models import LARGE, SMALL
from examples.month.timetable import last_month
from tests.support.servers import free_port

pytestmark = pytest.mark.slow
MAILS_A_DAY = 23
PLAYED_WITHIN_S = 3600


class Played:
    """The month's database, asked in SQL: nothing of the product is between the test and what was written."""

    def __init__(self, directory: Path, said: str, month: date) -> None:
        self.said = said
        self.month = month
        self._path = directory / "countersign.sqlite3"

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)) as connection:
            return connection.execute(query, values).fetchall()

    def one(self, query: str, *values: object) -> object:
        ((value,),) = self.rows(query, *values)
        return value


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    directory = tmp_path_factory.mktemp("month") / "data"
    command = ["-m", "examples.month", "--no-serve", "--port", str(free_port()), "--data-dir", str(directory)]
    done = subprocess.run(
        [sys.executable, *command, "--mails-a-day", str(MAILS_A_DAY)],
        cwd=ROOT,
        env=environment(None),
        capture_output=True,
        text=True,
        timeout=PLAYED_WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return Played(directory, done.stdout, last_month(datetime.now(UTC).date()))


def test_all_that_happened_lies_in_the_month(played):
    first, last, days, count = played.rows(
        "SELECT min(created_at), max(created_at), count(DISTINCT date(created_at)), count(*) FROM reviews_decision"
    )[0]
    assert first[:7] == last[:7] == f"{played.month:%Y-%m}"
    assert days >= 28
    assert 0.8 * MAILS_A_DAY * days < count < 1.2 * MAILS_A_DAY * days
    assert played.rows("SELECT status FROM reviews_decision WHERE status = 'pending'") == []


def test_senders_are_held_out_as_the_system_said_and_none_is_on_both_sides(played):
    assert played.one("SELECT held_out_percent FROM evaluations_dataset") == int(HELD_OUT)
    sides = played.rows(
        "SELECT d.subject, count(DISTINCT e.split) FROM evaluations_example e "
        "JOIN evaluations_examplesource s ON s.example_id = e.id JOIN reviews_decision d ON d.id = s.decision_id GROUP BY d.subject"
    )
    assert len(sides) > 10
    assert {count for _, count in sides} == {1}


def test_every_correction_of_a_person_is_an_example_once_and_so_are_the_approvals_that_were_drawn(played):
    ruled = played.rows("SELECT v.id, v.verdict FROM reviews_review v JOIN reviews_escalation e ON e.ruling_id = v.id")
    corrected = [key for key, verdict in ruled if verdict != "approve"]
    drawn = [key for key, verdict in ruled if verdict == "approve" and draw(key) < int(APPROVALS_TAUGHT)]
    sources = [key for (key,) in played.rows("SELECT review_id FROM evaluations_examplesource")]
    assert len(corrected) > 5
    assert len(drawn) > 5
    assert sorted(corrected + drawn) == sorted(sources)


def draw(review_id):
    """Of a hundred, as the product documents it: SHA-256 of the ruling's id."""
    return int.from_bytes(hashlib.sha256(uuid.UUID(review_id).bytes).digest()[:8], "big") % 100


def test_reviewers_took_the_time_that_reading_takes(played):
    seconds = [held for (held,) in played.rows("SELECT held_s FROM reviews_review")]
    assert len(seconds) > 50
    assert all(5 <= one < 600 for one in seconds)


def test_both_models_have_their_price_and_the_larger_one_costs_more(played):
    costs = dict(
        played.rows(
            "SELECT d.model, avg(c.amount_micros) FROM operations_costentry c JOIN reviews_decision d "
            "ON d.id = c.decision_id WHERE c.source = 'stated' GROUP BY d.model"
        )
    )
    assert set(costs) == {SMALL, LARGE}
    assert 0 < costs[SMALL] < costs[LARGE]
    assert played.one("SELECT count(*) FROM operations_costentry") == played.one(
        "SELECT count(*) FROM reviews_decision"
    )


def test_the_owner_had_the_incident_and_the_breaker_was_open(played):
    incidents = played.rows(
        "SELECT i.acknowledged_at, u.email FROM operations_incident i LEFT JOIN governance_user u ON u.id = i.assignee_id "
        "WHERE i.is_false_alarm = 0"
    )
    assert incidents
    assert all(acknowledged for acknowledged, _ in incidents)
    assert {email for _, email in incidents} == {OWNER.email}
    assert played.one("SELECT count(*) FROM reviews_decision WHERE is_diverted") > 20


def test_what_no_gate_has_passed_answers_nobody(played):
    passed = {
        name
        for (name,) in played.rows(
            "SELECT r.name FROM evaluations_evaluationrun n JOIN evaluations_release r ON r.id = n.candidate_id "
            "WHERE n.verdict = 'pass'"
        )
    }
    judged = played.one(
        "SELECT count(*) FROM evaluations_evaluationrun WHERE baseline_id IS NOT NULL AND status = 'closed'"
    )
    answering = {name for (name,) in played.rows("SELECT DISTINCT release FROM reviews_decision")}
    assert judged >= 1
    assert answering == {"mail-triage-1", *passed}
    assert played.one("SELECT breaker FROM governance_aisystem") == "open" or passed


def test_the_report_is_signed_and_its_hash_is_in_the_log(played):
    month, document, sha256, attested_at, label = played.rows(
        "SELECT month, document, sha256, attested_at, attested_by_label FROM operations_ownershipreport"
    )[0]
    assert month == f"{played.month:%Y-%m-%d}"
    assert hashlib.sha256(document.encode()).hexdigest() == sha256
    assert attested_at > f"{played.month:%Y-%m}-28"
    assert label
    said = [json.loads(text) for (text,) in played.rows("SELECT payload FROM governance_auditpayload")]
    assert any(one.get("sha256") == f"sha256:{sha256}" for one in said)
    assert f"sha256:{sha256}" in played.said
    assert "The data give the same bytes" in played.said
