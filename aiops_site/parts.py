"""The three parts of a running service, each a process of its own: `python -m aiops_site.parts web|worker|scheduler`.

`manage.py serve` starts and watches them (aiops_site/supervision.py).
"""

import argparse
import contextlib
import os
import warnings
from typing import Any

from kombu.exceptions import OperationalError

from aiops_site.watchdog import PATIENCE_S, Watchdog

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aiops_site.settings")


def run_web(host: str, port: int) -> None:
    """One web process, until TERM or INT."""
    from aiops_site.asgi import application
    from aiops_site.web import serve_site

    serve_site(application, host=host, port=port)


def run_worker(concurrency: int, *, patience_s: float = PATIENCE_S) -> None:
    """The Celery worker on threads: its tasks wait for the database, and a thread costs no copy of the process."""
    from celery import signals

    from aiops_site.celery import app

    prepare_celery()
    watchdog = Watchdog(part="worker", is_broker_there=is_broker_there, patience_s=patience_s)
    signals.worker_ready.connect(watchdog.moved)
    signals.task_received.connect(watchdog.moved)
    # An expired message is one that came.
    signals.task_revoked.connect(watchdog.moved)
    signals.task_prerun.connect(watchdog.began)
    signals.task_postrun.connect(watchdog.ended)
    watchdog.start()
    worker = app.Worker(
        pool="threads",
        concurrency=concurrency,
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        loglevel="WARNING",
    )
    worker.start()
    raise SystemExit(worker.exitcode or 0)


def run_scheduler(*, patience_s: float = PATIENCE_S) -> None:
    """Celery's beat. Its schedule is kept in memory: every entry recurs within seconds, and a file can be torn."""
    from celery import signals

    from aiops_site.celery import app

    prepare_celery()
    # The schedule's first beat is an interval away, and somebody waits to hear that all is ready.
    with contextlib.suppress(OperationalError):
        app.send_task("governance.beat", expires=5)
    watchdog = Watchdog(part="scheduler", is_broker_there=is_broker_there, patience_s=patience_s)
    signals.after_task_publish.connect(watchdog.moved)
    watchdog.start()
    app.Beat(scheduler="celery.beat:Scheduler", quiet=True, loglevel="WARNING").run()


def prepare_celery() -> None:
    """What both Celery parts need: a broker that is away for an hour is an outage, not a reason to end."""
    import django

    from aiops_site.celery import app

    django.setup()
    app.conf.update(broker_connection_max_retries=None, worker_enable_remote_control=False)


def is_broker_there() -> bool:
    """Whether a new connection to the broker opens within seconds; with Redis a channel asks it for a sign of life."""
    from aiops_site.celery import app

    return does_open(app.connection_for_read(transport_options={"socket_timeout": 5, "socket_connect_timeout": 5}))


def does_open(connection: Any) -> bool:
    try:
        with connection:
            connection.channel().close()
    # Channel errors, too: Redis refuses even a sign of life while it can't save, and a new start would not help.
    except (OSError, OperationalError, *connection.connection_errors, *connection.channel_errors):
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parts = parser.add_subparsers(dest="part", required=True)
    web = parts.add_parser("web")
    web.add_argument("--host", required=True)
    web.add_argument("--port", type=int, required=True)
    worker = parts.add_parser("worker")
    worker.add_argument("--concurrency", type=int, default=4)
    parts.add_parser("scheduler")
    options = parser.parse_args()
    # Celery warns that root runs it, which in a container is the custom; with JSON messages it opens nothing.
    warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")
    match options.part:
        case "web":
            run_web(options.host, options.port)
        case "worker":
            run_worker(options.concurrency)
        case "scheduler":
            run_scheduler()


if __name__ == "__main__":
    main()
