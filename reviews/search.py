"""Finding decisions by words: PostgreSQL has the real search, SQLite a plain `icontains` (architecture.md)."""

from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL

# The expression of the index in reviews/migrations/0003, so that the planner finds it. The column goes by its bare name:
# inside a condition of another query Django gives the table an alias.
SEARCHED_INPUT = "to_tsvector('simple', left(input, 20000))"


def search_decisions(decisions: QuerySet[Any], words: str) -> QuerySet[Any]:
    """Decisions whose identifiers equal the words, or whose input contains them."""
    exact = Q(subject=words) | Q(external_id=words) | Q(trace_id=words) | Q(session_id=words) | Q(action_name=words)
    if connection.vendor == "postgresql":
        from reviews.models import DecisionPayload

        # The condition's text is ours; the words travel as a parameter.
        found = DecisionPayload.objects.annotate(
            is_found=RawSQL(f"{SEARCHED_INPUT} @@ plainto_tsquery('simple', %s)", [words])
        ).filter(is_found=True)
        return decisions.filter(exact | Q(pk__in=found.values("pk")))
    return decisions.filter(exact | Q(payload__input__icontains=words))
