"""The policies' rows against the log: each text that was submitted, each activation and each approval has its entry,
and says the same."""

import json
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from governance.canonical import sha256_hex
from governance.models import Activation, AuditPayload, PolicyApproval, PolicyVersion
from governance.transparency.checking import Fault

APPROVE = PolicyApproval.Verdict.APPROVE
RULINGS = frozenset({"policy.approved", "policy.rejected"})


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the log says of policies: texts as (version, hash), activations as (version, number), rulings as (version,
    approver, type); each with its entry."""

    texts: dict[tuple[str, str], int]
    activations: dict[tuple[str, int], int]
    rulings: dict[tuple[str, str, str], int]


def check_policies() -> list[Fault]:
    """What the tables of policies say differently from the entries, in both directions.

    The log is read before and after the tables: what was recorded before must be in them, and what is in them must be
    recorded after, whoever writes meanwhile.
    """
    before = _read_log()
    versions, altered = _read_versions()
    activations = {(str(version), number) for version, number in Activation.objects.values_list("version_id", "number")}
    rulings = {
        (str(version), str(approver), "policy.approved" if verdict == APPROVE else "policy.rejected")
        for version, approver, verdict in PolicyApproval.objects.values_list("version_id", "approver_id", "verdict")
    }
    after = _read_log()
    return [
        *altered,
        *(
            Fault("policy_altered", f"no entry records this text of policy version {of}")
            for of, _ in _less(versions, after.texts)
        ),
        *(
            Fault("policy_altered", f"policy version {of} has another text than was recorded", before.texts[of, text])
            for of, text in _less(before.texts, versions)
        ),
        *(
            Fault("activation_inserted", f"no entry records activation {number} of policy version {of}")
            for of, number in _less(activations, after.activations)
        ),
        *(
            Fault(
                "activation_deleted",
                f"activation {number}, of policy version {of}, is not there",
                before.activations[of, number],
            )
            for of, number in _less(before.activations, activations)
        ),
        *(
            Fault("ruling_inserted", f"no entry records the ruling of {by} on policy version {of}")
            for of, by, _ in _less(rulings, after.rulings)
        ),
        *(
            Fault(
                "ruling_deleted",
                f"the ruling of {by} on policy version {of} is not there",
                before.rulings[of, by, type],
            )
            for of, by, type in _less(before.rulings, rulings)
        ),
    ]


def _less(some: Iterable[Any], others: Container[Any]) -> list[Any]:
    return sorted(one for one in some if one not in others)


def _read_versions() -> tuple[set[tuple[str, str]], list[Fault]]:
    """Every submitted text as (version, hash), and the faults of those whose text does not give its hash."""
    texts, altered = set(), []
    versions = PolicyVersion.objects.exclude(sha256="").order_by("policy_id", "number")
    for version_id, canonical, sha256 in versions.values_list("id", "canonical", "sha256").iterator():
        texts.add((str(version_id), f"sha256:{sha256}"))
        if sha256_hex(canonical) != sha256:
            altered.append(Fault("policy_altered", f"the text of policy version {version_id} does not give its hash"))
    return texts, altered


def _read_log() -> Recorded:
    found = Recorded({}, {}, {})
    for step in _recorded_steps():
        version, entry_id = step["version_id"], step["entry_id"]
        if isinstance(step.get("sha256"), str):
            found.texts[version, step["sha256"]] = entry_id
        if isinstance(step.get("activation"), int):
            found.activations[version, step["activation"]] = entry_id
        if step["type"] in RULINGS:
            found.rulings[version, step["actor_id"], step["type"]] = entry_id
    return found


def _recorded_steps() -> Iterator[dict[str, Any]]:
    """The payloads of the entries on policies, with entry, type and actor; what was erased is not among them."""
    rows = AuditPayload.objects.filter(entry__type__startswith="policy.").order_by("entry_id")
    for entry_id, type, actor_id, text in rows.values_list("entry_id", "entry__type", "entry__actor_id", "payload"):
        try:
            step = json.loads(text)
        except ValueError:
            # Altered, and named as such by its commitment.
            continue
        if isinstance(step, dict) and isinstance(step.get("version_id"), str):
            yield step | {"entry_id": entry_id, "type": type, "actor_id": actor_id}
