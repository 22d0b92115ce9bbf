"""An AI application under governance: it reads what guests write, and books, moves and cancels tables."""

import sys
from importlib.util import find_spec
from pathlib import Path

# From a checkout as well as where the client library is installed.
if find_spec("countersign") is None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "clients" / "python" / "src"))
