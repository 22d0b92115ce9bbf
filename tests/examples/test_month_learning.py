"""What the month's makers do between two releases: learn from one part of a sealed version, and be asked about the other."""

import asyncio

import pytest

from evaluations.models import EvaluationRun, Release
from examples.month import learning as module
from examples.month.governor import Governor
from examples.month.learning import Learning
from examples.month.models import Lesson, list_prices
from examples.month.models import Release as Trained
from examples.month.timetable import Corpus
from governance.actors import OPERATOR
from governance.services.credentials import create_access_token
from tests.evaluations.scenes import make_dataset, make_example
from tests.factories import make_person, make_system

CORPUS = Corpus.read()
TRAINING = CORPUS.training[:400]


def asked_about(mail):
    """A mail as the application asks about it."""
    return {
        "from": mail.author,
        "to": mail.to,
        "subject": mail.subject,
        "body": mail.body,
        "received_at": mail.received_at,
    }


def ruled(mail):
    """What a ruling on a mail teaches, whether it corrected or approved."""
    name = "deliver" if mail.label == "ham" else "quarantine"
    return {"action": {"name": name, "arguments": {"message_id": mail.id, "sender": "", "folder": "inbox"}}}


# Nothing of the tests changes what was trained.
@pytest.fixture(scope="module")
def baseline():
    return Trained.trained("mail-triage-1", TRAINING)


@pytest.fixture(scope="module")
def wrong(baseline):
    """Hard mails that the first release has wrong."""
    return [mail for mail in CORPUS.hard if baseline.judge(mail).action != "deliver"]


def try_release(url, tmp_path, baseline, *, taught, held_out):
    """A candidate that was taught some mails and is asked about others."""
    system = make_system(slug="mail-triage")
    dataset = make_dataset(system)
    for split, mails in (("train", taught), ("test", held_out)):
        for mail in mails:
            make_example(dataset, input=asked_about(mail), expected=ruled(mail), split=split)
    person = make_person(system.organization, "owner")
    _, token = create_access_token(actor=OPERATOR, user=person, organization=system.organization, name="story")

    async def run():
        governor = Governor(url, token, "mail-triage")
        try:
            await governor.state_release(baseline.name, "The first one.")
            learning = Learning(
                governor=governor, url=url, token=token, training=TRAINING, prices=list_prices(), directory=tmp_path
            )
            return await learning.try_release("mail-triage-2", baseline)
        finally:
            await governor.aclose()

    return asyncio.run(run())


@pytest.mark.any_database
@pytest.mark.django_db(transaction=True)
def test_a_candidate_learns_from_one_part_and_is_asked_about_the_other(
    live_service, tmp_path, baseline, wrong, monkeypatch
):
    learned = []
    train = Trained.trained.__func__

    def remembering(cls, name, mails, lessons=()):
        learned.extend(lessons)
        return train(cls, name, mails, lessons)

    monkeypatch.setattr(module.Release, "trained", classmethod(remembering))
    held_out, taught = wrong[:15], wrong[15:]
    trial = try_release(live_service, tmp_path, baseline, taught=taught, held_out=held_out)
    assert sorted(lesson.text for lesson in learned) == sorted(mail.text for mail in taught)
    assert not {lesson.text for lesson in learned} & {mail.text for mail in held_out}
    assert learned[0] == Lesson(learned[0].text, is_spam=False)
    assert trial.asked == 15
    run = EvaluationRun.objects.get(candidate__name="mail-triage-2")
    right = sum(trial.candidate.judge(mail).action == "deliver" for mail in held_out)
    assert trial.gate["evidence"]["right"] == right
    assert trial.gate["evidence"]["baseline_right"] == 0
    assert trial.has_passed == (run.verdict == "pass") == (right >= 6)
    assert "rulings of version 1" in Release.objects.get(name="mail-triage-2").reason


@pytest.mark.any_database
@pytest.mark.django_db(transaction=True)
def test_what_was_right_before_is_asked_too(live_service, tmp_path, baseline, wrong):
    right = [mail for mail in CORPUS.easy if mail.label == "ham" and baseline.judge(mail).action == "deliver"][:10]
    trial = try_release(live_service, tmp_path, baseline, taught=wrong[15:], held_out=[*wrong[:15], *right])
    evidence = trial.gate["evidence"]
    assert (evidence["examples"], evidence["baseline_right"]) == (25, 10)
    kept = sum(trial.candidate.judge(mail).action == "deliver" for mail in right)
    assert evidence["broken_count"] == 10 - kept


@pytest.mark.any_database
@pytest.mark.django_db(transaction=True)
def test_on_too_few_mails_the_gate_says_so_and_nothing_has_passed(live_service, tmp_path, baseline, wrong):
    trial = try_release(live_service, tmp_path, baseline, taught=wrong[3:], held_out=wrong[:3])
    assert trial.code == 2
    assert not trial.has_passed
    assert "more examples would do" in trial.said
    assert EvaluationRun.objects.get(candidate__name="mail-triage-2").verdict == "inconclusive"


@pytest.mark.any_database
@pytest.mark.django_db(transaction=True)
def test_where_nothing_is_held_out_nothing_is_asked(live_service, tmp_path, baseline, wrong):
    assert try_release(live_service, tmp_path, baseline, taught=wrong[:4], held_out=[]) is None
    assert not EvaluationRun.objects.exists()
    assert set(Release.objects.values_list("name", flat=True)) == {"mail-triage-1"}
