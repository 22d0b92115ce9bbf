"""The pages and endpoints of reports and improvements: what each visitor sees, signs, downloads; and what is refused."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.models import AISystem, Membership
from operations.models import ImprovementItem, Monitor, OwnershipReport
from operations.months import month_after, month_of, name_month
from operations.report_document import build_report_document
from operations.services.reporting import attest_report, freeze_report
from operations.web.report_words import difference_words, month_words, sight_words, sum_up
from tests.factories import actor_of, make_organization, make_person, make_system
from tests.operations.report_scenes import HOSTILE, MONTH, make_item, make_month, set_scene

pytestmark = pytest.mark.django_db


def sign_in(client: Client, system: AISystem) -> None:
    client.force_login(system.owner)


def freeze(system: AISystem) -> OwnershipReport:
    return freeze_report(actor=actor_of(system.owner, system.organization), system=system, month=MONTH)


def page_of(client: Client, system: AISystem, month: str = "2026-09") -> Any:
    return client.get(reverse("report-detail", args=[system.slug, month]))


def test_a_month_that_is_over_is_previewed_frozen_and_signed_on_its_page(client: Client) -> None:
    system = set_scene().system
    sign_in(client, system)
    preview = page_of(client, system).content.decode()
    assert "Preview." in preview and "Freeze it now" in preview
    assert client.post(reverse("report-freeze", args=[system.slug, "2026-09"])).status_code == 302
    frozen = page_of(client, system).content.decode()
    report = OwnershipReport.objects.get()
    assert report.sha256 in frozen and "Attest this report" in frozen
    attest = reverse("report-attest", args=[system.slug, "2026-09"])
    assert client.post(attest, {"statement": " "}).status_code == 422
    assert client.post(attest, {"statement": "Mine until <b>the 20th</b>."}).status_code == 302
    signed = page_of(client, system).content.decode()
    assert "Mine until &lt;b&gt;the 20th&lt;/b&gt;." in signed and "Attest this report" not in signed
    assert client.post(attest, {"statement": "Again"}).status_code == 302
    assert OwnershipReport.objects.get().statement == "Mine until <b>the 20th</b>."


def test_a_frozen_page_shows_the_document_and_not_the_rows_of_today(client: Client) -> None:
    system = set_scene().system
    freeze(system)
    system.roll_ups.filter(dimension="").update(decisions=1_000)
    AISystem.objects.filter(pk=system.pk).update(name="Another name")
    sign_in(client, system)
    body = page_of(client, system).content.decode()
    assert "3,920" in body and "28,000" not in body


def test_hostile_words_are_shown_and_never_run(client: Client) -> None:
    system = set_scene().system
    sign_in(client, system)
    for freezes in (False, True):
        if freezes:
            freeze(system)
        body = page_of(client, system).content.decode()
        assert "<script>alert" not in body and "&lt;script&gt;alert(1)&lt;/script&gt;" in body
        assert "\u202e" not in body and "{{ 7*7 }}" in body and HOSTILE not in body


def test_who_may_not_freeze_or_sign_finds_no_button_and_is_refused(client: Client) -> None:
    system = set_scene().system
    client.force_login(make_person(system.organization, "viewer"))
    assert "Freeze it now" not in page_of(client, system).content.decode()
    assert client.post(reverse("report-freeze", args=[system.slug, "2026-09"])).status_code == 403
    freeze(system)
    assert "Attest this report" not in page_of(client, system).content.decode()
    attest = reverse("report-attest", args=[system.slug, "2026-09"])
    assert client.post(attest, {"statement": "Mine"}).status_code == 403


def test_the_download_has_the_frozen_bytes_and_says_their_hash(client: Client) -> None:
    system = set_scene().system
    sign_in(client, system)
    address = reverse("report-document", args=[system.slug, "2026-09"])
    preview = client.get(address)
    report = freeze(system)
    frozen = client.get(address)
    assert preview.content == frozen.content == report.document.encode()
    digest = hashlib.sha256(frozen.content).digest()
    assert frozen["Repr-Digest"] == f"sha-256=:{base64.b64encode(digest).decode()}:"
    assert frozen["ETag"] == f'"{report.sha256}"'
    assert "preview" in preview["Content-Disposition"] and "preview" not in frozen["Content-Disposition"]


@pytest.mark.parametrize("month", ["2026-13", "x", "9000-01", "2026-9", "1969-01"])
def test_a_month_that_is_none_is_not_there(client: Client, month: str) -> None:
    system = set_scene().system
    sign_in(client, system)
    assert page_of(client, system, month).status_code == 404


def test_a_month_before_the_system_is_not_there_and_a_running_one_has_a_preview(client: Client) -> None:
    system = make_system()
    sign_in(client, system)
    running = month_of(timezone.now())
    assert page_of(client, system, name_month(month_after(running, -3))).status_code == 404
    body = page_of(client, system, name_month(running)).content.decode()
    assert "Preview of a running month" in body and "made no decision" in body


def test_an_empty_month_says_so_in_every_section(client: Client) -> None:
    system = make_system()
    AISystem.objects.filter(pk=system.pk).update(created_at=datetime(2026, 7, 1, tzinfo=UTC))
    sign_in(client, system)
    body = page_of(client, system).content.decode()
    for words in (
        "No decision in this month.",
        "Nothing watched this system.",
        "There was no incident.",
        "No budget was set.",
    ):
        assert words in body


def test_the_list_shows_ones_own_systems_first_and_how_each_month_stands(client: Client) -> None:
    organization = make_organization()
    owner = make_person(organization, "owner")
    theirs = make_system(organization, name="A system of others")
    mine = make_system(organization, name="Z mine", owner=owner)
    last = month_after(month_of(timezone.now()), -1)
    for system in (theirs, mine):
        AISystem.objects.filter(pk=system.pk).update(created_at=timezone.now() - timedelta(days=90))
        system.refresh_from_db()
        make_month(system, last, days=2)
    report = freeze_report(actor=actor_of(owner, organization), system=mine, month=last)
    attest_report(actor=actor_of(owner, organization), report=report, statement="Read.")
    client.force_login(owner)
    body = client.get(reverse("report-list")).content.decode()
    assert body.index("Z mine") < body.index("A system of others")
    assert "Attested" in body and ("Not frozen" in body or "Overdue" in body)


def test_the_list_asks_as_many_questions_for_many_systems_as_for_one(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    organization = make_organization()
    for _ in range(6):
        make_system(organization)
    client.force_login(make_person(organization, "viewer"))
    with django_assert_max_num_queries(16):
        client.get(reverse("report-list"))


def test_an_agency_sees_how_each_clients_reports_stand_and_a_client_only_its_own(client: Client) -> None:
    agent = make_person()
    systems = []
    for name in ("Northwind", "Contoso"):
        organization = make_organization(name=name)
        Membership.objects.create(organization=organization, user=agent, role="viewer")
        systems.append(make_system(organization))
    last = month_after(month_of(timezone.now()), -2)
    AISystem.objects.update(created_at=timezone.now() - timedelta(days=120))
    make_month(systems[0], last, days=2)
    client.force_login(agent)
    body = client.get(reverse("client-list")).content.decode()
    assert "Northwind" in body and "Contoso" in body and body.count("1 overdue") == 1
    client.force_login(systems[1].owner)
    own = client.get(reverse("client-list")).content.decode()
    assert "Contoso" in own and "Northwind" not in own and "overdue" not in own
    assert client.get(reverse("report-detail", args=[systems[0].slug, name_month(last)])).status_code == 404


def fill(system: AISystem, **fields: Any) -> dict[str, Any]:
    return {
        "system": system.slug,
        "month": "2026-09",
        "title": "Fewer errors",
        "metric": "error_rate",
        "expected_value": "5",
        "owner": str(system.owner_id),
        "due_on": f"{timezone.now().date() + timedelta(days=20):%Y-%m-%d}",
        **fields,
    }


def test_an_improvement_is_decided_and_closed_by_plain_forms(client: Client) -> None:
    system = make_system()
    sign_in(client, system)
    assert client.post(reverse("improvement-list"), fill(system)).status_code == 302
    item = ImprovementItem.objects.get()
    assert (item.expected_value, item.month, item.owner) == (0.05, date(2026, 9, 1), system.owner)
    close = reverse("improvement-close", args=[item.pk])
    assert client.get(close).status_code == 200
    assert client.post(close, {"status": "done", "note": ""}).status_code == 422
    assert client.post(close, {"status": "done", "note": "It is so."}).status_code == 302
    assert "It is so." in client.get(reverse("improvement-list")).content.decode()
    assert client.post(close, {"status": "done", "note": "Again"}).status_code == 302


@pytest.mark.parametrize(
    "fields",
    [
        {"month": "soon"},
        {"month": "2026-13"},
        {"expected_value": "120"},
        {"due_on": "2020-01-01"},
        {"owner": ""},
        {"title": ""},
    ],
)
def test_an_improvement_that_lacks_something_comes_back_with_what_was_typed(
    client: Client, fields: dict[str, str]
) -> None:
    system = make_system()
    sign_in(client, system)
    response = client.post(reverse("improvement-list"), fill(system, **fields))
    assert response.status_code == 422 and "This needs another look" in response.content.decode()
    assert not ImprovementItem.objects.exists()


def test_the_api_freezes_once_lists_and_gives_the_exact_bytes(client: Client) -> None:
    system = set_scene().system
    sign_in(client, system)
    freeze = f"/api/v1/systems/{system.slug}/reports"
    first = client.post(freeze, {"month": "2026-09"}, content_type="application/json")
    again = client.post(freeze, {"month": "2026-09"}, content_type="application/json")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    report = first.json()
    assert client.get(f"/api/v1/reports?system={system.slug}&month=2026-09").json()["results"] == [report]
    assert client.get("/api/v1/reports?month=2026-08").json()["results"] == []
    content = client.get(f"/api/v1/reports/{report['id']}/document").content
    assert f"sha256:{hashlib.sha256(content).hexdigest()}" == report["sha256"]
    attest = f"/api/v1/reports/{report['id']}/attest"
    signed = client.post(attest, {"statement": "Read."}, content_type="application/json").json()
    assert signed["attested_by"] and signed["statement"] == "Read."
    assert client.post(attest, {"statement": "Read."}, content_type="application/json").status_code == 409
    assert client.get(f"/api/v1/reports/{report['id']}").json() == signed


@pytest.mark.parametrize(
    ("body", "status"),
    [({"month": "x"}, 422), ({}, 422), ({"month": "2026-09", "more": 1}, 422), ({"month": "2020-01"}, 409)],
)
def test_the_api_says_why_it_does_not_freeze(client: Client, body: dict[str, Any], status: int) -> None:
    system = set_scene().system
    sign_in(client, system)
    response = client.post(f"/api/v1/systems/{system.slug}/reports", body, content_type="application/json")
    assert response.status_code == status


def test_the_api_decides_on_improvements_and_closes_them(client: Client) -> None:
    system = make_system()
    sign_in(client, system)
    body = {**fill(system), "expected_value": 0.05, "owner": system.owner.email}
    made = client.post("/api/v1/improvement-items", body, content_type="application/json")
    assert made.status_code == 201
    item = made.json()
    assert client.get("/api/v1/improvement-items?status=open").json()["results"] == [item]
    close = f"/api/v1/improvement-items/{item['id']}/close"
    closed = client.post(close, {"status": "dropped", "note": "No."}, content_type="application/json").json()
    assert (closed["status"], closed["closing_note"]) == ("dropped", "No.")
    unknown = client.post(
        "/api/v1/improvement-items", {**body, "owner": "x@example.org"}, content_type="application/json"
    )
    assert unknown.json()["errors"][0]["pointer"] == "/owner"


def test_the_words_of_a_month_say_what_is_not_known() -> None:
    system = make_system()
    document = build_report_document(system, MONTH)
    assert sum_up(document)[0] == "The system made no decision."
    assert month_words("2026-09") == "September 2026"
    assert "Nothing was changed." in sum_up(document)


def test_a_difference_names_its_interval_or_says_that_none_is_clear() -> None:
    document = build_report_document(set_scene().system, MONTH)
    said = {one["metric"]: difference_words(one) for one in document["comparison"]["metrics"]}
    assert said["failure_rate"].startswith("3.7 points lower (95")
    assert said["escalation_rate"].startswith("no clear change (95")
    assert said["cost_per_decision"] == "as before"


def test_a_monitor_says_what_may_have_passed_it_and_one_that_learns_that_it_watched_nothing() -> None:
    system = set_scene().system
    Monitor.objects.filter(system=system, kind="cost").update(status="off")
    monitors = {one["kind"]: sight_words(one) for one in build_report_document(system, MONTH)["sight"]["monitors"]}
    assert monitors["latency"] == "It was still learning what is usual, so it watched nothing."
    assert monitors["cost"] == "It was switched off, so it watched nothing."


def test_an_item_that_is_closed_later_is_open_in_its_months_report() -> None:
    system = set_scene().system
    item = make_item(
        system, title="Later", status="done", closed_at=datetime(2026, 10, 4, tzinfo=UTC), closing_note="x"
    )
    measured = build_report_document(system, MONTH)["improvements"]["measured"]
    (shown,) = [one for one in measured if one["id"] == str(item.pk)]
    assert (shown["status"], shown["closing_note"]) == ("open", "")
