"""No command replaces what it reads."""

from __future__ import annotations

import argparse
from pathlib import Path

from isa_spec.errors import FormatError
from isa_spec.spec import profile_names
from neuroproc.cli.streams import STANDARD


def refuse_overwriting(output: str | Path | None, *inputs: str | Path | None, with_arrays: bool = False) -> None:
    """Refuse an output that is one of the inputs, by whatever path; to be asked before anything is done.

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
    FormatError
        If it is.
    """
    if output is None or output == STANDARD:
        return
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


def network_files(network: str | Path) -> tuple[Path, ...]:
    """A network's file and the one where its arrays lie by custom."""
    path = Path(network)
    return (path, path.with_suffix(".npz")) if path.suffix in (".json", ".toml") else (path,)


def fold_files(args: argparse.Namespace) -> tuple[Path, ...]:
    """Files that a command reads which folds NETWORK for ``--profile``."""
    profile = () if args.profile in profile_names() else (Path(args.profile),)
    return (*network_files(args.network), *profile)


def _is_same(target: Path, given: Path) -> bool:
    """Whether two paths mean one file; a terminal, a pipe or ``/dev/null`` may well be both."""
    if target.exists() and given.exists():
        return target.is_file() and target.samefile(given)
    return target.resolve() == given.resolve()
