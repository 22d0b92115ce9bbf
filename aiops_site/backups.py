"""The whole database in one file, and back. A backup counts once it is verified; a restore happens entirely or not.

SQLite is copied by its online backup (https://www.sqlite.org/backup.html), which neither waits for writers nor stops
them; PostgreSQL by pg_dump's custom format. Other files of the data folder (the secret key, the outbox) are not in it.
"""

import contextlib
import hashlib
import os
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, connections
from django.db.migrations.loader import MigrationLoader

BUSY_S = 20.0


class BackupRefused(ValueError):
    """What was asked for is impossible or unsafe; says why."""


def write_backup(target: Path) -> dict[str, Any]:
    """Write the database into `target`, readable by its owner alone; an older file there is replaced only by a
    verified one. Refuses (BackupRefused) where the folder is missing, or the database is not sound."""
    if not target.parent.is_dir():
        raise BackupRefused(f"There is no folder {target.parent}.")
    if target.is_dir():
        raise BackupRefused(f"{target} is a folder; name a file.")
    with draft_beside(target) as draft:
        if connection.vendor == "sqlite":
            copy_sqlite(settings.DATABASES["default"]["NAME"], draft)
            settle_journal(draft)
            check_sqlite(draft)
        else:
            run_postgres(["pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={draft}"])
            run_postgres(["pg_restore", "--list", str(draft)], is_local=True)
        digest = digest_file(draft)
        sync_file(draft)
        draft.replace(target)
    return {
        "file": str(target),
        "database": connection.vendor,
        "bytes": target.stat().st_size,
        "sha256": digest,
    }


def read_backup(source: Path, *, may_replace: bool) -> dict[str, Any]:
    """Replace the database by the one in `source`. The caller keeps everybody else away from it.

    Refuses (BackupRefused), with nothing changed: a file that is no sound backup of this product and of this version
    or an older one; a database that holds something, unless `may_replace`.
    """
    if not source.is_file():
        raise BackupRefused(f"There is no file {source}.")
    is_sqlite = connection.vendor == "sqlite"
    if is_sqlite:
        check_sqlite(source)
        check_versions(source)
    else:
        run_postgres(["pg_restore", "--list", str(source)], is_local=True)
        check_alone()
    if not may_replace and holds_anything():
        raise BackupRefused("The database is not empty. With --force, what it holds is replaced.")
    connections.close_all()
    if is_sqlite:
        copy_sqlite(source, settings.DATABASES["default"]["NAME"])
    else:
        replace_postgres(source)
    return {"file": str(source), "database": connection.vendor}


@contextlib.contextmanager
def draft_beside(target: Path) -> Iterator[Path]:
    """A private file in the target's folder, removed unless it was moved away."""
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent)
    os.close(descriptor)
    draft = Path(name)
    try:
        yield draft
    finally:
        for leftover in (draft, Path(f"{name}-journal"), Path(f"{name}-wal"), Path(f"{name}-shm")):
            leftover.unlink(missing_ok=True)


def copy_sqlite(source: Path | str, target: Path | str) -> None:
    """Copy one SQLite database over another in one transaction of the target."""
    with contextlib.ExitStack() as stack:
        reader = stack.enter_context(contextlib.closing(open_sqlite(Path(source), mode="ro")))
        writer = stack.enter_context(contextlib.closing(open_sqlite(Path(target), mode="rwc")))
        try:
            reader.backup(writer)
        except sqlite3.Error as error:
            raise BackupRefused(f"The database can't be copied: {error}.") from error


def settle_journal(path: Path) -> None:
    """One file without a write-ahead log beside it can be read from a folder in which nobody may write."""
    with contextlib.closing(open_sqlite(path, mode="rw")) as database:
        database.execute("PRAGMA journal_mode=DELETE")


def open_sqlite(path: Path, *, mode: str) -> sqlite3.Connection:
    try:
        return sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True, timeout=BUSY_S)
    except sqlite3.Error as error:
        raise BackupRefused(f"{path} can't be opened: {error}.") from error


def check_sqlite(path: Path) -> None:
    """Refuses a file that is not a sound SQLite database."""
    with contextlib.closing(open_sqlite(path, mode="ro")) as database:
        try:
            findings = [row[0] for row in database.execute("PRAGMA integrity_check(3)")]
            orphans = database.execute("PRAGMA foreign_key_check").fetchmany(3)
        except sqlite3.Error as error:
            raise BackupRefused(f"{path} is not a sound database: {error}.") from error
    if findings != ["ok"]:
        raise BackupRefused(f"{path} is not a sound database: {'; '.join(findings)}.")
    if orphans:
        raise BackupRefused(f"{path} refers to rows that it lacks (in {orphans[0][0]}).")


def check_versions(path: Path) -> None:
    """Refuses a database of something else, or of a version of this product that is newer than this code."""
    with contextlib.closing(open_sqlite(path, mode="ro")) as database:
        try:
            applied = {(app, name) for app, name in database.execute("SELECT app, name FROM django_migrations")}
        except sqlite3.Error:
            applied = set()
    known = set(MigrationLoader(None).disk_migrations)
    if ("governance", "0001_initial") not in applied:
        raise BackupRefused(f"{path} is not a backup of Countersign.")
    unknown = sorted(applied - known)
    if unknown:
        app, name = unknown[0]
        raise BackupRefused(f"{path} comes from a newer version: this one does not know the migration {app}.{name}.")


def holds_anything() -> bool:
    """Whether the database in use holds an organization or a fact in its log."""
    from governance.models import AuditEntry, Organization

    if connection.vendor == "sqlite" and not Path(settings.DATABASES["default"]["NAME"]).exists():
        return False
    tables = set(connection.introspection.table_names())
    try:
        return any(
            model._meta.db_table in tables and model._default_manager.exists() for model in (Organization, AuditEntry)
        )
    except DatabaseError as error:
        raise BackupRefused(f"The database in use can't be read ({error}); with --force it is replaced.") from error


def check_alone() -> None:
    """Refuses while others are connected to the PostgreSQL database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        others = cursor.fetchone()[0]
    if others:
        raise BackupRefused(f"{others} others are connected to the database. Stop the service first.")


def replace_postgres(source: Path) -> None:
    """Empty the schema and fill it again, in one transaction: a failure leaves everything as it was."""
    with tempfile.TemporaryDirectory(prefix="countersign-restore-") as folder:
        script = Path(folder) / "restore.sql"
        run_postgres(["pg_restore", "--no-owner", "--no-privileges", f"--file={script}", str(source)], is_local=True)
        command = ["psql", "--no-psqlrc", "--quiet", "--output=/dev/null", "--set=ON_ERROR_STOP=1"]
        renewal = "--command=DROP SCHEMA public CASCADE; CREATE SCHEMA public;"
        run_postgres([*command, "--single-transaction", renewal, f"--file={script}"])


def run_postgres(command: Sequence[str], *, is_local: bool = False) -> None:
    """Run one of PostgreSQL's programs against the database, its password out of the process list."""
    database = settings.DATABASES["default"]
    names = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD", "PGDATABASE": "NAME"}
    given = {} if is_local else {name: str(database[key]) for name, key in names.items() if database.get(key)}
    options = {} if is_local else database.get("OPTIONS", {})
    if "sslmode" in options:
        given["PGSSLMODE"] = options["sslmode"]
    try:
        done = subprocess.run(
            list(command), env={**os.environ, **given}, capture_output=True, text=True, errors="replace", check=False
        )
    except FileNotFoundError:
        raise BackupRefused(f"{command[0]} is not installed; it comes with PostgreSQL's client programs.") from None
    if done.returncode:
        raise BackupRefused(f"{command[0]} failed: {done.stderr.strip()[-1000:] or done.returncode}")


def digest_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_file(path: Path) -> None:
    """On the disk before it takes the place of an older backup."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
