"""Who acts. Every verb names its actor; the product's own work names itself, so that no entry lacks an author."""

import uuid
from dataclasses import dataclass
from typing import Literal

ActorKind = Literal["person", "api_key", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """One acting party within one organization.

    `id` and `label` are what the audit log keeps (plain text, so that the log outlives people); `user_id`, `email` and
    `roles` are set for persons, `system_id` for API keys.
    """

    kind: ActorKind
    id: str
    label: str
    organization_id: uuid.UUID | None = None
    roles: frozenset[str] = frozenset()
    user_id: uuid.UUID | None = None
    system_id: uuid.UUID | None = None
    email: str = ""

    @property
    def is_person(self) -> bool:
        return self.kind == "person"

    @property
    def member_organization_id(self) -> uuid.UUID:
        """The organization of a person's or a key's actor; a programming error for the product's own actor."""
        if self.organization_id is None:
            raise LookupError(f"{self.label} belongs to no organization")
        return self.organization_id

    @property
    def person_id(self) -> uuid.UUID:
        """The id of the person who acts; a programming error for whoever is none."""
        if self.user_id is None:
            raise LookupError(f"{self.label} is no person")
        return self.user_id


SYSTEM = Actor(kind="system", id="countersign", label="Countersign")
OPERATOR = Actor(kind="system", id="operator", label="Operator at the command line")
