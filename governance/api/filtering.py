"""Filters that refuse what they don't know: a misspelled filter must not look like an answer."""

from typing import Any

from django_filters.rest_framework import DjangoFilterBackend

from governance.errors import InvalidParameter

ALWAYS_ALLOWED = {"cursor", "page_size", "format"}


class StrictFilterBackend(DjangoFilterBackend):
    """django-filter, with unknown and invalid query parameters answered 400."""

    def filter_queryset(self, request: Any, queryset: Any, view: Any) -> Any:
        filterset = self.get_filterset(request, queryset, view)
        known = set(filterset.filters) if filterset is not None else set()
        unknown = sorted(set(request.query_params) - known - ALWAYS_ALLOWED)
        if unknown:
            names = ", ".join(sorted(known | {"cursor", "page_size"}))
            raise InvalidParameter(f"Unknown query parameter: {unknown[0][:80]}. Known here: {names}.")
        if filterset is None:
            return queryset
        if not filterset.is_valid():
            name, faults = next(iter(filterset.errors.items()))
            raise InvalidParameter(f"{name}: {faults[0]}")
        return filterset.qs
