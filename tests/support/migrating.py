"""One migration for all processes of a parallel run: every migration is run for real, once, by a process of its own while the
others collect the tests; each of them then begins with a copy. As a program: migrate into the folder that is given."""

import os
import shutil
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
WITHIN_S = 600
# Where the first process of a parallel run has a database migrated, which the others copy.
MIGRATED = "COUNTERSIGN_TEST_MIGRATED"
# Which of the two stands in the folder says how it ended.
DONE, FAILED = "done", "failed"


@contextmanager
def migration(folder: Path, server: str | None) -> Iterator[None]:
    """Migrates while the block runs: into a file in `folder`, or into a new database of the PostgreSQL at `server`."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "aiops_site.settings",
        "COUNTERSIGN_DATA_DIR": str(folder),
        "COUNTERSIGN_SECRET_KEY": "known to everybody, and to the tests alone",
    }
    if server is not None:
        create_database(server, folder)
        environment["DATABASE_URL"] = f"{server.rpartition('/')[0]}/{name_of(folder)}"
    command = [sys.executable, "-m", "tests.support.migrating", str(folder)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()
        if server is not None:
            drop_database(server, folder)


def name_of(folder: Path) -> str:
    """What the migrated database is called on PostgreSQL."""
    return folder.name.replace("-", "_")


def create_database(server: str, folder: Path) -> None:
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name_of(folder)}")


def drop_database(server: str, folder: Path) -> None:
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name_of(folder)} WITH (FORCE)")


def wait_for(folder: Path) -> str:
    """What the migrated database is called by Django, once it is there: on SQLite a file's path."""
    give_up = time.monotonic() + WITHIN_S
    while not (folder / DONE).exists():
        if (folder / FAILED).exists():
            raise RuntimeError(f"the migrations fail:\n{(folder / FAILED).read_text()}")
        if time.monotonic() > give_up:
            raise TimeoutError(f"the migrations did not end within {WITHIN_S} s")
        time.sleep(0.05)
    return (folder / DONE).read_text()


def begin_with_a_copy(folder: Path, database: dict[str, Any]) -> None:
    """Has Django make its test database as a copy of the migrated one, as soon as there is one. Django still looks for
    migrations that have not been run."""
    migrated = wait_for(folder)
    if "sqlite" not in database["ENGINE"]:
        database.setdefault("TEST", {})["TEMPLATE"] = name_of(folder)
        return
    from django.db.backends.sqlite3.creation import DatabaseCreation

    make_room = DatabaseCreation._create_test_db

    def copy(creation: DatabaseCreation, *arguments: Any, **options: Any) -> str:
        name: str = make_room(creation, *arguments, **options)
        shutil.copyfile(migrated, name)
        return name

    DatabaseCreation._create_test_db = copy


def put_migrated_database(data: Path) -> None:
    """A data folder in which the product finds its SQLite database migrated, where this run has one; elsewhere a process that is
    started on the folder migrates by itself."""
    data.mkdir(parents=True, exist_ok=True)
    if MIGRATED not in os.environ:
        return
    migrated = Path(wait_for(Path(os.environ[MIGRATED])))
    if migrated.is_file():
        shutil.copyfile(migrated, data / migrated.name)


def migrate(folder: Path) -> None:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    warnings.simplefilter("error")
    call_command("migrate", verbosity=0, interactive=False, run_syncdb=True)
    name = connection.settings_dict["NAME"]
    # On SQLite the last to leave writes the log back into the file.
    connection.close()
    (folder / "name").write_text(str(name))
    (folder / "name").rename(folder / DONE)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    try:
        migrate(place)
    except BaseException:
        (place / "traceback").write_text(traceback.format_exc())
        (place / "traceback").rename(place / FAILED)
        raise
