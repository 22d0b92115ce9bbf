"""The published schema: it is whole, every operation has an example, and what it says of asking is what the code does."""

import copy
from typing import Any

import jsonschema
import pytest
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import Invalid
from reviews.api.asking import KNOWN, read_asked_decision
from reviews.api.schema import ASKED

VERBS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    document: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return document


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{verb.upper()} {path}", operation)
        for path, verbs in document["paths"].items()
        for verb, operation in verbs.items()
        if verb in VERBS
    ]


def test_the_schema_is_valid_openapi_3_1(published: dict[str, Any]) -> None:
    assert published["openapi"].startswith("3.1")
    validate_schema(published)


def test_the_schema_is_generated_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    """Two things of one name would overwrite each other, and an enumeration without a name of ours (ENUM_NAME_OVERRIDES) is called
    by a hash: a client that is generated from the schema would change its names from one version to the next."""
    GENERATOR_STATS.reset()
    document = SchemaGenerator().get_schema(request=None, public=True)
    assert not GENERATOR_STATS, capsys.readouterr().err
    names = document["components"]["schemas"]
    assert {
        "MonitorKindEnum",
        "MonitorStatusEnum",
        "IncidentStatusEnum",
        "VersionOutput",
        "DatasetVersionOutput",
    } <= set(names)


def test_every_operation_has_an_example(published: dict[str, Any]) -> None:
    def has_example(operation: dict[str, Any]) -> bool:
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        return any(
            "example" in media or "examples" in media for body in bodies for media in body.get("content", {}).values()
        )

    assert [name for name, operation in operations(published) if not has_example(operation)] == []


def test_operations_have_names_of_their_own(published: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, operation in operations(published)]
    assert len(names) == len(set(names))


def test_the_examples_of_asking_are_accepted(published: dict[str, Any]) -> None:
    media = published["paths"]["/api/v1/decisions"]["post"]["requestBody"]["content"]["application/json"]
    for example in media["examples"].values():
        read_asked_decision(example["value"])


def test_the_schema_names_every_field_of_asking() -> None:
    assert set(ASKED["properties"]) == KNOWN


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 40_000_000),
    st.floats(-2, 2, allow_nan=False),
    st.sampled_from(["", "x", "block", "observe", "approve", "y" * 256]),
    st.just({}),
    st.just([]),
    st.just({"allowed": ["approve"]}),
    st.just({"allowed": []}),
    st.just({"input_tokens": 5}),
    st.just({"input_tokens": -5}),
    st.just({"name": "x", "arguments": {}}),
    st.just({"name": "x"}),
)


@given(changes=st.dictionaries(st.sampled_from([*sorted(KNOWN), "unknown"]), VALUES, max_size=3))
def test_what_the_schema_says_of_a_body_is_what_the_code_does(changes: dict[str, Any]) -> None:
    body = {"input": 1, "action": {"name": "x", "arguments": {}}, **copy.deepcopy(changes)}
    is_valid = jsonschema.Draft202012Validator(ASKED).is_valid(body)
    try:
        read_asked_decision(body)
    except Invalid:
        assert not is_valid, body
    else:
        assert is_valid, body


@pytest.mark.django_db
def test_schema_and_pages_are_served_without_signing_in() -> None:
    assert Client().get("/api/schema/").status_code == 200
    page = Client().get("/api/docs/")
    assert page.status_code == 200
    assert "http" not in page["Content-Security-Policy"], "nothing is loaded from elsewhere"
