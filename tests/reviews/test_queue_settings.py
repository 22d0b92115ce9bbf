"""How a queue works is set by a lead or an admin, within bounds, and the log says what it was before."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from governance.errors import Invalid, NotFound, NotPermitted
from governance.models import AuditPayload, Group, Organization
from reviews.services.queue_settings import QueueSettings, update_queue
from tests.factories import make_actor, make_organization, make_person, make_queue

pytestmark = pytest.mark.django_db


def settings_of(**fields: Any) -> QueueSettings:
    return QueueSettings(**{"name": "Refunds", "undo_window_s": 10, "lease_s": 300, "respond_s": 3600, **fields})


def make_group(organization: Organization) -> Group:
    return Group.objects.create(organization=organization, slug="legal", name="Legal")


def test_settings_are_kept_and_recorded_from_and_to() -> None:
    organization = make_organization()
    queue = make_queue(organization, name="Refunds", lease_s=300, respond_s=3600)
    update_queue(
        actor=make_actor(organization, "lead"), queue=queue, settings=settings_of(groups=[make_group(organization)])
    )
    assert (queue.undo_window_s, [group.slug for group in queue.groups.all()]) == (10, ["legal"])
    payload = json.loads(AuditPayload.objects.get(subject=f"queue:{queue.pk}").payload)
    assert payload["changes"] == {"undo_window_s": [5, 10], "groups": [[], ["legal"]]}


def test_setting_nothing_new_is_no_entry() -> None:
    queue = make_queue(name="Refunds", undo_window_s=10, lease_s=300, respond_s=3600)
    update_queue(actor=make_actor(queue.organization, "admin"), queue=queue, settings=settings_of())
    assert not AuditPayload.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"undo_window_s": -1},
        {"undo_window_s": 3601},
        {"lease_s": 29},
        {"lease_s": 86_401},
        {"respond_s": 0},
        {"name": " "},
    ],
)
def test_what_is_out_of_bounds_is_refused(fields: dict[str, Any]) -> None:
    queue = make_queue(name="Before")
    with pytest.raises(Invalid) as refusal:
        update_queue(actor=make_actor(queue.organization, "admin"), queue=queue, settings=settings_of(**fields))
    assert refusal.value.errors[0]["pointer"] == "/" + next(iter(fields))
    queue.refresh_from_db()
    assert queue.name == "Before"


def test_a_group_of_another_organization_is_refused() -> None:
    queue = make_queue()
    stranger = make_group(make_organization())
    with pytest.raises(Invalid):
        update_queue(
            actor=make_actor(queue.organization, "admin"), queue=queue, settings=settings_of(groups=[stranger])
        )


def test_only_leads_and_admins_of_the_organization_set_its_queues() -> None:
    queue = make_queue()
    for role in ("viewer", "reviewer", "owner", "auditor"):
        with pytest.raises(NotPermitted):
            update_queue(actor=make_actor(queue.organization, role), queue=queue, settings=settings_of())
    with pytest.raises(NotFound):
        update_queue(actor=make_actor(make_organization(), "admin"), queue=queue, settings=settings_of())


def test_a_queue_is_set_in_the_browser(client: Client) -> None:
    organization = make_organization()
    queue, group = make_queue(organization, slug="refunds"), make_group(organization)
    client.force_login(make_person(organization, "lead"))
    assert "all reviewers" in client.get(reverse("queue-settings-list")).content.decode()
    form = {"name": "Refunds", "undo_window_s": "0", "lease_s": "600", "respond_s": "60", "groups": [str(group.pk)]}
    assert client.post(reverse("queue-settings", args=["refunds"]), form).status_code == 302
    queue.refresh_from_db()
    assert (queue.undo_window_s, queue.respond_s, list(queue.groups.all())) == (0, 60, [group])
    refused = client.post(reverse("queue-settings", args=["refunds"]), {**form, "lease_s": "1"})
    assert refused.status_code == 422
    assert 'href="#id_lease_s"' in refused.content.decode()
