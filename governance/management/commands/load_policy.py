"""Brings a policy from a file: how an installation gets its first rules, and how a repository hands over a change."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from governance.actors import OPERATOR
from governance.management.output import CountersignCommand
from governance.models import AISystem
from governance.rules.limits import MAX_DOCUMENT_BYTES
from governance.services.policy_activation import activate_first_version, load_draft


class Command(CountersignCommand):
    help = (
        "Load a policy document for an AI system. Without --activate it becomes a draft that people submit and approve "
        "in the console; with --activate it goes into force at once, which is possible only while no version is."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--system", required=True, metavar="ORG/SLUG")
        parser.add_argument("--file", required=True, metavar="POLICY.YAML")
        parser.add_argument("--activate", action="store_true", help="only while no version is in force")

    def handle(self, *args: Any, **options: Any) -> None:
        system = _find_system(options["system"])
        source = _read_file(Path(options["file"]))
        if options["activate"]:
            activation = activate_first_version(actor=OPERATOR, system=system, source=source)
            version, number = activation.version, activation.number
            said = f"Version {version.number} of {version.policy.key} is in force."
        else:
            version, number = (
                load_draft(actor=OPERATOR, system=system, source=source),
                None,
            )
            said = f"Version {version.number} of {version.policy.key} is a draft; submit it in the console."
        self.report(
            {
                "id": str(version.pk),
                "policy": version.policy.key,
                "policy_id": str(version.policy_id),
                "system": options["system"],
                "version": version.number,
                "status": "in_force" if number else version.status,
                "sha256": f"sha256:{version.sha256}" if version.sha256 else None,
                "activation": number,
            },
            said,
        )


def _find_system(address: str) -> AISystem:
    organization, _, slug = address.partition("/")
    if not organization or not slug or "/" in slug:
        raise CommandError(
            f"--system takes ORGANIZATION/SYSTEM (for example acme/mail-triage), not {address!r}.",
            returncode=2,
        )
    system = AISystem.objects.filter(organization__slug=organization, slug=slug).first()
    if system is None:
        raise CommandError(f"There is no system {address}. Make it with create_system.")
    return system


def _read_file(path: Path) -> str:
    with path.open("rb") as file:
        body = file.read(MAX_DOCUMENT_BYTES + 1)
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CommandError(f"{path}: not valid UTF-8 (byte {error.start}).") from error
