"""`python -m tests.drill.alone <fault or unchanged-N> <decisions>`: one stream; prints its finding as one line of JSON."""

import json
import sys

from tests.drill.drill import drill_fault, drill_unchanged

what, decisions = sys.argv[1], int(sys.argv[2])
if what.startswith("unchanged-"):
    finding = drill_unchanged(int(what.removeprefix("unchanged-")), decisions=decisions)
else:
    finding = drill_fault(what)
print(json.dumps(finding.as_json(), default=str))
