"""`python -m examples.month.service --port N --at INSTANT`: the whole product in one process, under the story's clock.

Web server, API, console and database are the product's own. In place of worker and scheduler there is the story: line by
line on standard input it says what time it is, which sweeps are to run, and which of the installation's commands; each line gets
one line back. The process ends with its standard input.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from examples.month.clock import TravellingClock, instant_of, keep_time_by

HOST = "127.0.0.1"
# In life every sweep runs every few seconds and finds what another has left. Here they run seldom, so in the order in which one
# leaves work for the next: what ends decisions, the log, its readers, and last what tells people.
SEQUENCING = "governance.sequence_audit_log"
FIRST = ("reviews.release_due_rulings", "reviews.act_on_deadlines", "evaluations.harvest_corrections", SEQUENCING)
LAST = (SEQUENCING, "reviews.notify", "operations.deliver")


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--at", type=instant_of, required=True)
    chosen = parser.parse_args()
    clock = TravellingClock(chosen.at)
    keep_time_by(clock)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aiops_site.settings")
    import django

    django.setup()
    from django.conf import settings

    from aiops_site.asgi import application
    from aiops_site.locks import PARTS, lock_parts
    from aiops_site.service import prepare_database
    from aiops_site.web import serve_site

    # Held for as long as this process lives.
    lock_parts(settings.DATA_DIR, PARTS)
    prepare_database(may_migrate=True, say=lambda words: print(words, file=sys.stderr))
    threading.Thread(target=obey, args=(clock,), name="clock", daemon=True).start()
    serve_site(application, host=HOST, port=chosen.port)


def obey(clock: TravellingClock) -> None:
    """Do what the lines say, one after another. When they end, or nobody hears the answers, tell the server to stop."""
    from aiops_site.celery import app

    app.loader.import_default_modules()
    try:
        for line in sys.stdin.buffer:
            print(json.dumps(carry_out(clock, json.loads(line))), flush=True)
    finally:
        os.kill(os.getpid(), signal.SIGTERM)


def carry_out(clock: TravellingClock, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """One line: set the clock (`at`), run sweeps (`sweep`), run a command (`command`)."""
    if "at" in wanted:
        return {"at": clock.travel(instant_of(wanted["at"])).isoformat()}
    if "sweep" in wanted:
        return {"took_s": sweep(wanted["sweep"])}
    return run_command(wanted["command"], wanted["stdin"])


def sweep(names: Sequence[str]) -> dict[str, float]:
    """The sweeps of these names, or without any every one of the product's own schedule; the seconds that each took."""
    from aiops_site.celery import app

    took: dict[str, float] = {}
    for name in names or in_order():
        began = time.perf_counter()
        app.tasks[name]()
        took[name] = took.get(name, 0.0) + time.perf_counter() - began
    return took


def run_command(arguments: Sequence[str], given: str) -> dict[str, Any]:
    """What a command of manage.py answers as JSON, or its `refusal`. `given` is what it reads on standard input."""
    from django.core.management import CommandError, call_command

    said, standard_input = io.StringIO(), sys.stdin
    sys.stdin = io.StringIO(given)
    try:
        call_command(*arguments, "--json", stdout=said)
    except CommandError as refusal:
        return {"refusal": f"{arguments[0]}: {refusal}"}
    finally:
        sys.stdin = standard_input
    answer: dict[str, Any] = json.loads(said.getvalue())
    return answer


def in_order() -> list[str]:
    from django.conf import settings

    scheduled = [entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()]
    return [*FIRST, *(name for name in scheduled if name not in {*FIRST, *LAST}), *LAST]


if __name__ == "__main__":
    main()
