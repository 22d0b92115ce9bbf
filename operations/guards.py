"""Which of this floor's tables are append-only by database trigger (governance/triggers.py): a month that was frozen never
changes afterwards and is never deleted; all that may still happen to it, once, is its owner's signature. An entry in the ledger of
costs is never changed either: a new price is a new entry."""

from governance.triggers import Guard

GUARDS = (
    # Only changes are refused: an entry has to go where its decision goes.
    Guard("operations_costentry", delete_when="1 = 1"),
    Guard(
        "operations_ownershipreport",
        changeable=frozenset({"attested_at", "attested_by_id", "attested_by_label", "statement"}),
        change_when="OLD.attested_at IS NULL AND NEW.attested_at IS NOT NULL",
    ),
)
