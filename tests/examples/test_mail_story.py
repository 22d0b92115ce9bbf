"""The mail story: what its desk rules, what is counted, what is read of the pages, and a short run against the product."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from countersign import AsyncClient
from examples.desk import Ruled
from examples.mail_triage import telling
from examples.mail_triage.app import Options, Triage
from examples.mail_triage.desk import APPROVALS, FROM_LABELS, SAMPLES, Desk, ruling_on
from examples.mail_triage.mails import HARD_BEGINS, Acquaintances, read_part, read_stream
from examples.mail_triage.pages import Console, read_lines
from examples.mail_triage.stage import POLICY, stage
from examples.mail_triage.story import main
from examples.owner import Owner, Stuck
from governance.actors import OPERATOR
from governance.rules.document import load_policy_document
from governance.services.accounts import set_password
from governance.services.credentials import create_access_token
from reviews.models import Decision, Review
from tests.factories import make_key, make_organization, make_person, make_queue, make_system, put_in_force

LATER, HARD = 6, 6
FALLBACK = "A colleague looks at your message."
MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

SPAM = next(mail for mail in read_part("later") if mail.label == "spam")
HAM = next(mail for mail in read_part("later") if mail.label == "ham")


def proposed(name, mail):
    return {"name": name, "arguments": {"message_id": mail.id, "sender": mail.sender, "folder": "inbox"}}


@pytest.mark.parametrize(("name", "mail"), [("deliver", HAM), ("quarantine", SPAM), ("delete", SPAM)])
def test_the_desk_approves_what_the_label_bears_out(name, mail):
    assert ruling_on(proposed(name, mail), mail) == {"verdict": "approve", "reason": FROM_LABELS}


@pytest.mark.parametrize(
    ("name", "mail", "right", "label"),
    [
        ("quarantine", HAM, "deliver", "wanted-mail"),
        ("delete", HAM, "deliver", "wanted-mail"),
        ("deliver", SPAM, "quarantine", "spam"),
    ],
)
def test_the_desk_corrects_what_the_label_speaks_against_and_says_why(name, mail, right, label):
    assert ruling_on(proposed(name, mail), mail) == {
        "verdict": "correct",
        "action": proposed(right, mail),
        "labels": [label],
        "reason": FROM_LABELS,
    }


def test_all_mails_are_the_later_ones_and_then_the_hard_ones():
    mails, chapters = read_stream("all")
    later = read_part("later")
    assert mails == [*later, *read_part("hard")]
    assert chapters == {len(later): HARD_BEGINS}
    assert read_stream("later") == (later, {})


def test_the_application_says_where_the_hard_mails_begin(classifier, service, tmp_path, capsys):
    mails = [HAM, *read_part("hard")[:2]]

    async def read():
        async with AsyncClient(service.url, "key") as client:
            options = Options(0.0, None, False, tmp_path, prefix="mail-triage-1/all")
            known = Acquaintances(read_part("train"))
            await Triage(
                client=client,
                classifier=classifier,
                acquaintances=known,
                mails=mails,
                options=options,
                chapters={1: HARD_BEGINS},
            ).run()

    asyncio.run(read())
    said = capsys.readouterr().out
    assert said.count(HARD_BEGINS) == 1
    assert said.index(HAM.subject[:20]) < said.index(HARD_BEGINS)
    assert set(service.bodies) == {f"mail-triage-1/all/1/{mail.id}" for mail in mails}


@pytest.mark.parametrize(("position", "round_", "pause"), [(0, 1, 1.5), (59, 1, 1.5), (60, 1, 5.0), (3, 2, 5.0)])
def test_mails_come_slower_after_the_first(classifier, tmp_path, position, round_, pause):
    triage = Triage(
        client=None,
        classifier=classifier,
        acquaintances=Acquaintances([]),
        mails=[HAM],
        options=Options(1.5, None, True, tmp_path, interval_later_s=5.0, brisk=60),
    )
    triage._desk.position, triage._desk.round = position, round_
    assert triage._pause() == pause


def test_the_stage_samples_as_it_says_and_names_who_rules(tmp_path):
    made = stage(tmp_path, 0.2)
    sampled = load_policy_document(made.policy.read_text())
    as_it_stands = load_policy_document(POLICY.read_text())
    assert [rate.rate for rate in sampled.sampling] == [0.2]
    assert [rate.rate for rate in as_it_stands.sampling] == [0.05]
    assert sampled.rules == as_it_stands.rules
    assert "labels" in made.facts["name"]
    assert "labels of the mail corpus" in made.facts["purpose"]


def asked(mail, action, *, seconds=0, is_alone=True):
    return telling.Asked(mail, action, MORNING + timedelta(seconds=seconds), is_alone, None)


def test_what_became_of_mails_is_counted_by_the_labels(capsys):
    came = [asked(HAM, "delete"), asked(HAM, "deliver"), asked(SPAM, "quarantine", is_alone=False)]
    ruled = [
        Ruled(SPAM.id, "approve", "approval", "normal", "", 0.0, 0.0),
        Ruled(HAM.id, "correct", "quality", "low", "", 0.0, 0.0),
    ]
    telling.tell_mails(came, ruled)
    said = capsys.readouterr().out
    assert "3 mails: 2 done alone, 1 for people (33.3%)" in said
    assert "corrected 0 of 1 (0.0% of the rulings, 0.0% of the mails), and found 1 of 1 samples wrong" in said
    assert "33.3% of the proposals and 1 of the 2 done alone were wrong" in said


def test_an_alarm_is_told_by_the_mails_until_then(capsys):
    came = [asked(HAM, "deliver", seconds=at) for at in range(10)]
    alarm = {
        "kind": "input_shift",
        "title": "Inputs read differently",
        "detected_at": "2026-03-02T09:00:04.5Z",
        "since": "2026-03-02T08:59:50Z",
        "decisions_until_detected": 250,
    }
    telling.tell_alarms([alarm], came)
    said = capsys.readouterr().out
    assert "input shift: after 5 hard mails. Inputs read differently" in said
    assert "over 250 observations, and puts its beginning 10 s before the first hard mail." in said
    monitors = [
        {"kind": "input_shift", "status": "alarmed", "observations": 900},
        {"kind": "latency", "status": "watching", "observations": 800},
        {"kind": "silence", "status": "learning", "observations": 700},
    ]
    telling.tell_quiet(monitors, [alarm])
    assert capsys.readouterr().out == (
        "  Watching, and noticed nothing: latency (800).\n  Still learning, so blind: silence (700).\n"
    )


def test_a_page_is_read_as_its_reader_sees_it():
    page = """<body><nav>Menu</nav><main><h1>Mail <b>triage</b></h1><script>no()</script><dl><div><dt>Escalated</dt>
    <dd><a href="/">22.0 %</a></dd><dd class="small">9 of 41</dd></div><div><dt>Decisions</dt><dd>41</dd><dd>more</dd></div></dl>"""
    lines = read_lines(page)
    assert lines == ["Mail triage", "Escalated", "22.0 %", "9 of 41", "Decisions", "41", "more"]
    assert telling.figures_in(lines) == {"Escalated": "22.0 % (9 of 41)", "Decisions": "41"}


@pytest.fixture
def installed(live_service):
    """The product with people, a system, the example's rules, a key and tokens."""
    organization = make_organization()
    owner = make_person(organization, "owner")
    set_password(actor=OPERATOR, user=owner, password="set-nine-tables-owner")
    system = make_system(organization, slug="mail-triage", owner=owner, fallback_message=FALLBACK)
    put_in_force(system, POLICY.read_text())
    for slug in (APPROVALS, SAMPLES):
        make_queue(organization, slug=slug, undo_window_s=0)

    def token(user):
        return create_access_token(actor=OPERATOR, user=user, organization=organization, name="story")[1]

    reviewers = [token(make_person(organization, "reviewer")) for _ in range(2)]
    return live_service, system, make_key(system)[1], reviewers, token(owner)


@pytest.mark.any_database
def test_mails_are_ruled_by_label_and_with_the_breaker_open_all_of_them_are(installed, classifier, tmp_path):
    url, system, key, reviewers, owner_token = installed
    unsure = [mail for mail in read_part("hard") if classifier.judge(mail).confidence < 0.8][:HARD]
    sure = [mail for mail in read_part("later") if classifier.judge(mail).confidence > 0.95][:LATER]
    answers = []

    def triage(client, mails, name):
        return Triage(
            client=client,
            classifier=classifier,
            acquaintances=Acquaintances(read_part("train")),
            mails=mails,
            options=Options(0.0, None, False, tmp_path / name, prefix=name),
            heard=lambda mail, action, decision: answers.append(decision),
            say=lambda words: None,
        )

    async def scenario():
        owner = Owner(url, owner_token, "mail-triage")
        async with (
            AsyncClient(url, key) as client,
            Desk(url, reviewers, [*unsure, *sure]) as desk,
            Console(url) as console,
        ):
            desk.open(pause_s=0.1)
            await triage(client, [*sure[:3], *unsure], "closed").run()
            assert sum(one.status == "allowed" for one in answers) == 3
            await owner.turn_breaker("open", "They are not what it was built for.")
            incident = (await owner.incidents("acknowledged"))[0]
            await triage(client, sure[3:], "open").run()
            assert [one.status for one in answers[-3:]] == ["pending"] * 3
            assert {one.message for one in answers[-3:]} == {FALLBACK}
            with pytest.raises(Stuck, match="could not sign in"):
                await console.sign_in(system.owner.email, "something else")
            await console.sign_in(system.owner.email, "set-nine-tables-owner")
            lines = await console.lines_of(f"/incidents/{incident['id']}/")
            assert lines[0] == incident["title"]
            assert any(line.startswith("Since ") for line in lines)
            await owner.aclose()

    asyncio.run(scenario())
    reviews = Review.objects.filter(decision__system=system)
    assert reviews.count() >= HARD + 3
    assert set(reviews.values_list("reason", flat=True)) == {FROM_LABELS}
    wrong = [mail for mail in unsure if classifier.judge(mail).action != "deliver"]
    assert Decision.objects.filter(status="corrected").count() == len(wrong) > 0
    assert not Decision.objects.filter(status="pending").exists()


def test_a_folder_is_played_once(tmp_path, capsys):
    (tmp_path / "mail-triage").mkdir()
    assert main(["--data-dir", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert f"COUNTERSIGN_DATA_DIR={tmp_path} make serve" in said
    assert [path.name for path in tmp_path.iterdir()] == ["mail-triage"]
