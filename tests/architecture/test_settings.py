"""The settings are documented, and refuse nonsense."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from aiops_site.environment import env_bool, env_int, env_list, env_secret, env_text

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| `([A-Z_]+)` \|", re.MULTILINE)


def names_read() -> set[str]:
    """The variables that settings.py reads, from its syntax tree."""
    tree = ast.parse((ROOT / "aiops_site" / "settings.py").read_text())
    return {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id.startswith("env_")
        and isinstance(node.args[0], ast.Constant)
    }


def test_the_documented_table_names_exactly_what_is_read() -> None:
    documented = ROW.findall((ROOT / "docs" / "reference" / "settings.md").read_text())
    assert sorted(documented) == sorted(names_read())


def test_settings_read_the_environment_through_the_readers_alone() -> None:
    assert "os.environ" not in (ROOT / "aiops_site" / "settings.py").read_text()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COUNTERSIGN_DEBUG", "maybe"),
        ("COUNTERSIGN_THREADS", "many"),
        ("COUNTERSIGN_THREADS", "0"),
        ("COUNTERSIGN_WAIT_POLL_MS", "1"),
        ("COUNTERSIGN_SECRET_KEY", "short"),
        ("COUNTERSIGN_BASE_URL", "example.org"),
        ("COUNTERSIGN_EMAIL_URL", "mail.example.org"),
        ("COUNTERSIGN_LOG_LEVEL", "LOUD"),
        ("DATABASE_URL", "mysql://root@localhost/countersign"),
    ],
)
def test_nonsense_stops_the_process_and_names_the_variable(name: str, value: str, tmp_path: Path) -> None:
    environment = {**os.environ, "COUNTERSIGN_DATA_DIR": str(tmp_path), name: value}
    done = subprocess.run(
        [sys.executable, "-c", "import aiops_site.settings"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert name in done.stderr


def test_a_shared_database_demands_a_shared_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COUNTERSIGN_SECRET_KEY")
    with pytest.raises(ImproperlyConfigured, match="must be set when DATABASE_URL is"):
        env_secret("COUNTERSIGN_SECRET_KEY", generated_at=None)


def test_the_embedded_secret_is_made_once_and_for_its_owner_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("COUNTERSIGN_SECRET_KEY")
    place = tmp_path / "new" / "secret_key"
    secret = env_secret("COUNTERSIGN_SECRET_KEY", generated_at=place)
    assert len(secret) >= 32
    assert env_secret("COUNTERSIGN_SECRET_KEY", generated_at=place) == secret
    assert place.stat().st_mode & 0o777 == 0o600


def test_readers_take_what_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_DEBUG", " Yes ")
    assert env_bool("COUNTERSIGN_DEBUG", default=False) is True
    monkeypatch.setenv("COUNTERSIGN_DEBUG", "")
    assert env_bool("COUNTERSIGN_DEBUG", default=True) is True
    monkeypatch.setenv("COUNTERSIGN_ALLOWED_HOSTS", "a.example, b.example,")
    assert env_list("COUNTERSIGN_ALLOWED_HOSTS", []) == ["a.example", "b.example"]
    monkeypatch.setenv("COUNTERSIGN_THREADS", "4")
    assert env_int("COUNTERSIGN_THREADS", default=8, minimum=1, maximum=64) == 4
    assert env_text("COUNTERSIGN_NEVER_SET", "default") == "default"


def test_the_policy_of_every_page_allows_nothing_inline() -> None:
    directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    sources = [str(source) for values in directives.values() for source in values]
    assert directives["default-src"] == ["'none'"]
    assert not [source for source in sources if "unsafe" in source or source == "*" or "http" in source]
