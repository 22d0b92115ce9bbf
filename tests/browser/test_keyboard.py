"""The reviewer's flow by the keyboard alone, and that a letter never does more than choose."""

from typing import TYPE_CHECKING

import pytest

from governance.models import User
from reviews.models import Decision, Escalation, Review
from tests.browser.scenes import sign_in
from tests.factories import make_person
from tests.reviews.scenes import BIG, Desk, open_desk

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.django_db(transaction=True)


def sit_down(page: "Page", address: str, **fields: bool) -> tuple[Desk, User, list[Escalation]]:
    """A reviewer before a queue of three, the first one first, who may take a ruling back for ten minutes."""
    desk = open_desk()
    desk.queue(undo_window_s=600)
    waiting = [desk.escalation(action={**BIG, "arguments": {"amount": amount}}) for amount in (900.0, 800.0, 700.0)]
    person = make_person(desk.organization, "reviewer", **fields)
    sign_in(page, address, person)
    page.goto(f"{address}/queue/unclaimed/")
    return desk, person, waiting


def press(page: "Page", *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def focused_row(page: "Page") -> int:
    found: int = page.evaluate(
        "[...document.querySelectorAll('[data-row]')].indexOf(document.activeElement.closest('[data-row]'))"
    )
    return found


def test_a_ruling_is_found_made_and_taken_back_without_a_mouse(live_service: str, browser_page: "Page") -> None:
    page = browser_page
    _, person, (first, second, _) = sit_down(page, live_service)
    press(page, "j", "j")
    assert focused_row(page) == 1
    press(page, "k")
    assert focused_row(page) == 0
    press(page, "Enter")
    page.wait_for_url(f"**/review/{first.pk}/")
    press(page, "c")
    page.get_by_text("Yours for").wait_for()
    press(page, "e")
    amount = page.get_by_label("amount", exact=True)
    amount.wait_for()
    while not amount.evaluate("(field) => field === document.activeElement"):
        press(page, "Tab")
    press(page, "Control+a")
    page.keyboard.type("150")
    press(page, "Escape", "1", "Control+Enter")
    page.wait_for_url(f"**/review/{second.pk}/")
    review = Review.objects.get()
    assert (review.verdict, review.escalation_id, review.reviewer_id) == ("correct", first.pk, person.pk)
    assert '"amount":150' in (review.correction or "") and len(review.labels) == 1
    page.locator("[data-undo]").wait_for()
    press(page, "z")
    page.wait_for_url(f"**/review/{first.pk}/")
    page.get_by_text("Taken back.").wait_for()
    first.refresh_from_db()
    assert (first.status, first.holder_id, first.decision.status) == ("claimed", person.pk, Decision.Status.PENDING)


def test_a_lone_letter_never_commits(live_service: str, browser_page: "Page") -> None:
    page = browser_page
    _, _, (first, *_) = sit_down(page, live_service)
    page.goto(f"{live_service}/review/{first.pk}/")
    press(page, "c")
    page.get_by_text("Yours for").wait_for()
    for key, verdict in zip(
        "aedtui", ("approve", "correct", "reject", "answer", "escalate", "need_information"), strict=True
    ):
        press(page, key)
        assert page.locator("input[name=verdict]:checked").get_attribute("value") == verdict
        press(page, "1", "x", "y", "q", "b", "Backspace")
    assert page.url.endswith(f"/review/{first.pk}/")
    assert not Review.objects.exists()
    first.refresh_from_db()
    assert first.status == Escalation.Status.CLAIMED


def test_letters_in_a_field_are_letters(live_service: str, browser_page: "Page") -> None:
    page = browser_page
    _, _, (first, *_) = sit_down(page, live_service)
    page.goto(f"{live_service}/review/{first.pk}/")
    press(page, "c")
    page.get_by_text("Yours for").wait_for()
    press(page, "m")
    page.keyboard.type("adz?c")
    assert page.get_by_label("Note for colleagues").input_value() == "adz?c"
    assert page.locator("input[name=verdict]:checked").count() == 0
    press(page, "Escape", "d")
    assert page.locator("input[name=verdict]:checked").get_attribute("value") == "reject"


def test_the_map_opens_and_closes(live_service: str, browser_page: "Page") -> None:
    page = browser_page
    sit_down(page, live_service)
    press(page, "?")
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("a letter chooses, it never commits").wait_for()
    press(page, "Escape")
    dialog.wait_for(state="hidden")
    assert page.url.endswith("/queue/unclaimed/")


def test_whoever_switches_letters_off_types_them_in_vain(live_service: str, browser_page: "Page") -> None:
    page = browser_page
    _, _, (first, *_) = sit_down(page, live_service)
    page.goto(f"{live_service}/preferences/")
    page.get_by_label("Single-key shortcuts").uncheck()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Your preferences are saved.").wait_for()
    page.goto(f"{live_service}/queue/unclaimed/")
    press(page, "j", "?", "n", "c")
    assert focused_row(page) == -1
    assert page.get_by_role("dialog").count() == 0
    assert page.url.endswith("/queue/unclaimed/")
    assert not Escalation.objects.exclude(status="open").exists()
    page.goto(f"{live_service}/review/{first.pk}/")
    page.get_by_role("button", name="Claim it").click()
    page.get_by_text("Yours for").wait_for()
    press(page, "a")
    assert page.locator("input[name=verdict]:checked").count() == 0
    page.get_by_label("Approve").check()
    press(page, "Control+Shift+Enter")
    page.locator("[data-undo]").wait_for()
    assert Review.objects.get().verdict == "approve"
