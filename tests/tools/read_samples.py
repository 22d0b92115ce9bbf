"""Run by the tools' own Python: OpenAI Evals' reader of samples, from its package. The module is loaded by itself: the package as
a whole imports the ninety others that it takes to run an eval."""

import importlib.util
import json
import sys
from pathlib import Path

package = importlib.util.find_spec("evals")
assert package is not None and package.submodule_search_locations is not None
place = Path(package.submodule_search_locations[0]) / "data.py"
found = importlib.util.spec_from_file_location("evals_data", place)
assert found is not None and found.loader is not None
reader = importlib.util.module_from_spec(found)
sys.modules["evals_data"] = reader
found.loader.exec_module(reader)
Path("read.json").write_text(json.dumps(reader.get_jsonl(sys.argv[1])), encoding="utf-8")
