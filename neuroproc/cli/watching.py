"""What those who wait are told, on standard error: on terminals how far it is, in logs what takes hours."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

Progress = Callable[[int, int], None]
"""Called with what is done and all there is to do."""

SECONDS = 0.1
"""Least between two looks of the counter."""


def configure_progress(parser: argparse.ArgumentParser) -> None:
    """Declare the option of commands that take their time."""
    parser.add_argument("--no-progress", action="store_true", help="do not say how far it is")


@contextlib.contextmanager
def progress(what: str, args: argparse.Namespace | None = None) -> Iterator[Progress | None]:
    """A bar if tqdm is there, else a counter in one line, that ends with the block; None where nobody watches.

    Parameters
    ----------
    what : str
        What is counted, in the plural.
    args : argparse.Namespace, optional
        With the option of `configure_progress`; without them nobody asked for silence.
    """
    if (args and args.no_progress) or not sys.stderr.isatty():
        yield None
        return
    shown = _shown(what)
    try:
        yield shown
    finally:
        # An error, or what is printed next, begins a line of its own.
        shown.close()


def lines(args: argparse.Namespace, logged: bool = False) -> Callable[[str], None] | None:
    """Callable that prints a line; None where nobody asked for it.

    Parameters
    ----------
    args : argparse.Namespace
        With the option of `configure_progress`.
    logged : bool
        Whether a log gets the lines, too, not only those who watch: a few of them, of what may take hours.
    """
    if args.no_progress or not (logged or sys.stderr.isatty()):
        return None

    def show(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    return show


class _Shown(Protocol):
    def __call__(self, done: int, total: int) -> None: ...

    def close(self) -> None: ...


def _shown(what: str) -> _Shown:
    try:
        from tqdm import tqdm
    except ImportError:
        return _Counter(what)
    return _Bar(what, tqdm)


class _Bar:
    """A bar of tqdm, which comes when the total is known."""

    def __init__(self, what: str, make: Callable[..., Any]) -> None:
        self._what, self._make = what, make
        self._bar: Any = None

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None:
            self._bar = self._make(total=total, unit=f" {self._what}", file=sys.stderr, dynamic_ncols=True)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


class _Counter:
    """One line with two numbers."""

    def __init__(self, what: str) -> None:
        self._what, self._next, self._begun = what, 0.0, False

    def __call__(self, done: int, total: int) -> None:
        if done == total or time.monotonic() >= self._next:
            self._next, self._begun = time.monotonic() + SECONDS, True
            print(f"\r{self._what} {done:,} of {total:,}", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        if self._begun:
            print(file=sys.stderr, flush=True)
