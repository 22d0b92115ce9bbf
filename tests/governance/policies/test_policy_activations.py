"""Activation and rollback: one ledger, one row at a time, one step back."""

import pytest
from django.utils import timezone

from governance.actors import OPERATOR
from governance.errors import Invalid, NotPermitted
from governance.models import Activation, PolicyVersion
from governance.services import policy_activation
from governance.services.policy_activation import activate_first_version, activate_version, load_draft, roll_back
from governance.services.policy_life import (
    approve_version,
    draft_version,
    open_policy,
    refuse_moved_base,
    submit_version,
    withdraw_version,
)
from governance.services.policy_refusals import (
    ActivationOvertaken,
    AlreadyRolledBack,
    NothingToRollBackTo,
    PolicyAlreadyInForce,
    PolicyBaseMoved,
    PolicyKeyDiffers,
    VersionNotApproved,
    VersionWasInForce,
)
from tests.factories import make_actor, make_organization, make_system
from tests.governance.policies.texts import make_governed, policy_text
from tests.support.races import race


def test_an_approved_version_goes_into_force_with_its_reason(db: None) -> None:
    governed = make_governed()
    activation = governed.activate()
    assert (governed.in_force(), activation.number, activation.origin) == (2, 2, "approval")
    assert activation.reason == "Finance asked for it"
    entry = governed.entries("policy.activated")[-1]
    assert (entry["version"], entry["activation"], entry["replaced"]) == (2, 2, 1)
    assert entry["sha256"] == f"sha256:{activation.version.sha256}"


def test_nothing_but_an_approved_version_goes_into_force(db: None) -> None:
    governed = make_governed()
    withdrawn = withdraw_version(actor=governed.author, version_id=governed.approve().pk)
    for version in (governed.draft(), governed.submit(), withdrawn):
        with pytest.raises(VersionNotApproved):
            activate_version(actor=governed.approver, version_id=version.pk)
    with pytest.raises(NotPermitted):
        activate_version(actor=make_actor(governed.organization, "admin"), version_id=governed.approve().pk)
    assert governed.in_force() == 1


def test_the_second_of_two_approved_changes_is_in_conflict(db: None) -> None:
    governed = make_governed()
    one, other = governed.approve(amount=300.0), governed.approve(amount=400.0)
    activate_version(actor=governed.approver, version_id=one.pk)
    with pytest.raises(PolicyBaseMoved) as refusal:
        activate_version(actor=governed.approver, version_id=other.pk)
    assert refusal.value.state == {"in_force": one.number}
    assert governed.in_force() == one.number


def test_a_first_version_may_take_the_way_of_every_other(db: None) -> None:
    organization = make_organization()
    author, approver = make_actor(organization, "policy_author"), make_actor(organization, "policy_approver")
    draft = open_policy(actor=author, system=make_system(organization))
    version = submit_version(actor=author, version_id=draft.pk, reason="First rules")
    approve_version(actor=approver, version_id=version.pk, sha256=version.sha256)
    assert activate_version(actor=author, version_id=version.pk).number == 1


def test_one_person_rolls_back_one_step_with_a_reason(db: None) -> None:
    governed = make_governed()
    governed.activate()
    with pytest.raises(Invalid):
        roll_back(actor=governed.author, policy_id=governed.policy.pk, reason="")
    activation = roll_back(actor=governed.author, policy_id=governed.policy.pk, reason="It blocked everything")
    assert (governed.in_force(), activation.number, activation.origin) == (1, 3, "rollback")
    (entry,) = governed.entries("policy.rolled_back")
    assert (entry["version"], entry["replaced"], entry["reason"]) == (1, 2, "It blocked everything")


def test_a_second_rollback_in_a_row_is_refused_in_either_direction(db: None) -> None:
    governed = make_governed()
    governed.activate(amount=300.0)
    second = governed.activate(amount=400.0)
    roll_back(actor=governed.author, policy_id=governed.policy.pk, reason="Back once")
    with pytest.raises(AlreadyRolledBack):
        roll_back(actor=governed.author, policy_id=governed.policy.pk, reason="Back twice")
    with pytest.raises(VersionWasInForce):
        activate_version(actor=governed.approver, version_id=second.version_id)
    again = draft_version(actor=governed.author, policy_id=governed.policy.pk, copy_of=second.version_id)
    assert again.source == second.version.source and again.status == "draft"


def test_after_a_rollback_and_a_new_change_one_step_back_is_what_was_in_force_before_it(db: None) -> None:
    governed = make_governed()
    governed.activate(amount=300.0)
    roll_back(actor=governed.author, policy_id=governed.policy.pk, reason="Back")
    governed.activate(amount=400.0)
    roll_back(actor=governed.author, policy_id=governed.policy.pk, reason="Back again")
    assert governed.in_force() == 1


def test_there_is_nothing_before_the_first_version(db: None) -> None:
    governed = make_governed()
    with pytest.raises(NothingToRollBackTo):
        roll_back(actor=governed.author, policy_id=governed.policy.pk, reason="Back")


def test_a_rollback_of_an_activation_that_is_not_the_last_any_more_is_refused(db: None) -> None:
    governed = make_governed()
    governed.activate(amount=300.0)
    governed.activate(amount=400.0)
    with pytest.raises(ActivationOvertaken):
        roll_back(actor=governed.author, policy_id=governed.policy.pk, reason="Back", activation=2)
    assert governed.in_force() == 3


@pytest.mark.parametrize("role", ["viewer", "reviewer", "lead", "admin", "auditor"])
def test_a_role_that_does_not_roll_back_is_refused(db: None, role: str) -> None:
    governed = make_governed()
    governed.activate()
    with pytest.raises(NotPermitted):
        roll_back(actor=make_actor(governed.organization, role), policy_id=governed.policy.pk, reason="Back")


def test_the_operator_loads_a_first_version_only_while_none_is_in_force(db: None) -> None:
    system = make_system()
    activation = activate_first_version(actor=OPERATOR, system=system, source=policy_text())
    assert (activation.origin, activation.version.status, activation.number) == ("bootstrap", "approved", 1)
    with pytest.raises(PolicyAlreadyInForce):
        activate_first_version(actor=OPERATOR, system=system, source=policy_text(amount=1.0))
    assert PolicyVersion.objects.filter(policy=activation.policy).count() == 1


def test_a_person_puts_no_first_version_into_force_alone(db: None) -> None:
    organization = make_organization()
    author = make_actor(organization, "policy_author", "policy_approver", "admin")
    with pytest.raises(NotPermitted):
        activate_first_version(actor=author, system=make_system(organization), source=policy_text())


def test_a_file_becomes_a_draft_that_people_submit(db: None) -> None:
    governed = make_governed()
    with pytest.raises(PolicyKeyDiffers):
        load_draft(actor=OPERATOR, system=governed.system, source=policy_text(key="others"))
    draft = load_draft(actor=OPERATOR, system=governed.system, source=policy_text(amount=1.0))
    assert (draft.number, draft.status, draft.author, draft.base) == (2, "draft", None, governed.first)
    version = submit_version(actor=governed.author, version_id=draft.pk, reason="From the repository")
    approve_version(actor=governed.approver, version_id=version.pk, sha256=version.sha256)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_activate_different_versions_at_once_one_does(transactional_db: None) -> None:
    governed = make_governed()
    versions = [governed.approve(amount=300.0), governed.approve(amount=400.0)]
    results = race(
        lambda: activate_version(actor=governed.approver, version_id=versions[0].pk),
        lambda: activate_version(actor=governed.second_approver, version_id=versions[1].pk),
    )
    losses = [result for result in results if not isinstance(result, Activation)]
    assert len(losses) == 1 and isinstance(losses[0], (PolicyBaseMoved, ActivationOvertaken))
    assert list(governed.policy.activations.values_list("number", flat=True)) == [2, 1]
    assert len(governed.entries("policy.activated")) == 2


def test_who_is_overtaken_after_having_looked_at_what_is_in_force_is_refused(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    governed = make_governed()
    ours, theirs = governed.approve(amount=300.0), governed.approve(amount=400.0)

    def look_and_be_overtaken(version: PolicyVersion) -> Activation | None:
        seen = refuse_moved_base(version)
        Activation.objects.create(
            organization_id=version.organization_id,
            policy_id=version.policy_id,
            version=theirs,
            origin=Activation.Origin.APPROVAL,
            number=2,
            effective_from=timezone.now(),
            actor_id="somebody",
            actor_label="Somebody",
            reason="They were faster.",
        )
        return seen

    monkeypatch.setattr(policy_activation, "refuse_moved_base", look_and_be_overtaken)
    with pytest.raises(ActivationOvertaken):
        activate_version(actor=governed.approver, version_id=ours.pk)
    assert not ours.activations.exists()


@pytest.mark.django_db(transaction=True)
def test_the_same_version_goes_into_force_once(transactional_db: None) -> None:
    governed = make_governed()
    version = governed.approve()
    results = race(*[lambda: activate_version(actor=governed.approver, version_id=version.pk)] * 4)
    assert sum(isinstance(result, Activation) for result in results) == 1
    assert all(isinstance(result, (Activation, VersionWasInForce, ActivationOvertaken)) for result in results)
    assert version.activations.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_version_is_never_both_withdrawn_and_in_force(transactional_db: None) -> None:
    governed = make_governed()
    version = governed.approve()
    activated, withdrawn = race(
        lambda: activate_version(actor=governed.approver, version_id=version.pk),
        lambda: withdraw_version(actor=governed.author, version_id=version.pk),
    )
    assert isinstance(activated, Activation) != isinstance(withdrawn, PolicyVersion)
    status = PolicyVersion.objects.get(pk=version.pk).status
    assert (status, version.activations.count()) in {("approved", 1), ("withdrawn", 0)}


@pytest.mark.django_db(transaction=True)
def test_two_who_roll_back_at_once_go_one_step(transactional_db: None) -> None:
    governed = make_governed()
    governed.activate(amount=300.0)
    governed.activate(amount=400.0)
    results = race(*[lambda: roll_back(actor=governed.author, policy_id=governed.policy.pk, reason="Back")] * 3)
    assert sum(isinstance(result, Activation) for result in results) == 1
    assert governed.in_force() == 2


@pytest.mark.django_db(transaction=True)
def test_two_operators_load_one_first_version(transactional_db: None) -> None:
    system = make_system()
    results = race(*[lambda: activate_first_version(actor=OPERATOR, system=system, source=policy_text())] * 3)
    assert sum(isinstance(result, Activation) for result in results) == 1
    assert Activation.objects.filter(policy__system=system).count() == 1
