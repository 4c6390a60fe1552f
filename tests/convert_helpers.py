"""What conversions print, and standard input for them."""

from __future__ import annotations

import io


def silent(result):
    """A conversion that lost nothing."""
    assert (result.status, result.out, result.err) == (0, "", "")


def lost(result, *words):
    """What a conversion says it lost, if it worked."""
    assert (result.status, result.out) == (0, ""), result
    lines = result.err.splitlines()
    assert len(lines) == len(words), lines
    for line, word in zip(lines, words, strict=True):
        assert line.startswith("neuroproc: ")
        assert word in line


class Standard:
    """Standard input that holds bytes."""

    def __init__(self, data):
        self.buffer = io.BytesIO(data)
