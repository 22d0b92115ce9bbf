"""`manage.py serve`: web, worker and scheduler in the foreground as one; the same processes that production runs."""

import os
from argparse import ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from aiops_site.locks import PARTS, AlreadyServed
from aiops_site.service import READY_WITHIN_S, NotPrepared, describe_mail, prepare_database, start_service
from aiops_site.supervision import PortTaken
from governance.management.output import CountersignCommand

MOST_WORKERS = 64


def read_workers(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= MOST_WORKERS:
        raise ArgumentTypeError(f"must be a whole number from 1 to {MOST_WORKERS}")
    return int(text)


def read_port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise ArgumentTypeError("must be a whole number from 0 to 65535")
    return int(text)


class Command(CountersignCommand):
    help = "Run the web server, the worker and the scheduler in the foreground as one. Ctrl-C ends them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
        parser.add_argument(
            "--port", type=read_port, default=8000, help="port to listen on (default 8000; 0: a free one)"
        )
        parser.add_argument(
            "--workers", type=read_workers, help="web processes (embedded: 1; else one a core, up to 4)"
        )
        parser.add_argument("--only", choices=PARTS, help="run one part alone, as one deploys it")
        parser.add_argument(
            "--migrate", action="store_true", help="bring the database named by DATABASE_URL up to date first"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            service = start_service(
                host=options["host"],
                port=options["port"],
                workers=options["workers"] or default_workers(),
                parts=[options["only"]] if options["only"] else PARTS,
                prepare=lambda: prepare_database(may_migrate=options["migrate"], say=self.say),
                say=self.say,
            )
        except (NotPrepared, PortTaken, AlreadyServed) as refusal:
            raise CommandError(str(refusal)) from refusal
        supervisor = service.supervisor
        try:
            if supervisor.watch(until=service.is_ready, timeout_s=READY_WITHIN_S):
                self.announce(service.address, service.parts)
            elif not supervisor.is_stopping:
                self.say(f"Not ready after {READY_WITHIN_S:.0f} s; {service.address}/readyz says why. Still trying.")
            supervisor.watch()
        finally:
            self.say("Stopping …")
            supervisor.end()

    def announce(self, address: str, parts: tuple[str, ...]) -> None:
        if "web" in parts:
            self.report({"address": address, "parts": parts}, f"Countersign is ready at {address} (Ctrl-C ends it)")
            if where := describe_mail():
                self.say(where)
        else:
            self.report({"parts": parts}, f"The {parts[0]} runs (Ctrl-C ends it)")
        self.stdout.flush()

    def say(self, line: str) -> None:
        self.stderr.write(line, self.style.NOTICE)
        self.stderr.flush()


def default_workers() -> int:
    return 1 if settings.IS_EMBEDDED else min(4, os.cpu_count() or 1)
