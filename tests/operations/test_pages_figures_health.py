"""A system's page: what changed and since when comes first, every number can be opened, and nothing is made up."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from evaluations.models import Release
from governance.models import AISystem
from operations.figure_selectors import Period, figures_of
from operations.services.rollups import rebuild
from operations.web.figure_charts import decisions_url, gather_for_errors, when_words
from reviews.models import Decision
from tests.factories import make_decision, make_organization, make_person, make_system, put_in_force
from tests.operations.figure_scenes import make_decisions_of_every_kind, make_roll_up, this_hour
from tests.operations.watch_scenes import make_alarm, make_incident, make_monitor
from tests.reviews.console import HOSTILE, assert_harmless

pytestmark = pytest.mark.django_db


@pytest.fixture
def system(client: Client) -> AISystem:
    """A system, with its owner signed in."""
    made = make_system(make_organization())
    client.force_login(made.owner)
    return made


def look(client: Client, system: AISystem, **query: str) -> Any:
    return client.get(reverse("system-health", args=[system.slug]), query)


def words_of(answer: Any) -> str:
    """What stands on the page, without its markup."""
    text = " ".join(unescape(re.sub(r"<[^>]*>", " ", answer.content.decode())).split())
    return re.sub(r" ([.,;:])", r"\1", text)


def test_what_changed_and_since_when_comes_before_every_figure(client: Client, system: AISystem) -> None:
    make_roll_up(system)
    since = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    incident = make_incident(system, title="Escalations doubled", severity="critical")
    make_alarm(incident, title="Escalations rose from 10 % to 24 %.", summary="Since the new release.", since_at=since)
    answer = look(client, system)
    body, words = answer.content.decode(), words_of(answer)
    assert "Escalations rose from 10 % to 24 %. Since 1 Mar, 09:30 UTC" in words
    assert "Since the new release." in words and "not acknowledged yet" in words
    assert body.index("Escalations rose from") < body.index('class="tabs"') < body.index('<dl class="stats')
    assert reverse("incident-detail", args=[incident.pk]) in body


def test_an_open_breaker_says_since_when_and_why(client: Client, system: AISystem) -> None:
    AISystem.objects.update(
        breaker="open", breaker_reason="Bookings fail.", breaker_changed_at=datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    )
    words = words_of(look(client, system))
    assert "The breaker is open since 1 Mar, 09:30 UTC." in words and "Bookings fail." in words
    AISystem.objects.update(breaker="half_open", breaker_share=0.1)
    assert "The breaker is half open" in words_of(look(client, system))
    assert "10.0 % of what policy allows acts again" in words_of(look(client, system))


def test_an_alarm_without_an_open_incident_stands_while_its_monitor_is_alarmed(
    client: Client, system: AISystem
) -> None:
    monitor = make_monitor(system, status="alarmed")
    make_alarm(monitor=monitor, title="An older change.", detected_at=timezone.now() - timedelta(days=40))
    make_alarm(make_incident(system, status="resolved"), monitor, title="A later change.", detected_index=4_300)
    trouble = look(client, system).context["trouble"]
    assert [alarm.title for alarm in trouble.loose_alarms] == ["A later change."]
    monitor.status = "watching"
    monitor.save()
    assert look(client, system).context["trouble"].loose_alarms == []


def test_the_worst_incident_stands_first(client: Client, system: AISystem) -> None:
    for number, severity in enumerate(("notice", "critical", "warning")):
        make_alarm(make_incident(system, severity=severity, fingerprint=severity), detected_index=number)
    opened = look(client, system).context["trouble"].incidents
    assert [one.incident.severity for one in opened] == ["critical", "warning", "notice"]
    assert [len(one.alarms) for one in opened] == [1, 1, 1]


def test_quiet_learning_and_unwatched_are_three_sentences(client: Client, system: AISystem) -> None:
    assert "Not watched." in words_of(look(client, system))
    monitor = make_monitor(system, status="learning")
    assert "Still learning. 1 of 1 monitors still learn what is usual" in words_of(look(client, system))
    monitor.status = "watching"
    monitor.save()
    assert "No change noticed. 1 monitor watches" in words_of(look(client, system))


def test_a_time_without_decisions_says_so_and_draws_nothing(client: Client, system: AISystem) -> None:
    answer = look(client, system, range="30d")
    assert "No decision in this time" in words_of(answer)
    assert '<svg viewBox="0 0 560' not in answer.content.decode()


@pytest.mark.parametrize(
    "query", [{"range": "1y"}, {"from": "yesterday"}, {"from": "2026-01-02", "to": "2026-01-01"}, {"to": "2026-01-01"}]
)
def test_a_time_that_cannot_be_read_is_refused_with_what_may_be_asked(
    client: Client, system: AISystem, query: dict[str, str]
) -> None:
    answer = look(client, system, **query)
    assert answer.status_code == 422
    assert "This time can't be read" in words_of(answer) and "?range=90d" in answer.content.decode()


def test_two_dates_are_a_time(client: Client, system: AISystem) -> None:
    make_roll_up(system, starts_at=datetime(2026, 3, 4, 9, tzinfo=UTC), decisions=7)
    answer = look(client, system, **{"from": "2026-03-01", "to": "2026-03-05"})
    assert "1 Mar 2026, 00:00 to 6 Mar 2026, 00:00 UTC" in words_of(answer)
    assert answer.context["total"].decisions == 7


def test_a_rate_is_compared_with_the_time_before_with_its_interval(client: Client, system: AISystem) -> None:
    make_roll_up(system, decisions=1000, allowed=760, asked=240)
    make_roll_up(system, starts_at=this_hour() - timedelta(days=8), decisions=1000, allowed=880, asked=120)
    assert "24.0 % 240 of 1,000 12.0 points up (95 %: +8.7 to +15.3 points)" in words_of(look(client, system))


def test_every_chart_has_a_name_and_a_table_with_the_same_numbers(client: Client, system: AISystem) -> None:
    counts = {"ruled": 8, "overridden": 2, "outcomes": 9, "failed": 1, "resolution_known": 8, "resolved": 6}
    make_roll_up(
        system,
        decisions=20,
        allowed=10,
        asked=10,
        priced=20,
        cost_micros=84_000,
        latency_known=20,
        latency_buckets={"60": 20},
        certain_selected=10,
        certain_ruled=8,
        certain_errors=2,
        **counts,
    )
    body = look(client, system, range="24h").content.decode()
    figures = re.findall(r'<figure class="chart card".*?</figure>', body, re.DOTALL)
    drawn = [one for one in figures if "<svg" in one]
    assert len(figures) == 9 and len(drawn) >= 8
    for one in drawn:
        assert re.search(r'<g role="img" aria-label="[^"]{10,}">', one)
        assert one.count("<tr>") == 25 or "Error rate" in one
        assert 'tabindex="-1"' in one and "<details" in one
    for words in (
        "20 decisions: 10 allowed, 10 sent to people.",
        "25.0\u00a0%, 2 of 8 rulings",
        "$0.084 for 20 decisions.",
    ):
        assert words in body, words


def test_too_few_reviews_are_said_and_no_rate_of_the_reviewed_is_shown(client: Client, system: AISystem) -> None:
    make_roll_up(
        system,
        decisions=1000,
        allowed=1000,
        sampled_population=600,
        sampled_selected=12,
        sampled_ruled=4,
        sampled_weight=200.0,
        sampled_weight_errors=50.0,
        sampled_spread=9800.0,
        sampled_spread_errors=2450.0,
        judged=4,
        judged_wrong=1,
        unreviewable=400,
    )
    words = words_of(look(client, system))
    assert re.search(r"Not enough reviews: \d+ more\. A rate over so few rulings would be a guess", words)
    assert "8 of 12 that were selected for people are not ruled on yet." in words
    assert "400 decisions (40.0 %) went ahead and could never have been reviewed" in words
    assert "25.0 %" not in words


def test_the_error_rate_has_its_interval_where_there_are_enough_reviews(client: Client, system: AISystem) -> None:
    make_roll_up(
        system, decisions=300, allowed=0, asked=300, certain_selected=300, certain_ruled=300, certain_errors=30
    )
    answer = look(client, system, range="24h")
    error = answer.context["total"].error
    assert error.rate == pytest.approx(0.1)
    assert "10.0 %" in words_of(answer) and "300 decisions that could have been reviewed" in words_of(answer)
    assert len(gather_for_errors([])) == 0


COUNTED = {
    "decisions": {},
    "allowed": {"counted": "allowed"},
    "asked": {"counted": "asked"},
    "blocked": {"counted": "blocked"},
    "diverted": {"counted": "diverted"},
    "ruled": {"counted": "ruled"},
    "overridden": {"counted": "overridden"},
    "judged_wrong": {"counted": "wrong"},
    "failed": {"outcome": "failed"},
    "resolved": {"counted": "resolved"},
    "unreviewable": {"counted": "unreviewable"},
}


def test_each_number_opens_exactly_the_decisions_that_it_counts(client: Client, system: AISystem) -> None:
    hour = this_hour() - timedelta(hours=3)
    make_decisions_of_every_kind(system, hour + timedelta(minutes=10))
    make_decision(system, created_at=hour - timedelta(minutes=1))
    rebuild(system=system)
    period = Period(hour, hour + timedelta(hours=1), "hour")
    figures = figures_of(system, period)
    for name, filters in COUNTED.items():
        answer = client.get(decisions_url(system.slug, period.since, period.until, **filters))
        assert answer.status_code == 200
        assert getattr(figures, name) > 0, name
        assert len(answer.context["page"].rows) == getattr(figures, name), name
    reviewed = client.get(decisions_url(system.slug, period.since, period.until, counted="reviewed"))
    assert len(reviewed.context["page"].rows) == figures.certain_ruled + figures.sampled_ruled


def test_a_cut_leads_to_its_decisions_and_what_was_not_sent_to_none(client: Client, system: AISystem) -> None:
    at = this_hour() - timedelta(hours=3)
    make_decisions_of_every_kind(system, at)
    rebuild(system=system)
    answer = look(client, system)
    cut = next(one for one in answer.context["cuts"] if one.code == "release")
    by_value = {row[0].text: (row[0].url, row[1].text) for row in cut.rows}
    assert by_value["r1"][1] == "2" and by_value["(none)"][0] == ""
    assert len(client.get(by_value["r1"][0]).context["page"].rows) == 2
    (label,) = answer.context["failures"]
    assert (label.label, label.cumulated) == ("tone", "100.0\u00a0%")
    assert len(client.get(label.url).context["page"].rows) == label.count


def see_release(system: AISystem, name: str, *, at: datetime) -> None:
    Release.objects.create(
        organization_id=system.organization_id, system=system, name=name, first_seen_at=at, created_at=at
    )


def test_releases_policies_and_alarms_are_marked(client: Client, system: AISystem) -> None:
    make_roll_up(system)
    see_release(system, "2026.3", at=timezone.now())
    version = put_in_force(system)
    make_alarm(make_incident(system, title="It changed"), title="It changed.")
    kinds = {one.what.kind: one for one in look(client, system).context["happenings"]}
    assert set(kinds) == {"release", "policy", "alarm", "incident"}
    assert kinds["policy"].url == reverse("policy-version", args=[version.policy_id, version.number])
    assert kinds["release"].what.title == "2026.3"


def test_a_release_that_is_older_is_not_new(client: Client, system: AISystem) -> None:
    make_roll_up(system)
    see_release(system, "2026.3", at=timezone.now() - timedelta(days=20))
    assert look(client, system).context["happenings"] == []


def test_hostile_names_stay_text(client: Client, system: AISystem) -> None:
    make_roll_up(system)
    for dimension in ("release", "action", "model", "rule", "label"):
        make_roll_up(system, dimension=dimension, value=HOSTILE[:255])
    make_alarm(make_incident(system, title=HOSTILE[:300]), title=HOSTILE[:300], summary=HOSTILE, segment=HOSTILE[:300])
    assert_harmless(look(client, system))


def test_the_queries_do_not_grow_with_the_time(
    client: Client, system: AISystem, django_assert_max_num_queries: Any
) -> None:
    for day in range(0, 60, 3):
        make_roll_up(system, starts_at=this_hour() - timedelta(days=day))
        make_roll_up(system, starts_at=this_hour() - timedelta(days=day), dimension="model", value=f"m{day}")
    make_alarm(make_incident(system))
    client.post(reverse("switch-organization"), {"organization": system.organization.slug})
    look(client, system)
    for range_ in ("24h", "90d"):
        with django_assert_max_num_queries(13):
            assert look(client, system, range=range_).status_code == 200


def test_another_organizations_system_is_not_there(client: Client, system: AISystem) -> None:
    client.force_login(make_person(make_organization(), "owner"))
    assert look(client, system).status_code == 404


def test_a_filter_that_is_not_known_is_refused(client: Client, system: AISystem) -> None:
    assert client.get(reverse("decision-list"), {"counted": "everything"}).status_code == 422
    assert client.get(reverse("decision-list"), {"outcome": "lost"}).status_code == 422
    assert Decision.objects.count() == 0


def test_times_are_said_as_short_as_they_can_be() -> None:
    day = datetime(2026, 3, 4, tzinfo=UTC)
    hour = timedelta(hours=1)
    assert when_words(day + 14 * hour, day + 15 * hour) == "4 Mar 14:00"
    assert when_words(day, day + 6 * hour) == "4 Mar 00:00 to 06:00"
    assert when_words(day, day + timedelta(days=1)) == "4 Mar"
    assert when_words(day, day + timedelta(days=7)) == "4 Mar to 10 Mar"
    assert timezone.is_aware(day)
