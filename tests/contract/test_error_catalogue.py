"""The catalogue of errors names every refusal that the code can raise, with its status, and nothing else."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import evaluations
import governance
import operations
import reviews
from aiops_site import error_pages
from governance.errors import DomainError

CATALOGUE = Path(__file__).parents[2] / "docs" / "reference" / "errors.md"
ROW = re.compile(r"^\| `([a-z-]+)` \| (\d{3}) \| .+ \| .+ \|$", re.MULTILINE)
# Raised by the web framework and translated (governance/api/problems.py).
TRANSLATED = {("method-not-allowed", 405), ("not-acceptable", 406), ("too-many-requests", 429)}


def raised(kind: type[DomainError] = DomainError) -> Iterator[tuple[str, int]]:
    for error in kind.__subclasses__():
        if not error.__module__.startswith("tests."):
            yield error.code, error.status
        yield from raised(error)


def import_everything() -> None:
    for app in (governance, reviews, evaluations, operations):
        for module in pkgutil.walk_packages(app.__path__, f"{app.__name__}."):
            if ".migrations" not in module.name:
                importlib.import_module(module.name)


@pytest.mark.django_db
def test_the_catalogue_names_every_refusal() -> None:
    import_everything()
    assert error_pages.Broken.code
    listed = {(code, int(status)) for code, status in ROW.findall(CATALOGUE.read_text())}
    assert listed == set(raised()) | TRANSLATED
