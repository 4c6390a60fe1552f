"""A small case with every kind of file, and the command line as a user calls it."""

from __future__ import annotations

import copy
import io
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isa_spec import codec
from neuroproc.cli.main import main

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = [sys.executable, "-c", "import sys; from neuroproc.cli.main import main; sys.exit(main())"]
"""The installed command, without asking that it be installed."""


@dataclass(frozen=True)
class Result:
    """What a call gave."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Case:
    """Files that belong together, in one folder."""

    folder: Path
    network: Path
    image: Path
    frames: Path
    labels: Path
    spikes: Path


def call(capsys, *arguments):
    """Run a command in this process."""
    capsys.readouterr()
    try:
        status = main([str(argument) for argument in arguments])
    except SystemExit as leave:
        status = leave.code
    captured = capsys.readouterr()
    return Result(status, captured.out, captured.err)


def spawn(*arguments, **options):
    """Run a command in a process of its own."""
    options.setdefault("cwd", ROOT)
    return subprocess.run([*PROGRAM, *map(str, arguments)], capture_output=True, check=False, **options)


def run_in(shell, **places):
    """Output of a line of shell in which ``neuroproc`` is the program, and ``$NAME`` a place."""
    line = 'neuroproc() { "$PYTHON" -c "import sys; from neuroproc.cli.main import main; sys.exit(main())" "$@"; }\n'
    env = {**os.environ, "PYTHON": sys.executable, **{name.upper(): str(place) for name, place in places.items()}}
    return subprocess.run(["bash", "-c", line + shell], cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def refused(result, *words, status=3):
    """The message, if the call was refused as it should be: one line on standard error, nothing on standard output."""
    lines = result.err.splitlines()
    assert (result.status, result.out, len(lines)) == (status, "", 1), result
    assert lines[0].startswith("neuroproc: error: ")
    for word in words:
        assert word in lines[0], f"{word!r} is not in: {lines[0]}"
    return lines[0]


def network_entry():
    """A fresh small network with every layer type, padding, pooling, two channels and thresholds of either sign."""
    rng = np.random.default_rng(1)

    def weights(*shape):
        return rng.integers(-2, 4, shape).tolist()

    return {
        "format": "layered-network",
        "version": 1,
        "name": "tiny",
        "input": {"shape": [1, 4, 6], "encoding": {"kind": "binary", "threshold": 8}},
        "layers": [
            {"name": "conv1", "type": "conv2d", "weight": weights(2, 1, 3, 3), "threshold": [2, -1], "padding": [1, 1]},
            {"name": "pool1", "type": "maxpool2d", "kernel": [2, 2], "stride": [2, 2]},
            {"name": "conv2", "type": "conv2d", "weight": weights(2, 2, 2, 3), "threshold": [3, 4], "padding": [0, 1]},
            {"name": "flatten", "type": "flatten"},
            {"name": "dense", "type": "dense", "weight": weights(6, 6), "threshold": [2, 3, 4, 3, 2, 1]},
        ],
        "output": {"decode": {"kind": "argmax", "classes": 3}},
    }


def axis_entry(channels):
    """A fresh small network over one axis, with a normalised addition of decisions and drives."""
    rng = np.random.default_rng(channels)

    def weights(*shape):
        return rng.integers(-2, 4, shape).tolist()

    norm = {"gamma": [1, -1, 0.5, 2], "beta": [0.5] * 4, "mean": [1, 2, 0, 1], "variance": [1, 2, 0.5, 1]}
    return {
        "format": "layered-network",
        "version": 1,
        "name": "samples",
        "input": {"shape": [channels, 16], "encoding": {"kind": "bitplanes", "bits": 2}},
        "layers": [
            {"name": "c1", "type": "conv1d", "weight": weights(3, channels, 5), "threshold": [6, 3, 9], "padding": 2},
            {"name": "p1", "type": "maxpool1d", "kernel": 2},
            {"name": "c2", "type": "conv1d", "weight": weights(4, 3, 3), "threshold": [3, 2, 4, 1], "padding": [1, 1]},
            {"name": "l", "type": "conv1d", "weight": weights(4, 4, 1)},
            {"name": "a", "type": "add", "inputs": ["c2", "l"], "batchnorm": norm},
            {"name": "p2", "type": "sumpool1d", "kernel": 2},
            {"name": "d", "type": "dense", "weight": weights(4, 16), "threshold": [9, 10, 12, 8]},
        ],
        "output": {"decode": {"kind": "argmax", "classes": 2}},
    }


def write_json(path, entry):
    path.write_text(json.dumps(entry))
    return path


def write_case(folder):
    """Files of a small case: network, image folded to one pixel at a time, frames, labels, spikes of one frame."""
    rng = np.random.default_rng(2)
    network = write_json(folder / "tiny.json", network_entry())
    image = folder / "tiny.npi"
    done = spawn("compile", network, "-o", image, "--profile", "np8", "--unroll", "1x1")
    assert done.returncode == 0, done.stderr
    np.save(folder / "frames.npy", rng.integers(0, 17, (12, 4, 6)).astype(np.uint8))
    np.save(folder / "labels.npy", rng.integers(0, 3, 12).astype(np.uint8))
    # The input lane is port 0; the clocks are started by the image itself.
    (folder / "spikes.csv").write_text("cycle,port\n1,0\n5,0\n9,0\n")
    return Case(folder, network, image, folder / "frames.npy", folder / "labels.npy", folder / "spikes.csv")


def members_of(data):
    """Members of an image, or of any other zip, by name."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def sealed(members):
    """Bytes of an image whose checksum is right for whatever its members hold."""
    members = {name: content for name, content in members.items() if name != codec.CHECKSUM}
    members[codec.CHECKSUM] = codec._checksum(members).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()


def with_header(data, change):
    """Bytes of an image whose header was changed by a function, and sealed again."""
    members = members_of(data)
    header = json.loads(members[codec.HEADER])
    change(header)
    return sealed({**members, codec.HEADER: json.dumps(header).encode()})


def places(entry, so_far=()):
    """Path to every value inside nested lists and tables."""
    items = entry.items() if isinstance(entry, dict) else enumerate(entry) if isinstance(entry, list) else ()
    for key, value in items:
        yield (*so_far, key)
        yield from places(value, (*so_far, key))


def at(entry, place):
    """What holds the last key of a path."""
    for key in place[:-1]:
        entry = entry[key]
    return entry


def changed(entry, place, value):
    """A copy with another value at a path."""
    entry = copy.deepcopy(entry)
    at(entry, place)[place[-1]] = value
    return entry


def without(entry, place):
    """A copy without the value at a path."""
    entry = copy.deepcopy(entry)
    del at(entry, place)[place[-1]]
    return entry
