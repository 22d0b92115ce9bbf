"""The ground under every test: an environment of its own before Django loads, the database that was asked for, and the
few fixtures that all share. Whatever else a test needs it builds with the functions of factories.py and support/.

    pytest                          SQLite, in a real file with the product's own options
    pytest --database postgres      PostgreSQL: DATABASE_URL where it is set, else a private cluster
    pytest -m slow                  the faults and load cases, which are left out otherwise
"""

import asyncio
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from hypothesis import HealthCheck, settings

from tests.support import migrating
from tests.support.servers import PostgresCluster, RedisServer, ServerMissing, find_chromium, is_required

if TYPE_CHECKING:
    from playwright.sync_api import Page

DATABASE_FIXTURES = {"db", "transactional_db", "django_db_reset_sequences", "live_server", "live_service"}
SERVER_MARKERS = {"browser_page": "browser", "postgres_url": "postgres", "redis_url": "redis"}
# What is opened for the whole run and closed at its end.
SESSION = ExitStack()
# Where the servers are: given by whoever started the run, or by its first process to the others of a parallel run.
TEST_DATABASE_URL = "COUNTERSIGN_TEST_DATABASE_URL"
TEST_REDIS_URL = "COUNTERSIGN_TEST_REDIS_URL"
KEPT = {
    "COUNTERSIGN_REQUIRE",
    "COUNTERSIGN_KILLS",
    "COUNTERSIGN_CORRECTIONS",
    "COUNTERSIGN_DRILL_STREAMS",
    "COUNTERSIGN_ROLL_UP_KILLS",
    TEST_DATABASE_URL,
    TEST_REDIS_URL,
    migrating.MIGRATED,
}
# How long drawing takes says something of the machine alone.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
for _name, _kept in (("DATABASE_URL", TEST_DATABASE_URL), ("REDIS_URL", TEST_REDIS_URL)):
    if _given := os.environ.pop(_name, ""):
        os.environ[_kept] = _given


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database", choices=["sqlite", "postgres"], help="where the tests keep their rows")
    parser.addoption("--only-database-tests", action="store_true", help="leave out what touches no database")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Runs before pytest-django loads the settings."""
    if os.environ.pop("DJANGO_SETTINGS_MODULE", ""):
        raise pytest.UsageError("unset DJANGO_SETTINGS_MODULE: the tests bring their own environment")
    if config.getoption("--database") is None:
        config.option.database = "postgres" if TEST_DATABASE_URL in os.environ else "sqlite"
    is_postgres = config.getoption("--database") == "postgres"
    # Nothing that a developer has set reaches the tests.
    for name in [name for name in os.environ if name.startswith("COUNTERSIGN_")]:
        if name not in KEPT:
            del os.environ[name]
    if is_postgres:
        shared_postgres()
    if config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput"):
        # This process only hands out the tests. It leaves Django alone: the others inherit its environment, and each
        # has to load the settings with a folder of its own.
        migrated = make_folder()
        os.environ[migrating.MIGRATED] = str(migrated)
        SESSION.enter_context(migrating.migration(migrated, shared_postgres() if is_postgres else None))
        return
    folder = make_folder()
    os.environ["DJANGO_SETTINGS_MODULE"] = "aiops_site.settings"
    os.environ["COUNTERSIGN_DATA_DIR"] = str(folder)
    os.environ["COUNTERSIGN_SECRET_KEY"] = "known to everybody, and to the tests alone"
    if is_postgres:
        os.environ["DATABASE_URL"] = shared_postgres()
    from django.conf import settings

    # Loads the settings; pytest-django's own hook, which comes after this one, then sets Django up.
    assert folder.resolve() == settings.DATA_DIR


def make_folder() -> Path:
    """A folder of this run, gone with it: in memory where there is room for it, so that no commit waits for a disk."""
    memory = Path("/dev/shm")  # noqa: S108 (mkdtemp makes a name of its own there)
    is_roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4 * 1024**3
    folder = Path(tempfile.mkdtemp(prefix="countersign-tests-", dir=memory if is_roomy else None))
    SESSION.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder


def shared_postgres() -> str:
    """The URL of this run's PostgreSQL: the one given, or a cluster started by the run's first process."""
    if TEST_DATABASE_URL not in os.environ:
        try:
            os.environ[TEST_DATABASE_URL] = SESSION.enter_context(PostgresCluster()).url
        except ServerMissing as missing:
            raise pytest.UsageError(f"--database postgres: {missing}") from None
    return os.environ[TEST_DATABASE_URL]


def pytest_unconfigure() -> None:
    SESSION.close()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks each test by the servers that its fixtures need, before `-m` selects by marks."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        for fixture, marker in SERVER_MARKERS.items():
            if fixture in fixtures:
                item.add_marker(marker)
    if config.getoption("--only-database-tests"):
        kept = [item for item in items if touches_database(item)]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
        items[:] = kept


def touches_database(item: pytest.Item) -> bool:
    fixtures = set(getattr(item, "fixturenames", ()))
    if item.get_closest_marker("any_database") is not None:
        return False
    return item.get_closest_marker("django_db") is not None or not DATABASE_FIXTURES.isdisjoint(fixtures)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """pytest-django's hook: on SQLite a database in a file, so that threads and processes share it as in production."""
    from django.conf import settings
    from django.contrib.auth.hashers import get_hashers

    from tests.support import flushing, static_files

    flushing.install()
    static_files.install()
    settings.PASSWORD_HASHERS = ["tests.support.hashing.QuickHasher"]
    get_hashers.cache_clear()
    for database in settings.DATABASES.values():
        if "sqlite" in database["ENGINE"]:
            database.setdefault("TEST", {})["NAME"] = str(settings.DATA_DIR / "test.sqlite3")
        if migrating.MIGRATED in os.environ:
            migrating.begin_with_a_copy(Path(os.environ[migrating.MIGRATED]), database)


def missing(reason: ServerMissing) -> NoReturn:
    """A server that can't be had skips its tests on a developer's machine and fails them in CI."""
    if is_required():
        pytest.fail(f"{reason}, and this run requires it", pytrace=False)
    pytest.skip(str(reason))


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """A new and empty PostgreSQL database, whatever database the tests themselves run on."""
    import psycopg

    try:
        server = shared_postgres()
    except pytest.UsageError as error:
        missing(ServerMissing(str(error)))
    name = f"countersign_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        base, _, _ = server.rpartition("/")
        yield f"{base}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis for this process of the run: REDIS_URL where it is set, else one of its own."""
    if TEST_REDIS_URL in os.environ:
        yield os.environ[TEST_REDIS_URL]
        return
    with ExitStack() as stack:
        try:
            server = stack.enter_context(RedisServer())
        except ServerMissing as reason:
            missing(reason)
        yield server.url


@pytest.fixture
def live_service(live_server: Any) -> str:
    """The base URL of the console and API, served over HTTP from this test's database."""
    url: str = live_server.url
    return url


@pytest.fixture
def browser_page() -> Iterator["Page"]:
    """A page of Chromium in a context of its own. An error in the page's console or a refused resource fails the test."""
    complaints: list[str] = []
    with Chromium.lent() as browser:
        context = browser.new_context()
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"uncaught: {error}"))
        page.on("console", lambda message: complaints.append(message.text) if is_violation(message) else None)
        yield page
        context.close()
    assert not complaints, complaints


def is_violation(message: Any) -> bool:
    return message.type == "error" and "Content Security Policy" in message.text


class Chromium:
    """The one Chromium of this process, started at its first use. Playwright's synchronous interface keeps an event loop
    running in the tests' own thread; outside the browser's tests nobody is to notice, or no other test could run one."""

    browser: Any = None
    loop: asyncio.AbstractEventLoop | None = None

    @classmethod
    @contextmanager
    def lent(cls) -> Iterator[Any]:
        if cls.browser is None:
            cls.start()
        asyncio._set_running_loop(cls.loop)
        # Django's guard against asynchronous use would take the tests' thread for one of an event loop.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        try:
            yield cls.browser
        finally:
            del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
            asyncio._set_running_loop(None)

    @classmethod
    def start(cls) -> None:
        try:
            program = find_chromium()
        except ServerMissing as reason:
            missing(reason)
        from playwright.sync_api import sync_playwright

        playwright = SESSION.enter_context(sync_playwright())
        cls.loop = asyncio.get_running_loop()
        flags = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"]
        cls.browser = playwright.chromium.launch(executable_path=program, args=flags)
        SESSION.callback(cls.browser.close)
        SESSION.callback(asyncio._set_running_loop, cls.loop)
