"""What belongs to a person wherever they work: the password, the way back to it, and how the console looks to them."""

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from governance.actors import Actor
from governance.errors import NotPermitted, Unavailable
from governance.models import Organization, User
from governance.permissions import require_within
from governance.services.fields import read_text, refuse_field
from governance.services.membership import require_standing
from governance.services.recording import record


class MailRefused(Unavailable):
    code, title = "mail-refused", "The mail could not be sent"


def actor_of_themselves(user: User) -> Actor:
    """A person acting on their own account, in no organization in particular."""
    return Actor(kind="person", id=str(user.pk), label=user.get_short_name(), user_id=user.pk, email=user.email)


def make_password_link(user: User) -> str:
    """The address where a person sets a password; it works once, and for PASSWORD_RESET_TIMEOUT seconds."""
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    path = reverse("password-reset-confirm", kwargs={"uidb64": uid, "token": default_token_generator.make_token(user)})
    return settings.BASE_URL + path


def invite_person(*, actor: Actor, organization: Organization, user: User) -> None:
    """Mail somebody who was added the way in. It goes to their address alone, shown to nobody else: an account may
    be at home in other organizations too. Refuses (NotAMember) who holds no role here. Needs `people.manage`."""
    require_within(actor, "people.manage", organization.pk)
    with transaction.atomic(durable=True):
        require_standing(organization.pk, user)
        record(
            organization_id=organization.pk,
            type="person.invited",
            actor=actor,
            subject=f"user:{user.pk}",
            payload={"email": user.email},
        )
    words = {
        "organization": organization.name,
        "by": actor.label,
        "link": make_password_link(user),
        "email": user.email,
    }
    _mail(user.email, "accounts/mail/invitation", words)


def mail_password_link(email: str) -> None:
    """Mail the way back to whoever has this address; an address without an account gets nothing, and nobody is told."""
    user = User.objects.filter(email=email.strip().lower(), is_active=True).first()
    if user is not None:
        _mail(user.email, "accounts/mail/password_link", {"link": make_password_link(user), "email": user.email})


def set_password(*, actor: Actor, user: User, password: str) -> None:
    """A person's new password, already checked against the password rules; it ends their other sessions. Only they
    themselves set it, or the operator (NotPermitted). Every organization's log of theirs says that it happened."""
    if actor.kind != "system" and actor.user_id != user.pk:
        raise NotPermitted("People set their own passwords.")
    user.set_password(password)
    with transaction.atomic(durable=True):
        User.objects.filter(pk=user.pk).update(password=user.password)
        organizations = user.memberships.order_by().values_list("organization_id", flat=True).distinct()
        for organization_id in list(organizations):
            record(
                organization_id=organization_id,
                type="person.password_set",
                actor=actor,
                subject=f"user:{user.pk}",
                payload={"email": user.email},
            )


def change_preferences(
    *, actor: Actor, user: User, name: str, theme: str, are_shortcuts_on: bool, is_mail_on: bool
) -> None:
    """How the console looks and behaves for one person; a new name is recorded, since other people read it. Refuses
    (NotPermitted) anybody else, (Invalid) an unknown theme."""
    if actor.user_id != user.pk:
        raise NotPermitted("People set their own preferences.")
    chosen_name = read_text(name, field="name", limit=200)
    if theme not in User.Theme.values:
        raise refuse_field("theme", f"Themes: {', '.join(User.Theme.values)}.")
    with transaction.atomic(durable=True):
        was = User.objects.select_for_update().values_list("name", flat=True).get(pk=user.pk)
        User.objects.filter(pk=user.pk).update(
            name=chosen_name, theme=theme, are_shortcuts_on=are_shortcuts_on, is_mail_on=is_mail_on
        )
        if was != chosen_name:
            record(
                organization_id=actor.organization_id,
                type="person.renamed",
                actor=actor,
                subject=f"user:{user.pk}",
                payload={"email": user.email, "from": was, "to": chosen_name},
            )


def _mail(address: str, template: str, words: dict[str, str]) -> None:
    subject = render_to_string(f"{template}_subject.txt", words).strip()
    try:
        send_mail(subject, render_to_string(f"{template}.txt", words), None, [address])
    except OSError as failure:
        raise MailRefused(
            "The mail server did not take the message. Everything else is done; send it again later."
        ) from failure
