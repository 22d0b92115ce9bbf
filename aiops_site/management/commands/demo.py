"""`manage.py demo`, which `make demo` runs: the product on its embedded default, with a real application to govern."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from aiops_site.demo import describe_people, prepare_demo
from aiops_site.locks import PARTS, AlreadyServed
from aiops_site.management.commands.serve import read_port
from aiops_site.service import READY_WITHIN_S, NotPrepared, Service, prepare_database, start_service
from aiops_site.supervision import ROOT, Child, PortTaken
from governance.management.output import CountersignCommand

LOOPBACK = "127.0.0.1"
# Done, and refused for a reason that trying again does not change (the application's own codes).
FINAL_CODES = frozenset({0, 2})


class Command(CountersignCommand):
    help = "Run the product with demo people and an example AI application, on this machine alone. Ctrl-C ends it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=read_port, default=8000, help="port on loopback (default 8000; 0: any)")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.IS_EMBEDDED:
            raise CommandError(
                "The demo makes people with known passwords, in a database of its own: unset DATABASE_URL."
            )
        keys: list[str] = []

        def prepare() -> None:
            prepare_database(may_migrate=True, say=self.say)
            keys.append(prepare_demo(root=ROOT, say=self.say))

        try:
            service = start_service(
                host=LOOPBACK, port=options["port"], workers=1, parts=PARTS, prepare=prepare, say=self.say
            )
        except (NotPrepared, PortTaken, AlreadyServed) as refusal:
            raise CommandError(str(refusal)) from refusal
        try:
            self.say("Starting web server, worker and scheduler …")
            self.run(service, keys[0])
        finally:
            self.say("Stopping …")
            service.supervisor.end()

    def run(self, service: Service, key: str) -> None:
        """Start the application as soon as it can ask, and watch until somebody ends it."""
        supervisor = service.supervisor
        if not supervisor.watch(until=service.is_ready, timeout_s=READY_WITHIN_S):
            if supervisor.is_stopping:
                return
            self.say(f"Not ready after {READY_WITHIN_S:.0f} s; {service.address}/readyz says why. Still trying.")
            if not supervisor.watch(until=service.is_ready):
                return
        self.report({"address": service.address}, describe_people(service.address))
        self.stdout.flush()
        supervisor.add(
            Child(
                "mail triage",
                "examples.mail_triage",
                ["--url", service.address, "--data-dir", str(settings.DATA_DIR), "--part", "all", "--loop"],
                {"COUNTERSIGN_API_KEY": key},
                prefix="mail triage | ",
                final_codes=FINAL_CODES,
            )
        )
        supervisor.watch()

    def say(self, line: str) -> None:
        self.stderr.write(line, self.style.NOTICE)
        self.stderr.flush()
