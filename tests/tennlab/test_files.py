"""TENNLab's files: their layout, and what is said of those that are wrong."""

import json
import re

import pytest
from cli_helpers import at, changed, without
from tennlab_helpers import property_of, small_network

from isa_spec.errors import FormatError, NeuroprocError, ResourceError
from isa_spec.spec import load_profile, profile_names
from neuroproc.tennlab.image import read_tennlab
from neuroproc.tennlab.layout import network_text
from neuroproc.tennlab.network import parse_network
from neuroproc.tennlab.parameters import check_params, completed, params_to_spec, spec_to_params

LAYOUT = """\
{ "Properties":
  { "node_properties": [
      { "name":"Threshold", "type":73, "index":0, "size":1, "min_value":0.0, "max_value":127.0 }],
    "edge_properties": [
      { "name":"Delay", "type":73, "index":1, "size":1, "min_value":1.0, "max_value":127.0 },
      { "name":"Weight", "type":73, "index":0, "size":1, "min_value":-127.0, "max_value":127.0 }],
    "network_properties": [] },
 "Nodes":
  [ {"coords":[1.5,2],"id":7,"name":"Out","values":[2.0]},
    {"id":0,"name":"A","values":[1.0]} ],
 "Edges":
  [ {"from":0,"to":7,"values":[-2.0,1.0]} ],
 "Inputs": [0],
 "Outputs": [7],
 "Network_Values": [],
 "comment": "ours",
 "Associated_Data":
   { "app": {"episodes":3},
     "other": {"proc_name":"risp"},
     "proc_params": 
      { "discrete": true,
        "leak_mode": "none",
        "max_delay": 127,
        "max_threshold": 127.0,
        "max_weight": 127.0,
        "min_potential": -127.0,
        "min_threshold": 0.0,
        "min_weight": -127.0}}}
"""  # noqa: W291  # as their tools write it


@pytest.mark.golden
def test_the_layout_is_theirs():
    assert network_text(parse_network(LAYOUT, "net.json")) == LAYOUT


def test_whatever_the_order_and_the_kind_of_number():
    entry = json.loads(LAYOUT)
    entry["Nodes"][0]["values"] = [2]
    shuffled = json.dumps(dict(reversed(entry.items())), indent=3)
    assert parse_network(shuffled, "net.json") == parse_network(LAYOUT, "net.json")


WRONG = [
    (["Nodes", 1, "id"], 7, "Nodes: node 7 occurs twice, allowed: once"),
    (["Nodes", 1, "id"], -1, "Nodes[1]: id = -1, allowed: a node's id, 0..2147483647"),
    (["Nodes", 1, "id"], True, "Nodes[1]: id = true, allowed: a node's id"),
    (["Nodes", 1, "name"], 3, "Nodes[1]: name = 3, allowed: text"),
    (["Nodes", 1, "values"], [], "node 0 has 0 values, needed: 1 (Properties.node_properties)"),
    (["Nodes", 1, "values"], ["x"], 'Nodes[1]: values[0] = "x", allowed: a number'),
    (["Nodes", 1, "values"], [2**60], "allowed: whole numbers of up to 53 bits"),
    (["Nodes", 1, "values"], [1.5], "node 0: Threshold 1.5, allowed: whole numbers (discrete = true)"),
    (["Nodes"], {}, "Nodes = {}, allowed: a list"),
    (["Nodes", 0], 5, "Nodes[0] = 5, allowed: a table"),
    (["Edges", 0, "from"], 9, "edge 9 -> 2: node 9 is unknown, allowed: ids of Nodes"),
    (["Edges", 1, "to"], 9, "edge 0 -> 9: node 9 is unknown, allowed: ids of Nodes"),
    (["Edges", 0, "values"], [1.0], "edge 1 -> 2 has 1 values, needed: 2 (Properties.edge_properties)"),
    (["Edges", 0, "values"], [1.0, 0.0], "edge 1 -> 2: Delay 0.0, allowed: whole numbers 1..127 (max_delay)"),
    (["Edges", 0, "values"], [1.0, 1.5], "edge 1 -> 2: Delay 1.5, allowed: whole numbers 1..127 (max_delay)"),
    (["Inputs"], [0, 0], "Inputs: node 0 occurs twice, allowed: once"),
    (["Outputs"], [5], "Outputs: node 5 is unknown, allowed: ids of Nodes"),
    (["Network_Values"], [1.0], "Network_Values has 1 values, needed: 0 (Properties.network_properties)"),
    (["Properties", "nodes"], [], "Properties.nodes is an unknown key, allowed: node_properties, edge_properties"),
    (["Properties", "node_properties", 0, "index"], 1, "each value has to belong to one property"),
    (["Properties", "node_properties", 0, "size"], 0, "node_properties[0].size = 0, allowed: 1 and above"),
    (["Properties", "node_properties", 0, "name"], "Leak", "Properties.node_properties: Threshold is missing; add it"),
    (["Properties", "edge_properties", 0, "name"], "Lag", "Properties.edge_properties: Delay is missing; add it"),
    (["Properties", "edge_properties", 0, "unit"], "s", "edge_properties[0] has the keys name, type, index"),
    (["Properties", "edge_properties", 0, "type"], "I", 'edge_properties[0].type = "I", allowed: a whole number'),
    (["Associated_Data", "proc_params"], [], "proc_params = [], allowed: a table of RISP's parameters"),
    (["Associated_Data"], [], "Associated_Data = [], allowed: a table"),
    (["Associated_Data", "other"], {"proc_name": "ravens"}, 'proc_name = "ravens", allowed: "risp"'),
    (["Associated_Data", "neuroproc"], {"start": [[0, 2, 1]]}, "start: allowed: a list of [time, input node, value]"),
]


@pytest.mark.error
@pytest.mark.parametrize(("place", "value", "said"), WRONG, ids=lambda item: str(item)[:40])
def test_what_is_wrong_is_said(place, value, said):
    with pytest.raises(NeuroprocError, match=re.escape(said)):
        read_tennlab(json.dumps(changed(small_network(), place, value)))


@pytest.mark.error
@pytest.mark.parametrize("key", ["Nodes", "Edges", "Inputs", "Outputs", "Properties", "Associated_Data"])
def test_what_is_missing_is_said(key):
    with pytest.raises(FormatError, match=key):
        read_tennlab(json.dumps(without(small_network(), [key])))


PARAMS = [
    ({"noisy_stddev": 0.5}, "proc_params.noisy_stddev = 0.5: noise, and this processor is exact and has none"),
    ({"stds": [0.0, 0.1]}, "proc_params.stds = [0.0, 0.1]: noise"),
    ({"max_threshold": 2.0**31 - 1, "threshold_inclusive": False}, "threshold_max = 2147483648, allowed: integer"),
    ({"log": True}, "proc_params.log = true, allowed: false; the command RSC shows every cycle"),
    ({"speed": 1}, "proc_params.speed is an unknown key, allowed: discrete, fire_like_ravens"),
    ({"leak_mode": "some"}, 'proc_params.leak_mode = "some", allowed: none, all, configurable'),
    ({"discrete": 1}, "proc_params.discrete = 1, allowed: true, false"),
    ({"max_delay": 0}, "proc_params.max_delay = 0, allowed: 1..2147483647"),
    ({"min_potential": 1.0}, "proc_params.min_potential = 1.0, allowed: 0 and below"),
    ({"max_threshold": 1.5}, "proc_params: 1.5, allowed: whole numbers (discrete = true); set discrete to false"),
    ({"min_weight": 200.0}, "proc_params.min_weight = 200.0, allowed: at most max_weight = 127.0"),
    ({"weights": [1.0]}, "proc_params has both weights and min_weight, allowed: one of them"),
    ({"weights": []}, "proc_params.weights = [], allowed: a list of numbers, at least one"),
    ({"inputs_from_weights": True}, "inputs_from_weights = true, allowed: only with a table of weights"),
    ({"max_weight": 1e10, "discrete": False}, "proc_params.max_weight 10000000000.0 has more than 32 bits"),
]


@pytest.mark.error
@pytest.mark.parametrize(("change", "said"), PARAMS, ids=lambda item: str(item)[:40])
def test_parameters_that_are_wrong(change, said):
    with pytest.raises(FormatError, match=re.escape(said)):
        read_tennlab(json.dumps(small_network(**change)))


@pytest.mark.error
@pytest.mark.parametrize("key", ["max_delay", "min_threshold", "min_potential", "discrete", "max_weight"])
def test_parameters_that_are_missing(key):
    entry = without(small_network(), ["Associated_Data", "proc_params", key])
    with pytest.raises(FormatError, match=f"proc_params.{key} is missing; add it"):
        read_tennlab(json.dumps(entry))


@pytest.mark.error
def test_values_outside_of_the_parameters():
    entry = changed(small_network(), ["Nodes", 0, "values"], [128.0])
    said = "network: node 7: Threshold 128.0, allowed 0.0..127.0 (max_threshold of proc_params is the highest)"
    with pytest.raises(ResourceError, match=re.escape(said)):
        read_tennlab(json.dumps(entry))


@pytest.mark.error
def test_properties_and_values_that_nobody_knows():
    entry = small_network()
    entry["Properties"]["node_properties"].append(property_of("Refractory", 73, 1, 0.0, 5.0))
    for node in entry["Nodes"]:
        node["values"].append(3.0)
    with pytest.raises(FormatError, match="node_properties: 'Refractory' is unknown, allowed: Threshold"):
        read_tennlab(json.dumps(entry))
    entry["Properties"]["node_properties"][1]["name"] = "Leak"
    words = "'Leak' is unknown, allowed: Threshold; leaks are by node with leak_mode configurable alone"
    with pytest.raises(FormatError, match=words):
        read_tennlab(json.dumps(entry))
    entry["Associated_Data"]["proc_params"]["leak_mode"] = "configurable"
    with pytest.raises(FormatError, match=r"network: node 0: Leak 3\.0, allowed: 0 and 1"):
        read_tennlab(json.dumps(entry))
    entry = small_network(weights=[1.0, 2.0])
    del entry["Associated_Data"]["proc_params"]["min_weight"], entry["Associated_Data"]["proc_params"]["max_weight"]
    with pytest.raises(FormatError, match=r"Weight -2\.0, allowed: 0\.\.1, a place in the table of weights"):
        read_tennlab(json.dumps(entry))


@pytest.mark.error
def test_numbers_that_need_too_many_bits():
    entry = small_network(discrete=False)
    entry["Edges"][0]["values"] = [0.12345678901, 1]
    said = (
        "network: edge 1 -> 2: Weight 0.12345678901 needs a unit of 1/100000000000, in which proc_params.min_weight "
        "-127.0 has more than 32 bits; round it to fewer digits"
    )
    with pytest.raises(FormatError, match=re.escape(said)):
        read_tennlab(json.dumps(entry))


@pytest.mark.malformed
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"Nodes": [', "is not JSON: Expecting value in line 1, column 12"),
        ('{"Nodes": NaN}', "NaN, allowed: finite numbers"),
        ('{"Nodes": 0.12345678901234567890123}', "has more digits than 64 bits keep"),
        ('{"Nodes": 1e999}', "'1e999', allowed: finite numbers"),
        ('{"Nodes": ' + "[" * 100_000, "nested too deep"),
        ('{"nodes": []}', "is no TENNLab network: found the keys nodes, needed: Properties, Nodes"),
    ],
)
def test_what_is_no_network(text, said):
    with pytest.raises(FormatError, match=re.escape(said)):
        read_tennlab(text)


@pytest.mark.malformed
def test_what_is_no_text(tmp_path):
    (tmp_path / "net.json").write_bytes(b'{"Nodes": "\xff"}')
    with pytest.raises(FormatError, match="is no UTF-8 text"):
        read_tennlab(tmp_path / "net.json")
    with pytest.raises(FormatError, match="cannot be read"):
        read_tennlab(str(tmp_path / "none.json"))


@pytest.mark.malformed
def test_a_network_cut_anywhere_is_refused():
    text = json.dumps(small_network())
    for end in range(1, len(text), 7):
        with pytest.raises(NeuroprocError):
            read_tennlab(text[:end])


def test_profiles_of_the_family_are_risp_parameters_and_back():
    """Limits of a shipped profile, as parameters and back: only what RISP does not limit is wider."""
    for name in profile_names():
        spec = load_profile(name)
        if name.startswith("risp"):
            back = params_to_spec(check_params(spec_to_params(spec, 1, 0), "proc_params"))
            for limit in (
                "weight_min", "weight_max", "threshold_min", "threshold_max", "max_delay", "potential_floor",
                "parallel_synapses", "evaluation", "leak", "reset",
            ):  # fmt: skip
                assert getattr(back, limit) == getattr(spec, limit), (name, limit)
            assert back.input_min <= spec.input_min
            assert back.input_max >= spec.input_max


def test_defaults_are_written_out():
    params = at(small_network(), ["Associated_Data", "proc_params", "x"])
    assert completed(check_params(params, "proc_params")) == params | {
        "fire_like_ravens": False,
        "run_time_inclusive": False,
        "spike_value_factor": 127.0,
        "threshold_inclusive": True,
    }
