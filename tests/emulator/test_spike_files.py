"""Spike files: what is written is read again, and what is wrong is refused with its place."""

from __future__ import annotations

import gzip
import io
import re
from pathlib import Path

import numpy as np
import pytest
from emulator_helpers import as_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from isa_spec.arrays import encode_npz
from isa_spec.errors import EmulationError, FormatError
from isa_spec.image import Port
from isa_spec.spikes import SpikeEvents
from neuroproc.formats.spikes import read_spike_file, read_spikes, write_spikes

PORTS = [Port("left", 4), Port("right", 2), Port("up down", 7)]
DIGEST = "sha256:" + "0123456789abcdef" * 4
OTHER = "sha256:" + "f" * 64


def read_text(text: str, digest: str | None = None) -> list[tuple[int, int, int]]:
    return as_rows(read_spikes(io.StringIO(text), PORTS, digest))


def test_csv() -> None:
    text = "# made by hand\n\ncycle,port,value\n 7, right ,-3 # late\n+1,0,5\n1,0,5\r\n2,up down,9223372036854775807\n"
    assert read_text(text) == [(1, 0, 5), (1, 0, 5), (2, 2, 2**63 - 1), (7, 1, -3)]
    assert read_text("\ufeffcycle,port\n3,left\n0,2") == [(0, 2, 1), (3, 0, 1)]
    assert read_text("cycle,port,value\n") == []


NODES = [Port("10", 0), Port("2", 1), Port("1", 2), Port("x", 3), Port("4", 4)]


def read_nodes(*lines: str) -> list[tuple[int, int, int]]:
    return as_rows(read_spikes(io.StringIO("\n".join(lines)), NODES))


def test_ports_that_are_called_by_numbers() -> None:
    """By their number or their name, where it can be but one of them; in a file for the image by number."""
    assert read_nodes("cycle,port", "5,10", "6,0", "7,3", "8,4", "9,x") == [
        (5, 0, 1), (6, 0, 1), (7, 3, 1), (8, 4, 1), (9, 3, 1)
    ]  # fmt: skip
    assert read_nodes("cycle,port", "5,port:1", "6,port:10", "7,port:x") == [(5, 2, 1), (6, 0, 1), (7, 3, 1)]
    assert read_nodes(f"# image {DIGEST}", "cycle,port", "5,1", "6,2", "7,10") == [(5, 1, 1), (6, 2, 1), (7, 0, 1)]
    events = SpikeEvents.of([0, 1, 2, 3], [0, 1, 2, 3])
    write_spikes(stream := io.StringIO(), events, NODES, DIGEST)
    assert read_nodes(*stream.getvalue().splitlines()) == as_rows(events)


def test_ports_that_are_called_by_numbers_in_long_files() -> None:
    """Blocks that are read at once say what single lines say."""
    rng = np.random.default_rng(3)
    for cells in (["10", "0", "3", "4"], ["10", "x", "port:1", "4"]):
        lines = [f"{cycle},{cells[cell]}" for cycle, cell in enumerate(rng.integers(0, 4, 3000))]
        expected = [row for line in lines for row in read_nodes("cycle,port", line)]
        assert read_nodes("cycle,port", *lines) == expected


@pytest.mark.error
@pytest.mark.parametrize("n_before", [0, 3000])
@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (
            "1",
            "port 1 may be the one called so, which is number 2 of the image's, or number 1, which is called 2; write "
            "port:1 or port:2",
        ),
        ("5", "port '5' is unknown, allowed: 0..4 or 10, 2, 1, x, ..."),
        ("port:3", "port 'port:3' is unknown, allowed: 0..4"),
    ],
)
def test_ports_that_may_be_two(n_before: int, cell: str, words: str) -> None:
    with pytest.raises(FormatError, match=re.escape(f"line {n_before + 2}: {words}")):
        read_nodes("cycle,port", *["0,10"] * n_before, f"0,{cell}")


def test_raster() -> None:
    assert read_text("0101\n0000 # silent\n1000\n") == [(0, 2, 1), (1, 0, 1), (3, 0, 1)]


def test_bytes_and_text_streams(tmp_path: Path) -> None:
    text = "cycle,port\n1,0\n"
    assert as_rows(read_spikes(io.BytesIO(text.encode()), PORTS)) == read_text(text) == [(1, 0, 1)]
    for stream in (io.StringIO(), io.BytesIO()):
        write_spikes(stream, SpikeEvents.of([1, 0], [0, 2], [1, -4]), PORTS, DIGEST)
        content = stream.getvalue()
        text = content if isinstance(content, str) else content.decode()
        assert text == f"# image {DIGEST}\ncycle,port,value\n0,2,-4\n1,0,1\n"
    write_spikes(tmp_path / "a.npz", SpikeEvents.of(1, 0), PORTS)
    with open(tmp_path / "a.npz", "rb") as file:
        assert as_rows(read_spikes(file, PORTS)) == [(1, 0, 1)]


EVENTS = st.lists(st.tuples(st.integers(0, 2**62), st.integers(0, 2), st.integers(-(2**63), 2**63 - 1)), max_size=20)


@given(EVENTS, st.sampled_from([".csv", ".npz", ".CSV"]), st.sampled_from([None, DIGEST]))
@settings(max_examples=60, deadline=None)
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, int]], suffix: str, digest: str | None
) -> None:
    path = tmp_path_factory.mktemp("spikes") / f"spikes{suffix}"
    events = SpikeEvents.of(*np.array(rows, np.int64).reshape(-1, 3).T)
    write_spikes(path, events, PORTS, digest)
    assert as_rows(read_spikes(path, PORTS, DIGEST)) == as_rows(events)
    first = path.read_bytes()
    write_spikes(path, events, PORTS, digest)
    assert path.read_bytes() == first


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2)), max_size=20, unique=True))
@settings(max_examples=40, deadline=None)
def test_raster_round_trip(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int]]) -> None:
    path = tmp_path_factory.mktemp("spikes") / "spikes.txt"
    events = SpikeEvents.of(*np.array(rows, np.int64).reshape(-1, 2).T)
    write_spikes(path, events, PORTS)
    assert as_rows(read_spikes(path, PORTS, DIGEST)) == as_rows(events)


@pytest.mark.parametrize(
    "comment", [f"# image {DIGEST}", f"#image={DIGEST}", f"# image: {DIGEST}", f"#  image = {DIGEST} "]
)
@pytest.mark.parametrize("body", ["cycle,port\n1,0\n", "010\n000\n000\n"])
def test_digest_in_text(comment: str, body: str) -> None:
    for text in (f"{comment}\n{body}", f"{body}{comment}\n"):
        assert read_text(text, DIGEST) == read_text(text) == [(1, 0, 1)]
        with pytest.raises(FormatError, match=f"made for image {DIGEST}, this image is {OTHER}"):
            read_text(text, OTHER)
    assert read_text(body, DIGEST) == [(1, 0, 1)]


def test_digest_in_npz(tmp_path: Path) -> None:
    path = tmp_path / "spikes.npz"
    write_spikes(path, SpikeEvents.of(1, 0), PORTS, DIGEST)
    assert len(read_spikes(path, PORTS, DIGEST)) == len(read_spikes(path, PORTS)) == 1
    with pytest.raises(FormatError, match="made for image"):
        read_spikes(path, PORTS, OTHER)


@pytest.mark.malformed
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty, allowed: a CSV file with the header cycle,port,value, or lines of 0 and 1"),
        ("# nothing\n\n", "empty"),
        ("1,0,1\n", "line 1: header '1,0,1', allowed: cycle,port,value or cycle,port"),
        ("cycle,neuron\n1,1\n", "line 1: header 'cycle,neuron'"),
        ("cycle;port\n", "line 1: header"),
        ("value,port,cycle\n", "line 1: header"),
        ("cycle,port,value\n1,0\n", r"line 2: 2 values, expected 3 \(cycle,port,value\)"),
        ("cycle,port\n1,0,1\n", "line 2: 3 values, expected 2"),
        ("cycle,port\n\n# here\n-4,0\n", "line 4: cycle -4 is negative, allowed: 0 and above"),
        ("cycle,port\n1.0,0\n", r"line 2: cycle '1\.0', allowed: an integer of 64 bits"),
        ("cycle,port\n1_0,0\n", "line 2: cycle '1_0'"),
        ("cycle,port\n٣,0\n", "line 2: cycle '٣'"),
        ("cycle,port\n,0\n", "line 2: cycle ''"),
        ("cycle,port\nnan,0\n", "line 2: cycle 'nan'"),
        ("cycle,port\n9223372036854775808,0\n", "line 2: cycle '9223372036854775808'"),
        ("cycle,port\n" + "9" * 5000 + ",0\n", "line 2: cycle '9999"),
        ("cycle,port,value\n1,0,1e3\n", "line 2: value '1e3'"),
        ("cycle,port,value\n1,0,\n", "line 2: value ''"),
        ("cycle,port\n1,3\n", r"line 2: port '3' is unknown, allowed: 0\.\.2 or left, right, up down"),
        ("cycle,port\n1,-1\n", "line 2: port '-1' is unknown"),
        ("cycle,port\n1,Left\n", "line 2: port 'Left' is unknown"),
        ("cycle,port\n1,1.0\n", r"line 2: port '1\.0' is unknown"),
        ("010\n012\n000\n", "line 2: '2' in a text raster, allowed: 0 and 1"),
        ("010\n0 0\n000\n", "line 2: ' ' in a text raster"),
        ("010\n01\n000\n", "line 2: 2 cycles, expected 3 as in the first line"),
        ("010\n000\n1\n", "line 3: 1 cycle, expected 3 as in the first line"),
        ("010\n010\n", "2 lines, expected 3: one for each port"),
        ("010\n010\n000\n000\n", "4 lines, expected 3"),
        ("\x93NUMPY\x01", "line 1: header"),
    ],
)  # fmt: skip
def test_malformed_text(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match=message) as caught:
        read_spikes(path, PORTS)
    assert str(caught.value).startswith(str(path))
    with pytest.raises(FormatError, match=message):
        read_text(text)


@pytest.mark.malformed
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"port": np.zeros(1, int)}, "array 'cycle' is missing, allowed: cycle, port, value, image"),
        ({"cycle": np.zeros(1, int)}, "array 'port' is missing"),
        ({"cycle": np.zeros(1, int), "port": np.zeros(1, int), "time": np.zeros(1)}, "array 'time' is unknown"),
        ({"cycle": np.zeros(1), "port": np.zeros(1, int)}, r"array cycle is float64\[1\], allowed: integers"),
        ({"cycle": np.zeros((1, 2), int), "port": np.zeros(2, int)}, r"array cycle is int64\[1, 2\]"),
        ({"cycle": np.zeros(2, int), "port": np.zeros(1, int)}, "array port has 1 entries, cycle has 2"),
        ({"cycle": np.zeros(2, int), "port": np.zeros(2, int), "value": np.zeros(3, int)}, "array value has 3 entries"),
        ({"cycle": np.array([3, -1]), "port": np.zeros(2, int)}, "cycle -1 is negative"),
        ({"cycle": np.zeros(2, int), "port": np.array([0, 3])}, r"port 3 is unknown, allowed: 0\.\.2"),
        ({"cycle": np.zeros(2, int), "port": np.array([-1, 0])}, "port -1 is unknown"),
        ({"cycle": np.array([2**63], np.uint64), "port": np.zeros(1, int)}, "array cycle is uint64"),
        ({"cycle": np.array(["a"]), "port": np.zeros(1, int)}, "array cycle is <U1"),
        ({"cycle": np.array(3), "port": np.array(0)}, r"array cycle is int64\[\]"),
    ],
)  # fmt: skip
def test_malformed_npz(content: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.npz"
    path.write_bytes(encode_npz(content))
    with pytest.raises(FormatError, match=message) as caught:
        read_spikes(path, PORTS)
    assert str(caught.value).startswith(str(path))


@pytest.mark.malformed
def test_pickles_and_other_bytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.npz"
    np.savez(path, cycle=np.array([{}], dtype=object), port=np.zeros(1, int))
    with pytest.raises(FormatError, match="array cycle: holds Python objects"):
        read_spikes(path, PORTS)
    path.write_bytes(b"\x80\xff\xfe")
    for source in (path, io.TextIOWrapper(io.BytesIO(b"\x80\xff\xfe"), "utf-8")):
        with pytest.raises(FormatError, match="neither text nor a numpy archive"):
            read_spikes(source, PORTS)
    with pytest.raises(FormatError, match=r"none\.csv: cannot be read \(No such file"):
        read_spikes(tmp_path / "none.csv", PORTS)
    with pytest.raises(FormatError, match=r"cannot be read \(Is a directory"):
        read_spikes(tmp_path, PORTS)


@pytest.mark.malformed
def test_gzip(tmp_path: Path) -> None:
    path = tmp_path / "shd_train.h5.gz"
    path.write_bytes(gzip.compress(b"anything"))
    with pytest.raises(
        FormatError, match=r"h5\.gz: gzipped, allowed: CSV, a text raster or \.npz; unpack it first, as"
    ):
        read_spikes(path, PORTS)


@pytest.mark.malformed
def test_damaged_archives(tmp_path: Path) -> None:
    path = tmp_path / "spikes.npz"
    events = SpikeEvents.of(np.arange(20), np.arange(20) % 3, np.arange(20) - 7)
    np.savez_compressed(path, cycle=events.cycle, port=events.port, value=events.value)
    whole = path.read_bytes()
    assert as_rows(read_spikes(path, PORTS)) == as_rows(events)
    rng = np.random.default_rng(0)
    for trial in range(300):
        damaged = bytearray(whole)
        if trial % 3:
            damaged[rng.integers(0, len(whole))] = rng.integers(0, 256)
        else:
            del damaged[rng.integers(0, len(whole)) :]
        path.write_bytes(damaged)
        try:
            found = as_rows(read_spikes(path, PORTS))
        except FormatError:
            continue
        assert found == as_rows(events)


@pytest.mark.error
def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"suffix '\.spk' is unknown, allowed for spikes: \.csv \(csv\), \.txt"):
        write_spikes(tmp_path / "out.spk", SpikeEvents.none(), PORTS)
    with pytest.raises(FormatError, match="a text raster holds spikes only, found charge 3"):
        write_spikes(tmp_path / "out.txt", SpikeEvents.of(1, [0, 1], [1, 3]), PORTS)
    with pytest.raises(EmulationError, match=r"event at port 3, allowed 0\.\.2"):
        write_spikes(tmp_path / "out.csv", SpikeEvents.of(1, [0, 3]), PORTS)
    assert list(tmp_path.iterdir()) == []


@given(EVENTS, st.sampled_from([".csv", ".npz"]), st.sampled_from([None, DIGEST]))
@settings(max_examples=40, deadline=None)
def test_without_an_image_ports_are_numbers(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, int]], suffix: str, digest: str | None
) -> None:
    path = tmp_path_factory.mktemp("spikes") / f"spikes{suffix}"
    events = SpikeEvents.of(*np.array(rows, np.int64).reshape(-1, 3).T)
    far = SpikeEvents(events.cycle, events.port + (2**31 - 10), events.value)
    for some in (events, far):
        write_spikes(path, some, None, digest)
        again, told = read_spike_file(path, None)
        assert (as_rows(again), told) == (as_rows(some), digest)


def test_a_raster_without_an_image(tmp_path: Path) -> None:
    path = tmp_path / "spikes.txt"
    path.write_text("0100\n0000\n0001\n0000\n")
    events, _ = read_spike_file(path, None)
    assert as_rows(events) == [(1, 0, 1), (3, 2, 1)]
    write_spikes(path, events, None)
    assert path.read_text() == "0100\n0000\n0001\n"  # up to the last port that speaks


@pytest.mark.malformed
def test_without_an_image_a_name_is_nobody(tmp_path: Path) -> None:
    path = tmp_path / "spikes.csv"
    for cell in ("in.0.0.0", "-1", str(2**31 - 1)):
        path.write_text(f"cycle,port\n1,{cell}\n")
        with pytest.raises(FormatError, match=rf"line 2: port '{cell}' is unknown, allowed: 0\.\.2147483646$"):
            read_spikes(path, None)


@pytest.mark.malformed
def test_a_raster_that_is_too_large(tmp_path: Path) -> None:
    events = SpikeEvents.of([0, 2**20], [2**20, 0])
    with pytest.raises(FormatError, match=r"has 1,099,513,724,929 characters, allowed: 1,073,741,824; write .csv or"):
        write_spikes(tmp_path / "spikes.txt", events, None)
    assert not list(tmp_path.iterdir())
