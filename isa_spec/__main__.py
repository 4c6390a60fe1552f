"""Prints the specification as Markdown: ``python -m isa_spec > docs/isa.md``."""

import argparse
import sys

from isa_spec.describe import COMMAND, describe
from isa_spec.errors import NeuroprocError


def main() -> int:
    """Exit status, after printing."""
    parser = argparse.ArgumentParser(
        prog="python -m isa_spec", description="Prints the specification as Markdown.", epilog=f"Example: {COMMAND}"
    )
    parser.parse_args()
    try:
        print(describe(), end="")
    except NeuroprocError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
