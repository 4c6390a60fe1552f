"""Layered networks that are wrong in every way: one message, the right status, no image."""

import copy
import io
import json
import random

import numpy as np
import pytest
from cli_helpers import at, axis_entry, call, changed, network_entry, places, refused, without, write_json

from compiler.emit import compile_network
from compiler.networks.network_file import load_network, parse_network
from compiler.plan import FoldPlan
from isa_spec.errors import NeuroprocError
from isa_spec.spec import load_profile

pytestmark = pytest.mark.malformed

CONV1, POOL1, DENSE = ("layers", 0), ("layers", 1), ("layers", 4)


def compile_refused(case, capsys, *words, status=3, options=()):
    """Message of a compile that fails and leaves nothing behind."""
    before = sorted(case.folder.iterdir())
    image = case.folder / "new.npi"
    message = refused(call(capsys, "compile", case.network, "-o", image, *options), *words, status=status)
    assert sorted(case.folder.iterdir()) == before
    return message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "format"),
        (b"null", "format"),
        (b'{"format": "layered-network"}', "version"),
        (b'{"format": "other", "version": 1}', "format"),
    ],
    ids=["empty", "cut", "not text", "too deep", "a list", "null", "no version", "other format"],
)
def test_not_a_network(case, capsys, content, words):
    case.network.write_bytes(content)
    compile_refused(case, capsys, "tiny.json", words)


def dump():
    """Bytes with the mark of a weight dump."""
    file = io.BytesIO()
    np.savez(file, model="{}")
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "kind", "end"),
    [
        ("a.csv", b"cycle,port\n1,0\n", "spikes", ", .nir, .onnx, .npz"),
        ("a.toml", b'name = "other"', "profile", ", .nir, .onnx, .npz"),
        ("a.json", b'{"Nodes": [], "Edges": []}', "TENNLab network", "a.json IMAGE.npi makes an image of it as it is"),
        ("a.bin", dump(), "weight dump", "; rename it to end in .npz"),
    ],
    ids=["spikes", "profile", "TENNLab", "dump under another name"],
)
def test_something_else_than_a_network(case, capsys, name, content, kind, end):
    path = case.folder / name
    path.write_bytes(content)
    words = f"{path}: is of the kind '{kind}', wanted: a layered network, .json or .toml, or a foreign one, .nir, .onnx"
    for command in (("compile", path, "-o", case.folder / "a.npi"), ("verify", path, case.image, case.frames)):
        assert refused(call(capsys, *command), words).endswith(end)
    assert not (case.folder / "a.npi").exists()


@pytest.mark.parametrize("suffix", [".json", ".toml", ""])
def test_the_arrays_of_a_network_are_no_network(case, capsys, suffix):
    """The network is named where it lies beside them; else what a weight dump is."""
    arrays = case.folder / "mine.npz"
    np.savez(arrays, weight=np.ones((2, 2), np.int8))
    (case.folder / "mine.json").write_text("{}")
    if suffix:
        text = {".json": case.network.read_text(), ".toml": 'format = "layered-network"\n'}[suffix]
        (case.folder / f"mine{suffix}").write_text(text)
    beside = arrays.with_suffix(suffix)
    words = f"these are the arrays beside {beside}; give {beside}"
    if not suffix:
        words = (
            "a weight dump has an array 'model', too, a string of JSON that tells the layers (docs/weights.md has a "
            "script), and a layered network is given by its .json"
        )
    result = call(capsys, "compile", arrays, "-o", case.folder / "a.npi")
    refused(result, f"{arrays}: holds arrays, but no network: {words}")


def test_no_such_file(case, capsys):
    case.network.unlink()
    compile_refused(case, capsys, "tiny.json", "No such file")


def test_a_folder(case, capsys):
    case.network.unlink()
    case.network.mkdir()
    compile_refused(case, capsys, "tiny.json", "Is a directory")


def test_truncated_json_at_any_length(case, capsys):
    text = case.network.read_text()
    for length in range(0, len(text), 97):
        case.network.write_text(text[:length])
        compile_refused(case, capsys, "tiny.json: not JSON")


def test_a_mark_at_the_beginning_is_no_error(case, capsys):
    """Editors on Windows write one."""
    before = load_network(case.network).digest
    case.network.write_bytes(b"\xef\xbb\xbf" + case.network.read_bytes().replace(b"\n", b"\r\n"))
    assert load_network(case.network).digest == before
    assert call(capsys, "compile", case.network, "-o", case.folder / "new.npi").status == 0


def test_toml_that_is_none(case, capsys):
    case.network.rename(case.folder / "tiny.toml")
    result = call(capsys, "compile", case.folder / "tiny.toml", "-o", case.folder / "new.npi")
    refused(result, "tiny.toml: not TOML")


REQUIRED = [
    ("input",), ("layers",), ("input", "shape"), (*CONV1, "name"), (*CONV1, "type"), (*CONV1, "weight"),
    (*CONV1, "threshold"), (*POOL1, "kernel"), (*DENSE, "weight"), ("output", "decode", "classes"),
]  # fmt: skip


@pytest.mark.parametrize("place", REQUIRED, ids=str)
def test_missing_key(case, capsys, place):
    write_json(case.network, without(network_entry(), place))
    compile_refused(case, capsys, "type" if place == (*CONV1, "type") else place[-1])


@pytest.mark.parametrize(
    "place", [(), ("input",), ("input", "encoding"), CONV1, POOL1, DENSE, ("output",), ("output", "decode")], ids=str
)
def test_unknown_key(case, capsys, place):
    write_json(case.network, changed(network_entry(), (*place, "surprise"), 1))
    compile_refused(case, capsys, "unknown key 'surprise'")


VALUES = [
    (("version",), 2, "this program reads"),
    (("version",), 0, "this program reads"),
    (("version",), "1", "this program reads"),
    (("version",), True, "this program reads"),
    (("name",), 7, "name"),
    (("name",), "two\nlines", "name"),
    (("input",), [1, 4, 6], "input"),
    (("input", "shape"), [1, 4], "shape"),
    (("input", "shape"), [1, 4.0, 6], "shape"),
    (("input", "shape"), [1, -4, 6], "shape"),
    (("input", "shape"), [1, 0, 6], "shape"),
    (("input", "shape"), [1, 4, 10**30], "shape"),
    (("input", "shape"), "1x4x6", "shape"),
    (("input", "encoding", "kind"), "nothing", "nothing"),
    (("input", "encoding", "threshold"), 0.5, "threshold"),
    (("layers",), {}, "layers"),
    (("layers",), [], "layers"),
    (("layers", 2), 5, "layers[2]"),
    ((*CONV1, "name"), "", "name"),
    ((*CONV1, "name"), "\ud800", "name"),
    ((*CONV1, "name"), "input", "twice"),
    ((*DENSE, "name"), "conv1", "twice"),
    ((*CONV1, "type"), "conv3d", "conv2d"),
    ((*CONV1, "type"), ["conv2d"], "conv2d"),
    ((*CONV1, "inputs"), ["nobody"], "nobody"),
    ((*CONV1, "inputs"), ["dense"], "dense"),
    ((*CONV1, "inputs"), "input", "inputs"),
    ((*CONV1, "stride"), [1, 0], "stride"),
    ((*CONV1, "stride"), [1.0, 1.0], "stride"),
    ((*CONV1, "stride"), 1, "stride"),
    ((*CONV1, "stride"), [1, 1, 1], "stride"),
    ((*CONV1, "padding"), [-1, 0], "padding"),
    ((*CONV1, "padding"), [2**70, 0], "padding"),
    ((*POOL1, "kernel"), [0, 2], "kernel"),
    ((*POOL1, "kernel"), [9, 9], "9x9"),
    ((*CONV1, "threshold"), [1], "threshold"),
    ((*CONV1, "threshold"), [1, 2.5], "integers"),
    ((*CONV1, "threshold"), 3, "threshold"),
    ((*CONV1, "weight"), [[[[1.0]]], [[[2.0]]]], "integers"),
    ((*CONV1, "weight"), [[[["a"]]], [[["b"]]]], "integers"),
    ((*CONV1, "weight"), [[[[True]]], [[[False]]]], "integers"),
    ((*CONV1, "weight"), [[[[2**70]]], [[[1]]]], "integers"),
    ((*CONV1, "weight"), [[[[2**60]]], [[[1]]]], "2**52"),
    ((*CONV1, "weight"), [[[[1]]], [[[1, 2]]]], "uneven"),
    ((*CONV1, "weight"), [[1, 2], [3, 4]], "4 dimensions"),
    ((*CONV1, "weight"), [[[[]]], [[[]]]], "allowed"),
    ((*CONV1, "weight"), [[[[1]], [[1]]], [[[1]], [[1]]]], "channels"),
    ((*CONV1, "weight"), None, "integers"),
    ((*DENSE, "weight"), [[1, 2]] * 6, "values"),
    (("layers", 3, "inputs"), ["conv1"], "values"),
    (("output", "decode"), "argmax", "decode"),
    (("output", "decode", "kind"), ["argmax"], "decode"),
    (("output", "decode", "kind"), "softmax", "argmax"),
    (("output", "decode", "classes"), 4, "classes"),
    (("output", "decode", "classes"), 3.0, "classes"),
    (("output", "decode"), {"kind": "n-hot", "key": [[1, 0]]}, "key"),
    (("output", "decode"), {"kind": "n-hot", "key": [[2, 0, 0, 0, 0, 0]]}, "key"),
    (("output", "decode"), {"kind": "n-hot", "key": [[0.5, 0, 0, 0, 0, 0]]}, "key"),
]


@pytest.mark.parametrize(("place", "value", "words"), VALUES, ids=lambda value: str(value)[:40])
def test_wrong_value(case, capsys, place, value, words):
    write_json(case.network, changed(network_entry(), place, value))
    message = compile_refused(case, capsys, words)
    if place[0] == "layers" and len(place) == 3 and "name" not in place:
        assert "tiny.json: layers[" in message or "layer '" in message


def test_a_convolution_cannot_read_what_was_flattened(case, capsys):
    entry = network_entry()
    entry["layers"].append({**entry["layers"][0], "name": "late", "inputs": ["flatten"]})
    write_json(case.network, entry)
    compile_refused(case, capsys, "late", "flatten")


def archive(weight, **options):
    out = io.BytesIO()
    (np.savez_compressed if options.get("compressed") else np.savez)(out, weight=weight)
    return out.getvalue()


@pytest.mark.parametrize(
    ("reference", "content", "words"),
    [
        ("a.npz:weight", None, "No such file"),
        ("a.npz:nothing", archive(np.ones((2, 1, 3, 3), int)), "has no array 'nothing', it has weight"),
        ("a.npz", archive(np.ones((2, 1, 3, 3), int)), "FILE.npz:KEY"),
        (":", archive(np.ones((2, 1, 3, 3), int)), ""),
        ("a.npz:weight", b"something else", "not a numpy archive"),
        ("a.npz:weight", archive(np.ones((2, 1, 3, 3))), "integers"),
        ("a.npz:weight", archive(np.array([{"a": 1}])), "Python objects"),
        ("a.npz:weight", archive(np.ones((2, 1, 3), int)), "4 dimensions"),
    ],
    ids=["no file", "no array", "no key", "no name", "not a zip", "floats", "pickled", "shape"],
)
def test_arrays_beside_the_network(case, capsys, reference, content, words):
    write_json(case.network, changed(network_entry(), (*CONV1, "weight"), reference))
    if content is not None:
        (case.folder / "a.npz").write_bytes(content)
    compile_refused(case, capsys, words)


@pytest.mark.parametrize("compressed", [False, True])
def test_altered_arrays_are_never_believed(tmp_path, compressed):
    """A flipped bit or a cut in the .npz: refused, or (where it hit nothing that counts) the same network."""
    good = archive(np.arange(18).reshape(2, 1, 3, 3), compressed=compressed)
    entry = changed(network_entry(), (*CONV1, "weight"), "a.npz:weight")
    file = tmp_path / "a.npz"
    file.write_bytes(good)
    digest = parse_network(entry, "net", tmp_path).digest
    rng = random.Random(4)
    damaged = [good[:length] for length in range(0, len(good), 11)]
    for place in range(len(good)):
        data = bytearray(good)
        data[place] ^= 1 << rng.randrange(8)
        damaged.append(bytes(data))
    same = 0
    for data in damaged:
        file.write_bytes(data)
        try:
            found = parse_network(entry, "net", tmp_path).digest
        except NeuroprocError:
            continue
        assert found == digest
        same += 1
    assert same < len(damaged) / 2


ODD = [
    None, True, False, 0, -1, 1, 2, 3.5, 1e300, float("nan"), 2**63, 2**70, "", "x", "a.npz:k", ":", "\ud800",
    "a\nb", [], [[]], [1], [1, 1], [0, 0], [[1, [2]]], [1.0, 2.0], ["a", "b"], [None], {}, {"kind": []},
    {"kind": "n-hot", "key": [[1]]}, {"kind": "binary"}, "input", "conv1", "conv2d", "flatten", "dense",
]  # fmt: skip


def mutated(rng):
    """A valid network with one to three entries deleted, added, wrapped, nested into themselves or replaced."""
    entry = rng.choice([network_entry, lambda: axis_entry(2)])()
    for _ in range(rng.choice([1, 1, 2, 3])):
        place = rng.choice(list(places(entry)))
        holder, key = at(entry, place), place[-1]
        kind = rng.random()
        if kind < 0.2:
            del holder[key]
        elif kind < 0.3 and isinstance(holder, dict):
            holder["surprise"] = copy.deepcopy(rng.choice(ODD))
        elif kind < 0.4:
            holder[key] = [holder[key]]
        elif kind < 0.45:
            holder[key] = json.loads(json.dumps(holder))
        else:
            holder[key] = copy.deepcopy(rng.choice(ODD))
    return entry


@pytest.mark.parametrize("block", range(4))
def test_any_mutation_is_compiled_or_refused(tmp_path, block):
    """Nothing but our own errors, whatever the file holds; what passes can be compiled."""
    seen = {True: 0, False: 0}
    for seed in range(block * 250, (block + 1) * 250):
        rng = random.Random(seed)
        try:
            network = parse_network(mutated(rng), "net", tmp_path)
            compile_network(network, load_profile("np8"), FoldPlan((1, 1)))
        except NeuroprocError:
            seen[False] += 1
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error
        else:
            seen[True] += 1
    assert min(seen.values()) > 1
