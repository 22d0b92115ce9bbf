"""Which of this floor's tables are append-only by database trigger (governance/triggers.py): what a version's root
vouches for does not change afterwards, and neither does a verdict with what it rests on."""

from governance.triggers import Guard

GUARDS = (
    Guard("evaluations_example", changeable=frozenset({"status", "labels", "retired_reason"})),
    Guard("evaluations_datasetversion"),
    Guard("evaluations_evaluationrun", free_while="OLD.status = 'open'"),
    Guard("evaluations_runresult"),
    Guard(
        "evaluations_examplemembership",
        changeable=frozenset({"removed_in"}),
        change_when="OLD.removed_in IS NULL AND NEW.removed_in IS NOT NULL",
    ),
)
