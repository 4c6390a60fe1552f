"""Read commands of TENNLab's processor tool from standard input, and answer as that tool does.

`?` lists the commands. A mistake is told on standard error, and the session goes on.
"""

from __future__ import annotations

import argparse
import io
import sys

from neuroproc.tennlab.interpreter import Interpreter

EXAMPLE = "neuroproc shell < session.txt"
CHUNK = 1 << 16
WELCOME = "commands of TENNLab's processor tool; ? lists them, Q leaves"
"""For whoever types at a terminal and sees no prompt."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "prompt", nargs="?", default="-", metavar="PROMPT", help="printed before each line is read (default: -, none)"
    )


def execute(args: argparse.Namespace) -> int:
    """Answer until the input ends, or the user leaves."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names of nodes are anybody's.
        sys.stdout.reconfigure(errors="backslashreplace")
    interpreter = Interpreter(sys.stdout, sys.stderr)
    prompt = "" if args.prompt == "-" else args.prompt
    if not prompt and sys.stdin.isatty():
        print(f"neuroproc shell: {WELCOME}", file=sys.stderr)
    waiting = b""
    while True:
        if prompt and not waiting:
            sys.stdout.write(prompt)
        # Whoever talks to this over a pipe gets all answers before more is read.
        sys.stdout.flush()
        chunk = sys.stdin.buffer.read1(CHUNK) if isinstance(sys.stdin, io.TextIOWrapper) else b""
        *lines, waiting = (waiting + chunk).split(b"\n")
        if not chunk:
            lines, waiting = [waiting] if waiting else [], b""
        for number, line in enumerate(lines):
            if prompt and number:
                sys.stdout.write(prompt)
            interpreter.feed(line.decode("utf-8", "replace"))
            if interpreter.over:
                return 0
        if not chunk:
            interpreter.end()
            return 0
