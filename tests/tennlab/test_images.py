"""Networks to images and back: nothing is lost, and what comes back behaves alike."""

import dataclasses
import json

import numpy as np
import pytest
from emulator_helpers import make_spec
from tennlab_helpers import random_network, small_network, write_network

import neuroproc
from isa_spec.building import build_image
from isa_spec.codec import encode_image
from isa_spec.errors import EmulationError, FormatError, ResourceError
from isa_spec.image import ROLES, Port
from isa_spec.names import neuron_names
from isa_spec.spec import load_profile, profile_names
from isa_spec.spikes import SpikeEvents
from isa_spec.wiring import wire_image
from neuroproc.explaining.places import Places
from neuroproc.processor import Processor
from neuroproc.tennlab.image import read_tennlab
from neuroproc.tennlab.layout import network_text
from neuroproc.tennlab.network import parse_network
from neuroproc.tennlab.parameters import EXTENSIONS
from neuroproc.tennlab.writer import image_to_network, write_tennlab


def canonical(network):
    """A network without the order of its file."""
    return dataclasses.replace(network, nodes=tuple(sorted(network.nodes)), edges=tuple(sorted(network.edges)))


def foreign_image(rng):
    """An image that did not come from TENNLab, without parallel synapses."""
    changes = [{}, {"potential_floor": -50}, {"leak": "all", "potential_floor": None}, {"max_delay": 9}]
    changes += [{"delayed_fire": True}, {"leak": "per-neuron", "delayed_fire": True}, {"leak": "per-neuron"}]
    spec = make_spec(**changes[rng.integers(len(changes))], threshold_max=1000, weight_min=-100, weight_max=100)
    if rng.random() < 0.3:
        spec = load_profile("risp7")
    n = int(rng.integers(1, 12))
    pairs = rng.choice(n * n, int(rng.integers(0, n * n + 1)), replace=False)
    inputs, outputs = (rng.choice(n, int(rng.integers(1, n + 1)), replace=False).tolist() for _ in range(2))
    start = SpikeEvents.none() if rng.random() < 0.5 else SpikeEvents.of([0, 3], [0, len(inputs) - 1], [1, 2])
    return build_image(
        spec,
        rng.integers(1, 8, n),
        pairs // n,
        pairs % n,
        rng.integers(-7, 8, len(pairs)),
        rng.integers(1, 10, len(pairs)),
        [Port(f"in.{i}", neuron) for i, neuron in enumerate(inputs)],
        [Port(f"out.{i}", neuron) for i, neuron in enumerate(outputs)],
        start=start,
        leaks=rng.random(n) < 0.5 if spec.leak == "per-neuron" else None,
    )


def states(image, seed):
    """Output and potentials of every cycle of random spikes, and all states but digests: ports change their names."""
    rng = np.random.default_rng(seed)
    processor = Processor(image, "reference")
    n_ports = len(image.inputs)
    processor.inject(image.start)
    cycle, port = np.divmod(rng.choice(20 * n_ports, 10, replace=False), n_ports)
    processor.inject(SpikeEvents.of(cycle + 5, port, rng.integers(-3, 8, 10)))
    found = []
    for cycle in range(40):
        spikes = processor.step()
        found.append((spikes.port.tolist(), processor.potentials.tolist()))
        if cycle in (4, 19, 39):
            state = processor.state()
            rows = [getattr(state, field.name) for field in dataclasses.fields(state) if field.name != "image"]
            found.append(repr(rows))
    return found


def round_trips(seeds):
    for seed in seeds:
        rng = np.random.default_rng(seed)
        text = json.dumps(random_network(rng))
        image = read_tennlab(text)
        network = image_to_network(image)
        assert network == canonical(parse_network(text, "network")), seed
        assert encode_image(read_tennlab(network_text(network)), "") == encode_image(image, ""), seed
        image = foreign_image(rng)
        back = read_tennlab(network_text(image_to_network(image)))
        assert states(back, seed) == states(image, seed), seed
        again = read_tennlab(network_text(image_to_network(back)))
        assert encode_image(again, "") == encode_image(back, ""), seed


@pytest.mark.metamorphic
def test_round_trips():
    round_trips(range(200))


@pytest.mark.sweep
def test_many_round_trips():
    round_trips(range(200, 1000))


def test_an_image_of_a_network(tmp_path):
    image = read_tennlab(write_network(tmp_path / "net.json", small_network()))
    assert image.threshold.tolist() == [1, 1, 1, 2]
    assert (image.source().tolist(), image.target.tolist()) == ([0, 0, 1, 2], [2, 3, 2, 3])
    assert (image.weight.tolist(), image.delay.tolist()) == ([2, -2, 1, 2], [1, 1, 3, 2])
    assert image.inputs == (Port("0", 0), Port("1", 1))
    assert image.outputs == (Port("7", 3),)
    assert [ROLES[role] for role in image.role] == ["input", "input", "unit", "unit"]
    kept = image.options["tennlab"]
    assert kept["nodes"] == [[0, "A"], [1, "B"], [2, ""], [7, "Out"]]
    assert (kept["unit"], kept["params"]) == ("1", small_network()["Associated_Data"]["proc_params"])


def test_numbers_are_whole_at_a_common_scale():
    entry = small_network(discrete=False, max_weight=2.5)
    entry["Nodes"][0]["values"] = [0.25]
    entry["Edges"][0]["values"] = [0.1, 3]
    image = read_tennlab(json.dumps(entry))
    assert image.options["tennlab"]["unit"] == "1/20"
    assert image.threshold.tolist() == [20, 20, 20, 5]
    assert sorted(image.weight.tolist()) == [-40, 2, 40, 40]
    assert (image.spec.weight_max, image.spec.potential_floor) == (50, -127 * 20)


def test_a_threshold_to_be_exceeded_is_one_unit_higher():
    image = read_tennlab(json.dumps(small_network(threshold_inclusive=False)))
    assert image.threshold.tolist() == [2, 2, 2, 3]
    assert [node.values for node in image_to_network(image).nodes] == [(1.0,), (1.0,), (1.0,), (2.0,)]


def test_a_table_of_weights():
    entry = small_network(weights=[0.5, -2.0, 0.5], discrete=False)
    params = entry["Associated_Data"]["proc_params"]
    del params["min_weight"], params["max_weight"]
    for edge, place in zip(entry["Edges"], (0.0, 1.0, 2.0, 1.0), strict=True):
        edge["values"][0] = place
    image = read_tennlab(json.dumps(entry))
    assert sorted(image.weight.tolist()) == [-4, -4, 1, 1]
    # Of equal weights, the first place in the table comes back.
    assert sorted(edge.values[0] for edge in image_to_network(image).edges) == [0.0, 0.0, 1.0, 1.0]


def test_images_of_networks_run_and_count_as_any_other(tmp_path):
    image = read_tennlab(write_network(tmp_path / "net.json", small_network()))
    neuroproc.save_image(tmp_path / "net.npi", image)
    again = neuroproc.load_image(tmp_path / "net.npi")
    assert again.options == image.options
    spikes = {}
    for engine in ("reference", "event", "batch"):
        processor = neuroproc.Processor(again, engine=engine)
        processor.inject(SpikeEvents.of([0, 2], [1, 1]))
        spikes[engine] = processor.run(10).cycle.tolist()
    assert spikes == {engine: [5, 7] for engine in spikes}
    measures = neuroproc.count(again)
    assert (measures["neurons"], measures["synapses"], measures["max_delay"], measures["layers"]) == (4, 4, 3, [])


def test_a_compiled_network_goes_to_tennlab_and_back(tmp_path):
    """With a profile of one synapse for each pair; its clocks are started by the same spikes."""
    network = neuroproc.load_network("neuroproc/data/digits.json")
    image = neuroproc.compile_network(network, neuroproc.load_profile("risp127"), neuroproc.FoldPlan((2, 2)))
    write_tennlab(image, tmp_path / "digits.json")
    back = read_tennlab(tmp_path / "digits.json")
    assert back.start.cycle.tolist() == image.start.cycle.tolist()
    for name in ("threshold", "row_start", "target", "weight", "delay"):
        assert np.array_equal(getattr(back, name), getattr(image, name)), name
    assert [port.neuron for port in back.inputs] == [port.neuron for port in image.inputs]


def test_images_of_every_profile_that_RISP_can_hold_come_back(tmp_path):
    """Among them that of the gallery, whose lowest weight needs all 32 bits."""
    held = []
    for profile in map(load_profile, profile_names()):
        if set(profile.extensions) <= set(EXTENSIONS) and profile.potential_floor is not None:
            held.append(profile.name)
            image = wire_image(profile, {"a": 1, "b": 1}, [("a", "b", profile.weight_min, 1)], inputs=["a"])
            write_tennlab(image, tmp_path / "net.json")
            back = read_tennlab(tmp_path / "net.json")
            assert (back.weight.tolist(), back.spec.weight_min) == ([profile.weight_min], profile.weight_min)
    assert {"research", "np8", "risp127"} <= set(held)


@pytest.mark.error
def test_what_tennlab_cannot_hold(tmp_path):
    risp = load_profile("research")
    inputs = [Port("a", 0)]
    twice = build_image(risp, [1, 1], [0, 0], [1, 1], [1, 2], [1, 1], inputs, [])
    with pytest.raises(ResourceError, match=r"2 synapses lead from neuron 0 to neuron 1, .* use `neuroproc convert`"):
        write_tennlab(twice, tmp_path / "no.json")
    shared = build_image(risp, [1], [], [], [], [], [Port("a", 0), Port("b", 0)], [])
    with pytest.raises(FormatError, match="input port 'b' shares neuron 0 with another"):
        write_tennlab(shared, tmp_path / "no.json")
    subtract = build_image(load_profile("np16-subtract"), [1], [], [], [], [], inputs, [])
    with pytest.raises(FormatError, match="has the extension reset-subtract, and RISP has no such thing"):
        write_tennlab(subtract, tmp_path / "no.json")
    bottomless = build_image(dataclasses.replace(risp, potential_floor=None), [1], [], [], [], [], inputs, [])
    with pytest.raises(FormatError, match="has no potential_floor, and RISP needs one"):
        write_tennlab(bottomless, tmp_path / "no.json")
    assert not (tmp_path / "no.json").exists()
    other_table = read_tennlab(json.dumps(small_network()))
    params = {**other_table.options["tennlab"]["params"], "weights": [1.0]}
    del params["min_weight"], params["max_weight"]
    options = {"tennlab": {**other_table.options["tennlab"], "params": params}}
    with pytest.raises(FormatError, match=r"weight 2\.0 is not in the table of weights"):
        image_to_network(dataclasses.replace(other_table, options=options))
    options["tennlab"]["nodes"] = options["tennlab"]["nodes"][1:]
    with pytest.raises(FormatError, match=r"options\.tennlab has 3 nodes, the image 4 neurons"):
        image_to_network(dataclasses.replace(other_table, options=options))


def test_neurons_are_called_as_nodes():
    image = read_tennlab(json.dumps(small_network()))
    assert neuron_names(image) == ["0(A)", "1(B)", "2", "7(Out)"]
    found = {text: Places(image).find(text) for text in ("0(A)", "A", "0", "2", "7", "Out", "7(Out)", "3", "port:7")}
    assert found == {"0(A)": 0, "A": 0, "0": 0, "2": 2, "7": 3, "Out": 3, "7(Out)": 3, "3": 3, "port:7": 3}
    with pytest.raises(EmulationError, match=r"allowed: a number 0\.\.3, a node \(0\(A\), 1\(B\), 2, 7\(Out\)\), or"):
        Places(image).find("C")
    entry = small_network()
    entry["Nodes"][2]["id"] = entry["Edges"][0]["to"] = entry["Edges"][2]["to"] = entry["Edges"][3]["from"] = 3
    other = Places(read_tennlab(json.dumps(entry)))
    assert other.find("neuron:3") == 3
    with pytest.raises(EmulationError, match=r"'3' may be any of the neurons 2, 3; write neuron:2"):
        other.find("3")
