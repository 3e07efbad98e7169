"""`python -m proxy`, and what the `pratique` script calls."""

import sys

from proxy.cli.app import run


def main() -> None:
    sys.exit(run())


if __name__ == "__main__":
    main()
