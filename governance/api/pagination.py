"""Lists by keyset: a cursor names the last row seen, so that no page counts or skips over a large table."""

from typing import Any

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
        if not text.isdigit() or not 1 <= int(text) <= 100:
            raise InvalidParameter("page_size must be a whole number from 1 to 100.")
        return int(text)

    def decode_cursor(self, request: Any) -> Any:
        try:
            return super().decode_cursor(request)
        except Exception as error:
            raise InvalidParameter("cursor is not one that a list of ours gave.") from error
