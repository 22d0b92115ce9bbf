"""The log in the browser and over the API: found, read, taken away, and never another organization's."""

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from governance import audit_selectors
from governance.actors import Actor
from governance.audit_types import AUDIT_TYPES, ERASURE_TYPE, EXPORT_TYPE
from governance.models import AuditEntry, Organization
from governance.permissions import CAPABILITIES, ROLES
from governance.services.credentials import create_access_token
from governance.services.sequencing import sequence_entries
from governance.services.verifying import verify_log
from tests.factories import actor_of, make_key, make_organization, make_person, make_system
from tests.governance.audit.support import seal, tamper, write_entries

pytestmark = pytest.mark.django_db
HOSTILE = '<script>alert(1)</script><img src=x onerror=alert(1)> {{ 7|add:7 }} \u202e "quoted"'


@pytest.fixture(name="organization")
def fixture_organization() -> Organization:
    return make_organization()


@pytest.fixture(name="auditor")
def fixture_auditor(client: Client, organization: Organization) -> Client:
    client.force_login(make_person(organization, "auditor"))
    return client


def ids_on(response: Any) -> list[int]:
    assert response.status_code == 200
    return [row["entry"].pk for row in response.context["rows"]]


@pytest.mark.parametrize("role", ROLES)
def test_who_may_read_the_log(client: Client, organization: Organization, role: str) -> None:
    [entry] = write_entries(1, organization_id=organization.pk)
    client.force_login(make_person(organization, role))
    expected = 200 if role in CAPABILITIES["audit.read"] else 403
    for url in (
        reverse("audit-log"),
        reverse("audit-entry", args=[entry.pk]),
        reverse("audit-export", args=["csv"]),
        reverse("api-audit-entries"),
    ):
        assert client.get(url).status_code == expected, url


def test_another_organizations_entries_are_not_there(auditor: Client) -> None:
    [entry] = write_entries(1, organization_id=make_organization().pk)
    assert ids_on(auditor.get(reverse("audit-log"))) == []
    assert auditor.get(reverse("audit-entry", args=[entry.pk])).status_code == 404
    assert auditor.get(reverse("audit-entry", args=[10**25])).status_code == 404
    exported = b"".join(auditor.get(reverse("audit-export", args=["jsonl"])).streaming_content).decode()
    assert [json.loads(line)["type"] for line in exported.splitlines()] == [EXPORT_TYPE]
    assert auditor.get(reverse("api-audit-entries")).json()["results"][1:] == []


def test_hostile_payloads_are_shown_as_text(auditor: Client, organization: Organization) -> None:
    actor = Actor(kind="person", id=HOSTILE[:60], label=HOSTILE)
    [entry] = write_entries(
        1, organization_id=organization.pk, actor=actor, subject=f"decision:{HOSTILE}", payload={HOSTILE: [HOSTILE]}
    )
    for url in (reverse("audit-log"), reverse("audit-entry", args=[entry.pk])):
        page = auditor.get(url, {"q": "script"} if url == reverse("audit-log") else {}).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "&lt;script&gt;alert(1)" in page
        assert "U+202E" in page
        assert "\u202e" not in page
        assert "{{ 7|add:7 }}" in page


def test_a_payload_is_printed_to_be_read(auditor: Client, organization: Organization) -> None:
    [entry] = write_entries(1, organization_id=organization.pk, payload={"b": {"amount": 900.5}, "a": "é"})
    page = auditor.get(reverse("audit-entry", args=[entry.pk])).content.decode()
    assert "{\n  &quot;a&quot;: &quot;é&quot;,\n  &quot;b&quot;: {\n    &quot;amount&quot;: 900.5\n  }\n}" in page


def test_the_filters_find_what_they_say(auditor: Client, organization: Organization) -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    bo = Actor(kind="person", id="bo-id", label="Bo Builder")
    common: dict[str, Any] = {"organization_id": organization.pk}
    [plain] = write_entries(1, **common, subject="decision:0001")
    [claimed] = write_entries(1, **common, type="escalation.claimed", subject="decision:0002")
    [by_bo] = write_entries(1, **common, actor=bo)
    [at_noon] = write_entries(1, **common, occurred_at=noon)
    [wordy] = write_entries(1, **common, payload={"note": 'the "Wedding" cake\nin two lines'})
    for query, expected in (
        ({"type": "escalation.claimed"}, [claimed]),
        ({"actor": "builder"}, [by_bo]),
        ({"actor": "bo-id"}, [by_bo]),
        ({"subject": "decision:0001"}, [plain]),
        ({"subject": "0002"}, [claimed]),
        ({"q": "wedding"}, [wordy]),
        ({"q": 'the "wedding"'}, [wordy]),
        ({"after": "2026-03-01T11:59", "before": "2026-03-01T12:00:01"}, [at_noon]),
        ({"type": "escalation.claimed", "actor": "builder"}, []),
    ):
        found = ids_on(auditor.get(reverse("audit-log"), query))
        assert found == [entry.pk for entry in expected], query


@pytest.mark.parametrize("query", [{"type": "nonsense"}, {"after": "yesterday"}, {"q": "x" * 201}])
def test_a_filter_that_can_not_be_read_shows_no_rows(auditor: Client, organization: Organization, query: Any) -> None:
    write_entries(1, organization_id=organization.pk)
    for url in (reverse("audit-log"), reverse("audit-export", args=["csv"])):
        response = auditor.get(url, query)
        assert response.status_code == 400
        assert b"Decision made" not in response.content.replace(b'">Decision made</option>', b"")


def test_pages_follow_one_another_without_gaps(auditor: Client, organization: Organization) -> None:
    entries = write_entries(120, organization_id=organization.pk)
    expected = [entry.pk for entry in reversed(entries)]
    seen: list[int] = []
    url = reverse("audit-log") + "?type=decision.created"
    pages = []
    while url:
        response = auditor.get(url)
        pages.append(ids_on(response))
        seen += pages[-1]
        address = response.context["next_url"]
        url = reverse("audit-log") + address if address else ""
    assert seen == expected
    back = auditor.get(reverse("audit-log") + response.context["previous_url"])
    assert ids_on(back) == pages[-2]


def test_a_search_stops_at_its_window_and_goes_on_from_there(
    auditor: Client, organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_selectors, "SEARCH_WINDOW", 5)
    [old] = write_entries(1, organization_id=organization.pk, payload={"note": "needle"})
    write_entries(12, organization_id=organization.pk)
    response = auditor.get(reverse("audit-log"), {"q": "needle"})
    steps = 0
    while not ids_on(response):
        assert b"Look further back" in response.content
        response = auditor.get(reverse("audit-log") + response.context["further_url"])
        steps += 1
    assert ids_on(response) == [old.pk]
    assert steps == 2


def test_a_page_takes_few_queries(
    auditor: Client, organization: Organization, django_assert_max_num_queries: Any
) -> None:
    seal(count=60, batches=1, organization_id=organization.pk)
    auditor.get(reverse("audit-log"))
    with django_assert_max_num_queries(12):
        auditor.get(reverse("audit-log"))


def test_the_page_says_what_the_last_batch_sealed(auditor: Client, organization: Organization) -> None:
    assert "Nothing is sealed yet" in auditor.get(reverse("audit-log")).content.decode()
    [entry] = seal(count=1, batches=1, organization_id=organization.pk)
    root = verify_log().root_hash
    assert root in auditor.get(reverse("audit-log")).content.decode()
    page = auditor.get(reverse("audit-entry", args=[entry.pk])).content.decode()
    assert root in page
    assert entry.leaf_hash in page
    assert "fits its hashes" in page


def test_an_altered_entry_says_so_on_its_page(auditor: Client, organization: Organization) -> None:
    [entry] = seal(count=1, batches=1, organization_id=organization.pk)
    tamper("UPDATE governance_auditpayload SET payload = 'not even JSON' WHERE entry_id = %s", entry.pk)
    page = auditor.get(reverse("audit-entry", args=[entry.pk])).content.decode()
    assert "This entry was altered" in page
    assert "not even JSON" in page
    assert auditor.get(reverse("api-audit-entries")).json()["results"][0]["payload"] == "not even JSON"


def test_an_export_has_everything_in_order_and_is_recorded(auditor: Client, organization: Organization) -> None:
    entries = seal(count=3, batches=1, organization_id=organization.pk, payload={"note": "=1+1"})
    response = auditor.get(reverse("audit-export", args=["jsonl"]), {"type": "decision.created"})
    lines = [json.loads(line) for line in b"".join(response.streaming_content).decode().splitlines()]
    assert [line["id"] for line in lines] == [entry.pk for entry in entries]
    assert lines[0]["payload"] == '{"note":"=1+1"}'
    exported = AuditEntry.objects.get(type=EXPORT_TYPE)
    assert json.loads(exported.payload.payload) == {"format": "jsonl", "filter": {"type": "decision.created"}}


def test_a_spreadsheet_gets_no_formulas(auditor: Client, organization: Organization) -> None:
    actor = Actor(kind="person", id="+1", label="=HYPERLINK(1)")
    write_entries(1, organization_id=organization.pk, actor=actor)
    response = auditor.get(reverse("audit-export", args=["csv"]), {"type": "decision.created"})
    text = b"".join(response.streaming_content).decode()
    [row] = csv.DictReader(io.StringIO(text))
    assert (row["actor_label"], row["actor_id"]) == ("'=HYPERLINK(1)", "'+1")


def test_an_unknown_format_is_not_there(auditor: Client) -> None:
    assert auditor.get(reverse("audit-export", args=["xlsx"])).status_code == 404


def test_an_admin_erases_a_payload_on_its_page(client: Client, organization: Organization) -> None:
    client.force_login(make_person(organization, "admin"))
    [entry] = seal(count=1, batches=1, organization_id=organization.pk, payload={"note": "private matter"})
    url = reverse("audit-entry", args=[entry.pk])
    assert b"Erase the payload" in client.get(url).content
    assert client.post(reverse("audit-erase", args=[entry.pk]), {"reason": ""}).status_code == 422
    client.post(reverse("audit-erase", args=[entry.pk]), {"reason": "Asked for"})
    page = client.get(url).content.decode()
    assert "private matter" not in page
    assert "The payload was erased" in page
    assert "private matter" not in client.get(reverse("audit-log")).content.decode()
    sequence_entries()
    assert verify_log().exit_code == 0


def test_an_auditor_changes_nothing(auditor: Client, organization: Organization) -> None:
    [entry] = write_entries(1, organization_id=organization.pk)
    assert b"Erase the payload" not in auditor.get(reverse("audit-entry", args=[entry.pk])).content
    assert auditor.post(reverse("audit-erase", args=[entry.pk]), {"reason": "x"}).status_code == 403
    assert not AuditEntry.objects.filter(type=ERASURE_TYPE).exists()


# The API -----------------------------------------------------------------------------------------------------------


def test_the_api_lists_entries_with_all_it_takes_to_verify_them(client: Client, organization: Organization) -> None:
    person = make_person(organization, "auditor")
    _, token = create_access_token(
        actor=actor_of(person, organization), user=person, organization=organization, name="t"
    )
    instant = datetime(2026, 3, 1, 12, tzinfo=UTC)
    [entry] = seal(count=1, batches=1, organization_id=organization.pk, occurred_at=instant, subject="decision:1")
    response = client.get(
        reverse("api-audit-entries"),
        {"type": "decision.created", "subject": "decision:1", "created_before": "2026-03-02T00:00:00Z"},
        headers={"authorization": f"Bearer {token}"},
    )
    [found] = response.json()["results"]
    assert found == {
        "id": entry.pk,
        "type": "decision.created",
        "occurred_at": "2026-03-01T12:00:00.000000Z",
        "actor": {"kind": "person", "id": entry.actor_id, "label": "Ann Clerk"},
        "subject": "decision:1",
        "payload": json.loads(entry.payload.payload),
        "key": entry.payload.key,
        "commitment": entry.commitment,
        "leaf_hash": entry.leaf_hash,
        "leaf_index": entry.leaf_index,
    }


def test_the_api_goes_page_by_page(auditor: Client, organization: Organization) -> None:
    entries = write_entries(5, organization_id=organization.pk)
    url, seen = reverse("api-audit-entries") + "?page_size=2", []
    while url:
        answer = auditor.get(url).json()
        seen += [found["id"] for found in answer["results"]]
        url = answer["next"]
    assert seen == [entry.pk for entry in reversed(entries)]


@pytest.mark.parametrize(
    "query", [{"types": "x"}, {"created_after": "yesterday"}, {"cursor": "nonsense"}, {"page_size": "0"}]
)
def test_the_api_refuses_what_it_does_not_know(auditor: Client, query: dict[str, str]) -> None:
    response = auditor.get(reverse("api-audit-entries"), query)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"


def test_a_key_does_not_read_the_log(client: Client, organization: Organization) -> None:
    _, secret = make_key(make_system(organization))
    response = client.get(reverse("api-audit-entries"), headers={"authorization": f"Bearer {secret}"})
    assert response.status_code == 403


def test_every_type_that_the_code_records_has_words() -> None:
    known = {type for group in AUDIT_TYPES.values() for type in group}
    assert recorded_types() - known == set()
    assert all(len(type) <= 64 for type in known)


def recorded_types() -> set[str]:
    """Every literal `type=` of the product's calls of `record`, and of the functions that pass it on."""
    import ast
    import re
    from pathlib import Path

    root = Path(__file__).parents[3]
    found = set()
    for app in ("governance", "reviews", "evaluations", "operations"):
        for file in (root / app).rglob("*.py"):
            for call in ast.walk(ast.parse(file.read_text())):
                if not isinstance(call, ast.Call):
                    continue
                name = getattr(call.func, "id", getattr(call.func, "attr", ""))
                if not (name.startswith(("record", "_record"))):
                    continue
                values = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "type")]
                for node in (inner for value in values for inner in ast.walk(value)):
                    if isinstance(node, ast.Constant) and isinstance(node.value, str):
                        found |= {node.value} if re.fullmatch(r"[a-z_]+\.[a-z_]+", node.value) else set()
    return found
