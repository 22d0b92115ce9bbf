"""The month's report on paper: what a browser prints is a document on A4 with all of its text and none of the console."""

from __future__ import annotations

import re
import shutil
import subprocess
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from operations.services.reporting import attest_report, freeze_report
from tests.browser.scenes import sign_in
from tests.factories import actor_of
from tests.operations.report_scenes import MONTH, set_scene

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.django_db(transaction=True)
# A4 in points, as PDF counts (ISO 216: 210 × 297 mm).
A4 = (595, 842)


def test_the_report_prints_on_a4_with_its_text_and_without_the_console(
    live_service: str, browser_page: Page, tmp_path: Path
) -> None:
    system = set_scene().system
    actor = actor_of(system.owner, system.organization)
    report = freeze_report(actor=actor, system=system, month=MONTH)
    attest_report(actor=actor, report=report, statement="The open points are mine.")
    sign_in(browser_page, live_service, system.owner)
    browser_page.goto(f"{live_service}/reports/{system.slug}/2026-09/")
    browser_page.emulate_media(media="print")
    assert not browser_page.locator(".rail").is_visible() and not browser_page.locator("header.bar").is_visible()
    assert browser_page.locator(".no-print").filter(visible=True).count() == 0
    for wanted in ("In short", "What could not have been detected", "The open points are mine.", report.sha256):
        assert browser_page.get_by_text(wanted).first.is_visible()
    width = browser_page.evaluate("document.querySelector('.report').scrollWidth - document.body.clientWidth")
    assert width <= 0, "nothing is cut off at the paper's edge"
    printed = tmp_path / "report.pdf"
    browser_page.pdf(path=printed, prefer_css_page_size=True)
    sizes, pages = read_pages(printed.read_bytes())
    assert 4 <= pages <= 14
    assert {(round(width), round(height)) for width, height in sizes} <= {A4, (596, 842), (595, 841)}
    if shutil.which("pdftotext"):
        text = subprocess.run(
            ["pdftotext", "-layout", str(printed), "-"], capture_output=True, check=True
        ).stdout.decode()
        words = " ".join(text.split())
        for wanted in (
            "Ownership report",
            "September 2026",
            "3,920",
            "What could not have been detected",
            report.sha256,
        ):
            assert wanted in words
        assert "Sign out" not in words and "Unclaimed" not in words
        # Each page bears whose month it is, and its number.
        assert words.count("· September 2026") == pages and re.search(rf"{pages} ?/ ?{pages}", words)


def read_pages(pdf: bytes) -> tuple[list[tuple[float, float]], int]:
    """Sizes and number of pages, from the document's own objects, packed ones too."""
    packed = [_unpack(found) for found in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)]
    whole = b"\n".join([pdf, *packed])
    boxes = re.findall(rb"/MediaBox\s*\[\s*[\d.]+\s+[\d.]+\s+([\d.]+)\s+([\d.]+)", whole)
    return [(float(width), float(height)) for width, height in boxes], len(re.findall(rb"/Type\s*/Page\b(?!s)", whole))


def _unpack(stream: bytes) -> bytes:
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return b""
