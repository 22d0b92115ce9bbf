"""Policy texts and policies in a given state, for the tests of their life."""

from dataclasses import dataclass
from typing import Any

from governance.actors import OPERATOR, Actor
from governance.canonical import parse_ijson
from governance.models import Activation, AISystem, AuditEntry, AuditPayload, Organization, Policy, PolicyVersion
from governance.services.policy_activation import activate_first_version, activate_version
from governance.services.policy_life import approve_version, draft_version, submit_version
from tests.factories import make_actor, make_organization, make_system


def policy_text(
    *, key: str = "refunds", amount: float = 200.0, verdict: str = "review", expect: str | None = None
) -> str:
    """A valid document whose one rule is about an amount; its test passes unless another verdict is expected."""
    return f"""\
apiVersion: governance/v1
kind: Policy
metadata: {{key: {key}, description: What the refund bot may do}}
default: allow
rules:
  - id: large-refund  # asked for by finance
    when: action.name == "refund" && action.arguments.amount > {amount}
    verdict: {verdict}
    queue: refunds
    reason: Refunds over {amount} need a person
tests:
  - name: a big refund asks
    context: {{action: {{name: refund, arguments: {{amount: 90000.0}}}}}}
    expect: {{verdict: {expect or verdict}, rules: [large-refund]}}
"""


@dataclass
class Governed:
    """A system with a policy in force (version 1) and the people around it, each with one role."""

    organization: Organization
    system: AISystem
    policy: Policy
    first: PolicyVersion
    author: Actor
    second_author: Actor
    approver: Actor
    second_approver: Actor

    def draft(self, actor: Actor | None = None, **options: Any) -> PolicyVersion:
        source = options.pop("source", None) or policy_text(amount=options.pop("amount", 500.0))
        return draft_version(actor=actor or self.author, policy_id=self.policy.pk, source=source, **options)

    def submit(self, **options: Any) -> PolicyVersion:
        draft = self.draft(**options)
        return submit_version(actor=self.author, version_id=draft.pk, reason="Finance asked for it")

    def approve(self, **options: Any) -> PolicyVersion:
        version = self.submit(**options)
        return approve_version(actor=self.approver, version_id=version.pk, sha256=version.sha256)

    def activate(self, **options: Any) -> Activation:
        return activate_version(actor=self.approver, version_id=self.approve(**options).pk)

    def in_force(self) -> int:
        return self.policy.activations.order_by("-number").first().version.number  # type: ignore[union-attr]

    def entries(self, type: str) -> list[dict[str, Any]]:
        """What the audit log says of this policy, of one type, oldest first."""
        entries = AuditEntry.objects.about(f"policy:{self.policy.pk}").filter(type=type)
        return [parse_ijson(AuditPayload.objects.get(entry_id=entry.pk).payload.encode()) for entry in entries]


def make_governed(**fields: Any) -> Governed:
    organization = fields.get("organization") or make_organization()
    system = make_system(organization)
    first = activate_first_version(actor=OPERATOR, system=system, source=policy_text()).version
    return Governed(
        organization,
        system,
        first.policy,
        first,
        author=make_actor(organization, "policy_author"),
        second_author=make_actor(organization, "policy_author"),
        approver=make_actor(organization, "policy_approver"),
        second_approver=make_actor(organization, "policy_approver"),
    )
