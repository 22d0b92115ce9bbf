"""Every address × every role: one table (access.py) says what each gets, and no address may be missing in it.

The scene is set once and committed. Each test goes on from it in a transaction of its own, which is taken back at its end: what
a visitor changes, no other test sees."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from governance.permissions import ROLES
from tests.contract.access import ACCESS, EVERYBODY, Access
from tests.contract.scene import MARK, Scene, set_scene

pytestmark = pytest.mark.django_db

ANONYMOUS, STRANGER, KEY, FOREIGN_KEY = "anonymous", "stranger", "key", "foreign key"
# Pages shown on purpose to whoever asks, whatever their language of errors.
OURS = re.compile(rf"{MARK}-|{MARK} ")


def walk(patterns: list[Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Name and route of every address that the site answers."""
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from walk(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield pattern.name or f"(unnamed) {route}", route


ROUTES = dict(walk(get_resolver("aiops_site.urls").url_patterns))
CASES = [pytest.param(name, access, id=f"{access.method} {name}") for name in ROUTES for access in ACCESS.get(name, ())]


def list_allowed() -> Iterator[Any]:
    """Who may read does so one after the other in one test; who changes something has a test of their own. On a second
    database one role of each is enough: which roles may is no matter of the database."""
    for number, name in enumerate(ROUTES):
        for access in ACCESS.get(name, ()):
            roles = [role for role in ROLES if role in access.roles]
            groups = [roles] if access.method == "get" else [[role] for role in roles]
            for place, group in enumerate(filter(None, groups)):
                marks = () if place == number % len(groups) else (pytest.mark.any_database,)
                yield pytest.param(name, access, group, id=f"{access.method} {name} by {'+'.join(group)}", marks=marks)


@pytest.fixture(scope="module")
def scene(django_db_setup: None, django_db_blocker: Any) -> Iterator[Scene]:
    with django_db_blocker.unblock():
        one = set_scene()
    yield one
    with django_db_blocker.unblock():
        call_command("flush", verbosity=0, interactive=False, reset_sequences=False)


def test_every_address_stands_in_the_table_and_nothing_else_does() -> None:
    assert sorted(set(ROUTES) - set(ACCESS)) == [], "say in tests/contract/access.py who may reach these"
    assert sorted(set(ACCESS) - set(ROUTES)) == [], "these addresses are gone"


def is_api(name: str) -> bool:
    return ROUTES[name].startswith("api/v1/")


def address(scene: Scene, name: str, visitor: str) -> str:
    """The address with our things in it; arguments are found by their name, or by the route's first part and the name."""
    route = ROUTES[name]
    found: dict[str, Any] = {}
    for parameter in re.findall(r"<(?:\w+:)?(\w+)>", route):
        place = f"{route.removeprefix('api/v1/').partition('/')[0]}/{parameter}"
        own = scene.own[visitor if visitor in ROLES else "viewer"]
        if parameter in own:
            found[parameter] = own[parameter]
        else:
            found[parameter] = scene.arguments[place if place in scene.arguments else parameter]
    return reverse(name, kwargs=found)


def fill(scene: Scene, value: Any) -> Any:
    return str(scene.arguments[value[1:]]) if isinstance(value, str) and value.startswith("$") else value


def visit(scene: Scene, name: str, access: Access, visitor: str) -> Any:
    client, headers = Client(raise_request_exception=True), {}
    if visitor in ROLES:
        client.force_login(scene.people[visitor])
    elif visitor == STRANGER:
        client.force_login(scene.stranger)
    elif visitor in {KEY, FOREIGN_KEY}:
        headers["Authorization"] = f"Bearer {scene.key if visitor == KEY else scene.foreign_key}"
    headers.update(access.headers)
    body: dict[str, Any] = {"data": {field: fill(scene, value) for field, value in access.body.items()}}
    if is_api(name) and access.method != "get":
        body["content_type"] = "application/json"
    return getattr(client, access.method)(address(scene, name, visitor) + access.query, headers=headers, **body)


def expected(name: str, access: Access, visitor: str) -> int:
    if access.is_open:
        return access.answer
    if visitor == ANONYMOUS:
        return 401 if is_api(name) else 302
    if visitor == STRANGER:
        return access.stranger
    if visitor == KEY:
        return access.key
    if visitor == FOREIGN_KEY:
        return access.foreign_key
    return access.answer if visitor in access.roles else access.refusal


@pytest.mark.any_database
@pytest.mark.parametrize(("name", "access"), CASES)
def test_whoever_may_not_gets_the_answer_of_the_table(scene: Scene, name: str, access: Access) -> None:
    visitors = [ANONYMOUS, *(sorted(EVERYBODY - access.roles)), STRANGER]
    if is_api(name):
        visitors += [FOREIGN_KEY, KEY]
    answers = {visitor: visit(scene, name, access, visitor) for visitor in visitors}
    statuses = {visitor: answer.status_code for visitor, answer in answers.items()}
    assert statuses == {visitor: expected(name, access, visitor) for visitor in visitors}
    if not access.is_open and statuses[ANONYMOUS] == 302:
        assert answers[ANONYMOUS].url.startswith("/sign-in/?next=")
    for visitor in {ANONYMOUS, STRANGER, FOREIGN_KEY} & set(visitors):
        shown = b"".join(answers[visitor]) if answers[visitor].streaming else answers[visitor].content
        assert not OURS.search(shown.decode()), f"{visitor} sees what is ours"


@pytest.mark.parametrize(("name", "access", "roles"), list(list_allowed()))
def test_whoever_may_gets_the_answer_of_the_table(scene: Scene, name: str, access: Access, roles: list[str]) -> None:
    statuses = {role: visit(scene, name, access, role).status_code for role in roles}
    assert statuses == {role: expected(name, access, role) for role in roles}
