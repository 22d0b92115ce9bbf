"""Approval and rejection: another person, one exact text, once."""

import time

import pytest
from django.db import transaction
from django.utils import timezone

from governance.actors import OPERATOR
from governance.errors import Invalid, NotPermitted
from governance.models import Membership, PolicyApproval, PolicyVersion, User
from governance.policy_selectors import approvers_of
from governance.rules.document import load_policy_document
from governance.services.policy_life import (
    approve_version,
    draft_version,
    edit_draft,
    reject_version,
    submit_version,
    withdraw_version,
)
from governance.services.policy_refusals import (
    ApprovedTextDiffers,
    OwnTextNotApproved,
    PolicyBaseMoved,
    VersionNotSubmitted,
)
from tests.factories import actor_of, make_actor
from tests.governance.policies.texts import Governed, make_governed, policy_text
from tests.support.races import race


def make_writer_who_approves(governed: Governed) -> User:
    person = User.objects.get(pk=make_actor(governed.organization, "policy_author").user_id)
    Membership.objects.create(organization=governed.organization, user=person, role="policy_approver")
    return person


def test_another_person_approves_the_exact_text(db: None) -> None:
    governed = make_governed()
    version = governed.submit()
    approved = approve_version(
        actor=governed.approver, version_id=version.pk, sha256=f"sha256:{version.sha256}", comment="Good"
    )
    assert approved.status == "approved"
    approval = PolicyApproval.objects.get(version=version)
    assert (approval.approver_id, approval.sha256) == (governed.approver.user_id, version.sha256)
    (entry,) = governed.entries("policy.approved")
    assert (entry["version"], entry["sha256"], entry["reason"]) == (2, f"sha256:{version.sha256}", "Good")


def test_a_rejection_needs_a_reason_and_ends_the_version(db: None) -> None:
    governed = make_governed()
    version = governed.submit()
    with pytest.raises(Invalid):
        reject_version(actor=governed.approver, version_id=version.pk, sha256=version.sha256, reason=" ")
    rejected = reject_version(actor=governed.approver, version_id=version.pk, sha256=version.sha256, reason="Too lax")
    assert rejected.status == "rejected"
    assert governed.entries("policy.rejected")[0]["reason"] == "Too lax"
    with pytest.raises(VersionNotSubmitted):
        approve_version(actor=governed.second_approver, version_id=version.pk, sha256=version.sha256)


def test_another_hash_than_that_of_the_text_approves_nothing(db: None) -> None:
    governed = make_governed()
    version = governed.submit()
    for seen in ("", "0" * 64, governed.first.sha256):
        with pytest.raises(ApprovedTextDiffers):
            approve_version(actor=governed.approver, version_id=version.pk, sha256=seen)
    assert governed.entries("policy.approved") == []


@pytest.mark.parametrize("role", ["viewer", "reviewer", "lead", "policy_author", "owner", "admin", "auditor"])
def test_a_role_that_does_not_approve_is_refused(db: None, role: str) -> None:
    governed = make_governed()
    version = governed.submit()
    with pytest.raises(NotPermitted):
        approve_version(actor=make_actor(governed.organization, role), version_id=version.pk, sha256=version.sha256)


def test_the_product_itself_approves_nothing(db: None) -> None:
    governed = make_governed()
    version = governed.submit()
    with pytest.raises(NotPermitted):
        approve_version(actor=OPERATOR, version_id=version.pk, sha256=version.sha256)


def test_neither_author_nor_co_editor_nor_submitter_approves(db: None) -> None:
    governed = make_governed()
    people = [make_writer_who_approves(governed) for _ in range(3)]
    author, editor, submitter = (actor_of(person, governed.organization) for person in people)
    draft = governed.draft(author)
    edit_draft(actor=editor, version_id=draft.pk, source=draft.source, revision=1)
    version = submit_version(actor=submitter, version_id=draft.pk, reason="Together")
    for writer in (author, editor, submitter):
        with pytest.raises(OwnTextNotApproved):
            approve_version(actor=writer, version_id=version.pk, sha256=version.sha256)
        with pytest.raises(OwnTextNotApproved):
            reject_version(actor=writer, version_id=version.pk, sha256=version.sha256, reason="No")
    named = {person.pk for person in approvers_of(version)}
    assert named == {governed.approver.user_id, governed.second_approver.user_id}


def test_a_copy_by_somebody_else_does_not_let_writers_approve_their_own_words(db: None) -> None:
    governed = make_governed()
    writer = actor_of(make_writer_who_approves(governed), governed.organization)
    original = governed.draft(writer)
    copy = draft_version(actor=governed.author, policy_id=governed.policy.pk, copy_of=original.pk)
    version = submit_version(actor=governed.author, version_id=copy.pk, reason="A copy")
    with pytest.raises(OwnTextNotApproved):
        approve_version(actor=writer, version_id=version.pk, sha256=version.sha256)


def test_pasting_the_same_text_does_not_let_writers_approve_their_own_words(db: None) -> None:
    governed = make_governed()
    writer = actor_of(make_writer_who_approves(governed), governed.organization)
    draft = governed.draft(writer)
    submit_version(actor=writer, version_id=draft.pk, reason="Mine")
    pasted = governed.submit(source=f"# the same, pasted\n{draft.source}")
    with pytest.raises(OwnTextNotApproved):
        approve_version(actor=writer, version_id=pasted.pk, sha256=pasted.sha256)


def test_a_text_whose_base_moved_is_not_approved_but_can_be_rejected(db: None) -> None:
    governed = make_governed()
    version = governed.submit(amount=300.0)
    governed.activate(amount=400.0)
    with pytest.raises(PolicyBaseMoved):
        approve_version(actor=governed.approver, version_id=version.pk, sha256=version.sha256)
    assert PolicyVersion.objects.get(pk=version.pk).status == "submitted"
    assert not PolicyApproval.objects.filter(version=version).exists()
    reject_version(actor=governed.approver, version_id=version.pk, sha256=version.sha256, reason="Overtaken")


@pytest.mark.django_db(transaction=True)
def test_of_two_who_approve_at_once_one_does(transactional_db: None) -> None:
    governed = make_governed()
    version = governed.submit()

    def approve(who: str) -> PolicyVersion:
        return approve_version(actor=getattr(governed, who), version_id=version.pk, sha256=version.sha256)

    results = race(lambda: approve("approver"), lambda: approve("second_approver"))
    assert sorted(type(result).__name__ for result in results) == ["PolicyVersion", "VersionNotSubmitted"]
    assert PolicyApproval.objects.filter(version=version).count() == len(governed.entries("policy.approved")) == 1


@pytest.mark.django_db(transaction=True)
def test_approval_and_rejection_at_once_leave_one_word(transactional_db: None) -> None:
    governed = make_governed()
    version = governed.submit()
    race(
        lambda: approve_version(actor=governed.approver, version_id=version.pk, sha256=version.sha256),
        lambda: reject_version(
            actor=governed.second_approver, version_id=version.pk, sha256=version.sha256, reason="No"
        ),
    )
    stands = PolicyVersion.objects.get(pk=version.pk)
    (approval,) = PolicyApproval.objects.filter(version=version)
    assert (stands.status, approval.verdict) in {("approved", "approve"), ("rejected", "reject")}


@pytest.mark.django_db(transaction=True)
def test_approval_and_withdrawal_at_once_never_leave_half_of_each(transactional_db: None) -> None:
    governed = make_governed()
    version = governed.submit()
    approved, withdrawn = race(
        lambda: approve_version(actor=governed.approver, version_id=version.pk, sha256=version.sha256),
        lambda: withdraw_version(actor=governed.author, version_id=version.pk, reason="Changed my mind"),
    )
    # An approved version may still be withdrawn; a withdrawn one is never approved.
    assert isinstance(withdrawn, PolicyVersion)
    assert PolicyVersion.objects.get(pk=version.pk).status == "withdrawn"
    assert isinstance(approved, (PolicyVersion, VersionNotSubmitted))
    assert len(governed.entries("policy.approved")) == isinstance(approved, PolicyVersion)


@pytest.mark.django_db(transaction=True)
def test_an_approval_that_overlaps_ones_own_edit_is_refused() -> None:
    governed = make_governed()
    writer = make_writer_who_approves(governed)
    draft = governed.draft()
    text = policy_text(amount=700.0)
    document = load_policy_document(text)

    def edit_and_submit_slowly() -> None:
        """What an edit by the writer and a submission by the author leave behind, committed late."""
        with transaction.atomic():
            PolicyVersion.objects.filter(pk=draft.pk).update(
                source=text,
                canonical=document.canonical,
                sha256=document.sha256,
                status="submitted",
                reason="Finance asked for it",
                submitted_at=timezone.now(),
            )
            draft.editors.add(writer)
            time.sleep(1)

    def approve_meanwhile() -> PolicyVersion:
        time.sleep(0.4)
        actor = actor_of(writer, governed.organization)
        return approve_version(actor=actor, version_id=draft.pk, sha256=document.sha256)

    submitted, refusal = race(edit_and_submit_slowly, approve_meanwhile)
    assert submitted is None
    # SQLite's writer waits and meets the submitted text; PostgreSQL's does not see it yet.
    assert isinstance(refusal, (OwnTextNotApproved, VersionNotSubmitted))
    assert PolicyVersion.objects.get(pk=draft.pk).status == "submitted"
