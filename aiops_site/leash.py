"""Runs a module for as long as its parent lives: a killed supervisor must not leave servers behind that hold the port.

`python -m aiops_site.leash FD MODULE ARGUMENT…`. FD is the reading end of a pipe whose writing end only the parent
has; it ends when the parent ends, however that happens. (Linux's own way, PR_SET_PDEATHSIG, is Linux's alone.)
"""

import os
import runpy
import signal
import sys
import threading
import time

GRACE_S = 5.0


def hold(descriptor: int) -> None:
    """End this process when the pipe ends: politely at first."""

    def watch() -> None:
        while os.read(descriptor, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_S)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="leash", daemon=True).start()


def main() -> None:
    descriptor, module = int(sys.argv[1]), sys.argv[2]
    sys.argv = [module, *sys.argv[3:]]
    hold(descriptor)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
