"""CIFAR-10's batches, binary and Python: read for what they are, and never run."""

from __future__ import annotations

import gzip
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cifar_helpers import KINDS, as_python2, batch, examples, pickled, records, write_folder

from isa_spec.errors import FormatError
from neuroproc.formats.folders import find_layout, read_part
from neuroproc.formats.frames import read_examples, read_frames, read_labels

FRAMES, LABELS = examples(12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_read(kind: str, pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "no suffix needed"
    path.write_bytes(pack(KINDS[kind][0](FRAMES, LABELS)))
    frames, labels = read_examples(path)
    assert labels is not None
    for found in (frames, read_frames(path), read_frames(path, (3, 32, 32))):
        assert found.dtype == np.uint8
        assert np.array_equal(found, FRAMES)
    for found in (labels, read_labels(path)):
        assert found.dtype == np.int64
        assert np.array_equal(found, LABELS)
    with pytest.raises(FormatError, match=r"frames of shape \[12, 3, 32, 32\], allowed: \[n_frames, 1, 28, 28\]"):
        read_frames(path, (1, 28, 28))


def test_planes_rows_and_columns_are_where_they_should_be(tmp_path: Path) -> None:
    """One bright value in each frame, by the published arithmetic: label, then red, green, blue, row by row."""
    path = tmp_path / "batch"
    for label, (plane, row, column) in enumerate([(0, 0, 0), (0, 0, 31), (1, 0, 0), (2, 31, 31), (1, 5, 7)]):
        values = bytearray(3073)
        values[0], values[1 + 1024 * plane + 32 * row + column] = label, 200
        path.write_bytes(values)
        frames, labels = read_examples(path)
        assert labels is not None
        assert labels.tolist() == [label]
        assert np.argwhere(frames).tolist() == [[0, plane, row, column]]


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_pickled_anew(protocol: int, tmp_path: Path) -> None:
    """Bytes by Python 3: from protocol 3 on as bytes; before it as a call that no such file needs."""
    path = tmp_path / "batch"
    for order in "CF":
        data = np.asarray(FRAMES.reshape(12, -1), order=order)  # type: ignore[call-overload]
        path.write_bytes(pickle.dumps({b"data": data, b"labels": LABELS.tolist()}, protocol))
        if protocol == 2:
            with pytest.raises(FormatError, match=r"asks for _codecs\.encode, allowed: plain data and numpy"):
                read_frames(path)
        else:
            assert np.array_equal(read_frames(path), FRAMES)


def test_files_of_other_kinds_that_are_as_long_as_records(tmp_path: Path) -> None:
    """An IDX file of labels that is 3,073 bytes long, and records that begin like IDX."""
    path = tmp_path / "file"
    path.write_bytes(b"\0\0\x08\x01" + (3065).to_bytes(4, "big") + bytes(3065))
    assert len(read_labels(path)) == 3065
    dark = np.zeros((2, 3, 32, 32), np.uint8)
    dark[:, 0, 0, 1] = 8
    path.write_bytes(records(dark, np.array([0, 1])))
    assert path.read_bytes()[:3] == b"\0\0\x08"
    assert np.array_equal(read_frames(path), dark)


@pytest.mark.malformed
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (records(FRAMES, LABELS)[1:], r"Python batches of CIFAR-10 or its records \(of 3073 bytes each, found 36875"),
        (records(FRAMES, LABELS) + b"\0", r"of 3073 bytes each, found 36877 in all"),
        (records(FRAMES, LABELS)[3073:-20], "of 3073 bytes each, found 33783 in all"),
        (records(FRAMES, LABELS + 5), r"frame 5 has label 10, allowed: 0\.\.9 \(CIFAR-10\)"),
        (pickled(FRAMES, LABELS)[:-1], r"not a pickle, or truncated or altered \(EOFError\)"),
        (pickled(FRAMES, LABELS)[:9000], "not a pickle, or truncated or altered"),
        (pickled(FRAMES, LABELS)[:2], "not a pickle, or truncated or altered"),
        (pickled(FRAMES, LABELS) + b"more", "4 bytes after the end of the pickle"),
        (as_python2(3), "a pickle of int, allowed: a dictionary with b'data' and b'labels'"),
        (as_python2({}), "a pickle of nothing"),
        (as_python2({b"data": b"", b"fine_labels": []}), "a pickle of b'data', b'fine_labels', allowed: a dictionary"),
        (as_python2(batch(FRAMES, LABELS) | {b"labels": 3}), "b'labels' is not a list of integers"),
        (as_python2(batch(FRAMES, LABELS) | {b"labels": [1.5] * 12}), "b'labels' is not a list of integers"),
        (as_python2(batch(FRAMES, LABELS) | {b"labels": [1] * 11}), "11 labels for 12 frames"),
        (as_python2(batch(FRAMES, LABELS) | {b"labels": [1] * 11 + [2**70]}), f"frame 11 has label {2**70}"),
        (as_python2(batch(FRAMES, LABELS) | {b"labels": [-1] * 12}), "frame 0 has label -1"),
        (as_python2(batch(FRAMES[:, :2], LABELS)), r"b'data' is not an array of bytes in \[n_frames, 3072\]"),
        (as_python2(batch(FRAMES.astype(np.int16), LABELS)), "b'data' is not an array of bytes"),
        (as_python2(batch(FRAMES, LABELS) | {b"data": b"abc"}), "b'data' is not an array of bytes"),
        (as_python2(batch(FRAMES, LABELS) | {b"data": np.dtype("u1")}), "b'data' is not an array of bytes"),
    ],
)  # fmt: skip
def test_malformed(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.bin"
    path.write_bytes(data)
    with pytest.raises(FormatError, match=message) as caught:
        read_examples(path)
    assert str(caught.value).startswith(str(path))


class Act:
    """Pickled as a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.malformed
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("act", [(os.mkdir, "made"), (eval, "open('made', 'w')"), (np.save, "made.npy", 3), (exec, "")])
def test_nothing_is_run(protocol: int, act: tuple[Any, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps({"labels": [], "data": Act(*act)}, protocol))
    name = rf"{act[0].__module__}\.{act[0].__name__}".replace("builtins", "(builtins|__builtin__)")
    with pytest.raises(FormatError, match=rf"a pickle that asks for {name}, allowed: .*; nothing of it was run"):
        read_frames(path)
    assert [found.name for found in tmp_path.iterdir()] == ["batch"]
    # The same file does what it says where it is trusted, or the test would show nothing.
    pickle.loads(path.read_bytes())
    assert len(list(tmp_path.iterdir())) == (1 if act[0] is exec else 2)


@pytest.mark.malformed
def test_calls_that_are_allowed_build_nothing_else(tmp_path: Path) -> None:
    """The names of numpy in other roles, attributes set on them, and a memory of any size."""
    path = tmp_path / "batch"
    for code in (
        b"\x80\x02cnumpy\nndarray\n(K\x05t\x81.",  # __new__
        b"\x80\x02cnumpy\ndtype\n(U\x02O8tR.",
        b"\x80\x02cnumpy\ndtype\nN}U\x08__call__K\x01s\x86b.",  # a slot's state
        b"\x80\x02K\x01r\xff\xff\xff\xff.",  # kept as number 4,294,967,295
        b"\x80\x02X\xff\xff\xff\xff.",  # a text of 4 GiB
        b"\x80\x04\x93.",
        b"\x80\x02U\x01aQ.",  # an object by its persistent number
        b"\x80\x02\x82\x01.",  # an extension's code
    ):
        path.write_bytes(code)
        with pytest.raises(FormatError, match=r"allowed: a dictionary|not a pickle, or truncated"):
            read_frames(path)


@pytest.mark.malformed
def test_any_damage(tmp_path: Path) -> None:
    """Whatever bytes come: frames, or one message."""
    rng = np.random.default_rng(4)
    path = tmp_path / "batch"
    frames, labels = FRAMES[:2], LABELS[:2]
    outcomes = []
    for make, _ in KINDS.values():
        whole = make(frames, labels)
        for _ in range(400):
            damaged = bytearray(whole)
            ends = np.concatenate([np.arange(300), np.arange(len(whole) - 100, len(whole))])
            for place in rng.choice(ends, int(rng.integers(1, 4))):
                damaged[place] = rng.integers(0, 256)
            path.write_bytes(damaged[: rng.integers(1, len(whole) + 1)] if rng.random() < 0.2 else damaged)
            try:
                found = read_frames(path)
            except FormatError as error:
                assert str(error).startswith(str(path))  # noqa: PT017
                outcomes.append(False)
            else:
                assert found.shape[1:] == (3, 32, 32)
                outcomes.append(True)
    assert {True, False} <= set(outcomes)


@pytest.mark.parametrize("kind", KINDS)
def test_folder(kind: str, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", kind, n_each=3, n_test=4)
    frames, labels = examples(19)
    layout = find_layout(folder)
    for part, own in (("train", slice(15)), ("test", slice(15, None))):
        found = read_part(folder, layout, part)
        assert found is not None
        assert np.array_equal(found[0], frames[own])
        assert np.array_equal(found[1], labels[own])
    last = folder / f"data_batch_5{KINDS[kind][1]}"
    last.with_name(last.name + ".gz").write_bytes(gzip.compress(last.read_bytes()))
    last.unlink()
    found = read_part(folder, layout, "train")
    assert found is not None
    assert np.array_equal(found[0], frames[:15])
    (folder / f"test_batch{KINDS[kind][1]}").unlink()
    assert read_part(folder, layout, "test") is None


@pytest.mark.error
def test_folders_that_are_not_whole(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"nowhere: has no data set, allowed: .*data_batch_1 \.\. data_batch_5"):
        find_layout(tmp_path / "nowhere")
    folder = write_folder(tmp_path / "set", "binary", n_each=1, n_test=1)
    (folder / "data_batch_3.bin").unlink()
    with pytest.raises(FormatError, match=r"set: has data_batch_1\.bin, but no data_batch_3\.bin \(nor \.gz\)"):
        read_part(folder, find_layout(folder), "train")
    (folder / "data_batch_1").write_bytes(b"")
    with pytest.raises(FormatError, match="has files of CIFAR-10, binary and of CIFAR-10, Python, allowed: one of"):
        find_layout(folder)
    (folder / "data_batch_1").unlink()
    np.save(folder / "frames.npy", FRAMES)
    (folder / "frames.npy").rename(folder / "data_batch_3.bin")
    with pytest.raises(FormatError, match=r"data_batch_3\.bin: has no labels inside, allowed: a batch of CIFAR-10"):
        read_part(folder, find_layout(folder), "train")
