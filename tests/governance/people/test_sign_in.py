"""Signing in, guessing, and the way back to a lost password."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.models import SignInFailures, User
from governance.services.sign_in import (
    BY_ACCOUNT,
    BY_ADDRESS,
    TooManyAttempts,
    admit_attempt,
    forgive_account,
    forgive_attempts,
)
from governance.tasks import mail_password_link
from tests.factories import make_organization, make_person
from tests.governance.people.scenes import entries_of
from tests.support.races import race

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


def sign_in(client: Client, email: str, password: str, **headers: Any) -> Any:
    return client.post(reverse("sign-in"), {"username": email, "password": password}, **headers)


def test_the_right_password_opens_and_signing_out_closes(client: Client) -> None:
    person = make_person(make_organization(), "viewer", password=PASSWORD)
    assert sign_in(client, person.email.upper(), PASSWORD).url == "/"
    assert client.get(reverse("overview")).status_code == 200
    assert client.post(reverse("sign-out")).status_code == 302
    assert client.get(reverse("overview")).status_code == 302


def test_where_one_was_going_is_kept_but_never_another_site(client: Client) -> None:
    person = make_person(make_organization(), "viewer", password=PASSWORD)
    form = {"username": person.email, "password": PASSWORD}
    assert client.post(reverse("sign-in"), {**form, "next": "/systems/"}).url == "/systems/"
    assert client.post(reverse("sign-in"), {**form, "next": "https://evil.example/"}).url == "/"


def test_wrong_unknown_and_closed_get_the_same_answer(client: Client) -> None:
    organization = make_organization()
    known = make_person(organization, "viewer", password=PASSWORD)
    closed = make_person(organization, "viewer", password=PASSWORD, is_active=False)
    answers = set()
    for email, password in [(known.email, "wrong"), ("nobody@example.org", PASSWORD), (closed.email, PASSWORD)]:
        response = sign_in(client, email, password)
        assert response.status_code == 200
        answers.add(re.sub(r'value="[^"]*"|content="[^"]*"', "", response.content.decode()))
    assert len(answers) == 1


@pytest.mark.parametrize("is_known", [True, False])
def test_after_five_failures_even_the_right_password_waits(client: Client, is_known: bool) -> None:
    person = make_person(make_organization(), "viewer", password=PASSWORD)
    email = person.email if is_known else "nobody@example.org"
    for _ in range(5):
        assert sign_in(client, email, "wrong").status_code == 200
    response = sign_in(client, email, PASSWORD)
    assert response.status_code == 429
    assert "Too many attempts. Try again in 1 minute" in response.content.decode()
    assert "_auth_user_id" not in client.session


def test_a_pause_is_for_one_address_and_ends() -> None:
    now = timezone.now()
    with time_machine.travel(now, tick=False) as clock:
        for _ in range(5):
            admit_attempt(email="a@example.org", address="10.0.0.1")
        with pytest.raises(TooManyAttempts):
            admit_attempt(email="A@example.org ", address="10.0.0.1")
        admit_attempt(email="a@example.org", address="10.0.0.2")
        clock.shift(timedelta(seconds=31))
        admit_attempt(email="a@example.org", address="10.0.0.1")
        clock.shift(timedelta(seconds=31))
        with pytest.raises(TooManyAttempts):
            admit_attempt(email="a@example.org", address="10.0.0.1")


def test_pauses_double_up_to_an_hour() -> None:
    pauses = [BY_ADDRESS.pause_after(failures) for failures in (4, 5, 6, 7, 50)]
    assert pauses == [
        timedelta(0),
        timedelta(seconds=30),
        timedelta(minutes=1),
        timedelta(minutes=2),
        timedelta(hours=1),
    ]


def test_many_addresses_do_not_get_around_the_accounts_own_limit_which_a_reset_lifts() -> None:
    for number in range(BY_ACCOUNT.free):
        admit_attempt(email="a@example.org", address=f"10.0.1.{number}")
    with pytest.raises(TooManyAttempts):
        admit_attempt(email="a@example.org", address="10.0.2.1")
    forgive_account(email="a@example.org")
    admit_attempt(email="a@example.org", address="10.0.2.2")


def test_success_forgives_and_quiet_rows_are_swept() -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(4):
            admit_attempt(email="a@example.org", address="10.0.0.1")
        forgive_attempts(email="a@example.org", address="10.0.0.1")
        for _ in range(4):
            admit_attempt(email="a@example.org", address="10.0.0.1")
        clock.shift(timedelta(days=2))
        admit_attempt(email="b@example.org", address="10.0.0.1")
        assert SignInFailures.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_guessing_all_at_once_passes_no_more_often() -> None:
    results = race(*[lambda: admit_attempt(email="a@example.org", address="10.0.0.1")] * 20)
    assert sum(result is None for result in results) == 5
    assert all(result is None or isinstance(result, TooManyAttempts) for result in results), results


def test_the_table_of_failures_names_nobody() -> None:
    admit_attempt(email="a@example.org", address="10.0.0.1")
    assert "example" not in str(list(SignInFailures.objects.values()))


def test_asking_for_a_link_answers_everybody_alike(client: Client) -> None:
    person = make_person(make_organization(), "viewer")
    answers = [client.post(reverse("password-reset"), {"email": email}) for email in (person.email, "no@example.org")]
    assert {(answer.status_code, answer.url) for answer in answers} == {(302, reverse("password-reset-done"))}
    for _ in range(5):
        assert client.post(reverse("password-reset"), {"email": person.email}).url == reverse("password-reset-done")


def test_a_link_is_mailed_to_active_accounts_alone_and_works_once(client: Client) -> None:
    organization = make_organization()
    person = make_person(organization, "viewer")
    make_person(organization, "viewer", email="closed@example.org", is_active=False)
    for email in (person.email.upper(), "closed@example.org", "no@example.org"):
        mail_password_link(email)
    assert [message.to for message in mail.outbox] == [[person.email]]
    path = re.search(r"http://127\.0\.0\.1:8000(\S+)", mail.outbox[0].body)[1]  # type: ignore[index]
    form_url = client.get(path).url
    chosen = {"new_password1": PASSWORD, "new_password2": PASSWORD}
    assert client.post(form_url, {**chosen, "new_password2": "other"}).status_code == 200
    assert client.post(form_url, chosen).url == reverse("password-reset-complete")
    assert User.objects.get(pk=person.pk).check_password(PASSWORD)
    assert entries_of(organization) == ["person.password_set"]
    assert "no longer works" in Client().get(path).content.decode()


def test_a_changed_password_ends_other_sessions_and_keeps_this_one(client: Client) -> None:
    person = make_person(make_organization(), "viewer", password=PASSWORD)
    other = Client()
    for browser in (client, other):
        sign_in(browser, person.email, PASSWORD)
    form = {"old_password": PASSWORD, "new_password1": "another horse 77", "new_password2": "another horse 77"}
    assert client.post(reverse("password-change"), form).url == reverse("password-change-done")
    assert client.get(reverse("overview")).status_code == 200
    assert other.get(reverse("overview")).status_code == 302


def test_a_closed_account_loses_its_session(client: Client) -> None:
    person = make_person(make_organization(), "viewer", password=PASSWORD)
    sign_in(client, person.email, PASSWORD)
    User.objects.filter(pk=person.pk).update(is_active=False)
    assert client.get(reverse("overview")).status_code == 302


def test_the_header_of_a_proxy_counts_only_where_one_stands(client: Client, settings: Any) -> None:
    for number in range(5):
        sign_in(client, "a@example.org", "wrong", HTTP_X_FORWARDED_FOR=f"1.2.3.{number}")
    assert sign_in(client, "a@example.org", "wrong", HTTP_X_FORWARDED_FOR="1.2.3.99").status_code == 429
    settings.IS_HTTPS = True
    response = sign_in(client, "a@example.org", "wrong", HTTP_X_FORWARDED_FOR="6.6.6.6, 1.2.3.99")
    assert response.status_code == 200
