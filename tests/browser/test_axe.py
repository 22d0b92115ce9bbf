"""Every page, as people see it who may see most and who may see least: usable, quiet, and whole, in both themes, wide and
narrow. What is opened is read from the table of all addresses, so that a new page is held to it by itself."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from django.test import Client

from governance.models import User
from tests.browser.scenes import Office, open_office, sign_in
from tests.contract.access import ACCESS
from tests.contract.test_access_matrix import ROUTES, address, is_api

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.django_db(transaction=True)
AXE = AXE_FILE_PATH.read_text()
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
# A theme changes colours alone: the other rules are asked once for each width.
LOOKS: tuple[tuple[Any, str, list[str] | None], ...] = (
    (WIDE, "light", None),
    (WIDE, "dark", ["color-contrast"]),
    (NARROW, "dark", ["color-contrast"]),
    (NARROW, "light", None),
)
PARTS = 2
# Swagger UI puts a copy button into the button that opens an operation; its markup is not ours.
OTHERS = {"api-docs": ["nested-interactive"]}
FIND_FAULTS = """async ([rules, without]) => {
  const options = {resultTypes: ["violations"], preload: false};
  if (rules) options.runOnly = {type: "rule", values: rules};
  else options.rules = Object.fromEntries(without.map((rule) => [rule, {enabled: false}]));
  const found = (await axe.run(document, options)).violations
    .filter((one) => one.impact === "serious" || one.impact === "critical")
    .map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((node) => `${node.target} ${node.any[0]?.message ?? ""}`).join("; ")}`);
  const page = document.scrollingElement;
  if (page.scrollWidth > page.clientWidth) {
    const wide = [...document.body.querySelectorAll("*")].filter((one) => one.getBoundingClientRect().right > page.clientWidth + 1);
    const named = wide.slice(0, 3).map((one) => `${one.tagName}.${one.className}`);
    found.push(`scrolls sideways: ${page.scrollWidth} px of ${page.clientWidth}, ${named.join(", ")}`);
  }
  return found;
}"""


def pages_for(office: Office, visitor: str, person: User, part: int) -> Iterator[str]:
    """Addresses of one part that answer this person with a page."""
    client = Client()
    client.force_login(person)
    roles = set(office.scene.organization.memberships.filter(user=person).values_list("role", flat=True))
    paths = [
        address(office.scene, name, visitor) + access.query
        for name in ROUTES
        for access in ACCESS.get(name, ())
        if access.method == "get" and not is_api(name) and roles & access.roles
    ]
    # The further pages differ by what stands in them, not by who looks.
    for path in [*paths, *(office.more if person == office.everybody else ())][part::PARTS]:
        answer = client.get(path)
        if answer.status_code == 200 and answer["Content-Type"].startswith("text/html"):
            yield path


def faults_of(page: "Page", url: str, without: list[str]) -> list[str]:
    """What is wrong with one page, in each of its looks."""
    said: list[str] = []
    listen = lambda message: said.append(f"console: {message.text}") if message.type == "error" else None  # noqa: E731
    page.on("console", listen)
    page.goto(url, wait_until="load")
    # The API's page builds itself by script.
    page.locator("h1").first.wait_for(state="attached")
    page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true; })")
    page.evaluate(AXE)
    if (titles := page.locator("h1").count()) != 1:
        said.append(f"{titles} h1")
    for size, theme, rules in LOOKS:
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
        said += [f"{size['width']} {theme}: {fault}" for fault in page.evaluate(FIND_FAULTS, [rules, without])]
    page.remove_listener("console", listen)
    return said


# In parts, so that several processes share the pages.
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("visitor", ["admin", "viewer"])
def test_every_page_can_be_used_by_everybody(live_service: str, browser_page: "Page", visitor: str, part: int) -> None:
    office = open_office(hostile=True)
    person = office.everybody if visitor == "admin" else office.scene.people[visitor]
    sign_in(browser_page, live_service, person)
    browser_page.set_viewport_size(WIDE)
    others = {address(office.scene, name, visitor): rules for name, rules in OTHERS.items()}
    walked = {
        path: faults_of(browser_page, live_service + path, others.get(path, []))
        for path in list(pages_for(office, visitor, person, part))
    }
    assert len(walked) > 20 / PARTS
    faults = "\n".join(f"{path}\n    {fault}" for path, found in walked.items() for fault in found)
    assert not faults, f"not fit for everybody:\n{faults}"
