"""Signals that end a program end it as Ctrl-C does: what it has begun to write is taken away."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

ENDING = ("SIGTERM", "SIGHUP")
"""Of schedulers, `timeout` and closed terminals; not every system has all."""


@contextlib.contextmanager
def ended_cleanly() -> Iterator[None]:
    """In the block, signals that would end the program at once raise SystemExit, 128 and the signal's number.

    One that is ignored or handled already, as SIGHUP is under ``nohup``, stays so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in ENDING if hasattr(signal, name)]
    taken = [number for number in numbers if signal.getsignal(number) == signal.SIG_DFL]
    for number in taken:
        signal.signal(number, _leave)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
