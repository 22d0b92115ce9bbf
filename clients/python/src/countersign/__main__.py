"""`countersign`, and `python -m countersign` where the script is not on the path."""

import sys

from countersign.cli import main


def run() -> None:
    sys.exit(main())


if __name__ == "__main__":
    run()
