"""Pages of short lists (people, systems, groups): one row too many is read instead of counting."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import models
from django.http import HttpRequest

Row = TypeVar("Row")
PAGE_SIZE = 50
# Offsets get slower as they grow; nobody turns two hundred pages of people.
LAST_PAGE = 200


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    rows: list[Row]
    previous_url: str
    next_url: str


def take_page(request: HttpRequest, rows: "models.QuerySet[Any] | Sequence[Any]", size: int = PAGE_SIZE) -> Page[Any]:
    """The page that `?page=` asks for; anything else than a number in bounds is the first one."""
    text = request.GET.get("page", "1")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 1
    number = min(max(number, 1), LAST_PAGE)
    taken = list(rows[(number - 1) * size : number * size + 1])
    return Page(
        rows=taken[:size],
        previous_url=_address(request, number - 1) if number > 1 else "",
        next_url=_address(request, number + 1) if len(taken) > size and number < LAST_PAGE else "",
    )


def _address(request: HttpRequest, number: int) -> str:
    parameters = request.GET.copy()
    parameters["page"] = str(number)
    return f"?{parameters.urlencode()}"
