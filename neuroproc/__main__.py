"""``python -m neuroproc``: the command, where its script is not on the path."""

import sys

from neuroproc.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
