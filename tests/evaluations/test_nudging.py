"""After a released ruling the harvest is woken; a broker that is away costs one sweep and nothing else."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction

from aiops_site.celery import prepare_broker_folder
from evaluations.models import Example
from evaluations.services.harvesting import harvest_corrections
from governance.services.nudging import nudge, send
from reviews.models import Correction
from tests.evaluations.scenes import teach
from tests.reviews.scenes import open_desk

pytestmark = pytest.mark.django_db(transaction=True)
HARVEST = "evaluations.harvest_corrections"


def messages(task: str) -> list[Path]:
    """What lies at the embedded broker for a task."""
    return [path for path in Path(settings.BROKER_DIR).glob("*.msg") if f'"task": "{task}"' in path.read_text()]


@pytest.fixture(autouse=True)
def empty_broker() -> Any:
    prepare_broker_folder()
    for path in messages(HARVEST):
        path.unlink()
    yield
    prepare_broker_folder()


def wait_until(happened: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < end, "it did not happen within 20 s"
        time.sleep(0.02)


def test_a_released_correction_wakes_the_harvest() -> None:
    teach(open_desk())
    wait_until(lambda: messages(HARVEST))


def test_what_teaches_nothing_wakes_nobody() -> None:
    teach(open_desk(), "approve")
    assert send("test.follows")
    assert not messages(HARVEST)


def test_nothing_is_sent_for_what_was_rolled_back() -> None:
    with transaction.atomic():
        nudge("test.rolled_back")
        transaction.set_rollback(True)
    with transaction.atomic():
        nudge("test.committed")
    wait_until(lambda: messages("test.committed"))
    assert not messages("test.rolled_back")


def test_a_broker_that_is_away_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    away = Path(f"{settings.BROKER_DIR}-away")
    desk = open_desk()
    Path(settings.BROKER_DIR).rename(away)
    try:
        with caplog.at_level(logging.WARNING, logger="governance.services.nudging"):
            review = teach(desk)
            wait_until(lambda: f"{HARVEST} was not nudged" in caplog.text)
    finally:
        away.rename(settings.BROKER_DIR)
    review.decision.refresh_from_db()
    assert review.decision.status == "corrected"
    assert Correction.objects.get().harvested_at is None
    assert harvest_corrections() == 1
    assert Example.objects.count() == 1


def test_sending_says_whether_the_broker_took_it() -> None:
    assert send("test.taken") is True
    away = Path(f"{settings.BROKER_DIR}-away")
    Path(settings.BROKER_DIR).rename(away)
    try:
        assert send("test.taken") is False
    finally:
        away.rename(settings.BROKER_DIR)
