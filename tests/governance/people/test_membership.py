"""People come, get roles, lose them and leave; what must not happen is refused, and the log says what did."""

import pytest

from governance.errors import Invalid, NotFound, NotPermitted
from governance.models import AccessToken, Group, Membership, User
from governance.selectors import actor_for_person
from governance.services.credentials import create_access_token
from governance.services.membership import (
    GroupExists,
    LastAdmin,
    MemberElsewhere,
    NotAMember,
    OwnsSystems,
    add_person,
    add_role,
    create_group,
    deactivate_person,
    reactivate_person,
    remove_person,
    remove_role,
    update_group,
)
from tests.factories import actor_of, make_actor, make_organization, make_person, make_system
from tests.governance.people.scenes import entries_of, open_office
from tests.support.races import race

pytestmark = pytest.mark.django_db


def roles_of(user: User) -> set[str]:
    return set(user.memberships.values_list("role", flat=True))


def test_a_person_is_added_with_a_role_and_without_a_password() -> None:
    office = open_office()
    user, is_new = add_person(
        actor=office.actor, organization=office.organization, email=" New@Example.org ", role="viewer", name="New"
    )
    assert (user.email, user.name, is_new, roles_of(user)) == ("new@example.org", "New", True, {"viewer"})
    assert not user.has_usable_password()
    assert entries_of(office.organization) == ["person.created", "role.added"]


def test_adding_somebody_twice_adds_the_role_and_keeps_the_account() -> None:
    office = open_office()
    for role in ("viewer", "viewer", "reviewer"):
        user, _ = add_person(actor=office.actor, organization=office.organization, email="a@example.org", role=role)
    assert roles_of(user) == {"viewer", "reviewer"}
    assert entries_of(office.organization) == ["person.created", "role.added", "role.added"]


def test_an_account_of_another_organization_keeps_its_name_and_password() -> None:
    office = open_office()
    elsewhere = make_person(make_organization(), "viewer", name="Elsewhere", password="correct horse battery")
    user, is_new = add_person(
        actor=office.actor, organization=office.organization, email=elsewhere.email, role="viewer", name="Other"
    )
    assert (user.pk, user.name, is_new) == (elsewhere.pk, "Elsewhere", False)
    assert user.has_usable_password()


@pytest.mark.parametrize(
    ("email", "role", "name"),
    [
        ("no address", "viewer", ""),
        ("a@example.org", "emperor", ""),
        ("a@example.org", "viewer", "\x07"),
        ("", "viewer", ""),
    ],
)
def test_unfit_words_are_refused(email: str, role: str, name: str) -> None:
    office = open_office()
    with pytest.raises(Invalid):
        add_person(actor=office.actor, organization=office.organization, email=email, role=role, name=name)
    assert entries_of(office.organization) == []


@pytest.mark.parametrize("role", ["viewer", "reviewer", "lead", "policy_author", "policy_approver", "owner", "auditor"])
def test_only_an_admin_manages_people(role: str) -> None:
    office = open_office()
    actor = make_actor(office.organization, role)
    with pytest.raises(NotPermitted):
        add_person(actor=actor, organization=office.organization, email="a@example.org", role="admin")
    with pytest.raises(NotPermitted):
        remove_person(actor=actor, organization=office.organization, user=office.admin)


def test_the_admin_of_another_organization_finds_nobody_here() -> None:
    office, other = open_office(), open_office()
    person = make_person(office.organization, "viewer")
    for verb in (remove_person, deactivate_person, reactivate_person):
        with pytest.raises(NotFound):
            verb(actor=other.actor, organization=office.organization, user=person)
        with pytest.raises(NotFound):
            verb(actor=other.actor, organization=other.organization, user=person)
    with pytest.raises(NotFound):
        add_role(actor=other.actor, organization=other.organization, user=person, role="admin")


def test_the_last_admin_stays() -> None:
    office = open_office()
    make_person(office.organization, "admin", is_active=False)
    with pytest.raises(LastAdmin):
        remove_role(actor=office.actor, organization=office.organization, user=office.admin, role="admin")
    with pytest.raises(LastAdmin):
        remove_person(actor=office.actor, organization=office.organization, user=office.admin)
    with pytest.raises(LastAdmin):
        deactivate_person(actor=office.actor, organization=office.organization, user=office.admin)
    assert roles_of(office.admin) == {"admin"}


@pytest.mark.django_db(transaction=True)
def test_two_admins_who_remove_each_other_at_once_leave_one() -> None:
    office = open_office()
    second = make_person(office.organization, "admin")
    results = race(
        lambda: remove_person(actor=office.actor, organization=office.organization, user=second),
        lambda: remove_person(
            actor=actor_of(second, office.organization), organization=office.organization, user=office.admin
        ),
    )
    assert sum(isinstance(result, LastAdmin) for result in results) == 1, results
    assert Membership.objects.filter(organization=office.organization, role="admin").count() == 1


def test_who_answers_for_a_system_can_not_leave_and_the_refusal_names_it() -> None:
    office = open_office()
    system = make_system(office.organization)
    for verb in (remove_person, deactivate_person):
        with pytest.raises(OwnsSystems) as refusal:
            verb(actor=office.actor, organization=office.organization, user=system.owner)
        assert system.slug in refusal.value.detail
    with pytest.raises(OwnsSystems):
        remove_role(actor=office.actor, organization=office.organization, user=system.owner, role="owner")


def test_a_backup_keeps_one_role_at_least() -> None:
    office = open_office()
    backup = make_person(office.organization, "viewer", "reviewer")
    make_system(office.organization, backup=backup)
    remove_role(actor=office.actor, organization=office.organization, user=backup, role="viewer")
    with pytest.raises(OwnsSystems):
        remove_role(actor=office.actor, organization=office.organization, user=backup, role="reviewer")


def test_whoever_is_removed_loses_roles_groups_and_tokens_at_once() -> None:
    office = open_office()
    person = make_person(office.organization, "reviewer")
    group = create_group(
        actor=office.actor, organization=office.organization, slug="legal", name="Legal", members=[person]
    )
    token, _ = create_access_token(
        actor=actor_of(person, office.organization), user=person, organization=office.organization, name="cli"
    )
    remove_person(actor=office.actor, organization=office.organization, user=person)
    assert actor_for_person(person, office.organization.pk) is None
    assert not group.members.exists()
    assert AccessToken.objects.get(pk=token.pk).revoked_at is not None
    assert entries_of(office.organization)[-1] == "person.removed"


def test_a_closed_account_opens_again_with_its_roles() -> None:
    office = open_office()
    person = make_person(office.organization, "reviewer")
    deactivate_person(actor=office.actor, organization=office.organization, user=person)
    deactivate_person(actor=office.actor, organization=office.organization, user=person)
    assert not User.objects.get(pk=person.pk).is_active
    reactivate_person(actor=office.actor, organization=office.organization, user=person)
    assert User.objects.get(pk=person.pk).is_active
    assert roles_of(person) == {"reviewer"}
    assert entries_of(office.organization) == ["person.deactivated", "person.reactivated"]


def test_an_account_that_works_elsewhere_too_is_not_this_organizations_to_close() -> None:
    office = open_office()
    person = make_person(office.organization, "viewer")
    Membership.objects.create(organization=make_organization(), user=person, role="viewer")
    with pytest.raises(MemberElsewhere):
        deactivate_person(actor=office.actor, organization=office.organization, user=person)
    remove_person(actor=office.actor, organization=office.organization, user=person)
    assert person.memberships.count() == 1


def test_a_group_has_members_of_its_own_organization_alone() -> None:
    office = open_office()
    stranger = make_person(make_organization(), "viewer")
    with pytest.raises(NotAMember):
        create_group(actor=office.actor, organization=office.organization, slug="legal", name="L", members=[stranger])
    assert not Group.objects.exists()


def test_a_group_is_made_once_renamed_and_filled() -> None:
    office = open_office()
    person = make_person(office.organization, "reviewer")
    group = create_group(actor=office.actor, organization=office.organization, slug="legal", name="Legal")
    with pytest.raises(GroupExists):
        create_group(actor=office.actor, organization=office.organization, slug="legal", name="Again")
    update_group(actor=office.actor, group=group, name="Law", members=[person])
    group.refresh_from_db()
    assert (group.name, group.slug, list(group.members.all())) == ("Law", "legal", [person])
    assert entries_of(office.organization) == ["group.created", "group.changed"]
