"""Folders of labelled frames: arrays of one's own beside data sets as they are published."""

import re
from pathlib import Path

import numpy as np
import pytest

from isa_spec.errors import FormatError
from neuroproc.formats.folders import find_layout, read_part

FRAMES, LABELS = np.arange(48, dtype=np.uint8).reshape(4, 3, 4), np.array([2, 0, 1, 2])


def test_arrays_of_ones_own(tmp_path: Path) -> None:
    np.savez(tmp_path / "train.npz", labels=LABELS, frames=FRAMES)
    layout = find_layout(tmp_path)
    assert read_part(tmp_path, layout, "test") is None
    np.savez(tmp_path / "test.npz", frames=FRAMES[:1, None], labels=LABELS[:1])
    for part, n in (("train", 4), ("test", 1)):
        found = read_part(tmp_path, layout, part)
        assert found is not None
        assert np.array_equal(found[0], FRAMES[:n, None])
        assert np.array_equal(found[1], LABELS[:n])


@pytest.mark.error
def test_a_file_is_no_folder(tmp_path: Path) -> None:
    np.savez(tmp_path / "train.npz", labels=LABELS, frames=FRAMES)
    with pytest.raises(FormatError, match=rf"train\.npz: is a file; give the folder: {re.escape(str(tmp_path))}$"):
        find_layout(tmp_path / "train.npz")


@pytest.mark.error
def test_arrays_that_are_not_whole(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"has no data set, allowed: one of train\.npz \(NumPy\); train-images"):
        find_layout(tmp_path)
    np.savez(tmp_path / "train.npz", frames=FRAMES)
    with pytest.raises(FormatError, match=r"train\.npz: no array 'labels', found: frames; allowed: the arrays f"):
        read_part(tmp_path, find_layout(tmp_path), "train")
    np.savez(tmp_path / "train.npz", x=FRAMES, y=LABELS)
    with pytest.raises(
        FormatError, match=r"train\.npz: no array 'frames', found: x, y; allowed: the arrays frames and l"
    ):
        read_part(tmp_path, find_layout(tmp_path), "train")
    np.savez(tmp_path / "train.npz")
    with pytest.raises(FormatError, match=r"train\.npz: no array 'frames', found: none; allowed: "):
        read_part(tmp_path, find_layout(tmp_path), "train")
    np.savez(tmp_path / "train.npz", frames=FRAMES, labels=FRAMES)
    with pytest.raises(FormatError, match=r"train\.npz: labels have shape \[4, 3, 4\], allowed: \[N\]"):
        read_part(tmp_path, find_layout(tmp_path), "train")
    (tmp_path / "train-images-idx3-ubyte").touch()
    with pytest.raises(FormatError, match="has files of NumPy and of MNIST, allowed: one of"):
        find_layout(tmp_path)
