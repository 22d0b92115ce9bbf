"""Lists by keyset: a cursor names the last row seen, so that no page counts or skips over a large table."""

from typing import Any

from django.core.exceptions import ValidationError
from rest_framework.pagination import CursorPagination

from governance.errors import InvalidParameter


class KeysetPagination(CursorPagination):
    """`next`, `previous`, `results`; `page_size` up to 100. A view's `ordering` must be stable."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 100
    ordering = "-id"

    def get_page_size(self, request: Any) -> int:
        text = request.query_params.get("page_size")
        if text is None:
            return self.page_size
        # Of "²" Python says that it is a digit, and int() that it is none.
        if not text.isascii() or not text.isdigit() or len(text) > 3 or not 1 <= int(text) <= 100:
            raise InvalidParameter("page_size must be a whole number from 1 to 100.")
        return int(text)

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> Any:
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValidationError, ValueError, OverflowError) as error:
            # The place that a cursor names is compared with a column only here: a tampered one is no instant, no id.
            if self.cursor_query_param not in request.query_params:
                raise
            raise InvalidParameter("cursor is not one that a list of ours gave.") from error

    def decode_cursor(self, request: Any) -> Any:
        try:
            return super().decode_cursor(request)
        except Exception as error:
            raise InvalidParameter("cursor is not one that a list of ours gave.") from error
