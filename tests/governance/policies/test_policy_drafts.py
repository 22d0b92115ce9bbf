"""Drafting and editing: two people at one text must not overwrite each other."""

import pytest

from governance.errors import Invalid, NotFound, NotPermitted
from governance.models import AuditEntry, PolicyVersion
from governance.services.policy_activation import roll_back
from governance.services.policy_life import draft_version, edit_draft, open_policy, submit_version, withdraw_version
from governance.services.policy_refusals import (
    DraftChanged,
    PolicyBaseMoved,
    PolicyExists,
    PolicyKeyDiffers,
    PolicyKeyTaken,
    PolicyNotValid,
    PolicyTestsFailed,
    VersionClosed,
    VersionNotDraft,
    VersionWasInForce,
)
from tests.factories import make_actor, make_organization, make_system
from tests.governance.policies.texts import make_governed, policy_text
from tests.support.races import race


def test_a_draft_begins_with_the_text_in_force(db: None) -> None:
    governed = make_governed()
    draft = draft_version(actor=governed.author, policy_id=governed.policy.pk)
    assert (draft.number, draft.source, draft.base) == (2, governed.first.source, governed.first)
    assert governed.entries("policy.drafted")[-1]["version"] == 2


def test_a_system_without_a_policy_begins_with_an_example_that_can_be_submitted(db: None) -> None:
    organization = make_organization()
    author = make_actor(organization, "policy_author")
    draft = open_policy(actor=author, system=make_system(organization, slug="mail-triage"))
    assert draft.policy.key == "mail-triage"
    assert submit_version(actor=author, version_id=draft.pk, reason="First rules").status == "submitted"


def test_a_key_that_yaml_would_read_as_a_number_works_in_the_example(db: None) -> None:
    organization = make_organization()
    author = make_actor(organization, "policy_author")
    draft = open_policy(actor=author, system=make_system(organization, slug="007"))
    assert submit_version(actor=author, version_id=draft.pk, reason="First rules").status == "submitted"


def test_a_system_has_one_policy_and_a_key_one_system(db: None) -> None:
    governed = make_governed()
    with pytest.raises(PolicyExists):
        open_policy(actor=governed.author, system=governed.system, key="another")
    with pytest.raises(PolicyKeyTaken):
        open_policy(actor=governed.author, system=make_system(governed.organization), key="refunds")
    assert governed.entries("policy.created") == [{"policy": "refunds", "system": governed.system.slug}]


def test_whoever_may_not_write_policies_drafts_none(db: None) -> None:
    governed = make_governed()
    before = AuditEntry.objects.count()
    for role in ("viewer", "reviewer", "lead", "policy_approver", "owner", "admin", "auditor"):
        with pytest.raises(NotPermitted):
            governed.draft(make_actor(governed.organization, role))
    assert AuditEntry.objects.count() == before


def test_another_organizations_policy_is_not_there(db: None) -> None:
    governed = make_governed()
    stranger = make_actor(make_organization(), "policy_author")
    draft = governed.draft()
    with pytest.raises(NotFound):
        governed.draft(stranger)
    with pytest.raises(NotFound):
        edit_draft(actor=stranger, version_id=draft.pk, source="mine", revision=1)
    with pytest.raises(NotFound):
        open_policy(actor=stranger, system=governed.system)


def test_saving_over_somebody_elses_save_is_refused_and_tells_the_revision(db: None) -> None:
    governed = make_governed()
    draft = governed.draft()
    edit_draft(actor=governed.second_author, version_id=draft.pk, source="theirs", revision=1)
    with pytest.raises(DraftChanged) as refusal:
        edit_draft(actor=governed.author, version_id=draft.pk, source="mine", revision=1)
    assert refusal.value.status == 412
    assert refusal.value.state is not None and refusal.value.state["revision"] == 2
    assert PolicyVersion.objects.get(pk=draft.pk).source == "theirs"
    assert [entry["revision"] for entry in governed.entries("policy.edited")] == [2]


def test_a_draft_may_be_wrong_but_not_unstorable(db: None) -> None:
    governed = make_governed()
    draft = governed.draft()
    edit_draft(actor=governed.author, version_id=draft.pk, source="rules: [", revision=1)
    for text in ("a\x00b", "a\ud800b", "x" * 300_000):
        with pytest.raises(Invalid):
            edit_draft(actor=governed.author, version_id=draft.pk, source=text, revision=2)


def test_a_submitted_version_is_not_edited(db: None) -> None:
    governed = make_governed()
    version = governed.submit()
    with pytest.raises(VersionNotDraft):
        edit_draft(actor=governed.author, version_id=version.pk, source="late", revision=1)
    with pytest.raises(VersionNotDraft):
        submit_version(actor=governed.author, version_id=version.pk, reason="again")


def test_submission_pins_text_hash_and_reason(db: None) -> None:
    governed = make_governed()
    version = governed.submit()
    assert (version.status, version.reason, len(version.sha256)) == ("submitted", "Finance asked for it", 64)
    (entry,) = governed.entries("policy.submitted")
    assert (entry["sha256"], entry["reason"], entry["base"]) == (f"sha256:{version.sha256}", "Finance asked for it", 1)


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("rules: [", PolicyNotValid),
        (policy_text(key="others"), PolicyKeyDiffers),
        (policy_text(expect="block"), PolicyTestsFailed),
    ],
)
def test_a_text_that_can_not_rule_is_not_submitted(db: None, text: str, refusal: type[Invalid]) -> None:
    governed = make_governed()
    draft = governed.draft(source=text)
    with pytest.raises(refusal) as raised:
        submit_version(actor=governed.author, version_id=draft.pk, reason="Try")
    assert raised.value.status == 422 and raised.value.errors
    assert PolicyVersion.objects.get(pk=draft.pk).status == "draft"
    assert governed.entries("policy.submitted") == []


def test_a_change_without_a_reason_is_not_submitted(db: None) -> None:
    governed = make_governed()
    draft = governed.draft()
    with pytest.raises(Invalid):
        submit_version(actor=governed.author, version_id=draft.pk, reason="  ")


def test_a_text_made_from_an_older_version_is_in_conflict_and_starts_again(db: None) -> None:
    governed = make_governed()
    draft = governed.draft(amount=300.0)
    governed.activate(amount=400.0)
    with pytest.raises(PolicyBaseMoved):
        submit_version(actor=governed.author, version_id=draft.pk, reason="Stale")
    with pytest.raises(PolicyBaseMoved):
        governed.draft(base_id=governed.first.pk)
    again = draft_version(actor=governed.author, policy_id=governed.policy.pk, copy_of=draft.pk)
    assert again.source == draft.source and again.base is not None and again.base.number == governed.in_force()
    assert submit_version(actor=governed.author, version_id=again.pk, reason="Fresh").status == "submitted"


def test_a_version_is_withdrawn_until_it_was_in_force(db: None) -> None:
    governed = make_governed()
    for version in (governed.draft(), governed.submit(), governed.approve()):
        assert withdraw_version(actor=governed.author, version_id=version.pk, reason="No").status == "withdrawn"
        with pytest.raises(VersionClosed):
            withdraw_version(actor=governed.author, version_id=version.pk)
    assert [entry["reason"] for entry in governed.entries("policy.withdrawn")] == ["No"] * 3
    activation = governed.activate()
    with pytest.raises(VersionWasInForce):
        withdraw_version(actor=governed.author, version_id=activation.version_id)
    roll_back(actor=governed.author, policy_id=governed.policy.pk, reason="Wrong")
    with pytest.raises(VersionWasInForce):
        withdraw_version(actor=governed.author, version_id=activation.version_id)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_save_at_once_one_is_told(transactional_db: None) -> None:
    governed = make_governed()
    draft = governed.draft()

    def save(text: str, who: str) -> PolicyVersion:
        return edit_draft(actor=getattr(governed, who), version_id=draft.pk, source=text, revision=1)

    results = race(lambda: save("mine", "author"), lambda: save("yours", "second_author"))
    assert sorted(type(result).__name__ for result in results) == ["DraftChanged", "PolicyVersion"]
    saved = next(result for result in results if isinstance(result, PolicyVersion))
    assert PolicyVersion.objects.get(pk=draft.pk).source == saved.source


@pytest.mark.django_db(transaction=True)
def test_an_edit_at_the_moment_of_submission_never_changes_what_was_submitted(transactional_db: None) -> None:
    governed = make_governed()
    late = policy_text(amount=1.0)
    draft = governed.draft()
    results = race(
        lambda: submit_version(actor=governed.author, version_id=draft.pk, reason="Now", revision=1),
        lambda: edit_draft(actor=governed.second_author, version_id=draft.pk, source=late, revision=1),
    )
    assert sum(isinstance(result, PolicyVersion) for result in results) == 1
    stands = PolicyVersion.objects.get(pk=draft.pk)
    assert (stands.status, stands.source == late) in {("submitted", False), ("draft", True)}


@pytest.mark.django_db(transaction=True)
def test_drafts_that_begin_at_once_get_different_numbers(transactional_db: None) -> None:
    governed = make_governed()
    results = race(*[governed.draft for _ in range(4)])
    assert sorted(draft.number for draft in results) == [2, 3, 4, 5]
