"""`manage.py serve` as somebody runs it: real processes, which are killed, stopped and started twice."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.aiops_site.running import RunningService
from tests.support.migrating import put_migrated_database

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds its processes in /proc")


def eventually(condition: Callable[[], object], within_s: float = 60) -> bool:
    give_up = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.05)
    return True


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and whose parent has not looked yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_serve_prepares_the_database_gets_ready_and_ends_cleanly(tmp_path: Path) -> None:
    with RunningService(tmp_path) as service:
        service.wait_until_ready()
        assert eventually(lambda: f"ready at {service.url}" in service.said())
        assert eventually(lambda: f"each one becomes a file in {tmp_path}" in service.said())
        checks = httpx.get(f"{service.url}/readyz").json()["checks"]
        assert checks == {name: {"ok": True} for name in ("database", "migrations", "broker", "worker")}
        children = [pid for part in ("web", "worker", "scheduler") for pid in service.pids(part)]
        assert len(children) == 3
        started_at = time.monotonic()
        assert service.end(signal.SIGINT) == 0
        assert time.monotonic() - started_at < 10
        assert not any(map(is_alive, children))


@pytest.mark.slow
def test_a_killed_part_is_started_again(tmp_path: Path) -> None:
    with RunningService(tmp_path) as service:
        service.wait_until_ready()
        for part in ("web", "worker", "scheduler"):
            (killed,) = service.pids(part)
            os.kill(killed, signal.SIGKILL)
            assert eventually(lambda part=part, killed=killed: set(service.pids(part)) - {killed})  # type: ignore[misc]
        assert eventually(service.is_ready)
        assert service.end() == 0


@pytest.mark.slow
def test_a_part_that_hangs_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with RunningService(tmp_path) as service:
        service.wait_until_ready()
        (worker,) = service.pids("worker")
        os.kill(worker, signal.SIGSTOP)
        started_at = time.monotonic()
        assert service.end() == 0
        assert time.monotonic() - started_at < 15
        assert not is_alive(worker)


@pytest.mark.slow
def test_the_parts_of_a_killed_supervisor_end_too_and_the_next_start_works(tmp_path: Path) -> None:
    with RunningService(tmp_path) as service:
        service.wait_until_ready()
        children = [pid for part in ("web", "worker", "scheduler") for pid in service.pids(part)]
        service.end(signal.SIGKILL)
        assert eventually(lambda: not any(map(is_alive, children)), within_s=12)
        service.start()
        service.wait_until_ready()
        assert service.end() == 0


def test_a_second_service_on_the_same_folder_or_port_is_refused(tmp_path: Path) -> None:
    put_migrated_database(tmp_path / "data")
    with RunningService(tmp_path) as service:
        service.wait_until_ready()
        on_folder = service.run("serve", "--port", "0")
        assert on_folder.returncode == 1
        assert "already serves the data folder" in on_folder.stderr
        elsewhere = RunningService(tmp_path / "other")
        on_port = elsewhere.run("serve", "--port", str(service.port))
        assert on_port.returncode == 1
        assert f"Port {service.port}" in on_port.stderr
        assert httpx.get(f"{service.url}/healthz").status_code == 200


def test_a_backup_made_while_serving_restores_what_was_there(tmp_path: Path) -> None:
    file = str(tmp_path / "backup.sqlite3")
    put_migrated_database(tmp_path / "data")
    with RunningService(tmp_path) as service:
        service.wait_until_ready()
        service.manage("create_user", "--email", "a@example.org", "--role", "admin", "--organization", "first")
        made = service.manage("backup", file)
        assert made["bytes"] > 0
        assert Path(file).stat().st_mode & 0o077 == 0
        service.manage("create_user", "--email", "b@example.org", "--role", "admin", "--organization", "second")
        while_serving = service.run("restore", file, "--force")
        assert while_serving.returncode == 1
        assert "already serves" in while_serving.stderr
        assert service.end() == 0
        without_force = service.run("restore", file)
        assert without_force.returncode == 1
        assert "--force" in without_force.stderr
        service.manage("restore", file, "--force")
        people = service.run(
            "shell", "-c", "from governance.models import User; print(*User.objects.values_list('email'))"
        )
        assert "a@example.org" in people.stdout
        assert "b@example.org" not in people.stdout


def test_only_one_part_is_run_where_only_one_is_asked_for(tmp_path: Path) -> None:
    put_migrated_database(tmp_path / "data")
    with RunningService(tmp_path, "--only", "web", "--workers", "2") as service:
        assert eventually(lambda: len(service.pids("web")) == 2)
        assert eventually(lambda: f"ready at {service.url}" in service.said())
        assert not service.pids("worker") and not service.pids("scheduler")
        readiness = httpx.get(f"{service.url}/readyz")
        assert readiness.status_code == 503
        assert readiness.json()["checks"]["worker"]["ok"] is False
        assert service.end() == 0


@pytest.mark.slow
def test_a_backup_of_postgresql_restores_what_was_there(tmp_path: Path, postgres_url: str) -> None:
    if shutil.which("pg_dump") is None:
        pytest.skip("pg_dump is not installed")
    file = str(tmp_path / "backup.dump")
    service = RunningService(tmp_path, environment={"DATABASE_URL": postgres_url})
    assert service.run("migrate").returncode == 0
    service.manage("create_user", "--email", "a@example.org", "--role", "admin", "--organization", "first")
    service.manage("backup", file)
    service.manage("create_user", "--email", "b@example.org", "--role", "admin", "--organization", "second")
    assert service.run("restore", file).returncode == 1
    service.manage("restore", file, "--force")
    people = service.run("shell", "-c", "from governance.models import User; print(*User.objects.values_list('email'))")
    assert "a@example.org" in people.stdout
    assert "b@example.org" not in people.stdout
    Path(file).write_bytes(Path(file).read_bytes()[:5000])
    assert service.run("restore", file, "--force").returncode == 1
    assert service.manage("backup", str(tmp_path / "again.dump"))["bytes"] > 5000


def test_serve_says_what_to_do_about_a_database_that_is_not_prepared(tmp_path: Path, postgres_url: str) -> None:
    service = RunningService(tmp_path, environment={"DATABASE_URL": postgres_url})
    refused = service.run("serve", "--port", "0")
    assert refused.returncode == 1
    assert "manage.py migrate" in refused.stderr
