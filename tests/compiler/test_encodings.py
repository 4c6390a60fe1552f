"""Inputs of more than one bit: planes on the chip, values for the oracle, and the parameters stay."""

import numpy as np
import pytest
from cli_helpers import with_header

import neuroproc
from compiler.costing.cost import cost_of
from compiler.emit import compile_network, emit
from compiler.networks.drive import spiking_layers
from compiler.networks.evaluate import evaluate
from compiler.networks.layers import Add, Concat, Conv2d, Dense, Flatten, Pool2d
from compiler.networks.network import LayeredNetwork
from compiler.plan import FoldPlan, legal_unrolls
from compiler.schedule import make_schedule
from isa_spec.codec import decode_image, encode_image
from isa_spec.errors import FormatError, NetworkError
from isa_spec.spec import load_profile
from neuroproc.classifying.host import encode_frames

RESEARCH = load_profile("research")
BITS = {"kind": "bitplanes", "bits": 3}
STEPS = {"kind": "thermometer", "thresholds": [2, 3, 6]}
CONV = Conv2d("conv", ("input",), np.arange(-4, 4).reshape(1, 2, 2, 2), np.array([7]))


def network_of(encoding, *layers):
    return LayeredNetwork("n", (2, 4, 6), layers, encoding, {"kind": "spikes"})


def frames_of(n_frames=6):
    return np.random.default_rng(0).integers(0, 8, (n_frames, 2, 4, 6))


@pytest.mark.parametrize(("encoding", "worth"), [(BITS, [1, 2, 4]), (STEPS, [1, 1, 1])], ids=["bits", "steps"])
def test_every_plane_of_a_channel_gets_its_share_of_the_weight(encoding, worth):
    window = spiking_layers(network_of(encoding, CONV))[0].terms[0].window
    assert window.weight.shape == (1, 6, 2, 2)
    for channel in range(2):
        for plane in range(3):
            assert np.array_equal(window.weight[0, 3 * channel + plane], CONV.weight[0, channel] * worth[plane])


@pytest.mark.parametrize("encoding", [BITS, STEPS], ids=["bits", "steps"])
def test_planes_are_counted_and_parameters_are_those_of_the_network(encoding):
    schedule = make_schedule(network_of(encoding, CONV), RESEARCH, FoldPlan((1, 1)))
    cost = cost_of(schedule)
    read, _, conv = cost.layers
    assert (conv.parameters, conv.nonzero_parameters) == (8, 7)
    assert conv.unrolled_synapses == 3 * 7 * 15
    assert (conv.unrolled_neurons, read.unrolled_neurons) == (15, 3 * 48)
    assert (read.roles, conv.synapses) == ({"input": 6}, 3 * 7 + 1)
    image = emit(schedule, cost)
    assert [port.name for port in image.inputs[:6]] == [f"in.{plane}.0.0" for plane in range(6)]


@pytest.mark.oracle
@pytest.mark.parametrize("encoding", [BITS, STEPS], ids=["bits", "steps"])
@pytest.mark.parametrize(
    "layers",
    [
        (CONV,),
        (Dense("d", ("input",), np.arange(-48, 48).reshape(2, 48), np.array([-100, 40])),),
        (Flatten("f", ("input",)), Dense("d", ("f",), np.arange(-24, 24).reshape(1, 48), np.array([20]))),
        (Add("a", ("input", "input"), np.array([6, 9])),),
        (Pool2d("p", ("input",), "avgpool2d", (2, 2), (1, 1)), Add("a", ("p",), np.array([2, 3]))),
        (Pool2d("p", ("input",), "sumpool2d", (2, 3), (2, 3)), Add("a", ("p",), np.array([14, 16]))),
        (
            Conv2d("c", ("input",), np.ones((2, 1, 3, 3), np.int64), None, padding=((1, 1), (1, 1)), groups=2),
            Concat("j", ("input", "c")),
            Conv2d("d", ("j",), np.array([[[[2]], [[-9]], [[1]], [[1]]]]), np.array([10])),
        ),
    ],
    ids=["conv", "dense", "flatten", "add", "average", "sum", "concat"],
)
def test_every_layer_that_reads_the_input_is_exact_at_every_fold(encoding, layers):
    network, frames = network_of(encoding, *layers), frames_of()
    decisions = evaluate(network, frames)[network.layers[-1].name]
    assert 0 < decisions.mean() < 1
    for unroll in legal_unrolls(4, 6):
        image = compile_network(network, RESEARCH, FoldPlan(unroll))
        found = neuroproc.verify(network, image, frames)
        assert found.exact, (unroll, found.first)
        assert np.array_equal(neuroproc.classify(image, frames).outputs.ravel(), decisions.ravel())


def test_the_oracle_keeps_the_values_that_the_network_sees():
    frames = frames_of()
    assert np.array_equal(evaluate(network_of(BITS, CONV), frames)["input"], frames)
    steps = evaluate(network_of(STEPS, CONV), frames)["input"]
    assert np.array_equal(steps, np.searchsorted([2, 3, 6], frames, side="right"))


def test_an_image_keeps_its_encoding():
    image = compile_network(network_of(STEPS, CONV), RESEARCH)
    again = decode_image(encode_image(image, "t"), "t")
    assert again.encoding == STEPS
    assert encode_frames(again, frames_of(2)).cycle.tolist() == encode_frames(image, frames_of(2)).cycle.tolist()


@pytest.mark.malformed
@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ({"kind": "bitplanes", "bits": 4}, "the input has 6 planes, the encoding makes 4 of each channel"),
        ({"kind": "phase", "steps": 2}, "encoding 'phase' is not supported"),
        ({"kind": "binary"}, r"encoding = {'kind': 'binary'}, allowed: with every key, threshold too"),
    ],
    ids=str,
)
def test_an_image_whose_encoding_does_not_fit_is_refused(encoding, words):
    data = encode_image(compile_network(network_of(STEPS, CONV), RESEARCH), "t")
    with pytest.raises(FormatError, match=words):
        decode_image(with_header(data, lambda header: header.update(encoding=encoding)), "t")


@pytest.mark.error
@pytest.mark.parametrize(("encoding", "highest"), [(BITS, 7), (STEPS, 3)], ids=["bits", "steps"])
def test_the_maximum_of_values_is_refused(encoding, highest):
    network = network_of(encoding, Pool2d("pool", ("input",), "maxpool2d", (2, 2), (2, 2)))
    words = rf"layer 'pool': the maximum of input values 0\.\.{highest} .* put a layer with thresholds before it"
    with pytest.raises(NetworkError, match=words):
        compile_network(network, RESEARCH)


@pytest.mark.oracle
def test_the_maximum_of_a_single_plane_is_an_or():
    for encoding in ({"kind": "bitplanes", "bits": 1}, {"kind": "thermometer", "thresholds": [1]}):
        network = network_of(encoding, Pool2d("pool", ("input",), "maxpool2d", (2, 2), (2, 2)))
        image = compile_network(network, RESEARCH, FoldPlan((1, 1)))
        assert neuroproc.verify(network, image, frames_of() % 2).exact


@pytest.mark.error
def test_frames_have_the_shape_of_the_frame_not_of_its_planes():
    image = compile_network(network_of(BITS, CONV), RESEARCH)
    with pytest.raises(FormatError, match=r"frames of shape \[1, 6, 4, 6\], allowed: \[n_frames, 2, 4, 6\]"):
        encode_frames(image, np.zeros((1, 6, 4, 6), np.int64))


@pytest.mark.error
def test_a_value_of_too_many_bits_is_refused_before_anything_runs():
    """The frame's number is its own, not that within a batch."""
    network = network_of(BITS, CONV)
    image = compile_network(network, RESEARCH)
    frames = np.zeros((60, 2, 4, 6), np.int64)
    frames[55, 1, 0, 2] = 8
    words = r"frame 55, channel 1, row 0, column 2: value 8, allowed: 0\.\.7 \(encoding 'bitplanes' of 3 bits\); scale"
    with pytest.raises(FormatError, match=words):
        neuroproc.classify(image, frames)
    with pytest.raises(FormatError, match=words):
        neuroproc.verify(network, image, frames)


@pytest.mark.error
def test_weights_that_planes_make_too_large_are_refused():
    layer = Dense("d", ("input",), np.full((1, 48), 2**44), np.array([1]))
    compile_network(network_of({"kind": "binary"}, layer), RESEARCH)
    with pytest.raises(NetworkError, match=r"layer 'd': .* 2\*\*52 or more, .* an input of fewer bits"):
        compile_network(network_of(BITS, layer), RESEARCH)
