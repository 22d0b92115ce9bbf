"""Signing in and out, the way back to a lost password, and everybody's own preferences and tokens."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.views import INTERNAL_RESET_SESSION_TOKEN, LoginView, PasswordResetConfirmView
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from kombu.exceptions import OperationalError

from governance.actors import Actor
from governance.errors import Invalid, NotFound
from governance.models import AccessToken, Organization, User
from governance.permissions import may
from governance.selectors import organizations_of
from governance.services import accounts, credentials, sign_in
from governance.tasks import mail_password_link
from governance.web.forms import CredentialForm, PasswordLinkForm, PreferencesForm, SignInForm, add_refusal
from governance.web.session import ORGANIZATION_KEY, page


def client_address(request: HttpRequest) -> str:
    """Where a request comes from. With https a proxy stands before us and appends the address that it saw
    (X-Forwarded-For); without one the header is anybody's to write, and is not read."""
    forwarded: str = request.META.get("HTTP_X_FORWARDED_FOR", "")
    address: str = request.META.get("REMOTE_ADDR", "")
    if settings.IS_HTTPS and forwarded:
        return forwarded.rpartition(",")[2].strip()[:64]
    return address


class SignIn(LoginView):
    """The sign-in page. Every attempt is counted before its password is looked at."""

    form_class = SignInForm
    refused_until = ""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            sign_in.admit_attempt(email=request.POST.get("username", ""), address=client_address(request))
        except sign_in.TooManyAttempts as refusal:
            self.refused_until = refusal.detail
        return super().post(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "refusal": self.refused_until}

    def form_valid(self, form: Any) -> HttpResponse:
        person: User = form.get_user()
        sign_in.forgive_attempts(email=person.email, address=client_address(self.request))
        response = super().form_valid(form)
        first = next(iter(organizations_of(person)), None)
        if first is not None:
            # Chosen once, so that no page has to look for it again.
            self.request.session[ORGANIZATION_KEY] = str(first.pk)
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=429 if self.refused_until else 200)


@never_cache
@require_http_methods(["GET", "POST"])
def password_reset(request: HttpRequest) -> HttpResponse:
    """Asks for an address; answers the same whether an account has it or not, and in the same time."""
    form = PasswordLinkForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        email = form.cleaned_data["email"]
        try:
            sign_in.admit_reset(email=email, address=client_address(request))
        except sign_in.TooManyAttempts:
            return redirect("password-reset-done")
        try:
            mail_password_link.delay(email)
        except OperationalError:
            form.add_error(None, "Mail can't be sent at this moment. Try again in a few minutes.")
            return render(request, "registration/password_reset_form.html", {"form": form}, status=503)
        return redirect("password-reset-done")
    return render(request, "registration/password_reset_form.html", {"form": form})


class PasswordResetConfirm(PasswordResetConfirmView):
    """Sets the password of whoever holds the mailed link; for invited people it is the first one."""

    user: User

    def form_valid(self, form: Any) -> HttpResponse:
        accounts.set_password(
            actor=accounts.actor_of_themselves(self.user), user=self.user, password=form.cleaned_data["new_password1"]
        )
        sign_in.forgive_account(email=self.user.email)
        del self.request.session[INTERNAL_RESET_SESSION_TOKEN]
        return HttpResponseRedirect(str(self.get_success_url()))


@page("overview.read")
@require_POST
def switch_organization(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Choose the organization to work in; one that the person does not belong to is not there."""
    slug = request.POST.get("organization", "")
    chosen = Organization.objects.filter(memberships__user_id=actor.id, slug=slug).first()
    if chosen is None:
        raise NotFound()
    request.session[ORGANIZATION_KEY] = str(chosen.pk)
    messages.success(request, f"You are working in {chosen.name} now.")
    return redirect("home")


@page("overview.read")
@require_GET
def home(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Reviewers start where the work is, everybody else where the whole can be seen."""
    return redirect("queue", "unclaimed") if may(actor, "escalations.rule") else redirect("overview")


@page("overview.read")
@require_GET
def keys(request: HttpRequest, actor: Actor) -> HttpResponse:
    return render(request, "keys.html")


@page("overview.read")
@require_http_methods(["GET", "POST"])
def preferences(request: HttpRequest, actor: Actor) -> HttpResponse:
    """How the console looks and behaves for this person, and the tokens that they made in this organization."""
    form = PreferencesForm(
        request.POST if request.method == "POST" else None, initial=_initial_preferences(_person(request))
    )
    if request.method == "POST" and form.is_valid():
        try:
            accounts.change_preferences(actor=actor, user=_person(request), **form.cleaned_data)
        except Invalid as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, "Your preferences are saved.")
            return redirect("preferences")
    return _show_preferences(request, actor, form=form)


@never_cache
@page("overview.read")
@require_POST
def token_create(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Makes a token and shows it on this answer alone."""
    form = CredentialForm(request.POST, auto_id="token_%s")
    secret = ""
    if form.is_valid():
        try:
            _, secret = credentials.create_access_token(
                actor=actor, user=_person(request), organization=_organization(actor), name=form.cleaned_data["name"]
            )
        except Invalid as refusal:
            add_refusal(form, refusal)
    return _show_preferences(request, actor, token_form=None if secret else form, secret=secret)


@page("overview.read")
@require_http_methods(["GET", "POST"])
def token_revoke(request: HttpRequest, actor: Actor, token_id: uuid.UUID) -> HttpResponse:
    """Asks, then takes a token back."""
    token = AccessToken.objects.filter(
        pk=token_id, organization_id=actor.member_organization_id, user_id=actor.id, revoked_at__isnull=True
    ).first()
    if request.method == "POST":
        credentials.revoke_access_token(actor=actor, token_id=token_id)
        messages.success(request, "The token is revoked; the next request with it is refused.")
        return redirect("preferences")
    if token is None:
        raise NotFound()
    return render(request, "accounts/token_revoke.html", {"token": token})


@sensitive_post_parameters()
@page("overview.read")
@require_http_methods(["GET", "POST"])
def password_change(request: HttpRequest, actor: Actor) -> HttpResponse:
    """A new password for whoever knows the old one; other sessions end, this one stays."""
    user = _person(request)
    form: Any = PasswordChangeForm(user, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        accounts.set_password(actor=actor, user=user, password=form.cleaned_data["new_password1"])
        update_session_auth_hash(request, user)
        return redirect("password-change-done")
    return render(request, "registration/password_change_form.html", {"form": form})


@page("overview.read")
@require_GET
def password_change_done(request: HttpRequest, actor: Actor) -> HttpResponse:
    return render(request, "registration/password_change_done.html")


def _person(request: HttpRequest) -> User:
    """The signed-in account; `page` lets nobody else through."""
    if not isinstance(request.user, User):
        raise LookupError("this page is for signed-in people")
    return request.user


def _initial_preferences(user: User) -> dict[str, Any]:
    return {name: getattr(user, name) for name in ("name", "theme", "are_shortcuts_on", "is_mail_on")}


def _organization(actor: Actor) -> Organization:
    return Organization.objects.get(pk=actor.member_organization_id)


def _show_preferences(
    request: HttpRequest,
    actor: Actor,
    *,
    form: Form | None = None,
    token_form: Form | None = None,
    secret: str = "",
) -> HttpResponse:
    user = _person(request)
    tokens = AccessToken.objects.filter(
        organization_id=actor.member_organization_id, user=user, revoked_at__isnull=True
    )
    shown = form or PreferencesForm(initial=_initial_preferences(user))
    return render(
        request,
        "accounts/preferences.html",
        {
            "form": shown,
            "token_form": token_form or CredentialForm(auto_id="token_%s"),
            "secret": secret,
            "tokens": tokens[:100],
        },
        status=422 if shown.errors or (token_form is not None and token_form.errors) else 200,
    )
