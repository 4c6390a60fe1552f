"""Spike files in pieces: whatever the pieces, the same is read and written, and nothing half-written is left."""

from __future__ import annotations

import io
import itertools
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emulator_helpers import as_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from isa_spec.errors import EmulationError, FormatError, NeuroprocError
from isa_spec.image import Port
from isa_spec.spikes import SpikeEvents
from neuroproc.formats import spike_csv
from neuroproc.formats.spike_csv import blocks_of, parse_plain
from neuroproc.formats.spike_writers import open_spikes
from neuroproc.formats.spikes import open_pieces, read_spikes, write_spikes

PORTS = [Port("left", 4), Port("right", 2), Port("up down", 7)]
DIGEST = "sha256:" + "0123456789abcdef" * 4
SEED = 81

Sizes = Callable[[int, int], None]


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> Sizes:
    """Sets how much of a file is read at once."""

    def choose(first: int, block: int) -> None:
        monkeypatch.setattr(spike_csv, "FIRST_BLOCK", first)
        monkeypatch.setattr(spike_csv, "BLOCK", block)

    return choose


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\v", "\x85", "\u2028", "mixed"])
def test_lines_have_the_numbers_of_the_whole_file(sizes: Sizes, end: str) -> None:
    rng = np.random.default_rng(SEED)
    ends = ["\n", "\r\n", "\r", "\v", "\x85", "\u2028"] if end == "mixed" else [end]
    for trial in range(60):
        text = "".join("é1,a"[: rng.integers(0, 5)] + ends[rng.integers(0, len(ends))] for _ in range(30))
        text = ("\ufeff" if trial % 3 == 0 else "") + text + ("last" if trial % 2 else "")
        sizes(int(rng.integers(1, 20)), int(rng.integers(1, 40)))
        found = [
            (block.first_line + place, line)
            for block in blocks_of(io.BytesIO(text.encode()), "a")
            for place, line in enumerate(block.lines("a"))
        ]
        assert found == list(enumerate(text.encode().decode("utf-8-sig").splitlines(), 1))


@given(st.text("0123456789,-\n\r +x", max_size=60), st.sampled_from([2, 3]))
@settings(max_examples=500, deadline=None)
def test_lines_at_once_are_lines_one_by_one(text: str, n_columns: int) -> None:
    found = parse_plain(text.encode(), n_columns)
    if found is not None:
        rows = [[int(cell) for cell in line.split(",")] for line in text.splitlines()]
        assert found.tolist() == rows
        assert "+" not in text
        assert " " not in text


@given(st.lists(st.tuples(*[st.integers(-(10**18) + 1, 10**18 - 1)] * 3), min_size=1), st.sampled_from(["\n", "\r\n"]))
def test_plain_lines_are_seen_to_be_plain(rows: list[tuple[int, int, int]], end: str) -> None:
    text = end.join(",".join(map(str, row)) for row in rows)
    for whole in (text, text + end):
        found = parse_plain(whole.encode(), 3)
        assert found is not None
        assert found.tolist() == [list(row) for row in rows]


@pytest.mark.parametrize("decorated", [0, 0.03, 0.3])
@pytest.mark.parametrize("named", [0, 0.3, 1])
def test_any_blocks_give_the_same_events(sizes: Sizes, decorated: float, named: float) -> None:
    rng = np.random.default_rng(SEED)
    for _ in range(60):
        rows = [
            (int(c), int(p), int(v))
            for c, p, v in rng.integers(0, (50, 3, 9), (int(rng.integers(0, 40)), 3)) - [0, 0, 4]
        ]
        lines = ["cycle,port,value"]
        for cycle, port, value in rows:
            line = f"{cycle},{PORTS[port].name if rng.random() < named else port},{value}"
            lines.append(line.replace(",", " , ") + " # said" if rng.random() < decorated else line)
            lines += [""] * int(rng.random() < decorated / 3)
        text = ("\ufeff" if decorated else "") + "\r\n".join(lines)
        sizes(int(rng.integers(1, 30)), int(rng.integers(1, 60)))
        assert as_rows(read_spikes(io.StringIO(text), PORTS)) == sorted(rows, key=lambda row: row[:2])


@pytest.mark.malformed
@pytest.mark.parametrize("bad", ["x,0,1", "-1,0,1", "1,3,1", "1,-1,1", "1,0", "1,0,1,", "1,0,--1", "1,0,1-", "1,0, "])
def test_a_wrong_line_is_named_wherever_it_is(sizes: Sizes, bad: str) -> None:
    sizes(20, 50)
    for before in (0, 1, 7, 100):
        text = "cycle,port,value\n" + "3,1,1\r\n" * before + bad + "\n5,0,1\n"
        with pytest.raises(FormatError, match=rf"a line {before + 2}: "):
            read_spikes(_named(text), PORTS)


def _named(text: str) -> io.BytesIO:
    stream = io.BytesIO(text.encode())
    stream.name = "a"  # type: ignore[misc]
    return stream


def write_lines(path: Path, rows: list[tuple[int, int]]) -> Path:
    path.write_text("cycle,port\n" + "".join(f"{cycle},{port}\n" for cycle, port in rows))
    return path


def pieces_in(source: Any, small: int, digest: str | None = None) -> tuple[int, list[SpikeEvents]]:
    with open_pieces(source, PORTS, digest, small) as (last, pieces):
        return last, list(pieces)


def test_ordered_files_come_in_pieces(sizes: Sizes, tmp_path: Path) -> None:
    rng = np.random.default_rng(SEED)
    rows = list(zip(np.sort(rng.integers(0, 99, 500)).tolist(), rng.integers(0, 3, 500).tolist(), strict=True))
    path = write_lines(tmp_path / "a.csv", rows)
    sizes(20, 100)
    last, pieces = pieces_in(path, 0)
    assert last == rows[-1][0]
    assert len(pieces) > 10
    assert max(map(len, pieces)) <= 50
    assert all(one.cycle[-1] <= other.cycle[0] for one, other in itertools.pairwise(pieces))
    together = sorted(row for piece in pieces for row in as_rows(piece))
    assert [as_rows(piece) for piece in pieces_in(path, 2**20)[1]] == [together]
    assert as_rows(read_spikes(path, PORTS)) == together
    write_lines(path, [*rows, (0, 0)])
    last, (whole,) = pieces_in(path, 0)
    assert (last, as_rows(whole)) == (rows[-1][0], sorted([*together, (0, 0, 1)]))


@pytest.mark.parametrize("content", [b"cycle,port\n", b"cycle,port\n1,0\n2,0\n", b"01\n00\n00\n"])
def test_short_files_in_pieces(content: bytes) -> None:
    rows = as_rows(read_spikes(io.BytesIO(content), PORTS))
    for small in (0, 2**24):
        last, pieces = pieces_in(io.BytesIO(content), small)
        assert [row for piece in pieces for row in as_rows(piece)] == rows
        assert last == max([cycle for cycle, _, _ in rows], default=-1)


def test_a_pipe_is_read_in_pieces_too(sizes: Sizes, tmp_path: Path) -> None:
    sizes(20, 100)
    rows = [(cycle, cycle % 3) for cycle in range(3000)]
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=write_lines, args=(pipe, rows))
    writer.start()
    last, pieces = pieces_in(pipe, 0)
    writer.join()
    assert (last, len(pieces) > 10) == (2999, True)
    assert [row for piece in pieces for row in as_rows(piece)] == [(*row, 1) for row in rows]


@pytest.mark.malformed
def test_a_late_mistake_comes_before_the_first_piece(sizes: Sizes, tmp_path: Path) -> None:
    sizes(20, 100)
    path = write_lines(tmp_path / "a.csv", [(cycle, 0) for cycle in range(500)])
    begin = path.read_text()
    for late, message in (("501,9\n", "line 502: port '9'"), (f"# image {DIGEST}\n", f"made for image {DIGEST}")):
        path.write_text(begin + late)
        with pytest.raises(FormatError, match=message), open_pieces(path, PORTS, "sha256:0", 0):
            raise AssertionError("there is no first piece")


def pieces_of(events: SpikeEvents, rng: np.random.Generator) -> list[SpikeEvents]:
    """Events cut at some cycles, some pieces empty."""
    cuts = np.sort(rng.integers(0, 30, 4)).tolist()
    return [events.window(begin, end) for begin, end in itertools.pairwise([0, *cuts, 2**62])]


@pytest.mark.parametrize("suffix", [".csv", ".txt", ".npz"])
@pytest.mark.parametrize("digest", [None, DIGEST])
def test_any_pieces_are_written_as_the_whole(tmp_path: Path, suffix: str, digest: str | None) -> None:
    rng = np.random.default_rng(SEED)
    for count in (0, 1, 20, 60):
        events = SpikeEvents.of(rng.integers(0, 30, count), rng.integers(0, 3, count))
        whole, cut, stream = tmp_path / f"whole{suffix}", tmp_path / f"cut{suffix}", io.BytesIO()
        write_spikes(whole, events, PORTS, digest)
        with open_spikes(cut, 3, digest) as add, open_spikes(stream, 3, digest, suffix) as add_to_stream:
            for piece in pieces_of(events, rng):
                add(piece)
                add_to_stream(piece)
        assert cut.read_bytes() == whole.read_bytes() == stream.getvalue()
        found = {(cycle, port) for cycle, port, _ in as_rows(read_spikes(cut, PORTS, digest))}
        assert found == {(cycle, port) for cycle, port, _ in as_rows(events)}
        if digest:
            with pytest.raises(FormatError, match=f"made for image {DIGEST}"):
                read_spikes(cut, PORTS, "sha256:0")


@pytest.mark.error
@pytest.mark.parametrize("suffix", [".csv", ".txt", ".npz"])
def test_an_interruption_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    def write(error: type[BaseException]) -> None:
        with open_spikes(tmp_path / f"a{suffix}", 3) as add:
            add(SpikeEvents.of(1, 0))
            raise error

    for error in (KeyboardInterrupt, KeyError):
        with pytest.raises(error):
            write(error)
    with (
        pytest.raises(EmulationError, match=r"event at port 3, allowed 0\.\.2"),
        open_spikes(tmp_path / f"a{suffix}", 3) as add,
    ):
        add(SpikeEvents.of(1, 3))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.error
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize("count", [1, 10**5])
def test_no_room_for_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda dir: io.FileIO("/dev/full", "r+"))
    with (
        pytest.raises(NeuroprocError, match=r"a\.npz: cannot be written \(No space left on device\); nothing was left"),
        open_spikes(tmp_path / "a.npz", 3) as add,
    ):
        add(SpikeEvents.of(np.arange(count), 0))
    assert list(tmp_path.iterdir()) == []


def test_names_that_look_like_something_else(sizes: Sizes) -> None:
    """The many at once are read as the few: a sign makes no name, and blanks and comments do not belong to names."""
    ports = [Port(name, 0) for name in ("+1", "-1", " a", "b ", "c#d", "e,f", "é", "g h", "")]
    for cell, port in (("0", 0), ("1", 1), ("é", 6), ("g h", 7), ("", 8)):
        for first in (1, 2**12):
            sizes(first, 2**12)
            text = "cycle,port\n" + f"3,{cell}\n" * 5
            assert as_rows(read_spikes(io.StringIO(text), ports)) == [(3, port, 1)] * 5
    for cell in ("-1", " a", "b ", "c#d", "e,f", "x"):
        for first in (1, 2**12):
            sizes(first, 2**12)
            with pytest.raises(FormatError, match="line 2: "):
                read_spikes(io.StringIO("cycle,port\n" + f"3,{cell}\n" * 5), ports)
