"""The month in minutes: its clock, its mails, its two models, what a candidate may learn from, and where it refuses to play."""

import fcntl
import itertools
import re
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from examples.installation import ROOT, NotInstalled, options
from examples.mail_triage.desk import rule_of
from examples.mail_triage.mails import Acquaintances
from examples.month.__main__ import MARK, Refused, make_room
from examples.month.clock import TravellingClock, instant_of
from examples.month.learning import lesson_of
from examples.month.models import LARGE, SMALL, Release, list_prices, tokens_in, usage_of
from examples.month.playing import Playground
from examples.month.timetable import HARD_FROM, Corpus, Plan, arrivals_of, days_of, last_month, looks_of
from tests.support.migrating import put_migrated_database
from tests.support.servers import free_port

OCTOBER = date(2026, 10, 1)
PRODUCT = ("governance", "reviews", "evaluations", "operations", "aiops_site")
OTHER_CLOCKS = re.compile(
    r"\bdatetime\.(now|utcnow|today)\(|\bdate\.today\(|\btime\.(time|time_ns|localtime|gmtime)\("
    r"|from django\.utils\.timezone import|=\s*timezone\.now\b(?!\()"
)


@pytest.fixture(scope="module")
def corpus():
    return Corpus.read()


@pytest.fixture(scope="module")
def release(corpus):
    return Release.trained("r1", corpus.training[:300])


def test_the_product_reads_one_clock_alone():
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for app in PRODUCT
        for path in sorted((ROOT / app).rglob("*.py"))
        for line in path.read_text().splitlines()
        if OTHER_CLOCKS.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    "line", ["x = datetime.now(UTC)", "default=timezone.now,", "from django.utils.timezone import now", "time.time()"]
)
def test_another_clock_would_be_noticed(line):
    assert OTHER_CLOCKS.search(line)
    assert not OTHER_CLOCKS.search("now = timezone.now()")


def test_the_clock_goes_on_and_never_back():
    begins = datetime(2026, 10, 1, 6, tzinfo=UTC)
    clock = TravellingClock(begins)
    assert begins <= clock.now() < begins + timedelta(seconds=5)
    later = begins + timedelta(days=3)
    assert clock.travel(later) == later
    assert clock.travel(begins) >= later
    assert clock.now() >= later


def test_an_instant_names_its_zone():
    assert instant_of("2026-10-01T08:00:00+02:00") == datetime(2026, 10, 1, 6, tzinfo=UTC)
    with pytest.raises(ValueError, match="zone"):
        instant_of("2026-10-01T08:00:00")


def test_a_process_of_the_example_keeps_another_time():
    program = "import django; from django.utils import timezone; print(timezone.now().isoformat())"
    begun = f"from examples.month.clock import *; keep_time_by(TravellingClock(instant_of('2026-10-01T06:00:00Z'))); {program}"
    done = subprocess.run([sys.executable, "-c", begun], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("2026-10-01T06:00:0")


@pytest.mark.parametrize(
    ("today", "month"),
    [(date(2026, 11, 23), OCTOBER), (date(2026, 11, 1), OCTOBER), (date(2027, 1, 31), date(2026, 12, 1))],
)
def test_the_month_is_the_last_one_that_is_over(today, month):
    assert last_month(today) == month


def test_a_month_has_all_its_days():
    assert [len(days_of(date(2027, month, 1))) for month in (1, 2, 4)] == [31, 28, 30]


def test_no_mail_comes_twice_or_was_trained_on(corpus):
    came = arrivals_of(OCTOBER, corpus, Plan())
    assert max(Counter(one.mail.id for one in came).values()) == 1
    assert not {one.mail.text for one in came} & {mail.text for mail in corpus.training}
    assert [one.at for one in came] == sorted(one.at for one in came)
    assert len({one.at.date() for one in came}) == 31


def test_hard_mails_come_from_the_middle_on(corpus):
    came = arrivals_of(OCTOBER, corpus, Plan())
    days = [one.at.day for one in came if one.mail.origin.startswith("hard")]
    assert min(days) == HARD_FROM
    assert max(days) == 31
    assert len(days) > 150


def test_people_look_often_enough_for_what_waits_half_an_hour():
    looks = [at for at in looks_of(OCTOBER, Plan()) if 8 <= at.hour < 20]
    gaps = [later - earlier for earlier, later in itertools.pairwise(looks) if later.date() == earlier.date()]
    assert max(gaps) < timedelta(minutes=30)


def test_a_mail_is_read_by_one_model_in_every_release(corpus, release):
    other = Release("r2", release.large, release.small)
    read_by = [release.model_for(mail) for mail in corpus.coming]
    assert read_by == [other.model_for(mail) for mail in corpus.coming]
    assert 0.45 < read_by.count(SMALL) / len(read_by) < 0.55


def test_a_question_says_model_release_and_tokens(corpus, release):
    mail = corpus.easy[0]
    question = release.question(mail, Acquaintances(corpus.training))
    assert (question["model"], question["release"]) == (release.model_for(mail), "r1")
    assert question["usage"]["input_tokens"] == -(-len(mail.text) // 4)
    assert question["usage"] == usage_of(mail, release.judge(mail))


def test_the_words_that_weighed_are_whole_words(corpus, release):
    mail = next(mail for mail in corpus.easy if release.model_for(mail) == LARGE)
    words = release.judge(mail).words
    assert words
    assert not [word for word in words if "__" in word.text or word.text.startswith(" ")]


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("abc", 1), ("abcd", 1), ("abcde", 2)])
def test_four_characters_are_a_token(text, tokens):
    assert tokens_in(text) == tokens


def test_the_large_one_has_the_higher_list_price():
    small, large = list_prices()
    assert (small.model, large.model) == (SMALL, LARGE)
    assert Decimal(0) < small.input < large.input
    assert small.output < large.output
    assert large.of({"input_tokens": 1_000_000, "output_tokens": 0}) == pytest.approx(float(large.input))


def test_what_people_corrected_is_learned(corpus):
    mail = next(mail for mail in corpus.hard if mail.label == "ham")
    given = {"from": mail.author, "to": mail.to, "subject": mail.subject, "body": mail.body, "received_at": ""}
    _, ruling = rule_of([mail])(
        {"name": "delete", "arguments": {"message_id": mail.id, "sender": "", "folder": "inbox"}}
    )
    lesson = lesson_of({"input": given, "expected": {"action": ruling["action"]}})
    assert (lesson.text, lesson.is_spam) == (mail.text, False)
    mails = corpus.training[:300]
    before, after = Release.trained("a", mails), Release.trained("b", mails, [lesson])
    for model in (SMALL, LARGE):
        spam = [
            judgement.confidence if judgement.action != "deliver" else 1 - judgement.confidence
            for judgement in (one.classifier(model).judge(mail) for one in (before, after))
        ]
        assert spam[1] < spam[0]


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "letters").mkdir()
    with pytest.raises(Refused, match="nothing was removed"):
        make_room(tmp_path, free_port())
    assert (tmp_path / "letters").exists()


def test_the_month_of_an_earlier_run_is_forgotten(tmp_path):
    (tmp_path / MARK).touch()
    (tmp_path / "database.sqlite3").touch()
    make_room(tmp_path, free_port())
    assert [path.name for path in tmp_path.iterdir()] == [MARK]


def test_a_month_that_is_still_served_is_left_alone(tmp_path):
    (tmp_path / MARK).touch()
    (tmp_path / "serve-web.lock").touch()
    with (tmp_path / "serve-web.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Refused, match="still running"):
            make_room(tmp_path, free_port())
        assert (tmp_path / "serve-web.lock").exists()
    make_room(tmp_path, free_port())
    assert not (tmp_path / "serve-web.lock").exists()


def test_a_taken_port_is_said_before_anything_is_forgotten(tmp_path, live_service):
    (tmp_path / MARK).touch()
    (tmp_path / "kept").touch()
    with pytest.raises(Refused, match="taken"):
        make_room(tmp_path, int(live_service.rsplit(":", 1)[1]))
    assert (tmp_path / "kept").exists()


def test_the_product_keeps_the_storys_time_and_ends_with_it(tmp_path):
    begins = datetime(2026, 10, 1, 6, tzinfo=UTC)
    put_migrated_database(tmp_path)
    with Playground(directory=tmp_path, port=free_port(), at=begins) as playground:
        person = options(email="olga@northwind.example", role="owner", organization="northwind")
        playground.command(["create_user", *person, "--password-stdin"], "set-nine-tables")
        playground.travel(begins + timedelta(days=2))
        playground.sweep()
        with pytest.raises(NotInstalled, match="create_user"):
            playground.command(["create_user", *options(email="no address", role="owner", organization="x")], "")
        process = playground._process
        with closing(sqlite3.connect(tmp_path / "countersign.sqlite3")) as connection:
            made = connection.execute("SELECT occurred_at FROM governance_auditentry ORDER BY id").fetchall()
            beat = connection.execute("SELECT beat_at FROM governance_heartbeat").fetchone()
        # As if the story had been killed: nobody says anything any more, and nobody listens.
        process.stdin.close()
        process.stdout.close()
        assert process.wait(60) == 0
    assert made
    assert {at[:10] for (at,) in made} == {"2026-10-01"}
    assert beat[0].startswith("2026-10-03")
