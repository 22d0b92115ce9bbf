"""Which version rules a system now, compiled once a process and version: intake asks this for every decision."""

import json
import threading
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from django.db.models import DateTimeField, Q, QuerySet, UUIDField

from governance.models import Activation, PolicyVersion
from governance.prepared import Bound, PreparedQuery
from governance.rules.document import load_policy_document
from governance.rules.evaluation import CompiledPolicy, compile_policy

COMPILED_AT_MOST = 512


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """The version that rules, with the activation that put it there."""

    activation_id: int
    version_id: uuid.UUID
    name: str
    number: int
    sha256: str
    compiled: CompiledPolicy


_compiled: OrderedDict[uuid.UUID, CompiledPolicy] = OrderedDict()
_lock = threading.Lock()


def _write_newest_activation() -> QuerySet[Activation]:
    now = Bound("now", DateTimeField())
    return (
        Activation.objects.filter(
            Q(effective_to__isnull=True) | Q(effective_to__gt=now),
            policy__system_id=Bound("system_id", UUIDField()),
            mode=Activation.Mode.ACTIVE,
            effective_from__lte=now,
        )
        .order_by("-id")
        .select_related("policy", "version")
        .only("policy__key", "version__number", "version__sha256")
    )


_NEWEST_ACTIVATION = PreparedQuery(_write_newest_activation)


def find_policy_in_force(*, system_id: uuid.UUID, now: datetime) -> PolicyInForce | None:
    """The newest activation of mode active with from ≤ now < to, or None where nothing is in force."""
    activation = _NEWEST_ACTIVATION.first(system_id=system_id, now=now)
    if activation is None:
        return None
    return PolicyInForce(
        activation_id=activation.pk,
        version_id=activation.version_id,
        name=activation.policy.key,
        number=activation.version.number,
        sha256=activation.version.sha256,
        compiled=_compile_version(activation.version_id),
    )


def _compile_version(version_id: uuid.UUID) -> CompiledPolicy:
    """A version's text never changes once it was submitted, so its id is key enough."""
    with _lock:
        compiled = _compiled.get(version_id)
        if compiled is not None:
            _compiled.move_to_end(version_id)
            return compiled
    canonical = PolicyVersion.objects.values_list("canonical", flat=True).get(pk=version_id)
    compiled = compile_policy(load_policy_document(json.loads(canonical)))
    with _lock:
        _compiled[version_id] = compiled
        while len(_compiled) > COMPILED_AT_MOST:
            _compiled.popitem(last=False)
    return compiled
