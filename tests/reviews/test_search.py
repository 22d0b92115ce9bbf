"""Finding decisions by words: rare and common ones give the same decisions, in the list's order, of this organization alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from governance.models import AISystem
from reviews import search
from reviews.models import Decision
from tests.factories import make_decision, make_system

pytestmark = pytest.mark.django_db


def find(system: AISystem, words: str) -> list[str]:
    own = Decision.objects.filter(organization=system.organization_id)
    return [one.idempotency_key for one in search.search_decisions(own, words).order_by("-created_at", "-id")]


def say(system: AISystem, key: str, text: str = "", **fields: str) -> Decision:
    made = timezone.now() - timedelta(minutes=len(key))
    return make_decision(system, idempotency_key=key, input={"text": text}, created_at=made, **fields)


@pytest.mark.parametrize("most", [0, 5000], ids=["common", "rare"])
def test_words_find_inputs_and_identifiers_in_the_order_of_the_list(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "RARE_AT_MOST", most)
    system = make_system()
    say(system, "1", "A broken lamp came")
    say(system, "22", "The LAMP is fine")
    say(system, "333", "a sofa", subject="lamp")
    say(system, "4444", "a chair", external_id="lamp")
    say(system, "55555", "a chair", trace_id="lamp")
    say(system, "666666", "lamp and table", session_id="lamp")
    say(system, "7777777", "a chair", action={"name": "lamp", "arguments": {}}, action_name="lamp")
    say(system, "88888888", "a chair")
    assert find(system, "lamp") == ["1", "22", "333", "4444", "55555", "666666", "7777777"]
    assert find(system, "broken lamp") == ["1"]
    assert find(system, "wardrobe") == []


@pytest.mark.parametrize("most", [0, 5000], ids=["common", "rare"])
def test_another_organizations_decisions_are_not_found(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "RARE_AT_MOST", most)
    system, other = make_system(), make_system()
    say(other, "1", "A broken lamp", subject="lamp")
    say(system, "22", "a lamp")
    assert find(system, "lamp") == ["22"]


def test_rare_words_are_looked_up_and_common_ones_met() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one way only")
    system = make_system()
    say(system, "1", "A broken lamp")
    for most, is_met in ((0, True), (5000, False)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(search, "RARE_AT_MOST", most)
            with CaptureQueriesContext(connection) as asked:
                find(system, "lamp")
        assert len(asked) == 2
        assert ("UNION ALL" not in asked[1]["sql"]) is is_met


def test_words_with_signs_of_the_query_language_are_words() -> None:
    system = make_system()
    say(system, "1", "A broken lamp")
    for words in ("lamp & ! (", "'; DROP TABLE x; --", "lamp:*", "%"):
        find(system, words)
