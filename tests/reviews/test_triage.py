"""Taking, claiming, giving back."""

from datetime import timedelta

import pytest
from django.utils import timezone

from governance.actors import Actor
from governance.errors import Invalid, NotPermitted
from governance.models import AuditEntry, Group, User
from governance.services.credentials import create_access_token
from reviews.errors import ClaimLost, EscalationAlreadyClaimed, EscalationNotClaimable, OwnDecision
from reviews.models import Escalation
from reviews.queue_selectors import most_urgent_queue
from reviews.services.triage import Taken, claim, reassign, release, renew, take_next
from tests.factories import make_escalation
from tests.reviews.scenes import open_desk, post
from tests.support.races import race

pytestmark = pytest.mark.django_db


def test_the_most_urgent_comes_first() -> None:
    desk = open_desk()
    queue = desk.queue()
    now = timezone.now()
    rows = [(1, 60), (3, 600), (3, 300), (0, 10)]
    made = {
        (priority, due): make_escalation(
            desk.ask(), kind="quality", queue=queue, priority=priority, due_at=now + timedelta(seconds=due)
        )
        for priority, due in rows
    }
    Escalation.objects.filter(kind="approval").delete()
    actor = desk.reviewer()
    order = [take_next(actor=actor, queue=queue).escalation for _ in rows]
    assert order == [made[(3, 300)], made[(3, 600)], made[(1, 60)], made[(0, 10)]]
    assert take_next(actor=actor, queue=queue).reason == "all_claimed"


def test_an_empty_queue_says_so() -> None:
    desk = open_desk()
    assert take_next(actor=desk.reviewer(), queue=desk.queue()) == Taken(None, "empty")


def test_what_somebody_holds_is_not_taken_and_one_learns_until_when() -> None:
    desk = open_desk()
    escalation, first, second = desk.escalation(), desk.reviewer(), desk.reviewer()
    taken = take_next(actor=first, queue=desk.queue()).escalation
    assert taken == escalation
    answer = take_next(actor=second, queue=desk.queue())
    assert (answer.escalation, answer.reason, answer.until) == (None, "all_claimed", taken.lease_until)
    assert take_next(actor=first, queue=desk.queue()).reason == "all_claimed"


def test_a_lapsed_lease_is_reclaimed_only_when_nothing_is_open() -> None:
    desk = open_desk()
    lapsed, actor, other = desk.escalation(), desk.reviewer(), desk.reviewer()
    claim(actor=other, escalation_id=lapsed.pk)
    Escalation.objects.filter(pk=lapsed.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    open_one = desk.escalation()
    assert take_next(actor=actor, queue=desk.queue()).escalation == open_one
    again = take_next(actor=actor, queue=desk.queue()).escalation
    assert again == lapsed and again.holder_id == actor.user_id


def test_a_queue_of_groups_is_closed_to_others() -> None:
    desk = open_desk()
    desk.escalation()
    group = Group.objects.create(organization=desk.organization, slug="experts", name="Experts")
    queue = desk.queue()
    queue.groups.add(group)
    outsider, member = desk.reviewer(), desk.reviewer()
    assert member.user_id is not None
    group.members.add(member.user_id)
    assert take_next(actor=outsider, queue=queue).reason == "outside_groups"
    assert take_next(actor=member, queue=queue).escalation is not None


def test_what_was_handed_to_a_group_is_offered_to_it_in_a_queue_of_others() -> None:
    desk = open_desk()
    handed, _ = desk.escalation(), desk.escalation()
    experts = Group.objects.create(organization=desk.organization, slug="experts", name="Experts")
    legal = Group.objects.create(organization=desk.organization, slug="legal", name="Legal")
    queue, lawyer = desk.queue(), desk.reviewer()
    queue.groups.add(experts)
    assert lawyer.user_id is not None
    legal.members.add(lawyer.user_id)
    Escalation.objects.filter(pk=handed.pk).update(group=legal)
    assert most_urgent_queue(actor=lawyer, passed_over=set()) == queue
    assert take_next(actor=lawyer, queue=queue).escalation == handed
    assert take_next(actor=lawyer, queue=queue).reason == "all_claimed"


def test_nobody_is_given_what_they_requested() -> None:
    desk = open_desk()
    actor = desk.reviewer()
    escalation = desk.escalation(actor=actor.email)
    assert take_next(actor=actor, queue=desk.queue()).reason == "outside_groups"
    with pytest.raises(OwnDecision):
        claim(actor=actor, escalation_id=escalation.pk)


def test_a_claim_is_refused_with_the_holder() -> None:
    desk = open_desk()
    escalation, first, second = desk.escalation(), desk.reviewer(), desk.reviewer()
    claim(actor=first, escalation_id=escalation.pk)
    with pytest.raises(EscalationAlreadyClaimed) as refused:
        claim(actor=second, escalation_id=escalation.pk)
    assert refused.value.state is not None and refused.value.state["holder"] == first.label


def test_a_closed_escalation_can_not_be_claimed() -> None:
    desk = open_desk()
    escalation = desk.escalation()
    desk.post(f"/api/v1/decisions/{escalation.decision_id}/cancel", {})
    with pytest.raises(EscalationNotClaimable):
        claim(actor=desk.reviewer(), escalation_id=escalation.pk)


def test_given_back_it_is_open_again() -> None:
    desk = open_desk()
    escalation, actor = desk.escalation(), desk.reviewer()
    claim(actor=actor, escalation_id=escalation.pk)
    assert release(actor=actor, escalation_id=escalation.pk).status == "open"
    with pytest.raises(ClaimLost):
        release(actor=actor, escalation_id=escalation.pk)
    types = AuditEntry.objects.about(f"decision:{escalation.decision_id}").values_list("type", flat=True)
    assert list(types) == ["decision.escalated", "escalation.claimed", "escalation.released"]


def test_a_claim_can_be_kept_even_after_it_ran_out() -> None:
    desk = open_desk()
    escalation, actor = desk.escalation(), desk.reviewer()
    claim(actor=actor, escalation_id=escalation.pk)
    Escalation.objects.filter(pk=escalation.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    renewed = renew(actor=actor, escalation_id=escalation.pk)
    assert renewed.lease_until is not None and renewed.lease_until > timezone.now()
    with pytest.raises(ClaimLost):
        renew(actor=desk.reviewer(), escalation_id=escalation.pk)


def test_a_lead_hands_it_to_a_reviewer() -> None:
    desk = open_desk()
    escalation, lead, reviewer = desk.escalation(), desk.reviewer("lead"), desk.reviewer()
    person = User.objects.get(pk=reviewer.user_id)
    assert reassign(actor=lead, escalation_id=escalation.pk, assignee=person).holder == person
    with pytest.raises(NotPermitted):
        reassign(actor=reviewer, escalation_id=escalation.pk, assignee=person)
    auditor = User.objects.get(pk=desk.reviewer("auditor").user_id)
    with pytest.raises(Invalid):
        reassign(actor=lead, escalation_id=escalation.pk, assignee=auditor)


@pytest.mark.django_db(transaction=True)
def test_thirty_two_reviewers_take_without_a_duplicate_or_a_false_empty() -> None:
    desk = open_desk()
    for _ in range(40):
        desk.ask()
    queue = desk.queue()
    actors = [desk.reviewer() for _ in range(32)]
    results = race(*[lambda actor=actor: take_next(actor=actor, queue=queue) for actor in actors])
    taken = [result.escalation.pk for result in results if isinstance(result, Taken) and result.escalation]
    assert len(taken) == len(set(taken)) == 32, [result for result in results if not isinstance(result, Taken)]


@pytest.mark.django_db(transaction=True)
def test_of_two_claims_one_wins() -> None:
    desk = open_desk()
    escalation = desk.escalation()
    actors = [desk.reviewer() for _ in range(8)]
    results = race(*[lambda actor=actor: claim(actor=actor, escalation_id=escalation.pk) for actor in actors])
    assert sum(isinstance(result, Escalation) for result in results) == 1
    assert AuditEntry.objects.filter(type="escalation.claimed").count() == 1


def spellings(actor: Actor) -> list[str]:
    email = actor.email
    wide = "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in email)
    return [
        email.upper(),
        f"  {email} ",
        f"\t{email}\u200b",
        wide,
        f"Sam <{email}>",
        f"mailto:{email}",
        str(actor.user_id),
    ]


@pytest.mark.parametrize("spelling", range(7))
def test_whoever_is_named_in_any_spelling_is_not_handed_their_own_request(spelling: int) -> None:
    desk = open_desk()
    actor = desk.reviewer()
    own = desk.escalation(actor=spellings(actor)[spelling])
    assert take_next(actor=actor, queue=desk.queue()).escalation is None
    with pytest.raises(OwnDecision):
        claim(actor=actor, escalation_id=own.pk)
    others = desk.escalation()
    assert take_next(actor=actor, queue=desk.queue()).escalation == others
    assert take_next(actor=desk.reviewer(), queue=desk.queue()).escalation == own


def test_handing_to_a_stranger_answers_the_same_as_to_nobody() -> None:
    desk = open_desk()
    escalation, lead = desk.escalation(), desk.reviewer("lead")
    stranger = User.objects.get(pk=open_desk().reviewer().user_id)
    _, token = create_access_token(
        actor=lead, user=User.objects.get(pk=lead.user_id), organization=desk.organization, name="tests"
    )
    answers = [
        post(f"/api/v1/escalations/{escalation.pk}/reassign", {"assignee": email}, secret=token)
        for email in (stranger.email, "nobody@nowhere.example")
    ]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[0].json() == answers[1].json()
