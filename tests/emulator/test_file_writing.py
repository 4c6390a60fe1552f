"""A file appears whole or not at all, and nothing else is left."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from isa_spec.errors import NeuroprocError
from isa_spec.files import write_atomically


def test_write(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"one", b"another"):
        with write_atomically(path) as file:
            file.write(content)
            assert not path.exists() or path.read_bytes() == b"one"
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_on_an_error(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail() -> None:
        with write_atomically(path) as file:
            file.write(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_mode_and_links(tmp_path: Path) -> None:
    path, link = tmp_path / "file", tmp_path / "link"
    before = os.umask(0o027)
    try:
        with write_atomically(path) as file:
            file.write(b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o755)
    link.symlink_to(path)
    with write_atomically(link) as file:
        file.write(b"y")
    assert link.is_symlink()
    assert path.read_bytes() == b"y"
    assert stat.S_IMODE(path.stat().st_mode) == 0o755


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    with write_atomically(pipe) as file:
        file.write(b"through")
    reader.join()
    assert read == [b"through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.error
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_full_disk() -> None:
    with (
        pytest.raises(NeuroprocError, match=r"/dev/full: cannot be written \(No space left on device\)"),
        write_atomically("/dev/full") as file,
    ):
        file.write(b"x")


@pytest.mark.error
def test_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with (
        pytest.raises(NeuroprocError, match=r"file: cannot be written \(No space left on device\); nothing was left"),
        write_atomically(path) as file,
    ):
        file.write(b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.error
@pytest.mark.parametrize("name", ["missing/file", "", "."])
def test_no_place(tmp_path: Path, name: str) -> None:
    with pytest.raises(NeuroprocError, match="cannot be written"), write_atomically(tmp_path / name) as file:
        file.write(b"x")
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_does_not_wait_in_memory(tmp_path: Path) -> None:
    """A block is on the disk, under another name, before the next one comes; an interruption takes it away again."""
    path = tmp_path / "file"

    def write(interrupted: bool) -> None:
        with write_atomically(path) as file:
            file.write(b"a" * 2**20)
            file.write(b"b" * 2**20)
            (scratch,) = tmp_path.iterdir()
            assert scratch != path
            assert scratch.stat().st_size >= 2**20
            if interrupted:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(True)
    assert list(tmp_path.iterdir()) == []
    write(False)
    assert path.read_bytes() == b"a" * 2**20 + b"b" * 2**20


@pytest.mark.error
def test_errors_of_other_files_are_not_ours(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), write_atomically(tmp_path / "file"):
        (tmp_path / "none").read_bytes()
    assert list(tmp_path.iterdir()) == []
