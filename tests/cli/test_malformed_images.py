"""Images that were truncated, altered, made by a newer version or by another program's mistake."""

import io
import json
import random
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from cli_helpers import (
    call,
    changed,
    members_of,
    network_entry,
    places,
    refused,
    sealed,
    with_header,
    without,
    write_json,
)

import neuroproc
from isa_spec import codec
from isa_spec.codec import decode_image, encode_image
from isa_spec.errors import NeuroprocError

pytestmark = pytest.mark.malformed


@pytest.fixture
def data(case):
    return case.image.read_bytes()


def damaged(data, content):
    """Nothing, or what a damaged image was taken for, as the bytes it would be written as."""
    try:
        return encode_image(decode_image(content, "image"), "neuroproc 0.1.0")
    except NeuroprocError:
        return None


def test_truncated_at_any_length(data):
    for length in range(0, len(data), 5):
        assert damaged(data, data[:length]) is None, length


@pytest.mark.parametrize("bit", range(8))
def test_a_flipped_bit_never_changes_what_an_image_says(data, bit):
    """Refused, or (in what a zip file says twice or says to nobody) the very same image."""
    same = 0
    for place in range(bit, len(data), 2):
        content = bytearray(data)
        content[place] ^= 1 << bit
        found = damaged(data, bytes(content))
        assert found in (None, data), place
        same += found is not None
    assert same < len(data) / 20


def test_other_damage_never_changes_what_an_image_says(data):
    rng = random.Random(3)
    for number in range(300):
        start = rng.randrange(len(data))
        end = start + rng.randrange(1, 300)
        for middle in (b"", rng.randbytes(end - start), bytes(end - start), data[start:end] * 2):
            assert damaged(data, data[:start] + middle + data[end:]) in (None, data), number


@pytest.mark.parametrize("command", ["count", "run", "classify", "verify"])
def test_every_command_refuses_a_damaged_image(case, capsys, command, data):
    others = {
        "count": [], "run": [case.spikes, "-o", case.folder / "out.csv"], "classify": [case.frames],
        "verify": [case.frames],
    }[command]  # fmt: skip
    before = [case.network] if command == "verify" else []
    altered = bytearray(data)
    altered[data.index(b'"latency":') + 10] ^= 1
    for content, words in ((b"", "truncated"), (data[: len(data) // 2], "truncated"), (bytes(altered), "altered")):
        case.image.write_bytes(content)
        refused(call(capsys, command, *before, case.image, *others), "tiny.npi", words)
    assert not (case.folder / "out.csv").exists()
    case.image.unlink()
    refused(call(capsys, command, *before, case.image, *others), "tiny.npi", "No such file")


def test_an_altered_header_with_its_zip_checksum_made_right(case, capsys, data):
    members = members_of(data)
    members[codec.HEADER] = members[codec.HEADER].replace(b'"latency":', b'"latency":1')
    with zipfile.ZipFile(case.image, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    refused(call(capsys, "count", case.image), "tiny.npi", "checksum differs", "compile it again")


HEADERS = [
    ("version", 2, "newer"),
    ("version", 0, "version 0"),
    ("version", "1", "version"),
    ("format", "other", "not a processor image"),
    ("extensions", ["telepathy"], "telepathy"),
    ("extensions", "on-delivery", "extensions"),
    ("inputs", [["a"]], "inputs"),
    ("inputs", [["a", 10**6]], "'a'"),
    ("inputs", [["a", 0], ["a", 1]], "twice"),
    ("outputs", 5, "outputs"),
    ("layers", [5], "layer"),
    ("latency", "soon", "latency"),
    ("interval", 0, "interval"),
    ("encoding", {"kind": "nothing"}, "encoding"),
    ("decode", {"kind": "argmax", "classes": 7}, "classes"),
    ("profile", {}, "profile"),
    ("options", None, "options"),
]


@pytest.mark.parametrize(("key", "value", "words"), HEADERS, ids=lambda value: str(value)[:30])
def test_a_header_that_is_wrong_but_sealed(case, capsys, data, key, value, words):
    case.image.write_bytes(with_header(data, lambda header: header.update({key: value})))
    refused(call(capsys, "count", case.image), words)


@pytest.mark.parametrize("key", sorted(codec._HEADER))
def test_a_header_without_a_key(case, capsys, data, key):
    case.image.write_bytes(with_header(data, lambda header: header.pop(key)))
    refused(call(capsys, "count", case.image), "tiny.npi")


@pytest.fixture
def extended():
    """Bytes of an image with every optional section."""
    spec = neuroproc.load_profile("np16-temporal")
    spec = replace(spec, name="all", pooling_groups=True, leak="per-neuron")
    port = neuroproc.Port("a", 0)
    arrays = {"once": [1, 0, 0], "group": [2, 2, -1], "kind": [1, 2], "leaks": [0, 1, 0]}
    return encode_image(
        neuroproc.build_image(spec, [1, 2, 3], [0, 1], [1, 0], [1, 1], [3, 4], [port], [port], **arrays), "test"
    )


@pytest.mark.parametrize("name", sorted(codec.SECTIONS))
def test_an_image_without_a_section(case, capsys, data, extended, name):
    data = extended if name in codec.OPTIONAL else data
    members = members_of(data)
    del members[f"{name}.npy"]
    case.image.write_bytes(sealed(members))
    refused(call(capsys, "count", case.image), f"section {name} is missing")


def array_bytes(array):
    out = io.BytesIO()
    np.lib.format.write_array(out, array, allow_pickle=True)
    return out.getvalue()


@pytest.mark.parametrize("name", sorted(codec.SECTIONS))
def test_sections_that_are_wrong_but_sealed(case, capsys, data, extended, name):
    """Another type, another shape, one entry less, Python objects, a value from nowhere."""
    data = extended if name in codec.OPTIONAL else data
    members = members_of(data)
    array = np.lib.format.read_array(io.BytesIO(members[f"{name}.npy"]))
    far = array.copy()
    far.flat[-1] = np.iinfo(array.dtype).max
    for wrong in (array.astype(float), array[None], array[:-1], array.astype(object), far):
        if name == "start" and (wrong is far or wrong.shape == array[:-1].shape):
            continue  # larger start events, or fewer, contradict nothing
        case.image.write_bytes(sealed({**members, f"{name}.npy": array_bytes(wrong)}))
        result = call(capsys, "count", case.image)
        assert result.status in (3, 4)
        refused(result, status=result.status)


@pytest.mark.parametrize("name", sorted(codec.OPTIONAL))
def test_a_section_of_an_extension_that_the_image_lacks_says_nothing(data, extended, name):
    members = members_of(data)
    assert f"{name}.npy" not in members
    more = sealed({**members, f"{name}.npy": members_of(extended)[f"{name}.npy"]})
    assert damaged(data, more) == data


@pytest.mark.parametrize("bit", range(8))
def test_a_flipped_bit_in_an_image_with_extensions(extended, bit):
    for place in range(bit, len(extended), 8):
        content = bytearray(extended)
        content[place] ^= 1 << bit
        assert damaged(extended, bytes(content)) in (None, encode_image(decode_image(extended, "a"), "neuroproc 0.1.0"))


ODD = [None, True, 0, -1, 1, 3.5, 10**6, 2**70, "", "x", [], [[]], [1], [["a", 1]], {}, {"a": 1}, {"kind": []}]


@pytest.mark.parametrize("block", range(4))
def test_any_change_of_a_sealed_header_is_used_or_refused(case, capsys, data, block):
    """Even where another program made the mistake: nothing but our own errors."""
    header = json.loads(members_of(data)[codec.HEADER])
    everywhere = list(places(header))
    members = members_of(data)
    for seed in range(block * 60, (block + 1) * 60):
        rng = random.Random(seed)
        place = rng.choice(everywhere)
        entry = without(header, place) if rng.random() < 0.2 else changed(header, place, rng.choice(ODD))
        case.image.write_bytes(sealed({**members, codec.HEADER: json.dumps(entry).encode()}))
        for command in (["count", case.image], ["classify", case.image, case.frames, "--limit", 1]):
            result = call(capsys, *command)
            assert result.status in (0, 3, 4), (seed, place)
            if result.status:
                refused(result, status=result.status)


def test_a_network_is_no_image_and_an_image_no_network(case, capsys):
    compiled = f"; it is of the kind 'layered network': neuroproc compile {case.network} -o IMAGE.npi makes an image"
    refused(call(capsys, "count", case.network), "tiny.json", "not a processor image", compiled)
    wanted = (
        f"{case.image}: is of the kind 'processor image', wanted: a layered network, .json or .toml, or a foreign one, "
        ".nir, .onnx, .npz; give the network that the image was compiled from"
    )
    refused(call(capsys, "compile", case.image, "-o", case.folder / "new.npi"), wanted)
    refused(call(capsys, "verify", case.image, case.network, case.frames), wanted)


def test_frames_and_spikes_are_no_image(case, capsys):
    refused(call(capsys, "classify", case.frames, case.image), "; it is of the kind 'frames', wanted: an image, .npi")
    refused(call(capsys, "run", case.spikes, case.image), "; it is of the kind 'spikes', wanted: an image, .npi")
    np.savez(case.folder / "some.npz", weight=[1])
    refused(call(capsys, "count", case.folder / "some.npz"), "; it holds arrays, wanted: an image, .npi")


def test_a_network_of_tennlab_is_no_image_yet(case, capsys):
    path = case.folder / "risp.json"
    path.write_text('{"Nodes": [], "Edges": []}')
    refused(call(capsys, "run", path, case.spikes), "'TENNLab network'", f"neuroproc convert {path} IMAGE.npi makes")


def test_an_image_that_was_not_compiled_cannot_classify(case, capsys):
    """Built by hand: it has ports but no frames; `run` is for it."""
    spec = neuroproc.load_profile("research")
    port = neuroproc.Port("a", 0)
    neuroproc.save_image(case.image, neuroproc.build_image(spec, [1], [], [], [], [], [port], [port]))
    refused(call(capsys, "classify", case.image, case.frames), "use 'run'")
    result = call(capsys, "run", case.image, case.spikes)
    assert result.out.splitlines()[1:] == ["cycle,port,value", "1,0,1", "5,0,1", "9,0,1"]


def test_verify_wants_the_network_of_the_image(case, capsys):
    entry = network_entry()
    entry["layers"][0]["threshold"][0] += 1
    write_json(case.network, entry)
    refused(call(capsys, "verify", case.network, case.image, case.frames), "another network", "compile it again")
