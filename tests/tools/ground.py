"""The tools themselves, as scripts/setup.sh installs them, each in a process of its own that can't reach any network."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers import is_required

HERE = Path(__file__).resolve().parent
TOOLS = HERE.parents[1] / ".venv" / "tools"
# They look for news and tell of their use unless they are told not to.
SILENT = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "PROMPTFOO_DISABLE_TELEMETRY": "1",
    "PROMPTFOO_DISABLE_UPDATE": "1",
    "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1",
    "COUNTERSIGN_TOOLS": str(TOOLS),
}


def read_with(script: str, *arguments: object, home: Path) -> Any:
    """What a script of this folder made of a file, as the JSON that it wrote. Its home is `home`."""
    if not (TOOLS / ".ready").exists():
        reason = "the tools are not installed; make test-tools does it"
        if is_required():
            pytest.fail(f"{reason}, and this run requires them", pytrace=False)
        pytest.skip(reason)
    program = [shutil.which("node") or "node"] if script.endswith(".mjs") else [str(TOOLS / "bin" / "python")]
    done = subprocess.run(
        [*program, str(HERE / script), *map(str, arguments)],
        cwd=home,
        env=make_environment(home),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads((home / "read.json").read_text(encoding="utf-8"))


def make_environment(home: Path) -> Mapping[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PROMPTFOO_CONFIG_DIR": str(home / "promptfoo"),
        "PYTHONUTF8": "1",
        **SILENT,
    }
