"""No command replaces what it reads, writes two things into one file, or finds at its end that it cannot write."""

from __future__ import annotations

import argparse
import itertools
import os
from collections.abc import Mapping
from pathlib import Path

from isa_spec.errors import FormatError
from isa_spec.files import check_writable
from isa_spec.spec import profile_names
from neuroproc.cli.streams import STANDARD


def check_output(output: str | Path | None, *inputs: str | Path | None, with_arrays: bool = False) -> None:
    """Refuse an output that cannot be written, or is one of the inputs by whatever path; ask before anything is done.

    Parameters
    ----------
    output : str, Path or None
        File to be written; None and ``-`` are none.
    *inputs : str, Path or None
        Files that are read.
    with_arrays : bool
        Whether the output is a network, whose arrays go to an ``.npz`` beside it.

    Raises
    ------
    NeuroprocError
        If it cannot be written.
    FormatError
        If it is an input.
    """
    if output is None or output == STANDARD:
        return
    check_writable(output)
    written = {Path(output): f"what goes to {output}"}
    if with_arrays:
        arrays = Path(output).with_suffix(".npz")
        written[arrays] = f"the arrays of {output}, which go to {arrays.name}"
    for target, what in written.items():
        for given in inputs:
            if given is not None and given != STANDARD and _is_same(target, Path(given)):
                raise FormatError(
                    f"{given}: this input would be overwritten by {what}; write to another name (nothing was done)"
                )


def refuse_one_file(outputs: Mapping[str, str | None]) -> None:
    """Refuse outputs of a command that are the same file, by whatever path; to be asked before anything is done.

    Parameters
    ----------
    outputs : dict of str to str or None
        Files to be written by the options that name them; None is none.

    Raises
    ------
    FormatError
        If two of them are one.
    """
    given = {option: place for option, place in outputs.items() if place is not None}
    if list(given.values()).count(STANDARD) > 1:
        raise FormatError("standard output cannot be several files; give all but one of them by name")
    files = ((option, place) for option, place in given.items() if place != STANDARD)
    for (option, place), (other, target) in itertools.combinations(files, 2):
        if _is_same(Path(target), Path(place)):
            raise FormatError(
                f"{option} {place} and {other} {target} are one file, and it cannot hold both; give each a file of its "
                "own (nothing was done)"
            )


def network_files(network: str | Path) -> tuple[Path, ...]:
    """A network's file and the one where its arrays lie by custom."""
    path = Path(network)
    return (path, path.with_suffix(".npz")) if path.suffix in (".json", ".toml") else (path,)


def fold_files(args: argparse.Namespace) -> tuple[Path, ...]:
    """Files that a command reads which folds NETWORK for ``--profile``."""
    profile = () if args.profile in profile_names() else (Path(args.profile),)
    return (*network_files(args.network), *profile)


def _is_same(one: Path, other: Path) -> bool:
    """Whether two paths mean one file; a terminal, a pipe or ``/dev/null`` may well be both."""
    if one.exists() and other.exists():
        return one.is_file() and one.samefile(other)
    return os.path.realpath(one) == os.path.realpath(other)  # Path.resolve has no answer where links go in circles
