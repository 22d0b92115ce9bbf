"""A rule is changed by two people in the browser, the next decision follows it, and one step leads back."""

from typing import TYPE_CHECKING

import httpx
import pytest

from governance.models import PolicyVersion
from tests.browser.scenes import sign_in
from tests.factories import make_key, make_person
from tests.governance.policies.texts import make_governed

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.django_db(transaction=True)


def ask(address: str, secret: str, name: str) -> str:
    body = {"input": {}, "action": {"name": "refund", "arguments": {"amount": 300.0}}}
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": name}
    answer = httpx.post(f"{address}/api/v1/decisions", json=body, headers=headers)
    assert answer.is_success, answer.text
    verdict: str = answer.json()["verdict"]
    return verdict


def test_two_people_change_a_rule(live_service: str, browser_page: "Page") -> None:
    page, governed = browser_page, make_governed()
    author = make_person(governed.organization, "policy_author", "policy_approver", name="Ada Author")
    approver = make_person(governed.organization, "policy_approver", name="Bo Approver")
    _, secret = make_key(governed.system)
    policy = f"{live_service}/policies/{governed.policy.pk}/"
    assert ask(live_service, secret, "before") == "review"

    sign_in(page, live_service, author)
    page.goto(policy)
    page.get_by_role("button", name="Draft a change").click()
    page.wait_for_url("**/draft/2/")
    text, checking = page.locator("#document"), page.locator("#checking")
    right = text.input_value().replace("> 200.0", "> 500.0")
    text.fill(right.replace("arguments.amount >", "argument.amount >"))
    checking.get_by_text("Did you mean").wait_for()
    assert "arguments" in checking.locator(".suggestion").first.inner_text()
    checking.get_by_role("link", name="line 7, column").click()
    assert page.evaluate("document.activeElement.id") == "document"
    text.fill(right)
    checking.get_by_text("The one test passes.").wait_for()
    assert "500" in checking.inner_text(), "what changes against the version in force"
    page.get_by_label("Why should the rules change?").fill("Finance trusts it up to 500")
    page.get_by_role("button", name="Save and submit").click()
    page.get_by_text("Version 2 awaits approval by another person.").wait_for()
    page.get_by_text("You wrote this text or a part of it").wait_for()
    assert page.get_by_role("button", name="Approve").count() == 0
    assert ask(live_service, secret, "submitted") == "review"

    sign_in(page, live_service, approver)
    page.goto(f"{live_service}/policies/")
    page.get_by_role("link", name="version 2").first.click()
    assert f"sha256:{PolicyVersion.objects.get(number=2).sha256}" in page.inner_text("main")
    assert (
        page.locator(".diff ins").first.inner_text() == "500.0" or "500.0" in page.locator(".diff").first.inner_text()
    )
    page.get_by_role("button", name="Approve version 2").click()
    page.get_by_role("button", name="Put version 2 into force").click()
    page.get_by_text("is in force").first.wait_for()
    assert ask(live_service, secret, "in force") == "allow"

    page.goto(policy)
    page.get_by_text("Roll back to version 1").first.click()
    page.get_by_label("Reason").fill("Too many refunds")
    page.get_by_role("button", name="Roll back to version 1").click()
    page.get_by_text("Version 1 is in force again.").wait_for()
    assert ask(live_service, secret, "rolled back") == "review"
    ledger = page.get_by_role("table", name="The ledger of activations").locator("tbody tr")
    assert [("rollback" in row, "Bo Approver" in row) for row in ledger.all_inner_texts()] == [
        (True, True),
        (False, True),
        (False, False),
    ]
    assert "Too many refunds" in ledger.first.inner_text()
    assert "Finance trusts it up to 500" in page.get_by_role("table", name="Versions").inner_text()
