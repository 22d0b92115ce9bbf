"""Northwind Mail for the story: its people and its mail triage, with the name and the purpose that say who rules here."""

from __future__ import annotations

from pathlib import Path

from examples.installation import Person, Stage

ORGANIZATION, SYSTEM = "northwind", "mail-triage"
POLICY = Path(__file__).with_name("policy.yaml")
OWNER = Person("owner", "Olga Ivanova", "olga@northwind.example")
SAMPLED = "{rate: 0.05, of: allow"


def stage(directory: Path, sampled: float, **facts: str) -> Stage:
    """The stage; the policy in force is the example's with this share of samples, written into the directory. `facts` are more
    options of `create_system`."""
    policy = POLICY.read_text()
    if policy.count(SAMPLED) != 1:
        raise ValueError(f"{POLICY.name} does not sample as this story knows it.")
    chosen = directory / "policy.yaml"
    chosen.write_text(policy.replace(SAMPLED, f"{{rate: {sampled}, of: allow"))
    return Stage(
        organization=ORGANIZATION,
        system=SYSTEM,
        facts={
            "name": "Mail triage, ruled from labels",
            "purpose": (
                "Sorts the support inbox. In this story nobody sits at the desk: all rulings come from the labels of the mail "
                "corpus, given through the API with two reviewers' tokens."
            ),
            "risk": "limited",
            "fallback_message": "A colleague looks at your message and answers within one working day.",
            **facts,
        },
        policy=chosen,
        owner=OWNER,
        backup=Person("lead", "Lea Lindqvist", "lea@northwind.example"),
        admin=Person("admin", "Adrien Moreau", "adrien@northwind.example"),
        desk=(
            Person("reviewer", "Robin Reyes", "robin@northwind.example"),
            Person("reviewer", "Rita Osei", "rita@northwind.example"),
        ),
    )
