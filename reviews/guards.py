"""Which of this floor's tables are append-only by database trigger (governance/triggers.py)."""

from governance.triggers import Guard

GUARDS = (Guard("reviews_review"),)
