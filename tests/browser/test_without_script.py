"""The console without JavaScript: forms, links and whole pages are enough for everything."""

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest

from evaluations.services.harvesting import harvest_corrections
from governance.models import ApiKey, PolicyVersion, User
from reviews.models import Decision, Escalation, Review
from reviews.services.resolution import release_due_rulings
from tests.browser.scenes import PASSWORD
from tests.factories import make_person
from tests.reviews.scenes import Desk, open_desk

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def plain_page(browser_page: "Page") -> Iterator["Page"]:
    """A page in a browser that runs no script."""
    browser = browser_page.context.browser
    assert browser is not None
    context = browser.new_context(java_script_enabled=False, accept_downloads=True)
    yield context.new_page()
    context.close()


def sign_in_by_hand(page: "Page", address: str, person: User) -> None:
    page.context.clear_cookies()
    page.goto(f"{address}/sign-in/")
    page.get_by_label("E-mail").fill(person.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    assert "/sign-in/" not in page.url


def join(desk: Desk, *roles: str) -> User:
    return make_person(desk.organization, *roles, password=PASSWORD)


def test_rulings_are_made_by_plain_forms(live_service: str, plain_page: "Page") -> None:
    page, desk = plain_page, open_desk()
    desk.queue(undo_window_s=600)
    first, second = desk.escalation(), desk.escalation()
    reviewer = join(desk, "reviewer")
    sign_in_by_hand(page, live_service, reviewer)

    page.goto(f"{live_service}/queue/unclaimed/")
    page.get_by_role("button", name="Take next").click()
    assert page.url.endswith(f"/review/{first.pk}/")
    page.get_by_label("Correct", exact=False).first.check()
    page.get_by_label("amount", exact=True).fill("150")
    page.get_by_role("button", name="Show what I change").click()
    assert page.locator("#ruling del").inner_text() == "900"
    page.get_by_role("button", name="Submit", exact=True).click()
    assert Review.objects.get().verdict == "correct"

    page.get_by_role("button", name="Undo").click()
    assert page.get_by_text("Taken back.").is_visible()
    first.refresh_from_db()
    assert first.status == Escalation.Status.CLAIMED

    page.get_by_label("Reject", exact=False).first.check()
    page.get_by_label("unsafe", exact=False).check()
    page.get_by_role("button", name="Submit and next").click()
    assert Review.objects.filter(verdict="reject").get().labels == ["unsafe"]
    assert page.url.endswith(f"/review/{second.pk}/"), "the next one is taken"

    page.get_by_role("button", name="give back").click()
    second.refresh_from_db()
    assert second.status == Escalation.Status.OPEN
    page.goto(f"{live_service}/queue/unclaimed/")
    page.get_by_role("button", name="Claim").click()
    second.refresh_from_db()
    assert (second.status, second.holder_id) == (Escalation.Status.CLAIMED, reviewer.pk)


def test_a_policy_is_changed_by_two_people(live_service: str, plain_page: "Page") -> None:
    page, desk = plain_page, open_desk()
    author, approver = join(desk, "policy_author"), join(desk, "policy_approver")
    policy = desk.system.policy
    sign_in_by_hand(page, live_service, author)
    page.goto(f"{live_service}/policies/{policy.pk}/")
    page.get_by_role("button", name="Draft a change").click()
    text = page.locator("#document")
    assert text.input_value() == PolicyVersion.objects.get(number=1).source
    text.fill(text.input_value().replace("verdict: block", "verdict: blok"))
    page.get_by_role("button", name="Check", exact=False).click()
    assert re.search(r"line \d+, column \d+", page.locator("#checking").inner_text())
    text.fill(text.input_value().replace("verdict: blok", "verdict: block").replace("> 200.0", "> 500.0"))
    page.get_by_label("Why should the rules change?").fill("Finance trusts it up to 500")
    page.get_by_role("button", name="Save and submit").click()
    version = PolicyVersion.objects.get(number=2)
    assert version.status == PolicyVersion.Status.SUBMITTED
    assert page.get_by_role("button", name="Approve").count() == 0

    sign_in_by_hand(page, live_service, approver)
    page.goto(f"{live_service}/policies/")
    page.get_by_role("link", name="version 2").first.click()
    page.get_by_role("button", name="Approve version 2").click()
    page.get_by_role("button", name="Put version 2 into force").click()
    assert desk.ask(action={"name": "refund", "arguments": {"amount": 300.0}}).status == Decision.Status.ALLOWED

    page.goto(f"{live_service}/policies/{policy.pk}/")
    page.get_by_text("Roll back to version 1").first.click()
    page.get_by_label("Reason").fill("Too many refunds")
    page.get_by_role("button", name="Roll back to version 1").click()
    assert page.get_by_text("Version 1 is in force again.").is_visible()
    assert desk.ask(action={"name": "refund", "arguments": {"amount": 300.0}}).status == Decision.Status.PENDING


def test_a_key_is_made_and_shown_once(live_service: str, plain_page: "Page") -> None:
    page, desk = plain_page, open_desk()
    sign_in_by_hand(page, live_service, join(desk, "admin"))
    page.goto(f"{live_service}/systems/{desk.system.slug}/")
    form = page.get_by_role("form", name="Make an API key")
    form.get_by_label("Name").fill("production")
    form.get_by_role("button", name="Make a key").click()
    secret = page.locator("#new-key").inner_text()
    body = {"input": {}, "action": {"name": "refund", "arguments": {"amount": 20.0}}}
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": "first"}
    answer = httpx.post(f"{live_service}/api/v1/decisions", json=body, headers=headers)
    assert (answer.status_code, answer.json()["status"]) == (201, "allowed")
    page.goto(f"{live_service}/systems/{desk.system.slug}/")
    assert secret not in page.content()
    assert ApiKey.objects.get(name="production").prefix in page.content()


def test_the_examples_are_downloaded(live_service: str, plain_page: "Page") -> None:
    page, desk = plain_page, open_desk()
    desk.queue(undo_window_s=0)
    reviewer = join(desk, "reviewer")
    escalation = desk.escalation()
    sign_in_by_hand(page, live_service, reviewer)
    page.goto(f"{live_service}/review/{escalation.pk}/")
    page.get_by_role("button", name="Claim it").click()
    page.get_by_label("Correct", exact=False).first.check()
    page.get_by_label("amount", exact=True).fill("150")
    page.get_by_role("button", name="Submit", exact=True).click()
    release_due_rulings()
    harvest_corrections()
    page.goto(f"{live_service}/datasets/")
    page.get_by_role("link", name=desk.system.name).first.click()
    page.get_by_role("link", name="Export", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as JSON lines").click()
    (line,) = download.value.path().read_text().splitlines()
    assert json.loads(line)["expected"]["action"]["arguments"]["amount"] == 150
