"""The console as its owner sees it: signed in with a password, page after page, as text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from types import TracebackType
from typing import Self

import httpx

from examples.owner import Stuck

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
SILENT = frozenset({"script", "style", "template", "svg", "button"})
# What ends a line of text; everything else is part of one.
BLOCKS = frozenset({"p", "li", "h1", "h2", "h3", "dt", "dd", "div", "section", "tr", "header", "nav", "main", "aside"})


class Console:
    """A browser without a screen."""

    def __init__(self, url: str) -> None:
        self._http = httpx.AsyncClient(base_url=url, timeout=30, follow_redirects=True)

    async def sign_in(self, email: str, password: str) -> None:
        """Raises Stuck where the console refuses."""
        answer = await self._send("/sign-in/", "/sign-in/", {"username": email, "password": password})
        if answer.status_code != 200 or answer.url.path == "/sign-in/":
            raise Stuck(f"{email} could not sign in: {answer.status_code}.")

    async def fill_in(self, page: str, fields: Mapping[str, str], *, action: str = "") -> None:
        """Fill in a form that a page shows and send it, to `action` where that is another address. Raises Stuck where it is
        refused."""
        answer = await self._send(page, action or page, fields)
        if answer.status_code != 200 or answer.url.path == "/sign-in/":
            raise Stuck(f"{action or page} answers {answer.status_code}: {' '.join(read_lines(answer.text))[:400]}")

    async def _send(self, page: str, action: str, fields: Mapping[str, str]) -> httpx.Response:
        shown = await self._http.get(page)
        token = TOKEN.search(shown.text)
        if token is None:
            raise Stuck(f"{page} has no form.")
        sent = {**fields, "csrfmiddlewaretoken": token[1]}
        return await self._http.post(action, data=sent, headers={"Referer": str(shown.url)})

    async def lines_of(self, path: str) -> list[str]:
        """The text of a page, from its heading on, line by line. Raises Stuck where it is not shown."""
        answer = await self._http.get(path)
        if answer.status_code != 200 or answer.url.path == "/sign-in/":
            raise Stuck(f"{path} answers {answer.status_code}.")
        return read_lines(answer.text)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()


def read_lines(page: str) -> list[str]:
    """The lines of a page's main part as a reader sees them, the heading first."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    joined = (" ".join("".join(parts).split()) for parts in reader.lines)
    lines = [line for line in joined if line]
    return lines[lines.index(reader.heading) :] if reader.heading in lines else lines


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[list[str]] = [[]]
        self.heading = ""
        self._silent = 0
        self._is_heading = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in SILENT
        if tag in BLOCKS:
            self.lines.append([])
        self._is_heading = self._is_heading or tag == "h1"

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in SILENT
        if tag == "h1":
            self.heading = " ".join("".join(self.lines[-1]).split())
            self._is_heading = False
        if tag in BLOCKS:
            self.lines.append([])

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.lines[-1].append(data)
