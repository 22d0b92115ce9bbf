"""Pages of long lists by their position in a stable order: nothing is counted, nothing is skipped or shown twice while
rows come and go, and the tenth page costs what the first one does."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.http import HttpRequest

from governance.canonical import InvalidJson, parse_ijson

Row = TypeVar("Row", bound=models.Model)
PAGE_SIZE = 50
AFTER, BEFORE = "after", "before"
LONGEST_CURSOR = 400


@dataclass(frozen=True, slots=True)
class KeysetPage(Generic[Row]):
    """`is_first` says that no cursor was asked for, or one that could not be read."""

    rows: list[Row]
    previous_url: str
    next_url: str
    is_first: bool


def take_keyset_page(
    request: HttpRequest, rows: models.QuerySet[Any], order: tuple[str, ...], size: int | None = None
) -> KeysetPage[Any]:
    """The page that `?after=` or `?before=` asks for. `order` names concrete, never-null fields of the model, "-" for
    descending; the last one must be unique. A cursor that can't be read means the first page."""
    size = size or PAGE_SIZE
    for name, is_backward in ((AFTER, False), (BEFORE, True)):
        place = _read_cursor(rows.model, order, request.GET.get(name, ""))
        if place is not None:
            return _page_beside(request, rows, order, size, place, is_backward=is_backward)
    return _first_page(request, rows, order, size)


def _first_page(request: HttpRequest, rows: models.QuerySet[Any], order: tuple[str, ...], size: int) -> KeysetPage[Any]:
    taken = list(rows.order_by(*order)[: size + 1])
    shown = taken[:size]
    next_url = _address(request, AFTER, shown[-1], order) if len(taken) > size else ""
    return KeysetPage(rows=shown, previous_url="", next_url=next_url, is_first=True)


def _page_beside(
    request: HttpRequest,
    rows: models.QuerySet[Any],
    order: tuple[str, ...],
    size: int,
    place: list[Any],
    *,
    is_backward: bool,
) -> KeysetPage[Any]:
    walked = tuple(_reverse(name) for name in order) if is_backward else order
    taken = list(rows.filter(_beyond(walked, place)).order_by(*walked)[: size + 1])
    shown, has_more = taken[:size], len(taken) > size
    if is_backward:
        if not has_more:
            # The way back has reached the top: a full first page is what was meant.
            return _first_page(request, rows, order, size)
        shown.reverse()
    if not shown:
        return _first_page(request, rows, order, size)
    return KeysetPage(
        rows=shown,
        previous_url=_address(request, BEFORE, shown[0], order),
        next_url=_address(request, AFTER, shown[-1], order) if is_backward or has_more else "",
        is_first=False,
    )


def _beyond(order: tuple[str, ...], place: list[Any]) -> Q:
    """What stands after a place: the first field further on, or equal and the second further on, and so forth."""
    beyond, equal = Q(pk__in=[]), Q()
    for name, value in zip(order, place, strict=True):
        field = name.removeprefix("-")
        beyond |= equal & Q(**{f"{field}__{'lt' if name.startswith('-') else 'gt'}": value})
        equal &= Q(**{field: value})
    return beyond


def _reverse(name: str) -> str:
    return name[1:] if name.startswith("-") else f"-{name}"


def _address(request: HttpRequest, direction: str, row: models.Model, order: tuple[str, ...]) -> str:
    parameters = request.GET.copy()
    parameters.pop(AFTER, None)
    parameters.pop(BEFORE, None)
    fields: list[Any] = [row._meta.get_field(name.removeprefix("-")) for name in order]
    values = [field.value_to_string(row) for field in fields]
    text = json.dumps(values, separators=(",", ":")).encode()
    parameters[direction] = base64.urlsafe_b64encode(text).decode().rstrip("=")
    return f"?{parameters.urlencode()}"


def _read_cursor(model: type[models.Model], order: tuple[str, ...], cursor: str) -> list[Any] | None:
    if not 0 < len(cursor) <= LONGEST_CURSOR:
        return None
    try:
        values = parse_ijson(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        if not isinstance(values, list) or len(values) != len(order):
            return None
        return [
            _read_value(model._meta.get_field(name.removeprefix("-")), value)
            for name, value in zip(order, values, strict=True)
        ]
    except (ValueError, OverflowError, ValidationError, InvalidJson):
        return None


def _read_value(field: Any, value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("a cursor holds texts")
    read = field.to_python(value)
    if isinstance(field, models.DateTimeField):
        if read is None or read.tzinfo is None:
            raise ValueError("an instant needs its offset")
        read = read.astimezone(UTC)
    if isinstance(field, models.IntegerField) and not -(2**63) <= read < 2**63:
        raise ValueError("too large for the database")
    return read
