"""Which of this floor's tables are append-only by database trigger (governance/triggers.py): a month that was frozen never
changes afterwards and is never deleted; all that may still happen to it, once, is its owner's signature. What a decision cost is
never changed either: a new price is a new entry."""

from governance.triggers import Guard

GUARDS = (
    # An entry goes where its decision goes, and not otherwise than whole.
    Guard("operations_costentry", delete_when="1 = 1"),
    Guard(
        "operations_ownershipreport",
        changeable=frozenset({"attested_at", "attested_by_id", "attested_by_label", "statement"}),
        change_when="OLD.attested_at IS NULL AND NEW.attested_at IS NOT NULL",
    ),
)
