"""The rules written in the tables of the image and the stream contract are those of the code."""

import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from isa_spec.building import build_image
from isa_spec.codec import encode_image
from isa_spec.formats import format_tables
from isa_spec.image import ROLES, Port
from isa_spec.kinds import KINDS
from isa_spec.spec import load_profile
from isa_spec.stream import StreamContract
from isa_spec.tables import processor_tables

CONTRACTS = [
    StreamContract(1, 1, 1, 1, 1, 0, 1, 1, 1, 1),
    StreamContract(2, 5, 7, 1, 1, 3, 2, 7, 1, 70),
    StreamContract(3, 6, 4, 2, 2, 11, 1, 2, 1, 6),
    StreamContract(2, 5, 3, 5, 1, 4, 2, 3, 1, 6),
    StreamContract(1, 3, 5, 4, 2, 0, 3, 9, 2, 40),
    StreamContract(5, 3, 5, 1, 1, 4, 4, 7, 1, 90, turns=(0, 7, 12)),
    StreamContract(2, 2, 3, 1, 1, 0, 6, 3, 1, 36, levels=5),
    StreamContract(2, 2, 3, 1, 1, 4, 10, 3, 1, 60, levels=5, beat=2),
]


def evaluate(rule, contract, **values):
    # The expressions are our own, and plain arithmetic.
    expression = format_tables().stream["rule"][rule]["expression"]
    return eval(expression, {"min": min, "len": len}, contract.to_dict() | values)


@pytest.mark.parametrize("contract", CONTRACTS)
def test_stream_rules_are_those_of_the_code(contract):
    lanes, cycles = contract.lanes(), contract.cycles()
    assert evaluate("n_lanes", contract) == contract.n_lanes
    for c, y, x in np.ndindex(contract.channels, contract.height, contract.width):
        assert evaluate("lane", contract, c=c, y=y, x=x) == lanes[c, y, x]
        assert evaluate("cycle", contract, c=c, y=y, x=x, n=0) == cycles[c, y, x]
    assert set(lanes.ravel()) <= set(range(contract.n_lanes))
    later = evaluate("cycle", contract, c=0, y=0, x=0, n=3)
    assert later == contract.start + 3 * contract.interval
    assert contract.last_cycle == cycles.max() + (contract.levels - 1) * contract.beat
    assert StreamContract.from_dict(contract.to_dict(), "here") == contract
    assert ("beat" in contract.to_dict()) == (contract.beat > 1)


@pytest.fixture(scope="module")
def members():
    return members_of(load_profile("np8"))


def members_of(spec):
    image = build_image(spec, [1, 2], [0, 0], [1, 1], [1, 1], [2, 1], [Port("a", 0)], [Port("b", 1)])
    with zipfile.ZipFile(io.BytesIO(encode_image(image, "test"))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_an_image_has_the_members_of_the_table(members):
    tables = format_tables().image
    sections = {f"{name}.npy" for name, entry in tables["section"].items() if entry["required"]}
    fixed = {entry["member"] for entry in tables["container"]} - {"NAME.npy"}
    assert set(members) == sections | fixed


@pytest.mark.parametrize("name", processor_tables().extension)
def test_an_image_has_the_optional_sections_of_its_extensions(members, name):
    extension = processor_tables().extension[name]
    spec = replace(load_profile("np8"), **{extension["parameter"]: extension["value"]})
    sections = format_tables().image["section"].items()
    more = {f"{section}.npy" for section, entry in sections if name in entry.get("extensions", ())}
    assert set(members_of(spec)) - set(members) == more
    for section, entry in sections:
        assert entry["required"] == ("extensions" not in entry)
        assert set(entry.get("extensions", ())) <= set(processor_tables().extension), section


def test_a_header_has_the_keys_of_the_table(members):
    assert set(json.loads(members["header.json"])) == set(format_tables().image["header"])


def test_sections_have_the_type_and_shape_of_the_table():
    members = members_of(load_profile("np16-temporal")) | members_of(load_profile("np16-pool"))
    members |= members_of(replace(load_profile("np8"), leak="per-neuron"))
    symbols = {"n_neurons": 2, "n_neurons + 1": 3, "n_synapses": 2, "n_events": 0, "3": 3}
    for name, entry in format_tables().image["section"].items():
        array = np.load(io.BytesIO(members[f"{name}.npy"]), allow_pickle=False)
        assert array.dtype == entry["dtype"]
        assert array.shape == tuple(symbols[symbol] for symbol in entry["shape"])


def test_role_codes_are_places_in_the_list():
    assert [role["name"] for role in format_tables().image["role"]] == list(ROLES)
    assert [kind["name"] for kind in format_tables().image["kind"]] == list(KINDS)
