"""The lock files are the same wherever they are written, and whatever they install was recorded."""

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

LOCKS = sorted(Path(__file__).resolve().parents[2].glob("requirements*.lock"))


def test_there_are_locks() -> None:
    assert {lock.name for lock in LOCKS} >= {"requirements.lock", "requirements-demo.lock", "requirements-dev.lock"}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_no_address(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_package_is_pinned_with_hashes(lock: Path) -> None:
    blocks = lock.read_text().replace("\\\n", " ").splitlines()
    loose = [block for block in blocks if "==" not in block or "--hash=sha256:" not in block]
    assert blocks
    assert not loose


def test_the_lock_of_npm_s_packages_names_no_address_and_every_package_s_hash() -> None:
    lock = Path(__file__).resolve().parents[1] / "tools" / "package-lock.json"
    text = lock.read_text()
    assert "://" not in text
    assert '"resolved"' not in text
    packages = {name: package for name, package in json.loads(text)["packages"].items() if name}
    assert packages
    assert [name for name, package in packages.items() if "integrity" not in package] == []


def test_the_smaller_locks_are_parts_of_the_larger() -> None:
    """So that a developer's environment serves the demo as well, in the very same versions."""
    root = LOCKS[0].parent
    order = ["requirements.lock", "requirements-demo.lock", "requirements-dev.lock", "requirements-bench.lock"]
    pins = [
        {line.split(" ")[0] for line in (root / name).read_text().splitlines() if re.match(r"[a-z0-9].*==", line)}
        for name in order
    ]
    for smaller, larger in pairwise(pins):
        assert smaller <= larger
