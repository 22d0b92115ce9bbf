"""The API's schema and its pages, and what crawlers are told."""

import pytest
from django.test import Client


@pytest.mark.django_db
def test_the_schema_is_openapi_3_1_and_names_both_ways_to_say_who_asks(client: Client) -> None:
    answer = client.get("/api/schema/")
    assert answer.status_code == 200
    schema = answer.json()
    assert schema["openapi"].startswith("3.1")
    assert "/api/v1/decisions" in schema["paths"]
    assert set(schema["components"]["securitySchemes"]) == {"bearer", "session"}


@pytest.mark.django_db
def test_the_pages_of_the_api_load_nothing_from_elsewhere(client: Client) -> None:
    answer = client.get("/api/docs/")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "//" not in page.replace("<!doctype html>", "")
    assert "<style" not in page
    assert "style=" not in page
    assert "'unsafe" not in answer.headers["Content-Security-Policy"]


@pytest.mark.django_db
def test_crawlers_are_turned_away(client: Client) -> None:
    assert "Disallow: /" in client.get("/robots.txt").content.decode()
    assert client.get("/favicon.ico").status_code == 302
