"""The review screen: what it shows, that ruling on it works without a script, and what happens when somebody is faster."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from governance.actors import Actor
from governance.models import Group, User
from reviews.models import Decision, Escalation, Review, ReviewDraft
from reviews.services.rulings import rule
from reviews.services.triage import claim
from tests.reviews.scenes import Desk, open_desk, submission

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert(1)</script>\u202e‮evil\u200b{{ 7*7 }}"


def browse(actor: Actor) -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=actor.user_id))
    return client


def claimed(desk: Desk, **fields: Any) -> tuple[Escalation, Actor, Client]:
    escalation, actor = desk.escalation(**fields), desk.reviewer()
    claim(actor=actor, escalation_id=escalation.pk)
    escalation.refresh_from_db()
    return escalation, actor, browse(actor)


def form_of(escalation: Escalation, **fields: str) -> dict[str, Any]:
    return {"claim_token": str(escalation.claim_token), "submission": "s1", **fields}


def test_it_shows_proposal_reason_consequence_and_what_the_rule_read() -> None:
    desk = open_desk()
    _, _, client = claimed(desk)
    page = client.get(f"/review/{Escalation.objects.get().pk}/").content.decode()
    for part in (
        "Refunds over 200 need a person",
        "What the AI proposes",
        "blocks",
        '<mark class="read',
        "large-refund",
    ):
        assert part in page, part
    for verdict in ("approve", "correct", "reject", "answer", "escalate", "need_information"):
        assert f'value="{verdict}"' in page


@pytest.mark.parametrize("tab", ["conversation", "input", "context", "rules", "similar", "history", "raw", "nonsense"])
def test_hostile_text_is_shown_harmlessly_on_every_tab(tab: str) -> None:
    desk = open_desk()
    action = {"name": HOSTILE[:60], "arguments": {HOSTILE: HOSTILE, "amount": 900}}
    context = {"messages": [{"role": HOSTILE, "content": HOSTILE}], HOSTILE: [HOSTILE]}
    decision = desk.ask(action=action, input={HOSTILE: HOSTILE}, context=context, model=HOSTILE, subject="legal")
    escalation, actor = decision.escalations.get(), desk.reviewer()
    claim(actor=actor, escalation_id=escalation.pk)
    response = browse(actor).get(f"/review/{escalation.pk}/?tab={tab}")
    page = response.content.decode()
    assert response.status_code == 200
    assert "<script>alert" not in page and "{{ 7*7 }}" in page
    body = page.split("<main", 1)[1].replace("\u202e", "", 0)
    visible = body.split("<form", 1)[0] if "<form" in body else body
    assert "\u202e" not in visible and "U+202E" in visible


def test_a_correction_by_the_plain_form_is_held_and_can_be_taken_back() -> None:
    desk = open_desk()
    escalation, _, client = claimed(desk)
    fields = {"verdict": "correct", "action_name": "refund", "fix/amount": "150", "fix/customer": "C-1042"}
    response = client.post(
        f"/review/{escalation.pk}/ruling/", form_of(escalation, **fields, labels="wrong-amount", then="stay")
    )
    assert response.status_code == 302
    review = Review.objects.get()
    assert review.correction == '{"action":{"arguments":{"amount":150,"customer":"C-1042"},"name":"refund"}}'
    assert review.labels == ["wrong-amount"]
    page = client.get(f"/review/{escalation.pk}/").content.decode()
    assert f"/reviews/{review.pk}/undo/" in page
    assert client.post(f"/reviews/{review.pk}/undo/").status_code == 302
    escalation.refresh_from_db()
    assert (escalation.status, Decision.objects.get().status) == ("claimed", "pending")


def test_submitting_twice_is_one_ruling() -> None:
    desk = open_desk()
    escalation, _, client = claimed(desk)
    form = form_of(escalation, verdict="approve", then="stay")
    assert client.post(f"/review/{escalation.pk}/ruling/", form).status_code == 302
    assert client.post(f"/review/{escalation.pk}/ruling/", form).status_code == 302
    assert Review.objects.count() == 1


def test_submit_and_next_opens_the_next_one() -> None:
    desk = open_desk()
    escalation, _, client = claimed(desk)
    following = desk.escalation()
    response = client.post(f"/review/{escalation.pk}/ruling/", form_of(escalation, verdict="approve", then="next"))
    assert response["Location"] == f"/review/{following.pk}/"
    page = client.get(response["Location"]).content.decode()
    assert "/undo/" in page, "the ruling before can still be taken back"


def test_the_last_ruling_can_be_taken_back_from_the_list_too() -> None:
    desk = open_desk()
    escalation, _, client = claimed(desk)
    response = client.post(f"/review/{escalation.pk}/ruling/", form_of(escalation, verdict="approve", then="next"))
    assert response["Location"] == "/queue/unclaimed/"
    page = client.get(response["Location"]).content.decode()
    assert "You can take it back" in page
    assert f"/reviews/{Review.objects.get().pk}/undo/" in page


def test_a_queue_without_an_undo_window_promises_none() -> None:
    desk = open_desk()
    desk.queue(undo_window_s=0)
    escalation, _, client = claimed(desk)
    client.post(f"/review/{escalation.pk}/ruling/", form_of(escalation, verdict="approve", then="stay"))
    page = client.get(f"/review/{escalation.pk}/").content.decode()
    assert "Ruled." in page and "take it back" not in page


def test_what_is_ruled_says_so_and_no_longer_what_would_happen() -> None:
    desk = open_desk()
    escalation, _, client = claimed(desk)
    before = client.get(f"/review/{escalation.pk}/").content.decode()
    assert "lets it run" in before and "If nobody answers" in before
    client.post(f"/review/{escalation.pk}/ruling/", form_of(escalation, verdict="approve", then="stay"))
    after = client.get(f"/review/{escalation.pk}/").content.decode()
    assert "<strong>Approved</strong> by" in after
    assert "lets it run" not in after and "If nobody answers" not in after


def test_whoever_is_outside_the_group_is_told_and_a_member_reads_why_it_came() -> None:
    desk = open_desk()
    legal = Group.objects.create(organization=desk.organization, slug="legal", name="Legal desk")
    member = desk.reviewer()
    legal.members.add(User.objects.get(pk=member.user_id))
    escalation, _, client = claimed(desk)
    form = form_of(escalation, verdict="escalate", group="legal", reason=f"Names a lawyer {HOSTILE}", then="stay")
    assert client.post(f"/review/{escalation.pk}/ruling/", form).status_code == 302
    outside = client.get(f"/review/{escalation.pk}/").content.decode()
    assert "Legal desk" in outside and "you are not one of them" in outside and "Claim it" not in outside
    inside = browse(member).get(f"/review/{escalation.pk}/").content.decode()
    assert (
        "Claim it" in inside and "Names a lawyer &lt;script&gt;" in inside and "you are not one of them" not in inside
    )


def test_a_queue_of_other_groups_offers_no_claim() -> None:
    desk = open_desk()
    escalation = desk.escalation()
    escalation.queue.groups.add(Group.objects.create(organization=desk.organization, slug="legal", name="Legal desk"))
    page = browse(desk.reviewer()).get(f"/review/{escalation.pk}/").content.decode()
    assert "open to its groups only" in page and "Claim it" not in page


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"verdict": ""}, "Choose a verdict."),
        ({"verdict": "correct", "action_name": "refund", "fix/amount": "900.0", "fix/customer": "C-1042"}, "equals"),
        ({"verdict": "correct", "action_name": "refund", "fix/amount": "lots"}, "A number is needed"),
        ({"verdict": "reject"}, "needs a label or a reason"),
        ({"verdict": "answer"}, "Write the `answer`"),
        ({"verdict": "need_information"}, "Say what you need to know"),
        ({"verdict": "escalate"}, "Name the group"),
    ],
)
def test_a_ruling_that_does_not_fit_comes_back_with_what_was_typed(fields: dict[str, str], sentence: str) -> None:
    desk = open_desk()
    escalation, _, client = claimed(desk)
    response = client.post(f"/review/{escalation.pk}/ruling/", form_of(escalation, **fields, note="kept note"))
    page = response.content.decode()
    assert response.status_code == 422
    assert sentence in page and "kept note" in page and "error-summary" in page
    assert not Review.objects.exists()


def test_what_somebody_faster_did_is_said_and_the_draft_is_kept() -> None:
    desk = open_desk()
    escalation, _actor, client = claimed(desk)
    form = form_of(escalation, verdict="reject", reason="my long reason", labels="unsafe")
    Escalation.objects.filter(pk=escalation.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    other = desk.reviewer()
    rule(actor=other, escalation_id=escalation.pk, submission=submission(other, escalation))
    response = client.post(f"/review/{escalation.pk}/ruling/", form)
    assert response.status_code == 409
    assert "ruled on already" in response.content.decode()
    assert ReviewDraft.objects.get().fields["reason"] == "my long reason"


def test_a_draft_survives_a_reload_and_goes_with_the_ruling() -> None:
    desk = open_desk()
    escalation, _, client = claimed(desk)
    client.post(f"/review/{escalation.pk}/draft/", form_of(escalation, verdict="reject", reason="half a thought"))
    page = client.get(f"/review/{escalation.pk}/").content.decode()
    assert "half a thought" in page and str(escalation.claim_token) in page
    assert "claim_token" not in ReviewDraft.objects.get().fields
    client.post(f"/review/{escalation.pk}/ruling/", form_of(escalation, verdict="approve"))
    assert not ReviewDraft.objects.exists()


def test_the_change_can_be_looked_at_before_it_is_submitted() -> None:
    desk = open_desk()
    escalation, _, client = claimed(desk)
    fields = {"verdict": "correct", "action_name": "refund", "fix/amount": "150", "fix/customer": "C-1042"}
    page = client.post(f"/review/{escalation.pk}/preview/", form_of(escalation, **fields)).content.decode()
    assert "<del>900</del>" in page and "<ins>150</ins>" in page
    assert not Review.objects.exists()


def test_a_lease_is_extended_by_a_script_and_by_hand() -> None:
    desk = open_desk()
    escalation, _, client = claimed(desk)
    before = escalation.lease_until
    answer = client.post(f"/review/{escalation.pk}/renew/", headers={"accept": "application/json"})
    assert before is not None and answer.json()["lease_expires_at"] > before.isoformat()
    assert client.post(f"/review/{escalation.pk}/renew/").status_code == 302
    stranger = browse(desk.reviewer())
    assert stranger.post(f"/review/{escalation.pk}/renew/", headers={"accept": "application/json"}).status_code == 409


def test_whoever_only_looks_sees_no_way_to_rule() -> None:
    desk = open_desk()
    escalation, _, _ = claimed(desk)
    page = browse(desk.reviewer("viewer")).get(f"/review/{escalation.pk}/").content.decode()
    assert 'name="verdict"' not in page and "Claim it" not in page
    assert browse(desk.reviewer("viewer")).post(f"/review/{escalation.pk}/claim/").status_code == 403


def test_another_organizations_escalation_is_not_there() -> None:
    desk, stranger = open_desk(), browse(open_desk().reviewer("reviewer", "lead"))
    escalation = desk.escalation()
    for verb in ("", "ruling/", "preview/", "draft/", "claim/", "release/", "renew/", "assign/"):
        path = f"/review/{escalation.pk}/{verb}"
        response = stranger.post(path) if verb else stranger.get(path)
        assert (verb, response.status_code) == (verb, 404)


def test_the_screen_takes_few_queries(django_assert_max_num_queries: Any) -> None:
    desk = open_desk()
    escalation, _, client = claimed(desk)
    client.get(f"/review/{escalation.pk}/")
    with django_assert_max_num_queries(24):
        client.get(f"/review/{escalation.pk}/")
