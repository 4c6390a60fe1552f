"""``neuroproc``: finds the command, and turns every user's mistake into one message and the right exit status."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from itertools import pairwise

from isa_spec.errors import NeuroprocError, ResourceError
from neuroproc.cli.signals import ended_cleanly
from neuroproc.version import VERSION

COMMANDS = {
    "train": "labelled frames to layered network",
    "compile": "layered network to processor image",
    "explore": "the Pareto front over all folds",
    "count": "static measures of an image",
    "report": "one page of HTML on an image and a run of it",
    "diff": "what differs between two images",
    "convert": "files into other formats",
    "run": "spikes in, spikes out",
    "classify": "frames in, classes out",
    "shell": "commands of TENNLab's processor tool in, its answers out",
    "plot": "pictures of networks, images and runs",
    "explain": "why a neuron fired in a cycle, or did not",
    "verify": "every layer of an image against plain integer evaluation",
    "demo": "compile, run and verify a shipped network on shipped frames",
    "completion": "what makes the Tab key complete all this, for bash and zsh",
}
"""Each is a module of this package with ``EXAMPLE``, ``configure(parser)`` and ``execute(args) -> exit status``.

Or it has ``KINDS``, a table like this one, of modules like these in the package `ROOM`.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status.

    0 good, 1 our fault, 2 usage, 3 the input is wrong or unsupported, 4 does not fit the processor, 5 verification
    failed, or images differ.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # closed by whoever started us: nobody listens
    parser = build_parser(arguments)
    if not arguments:
        parser.print_help(sys.stderr)
        return 2
    _refuse_empty(parser, arguments)
    args = parser.parse_args(arguments)
    try:
        with ended_cleanly():
            status = args.execute(args)
        sys.stdout.flush()
        return int(status)
    except NeuroprocError as error:
        return _complain(str(error), error.exit_status)
    except BrokenPipeError:
        # The reader has gone, as in `| head`: nothing is wrong.
        _drop_output()
        return 0
    except OSError as error:
        if error.filename is None:
            _drop_output()
        place = error.filename or "standard input or output"
        return _complain(f"{place}: {error.strerror or error}", NeuroprocError.exit_status)
    except MemoryError as error:
        return _complain(
            f"this machine's memory is too small ({error or 'out of memory'}); fold more (a smaller unroll) or take "
            "fewer frames at a time",
            ResourceError.exit_status,
        )
    except KeyboardInterrupt:
        print("neuroproc: interrupted", file=sys.stderr)
        return 130


def _refuse_empty(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Refuse an empty argument, as an unset variable of the shell leaves it: no command has a use for one."""
    for before, argument in pairwise(arguments):
        option, equals, value = argument.partition("=")
        is_option = option.startswith("--") and equals
        # Of `--option=--`, argparse would make an empty list.
        if not argument or (is_option and value in ("", "--")):
            place = f"{option}=" if is_option else f"the argument after '{before}'"
            parser.error(f"{place} is empty (a variable that is not set?); give a value, or leave it out")


def _complain(message: str, status: int) -> int:
    """One line on standard error, whatever the message holds; the exit status."""
    print("neuroproc: error:", " ".join(message.splitlines()), file=sys.stderr)
    return status


def _drop_output() -> None:
    """Python must not try to flush once more at exit what could not be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def build_parser(arguments: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """The program's parser; of the commands, those that are among the arguments are complete, by default all."""
    parser = argparse.ArgumentParser(
        prog="neuroproc",
        description="Fold 0/1-activation networks into small spiking graphs, and emulate them exactly.",
        epilog="example:\n  neuroproc demo",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-V", "--version", action="version", version=f"neuroproc {VERSION}")
    _add_commands(parser, "COMMAND", COMMANDS, "neuroproc.cli", arguments)
    return parser


def _add_commands(
    parser: argparse.ArgumentParser, word: str, table: Mapping[str, str], room: str, arguments: Sequence[str] | None
) -> None:
    commands = parser.add_subparsers(dest=word.lower(), metavar=word, required=True)
    for name, summary in table.items():
        # Only the command that was asked for is imported: `neuroproc --help` stays instant.
        if arguments is not None and name not in arguments:
            commands.add_parser(name, help=summary)
            continue
        module = import_module(f"{room}.{name}")
        command = commands.add_parser(
            name,
            help=summary,
            description=module.__doc__,
            epilog=f"example:\n  {module.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if hasattr(module, "KINDS"):
            _add_commands(command, "KIND", module.KINDS, module.ROOM, arguments)
        else:
            module.configure(command)
            command.set_defaults(execute=module.execute)
