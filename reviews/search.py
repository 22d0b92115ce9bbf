"""Finding decisions by words: PostgreSQL has the real search, SQLite a plain `icontains` (architecture.md)."""

from typing import Any

from django.db import connection
from django.db.models import BooleanField, OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import RawSQL

from governance.models import Organization
from reviews.models import DecisionPayload
from reviews.queue_selectors import CappedCount

# The expression of the index in reviews/migrations/0003, so that the planner finds it. The column goes by its bare name:
# inside a condition of another query Django gives the table an alias.
SEARCHED_INPUT = "to_tsvector('simple', left(input, 20000))"
IDENTIFIERS = ("subject", "external_id", "trace_id", "session_id", "action_name")
# What more decisions than this contain is common: then the list's own order finds a page of them soon, one by one.
RARE_AT_MOST = 5000


def search_decisions(decisions: QuerySet[Any], words: str) -> QuerySet[Any]:
    """Decisions whose identifiers equal the words, or whose input contains them all.

    On PostgreSQL rare words are looked up in the indexes, and their decisions sorted; common ones are met by reading
    the list in its order. Which they are is asked here, in one query that stops counting early. A word that is common in other
    organizations and rare in this one reads this one's list to its end.
    """
    if connection.vendor != "postgresql":
        return decisions.filter(_equals(words) | Q(payload__input__icontains=words))
    # The condition's text is ours; the words travel as a parameter.
    contains = RawSQL(f"{SEARCHED_INPUT} @@ plainto_tsquery('simple', %s)", [words], BooleanField())
    payloads = DecisionPayload.objects.order_by().annotate(is_found=contains)
    branches = [payloads.filter(is_found=True).values("pk"), *_by_identifier(decisions, words)]
    if _is_common(branches):
        found = Subquery(payloads.filter(pk=OuterRef("pk")).values("is_found"), output_field=BooleanField())
        return decisions.filter(_equals(words) | Q(found))
    first, *others = branches
    return decisions.filter(pk__in=first.union(*others, all=True))


def _equals(words: str) -> Q:
    condition = Q()
    for name in IDENTIFIERS:
        condition |= Q(**{name: words})
    return condition


def _by_identifier(decisions: QuerySet[Any], words: str) -> list[QuerySet[Any]]:
    """One query for each, so that each has its index (partial: blank ones are not in it)."""
    plain = decisions.order_by()
    return [plain.filter(**{name: words}).exclude(**{name: ""}).values("pk") for name in IDENTIFIERS]


def _is_common(branches: list[QuerySet[Any]]) -> bool:
    """Whether more than RARE_AT_MOST match by one of the ways: one query, which reads no more of each."""
    counts = {f"n{number}": CappedCount(rows[: RARE_AT_MOST + 1]) for number, rows in enumerate(branches)}
    row = Organization.objects.order_by().values_list(*counts.values())[:1].get()
    return bool(max(row) > RARE_AT_MOST)
