"""`manage.py audit_verify`: whether the audit log is what it was; for people, for cron and for auditors."""

import dataclasses
import sys
from typing import Any

from governance.management.output import CountersignCommand
from governance.services.verifying import INCOMPLETE, SOUND, Verification, verify_log
from governance.transparency.checking import Fault

# What is printed at the most; `--json` has the same, and how many there are.
SHOWN = 20
STATUS = {SOUND: "sound", INCOMPLETE: "incomplete"}


class Command(CountersignCommand):
    help = (
        "Check every entry, payload and root of the audit log, and the policies against their entries. Exit code 0: "
        "sound (entries of the last 10 s may still await sequencing), 1: tampered (the first bad entry is named), "
        "2: incomplete."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        found = verify_log()
        status = STATUS.get(found.exit_code, "tampered")
        self.report(describe(found, status), "\n".join(narrate(found, status)))
        if found.exit_code != SOUND:
            self.stdout.flush()
            sys.exit(found.exit_code)


def describe(found: Verification, status: str) -> dict[str, Any]:
    """The JSON object of `--json`."""
    return {
        "status": status,
        "entries": found.entries,
        "batches": found.batches,
        "tree_size": found.tree_size,
        "root": found.root_hash or None,
        "awaiting": found.awaiting,
        "erased": found.erased,
        "fault_count": len(found.faults),
        "faults": [dataclasses.asdict(fault) for fault in found.faults[:SHOWN]],
        "gaps": [dataclasses.asdict(gap) for gap in found.gaps[:SHOWN]],
        "unguarded": found.unguarded,
        "seconds": round(found.seconds, 3),
    }


def narrate(found: Verification, status: str) -> list[str]:
    lines = [
        f"The audit log is {status}: {found.entries:,} entries, {found.erased:,} of them with an erased payload; "
        f"{found.batches:,} batches seal a tree of {found.tree_size:,}"
        + (f" with the root {found.root_hash}." if found.root_hash else "."),
        f"{found.awaiting:,} entries await sequencing. Checked in {found.seconds:.1f} s.",
    ]
    lines += [f"  {name_fault(one)}" for one in (found.faults + found.gaps)[:SHOWN]]
    hidden = len(found.faults) + len(found.gaps) - SHOWN
    if hidden > 0:
        lines.append(f"  and {hidden:,} more")
    if found.unguarded:
        lines.append(f"Without their triggers: {', '.join(found.unguarded)}. `manage.py migrate` installs them again.")
    return lines


def name_fault(fault: Fault) -> str:
    entry = "" if fault.entry_id is None else f"entry {fault.entry_id}"
    leaf = "" if fault.leaf_index is None else f"leaf {fault.leaf_index}"
    place = ", ".join(part for part in (entry, leaf) if part)
    return f"{fault.kind.replace('_', ' ')}{f' ({place})' if place else ''}: {fault.detail}"
