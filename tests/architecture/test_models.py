"""The models keep the house's habits: an organization on every row, keys that may stand in an address, spoken relations."""

import pytest
from django.apps import apps
from django.db import models

FLOORS = ("governance", "reviews", "evaluations", "operations")
# What belongs to the installation, to the tree of all organizations, or to a person in several of them; and sides of a
# row that has an organization itself.
WITHOUT_ORGANIZATION = {
    "Organization",
    "User",
    "SignInFailures",
    "AuditBatch",
    "Lease",
    "Heartbeat",
    "ReaderCursor",
    "DecisionPayload",
    # A note to the roll-ups; it lives for seconds.
    "RollUpDue",
}
# A flag may also be a verb in the third person.
FLAGS = {"is", "has", "are", "does", "trips", "includes"}
MODELS = [model for model in apps.get_models() if model._meta.app_label in FLOORS]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_row_names_its_organization(model: type[models.Model]) -> None:
    names = {getattr(field, "attname", field.name) for field in model._meta.get_fields()}
    assert ("organization_id" in names) != (model.__name__ in WITHOUT_ORGANIZATION)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_relations_have_names_on_both_sides(model: type[models.Model]) -> None:
    nameless = [
        field.name
        for field in model._meta.local_fields + model._meta.local_many_to_many
        if field.is_relation and not field.remote_field.related_name
    ]
    assert not nameless


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_instants_and_flags_are_named_so(model: type[models.Model]) -> None:
    misnamed = [
        field.name
        for field in model._meta.local_fields
        if (isinstance(field, models.DateTimeField) and not field.name.endswith(("_at", "_until", "_from", "_to")))
        or (isinstance(field, models.BooleanField) and field.name.split("_")[0] not in FLAGS)
    ]
    # Django's own name for it.
    assert not [name for name in misnamed if name != "last_login"]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_no_money_is_a_float(model: type[models.Model]) -> None:
    floats = [field.name for field in model._meta.local_fields if isinstance(field, models.FloatField)]
    assert not [name for name in floats if "usd" in name or "cost" in name]
