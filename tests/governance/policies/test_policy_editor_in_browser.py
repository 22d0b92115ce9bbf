"""The editor with its script: checks while one types, leads to the fault, and asks before words are lost."""

from typing import Any

import pytest

from governance.models import PolicyVersion, User
from tests.governance.policies.texts import Governed, make_governed, policy_text

pytestmark = pytest.mark.django_db(transaction=True)
FAULTY = policy_text().replace("verdict: review\n    queue", "verdict: reviev\n    queue")


def open_editor(page: Any, address: str, governed: Governed, number: int) -> None:
    person = User.objects.get(pk=governed.author.user_id)
    person.set_password("correct horse battery")
    person.save()
    page.goto(f"{address}/sign-in/")
    page.fill("[name=username]", person.email)
    page.fill("[name=password]", "correct horse battery")
    page.press("[name=password]", "Enter")
    page.wait_for_url(lambda url: "sign-in" not in url)
    page.goto(f"{address}/policies/{governed.policy.pk}/draft/{number}/")


def test_faults_appear_while_one_types_and_lead_to_their_place(live_service: str, browser_page: Any) -> None:
    governed = make_governed()
    draft = governed.draft()
    open_editor(browser_page, live_service, governed, draft.number)
    browser_page.get_by_text("The one test passes.").wait_for()
    browser_page.fill("#document", FAULTY)
    link = browser_page.get_by_role("link", name="line 8, column 14")
    link.wait_for()
    link.click()
    caret = browser_page.evaluate("document.getElementById('document').selectionStart")
    assert FAULTY[caret:].startswith("reviev")
    assert browser_page.get_by_text("Not saved yet.").is_visible()
    assert PolicyVersion.objects.get(pk=draft.pk).source == draft.source


def test_the_playground_answers_in_place(live_service: str, browser_page: Any) -> None:
    governed = make_governed()
    open_editor(browser_page, live_service, governed, governed.draft().number)
    browser_page.fill("#context", '{"action": {"name": "refund", "arguments": {"amount": 900}}}')
    address = browser_page.url
    browser_page.get_by_role("button", name="Evaluate").click()
    browser_page.locator("#trial").get_by_text("action.arguments.amount").wait_for()
    assert browser_page.url == address


def test_a_save_by_the_keyboard_keeps_the_words(live_service: str, browser_page: Any) -> None:
    governed = make_governed()
    draft = governed.draft()
    open_editor(browser_page, live_service, governed, draft.number)
    browser_page.fill("#document", FAULTY)
    browser_page.press("#document", "Control+s")
    browser_page.get_by_text("The draft is saved.").wait_for()
    assert PolicyVersion.objects.get(pk=draft.pk).source == FAULTY


def test_leaving_with_unsaved_words_asks_first(live_service: str, browser_page: Any) -> None:
    governed = make_governed()
    open_editor(browser_page, live_service, governed, governed.draft().number)
    asked: list[str] = []

    def stay(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    browser_page.on("dialog", stay)
    address = browser_page.url
    browser_page.click("#document")
    browser_page.keyboard.type("# more words")
    browser_page.get_by_role("link", name="Policies", exact=True).first.click(no_wait_after=True)
    browser_page.wait_for_timeout(300)
    assert asked == ["beforeunload"] and browser_page.url == address
