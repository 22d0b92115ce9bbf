"""`python -m examples.mail_triage`, from a checkout as well as where the client library is installed."""

import sys
from importlib.util import find_spec
from pathlib import Path

if find_spec("countersign") is None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "clients" / "python" / "src"))

try:
    from examples.mail_triage.app import main

    sys.exit(main())
except KeyboardInterrupt:
    # Stopped while it was still learning: there is nothing to put away.
    sys.exit(130)
