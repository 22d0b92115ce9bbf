"""What the benchmarks stand on: a database as production has it, percentiles, and what this machine is."""

import math
import os
import platform
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import metadata
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from tests.support.servers import PostgresCluster

# What an operator would set on a machine of this size; everything else, fsync among it, is PostgreSQL's own default.
SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "4GB", "work_mem": "16MB", "effective_cache_size": "2GB"}


@contextmanager
def fresh_database() -> Iterator[str]:
    """A migrated database of its own, in the cluster of DATABASE_URL or a private one that syncs to disk. Sets Django up
    on it, so that a process can have one."""
    given = os.environ.get("DATABASE_URL", "")
    with ExitStack() as stack:
        if given:
            url = stack.enter_context(_database_in(given))
        else:
            url = stack.enter_context(PostgresCluster(is_durable=True, options=SETTINGS)).url
        folder = tempfile.mkdtemp(prefix="countersign-bench-")
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        os.environ["DATABASE_URL"] = url
        os.environ["COUNTERSIGN_DATA_DIR"] = folder
        os.environ["COUNTERSIGN_SECRET_KEY"] = "known to everybody, and to benchmarks alone"
        os.environ["DJANGO_SETTINGS_MODULE"] = "aiops_site.settings"
        import django
        from django.core.management import call_command
        from django.db import connections

        django.setup()
        stack.callback(connections.close_all)
        call_command("migrate", verbosity=0, interactive=False)
        yield url


@contextmanager
def _database_in(url: str) -> Iterator[str]:
    import psycopg

    name = f"countersign_bench_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')  # type: ignore[call-overload]
        try:
            yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')  # type: ignore[call-overload]


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest rank: the smallest value with at least that share of the values at or below it."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def describe_ground() -> dict[str, Any]:
    """The versions that a figure depends on."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        server = cursor.fetchone()[0]
        cursor.execute("SHOW fsync")
        fsync = cursor.fetchone()[0]
    return {
        "python": platform.python_version(),
        "postgresql": server,
        "fsync": fsync,
        **{name: metadata.version(name) for name in ("django", "djangorestframework", "psycopg", "granian")},
    }
