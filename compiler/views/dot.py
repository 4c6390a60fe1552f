"""DOT text for Graphviz: the neurons of an image by layer, and the layers of a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from compiler.networks.layers import Add, Concat, Conv2d, Dense, Flatten, Layer, Pool2d
from compiler.networks.network import INPUT, LayeredNetwork
from isa_spec.errors import FormatError
from isa_spec.image import ROLES, ProcessorImage
from isa_spec.kinds import CLEAR, SLOPE
from isa_spec.names import neuron_names

MOST_SYNAPSES = 2_000
"""Of a drawing of neurons: beyond, there are only lines to see."""
_SHAPES: Mapping[str, tuple[str, str]] = {
    "input": ("invtriangle", "#bfdbfe"),
    "unit": ("circle", "#ffffff"),
    "relay": ("square", "#e5e7eb"),
    "clock": ("doublecircle", "#fde68a"),
    "gate": ("diamond", "#fecaca"),
    "serialiser": ("house", "#ddd6fe"),
    "proxy": ("square", "#d1fae5"),
    "select": ("hexagon", "#fbcfe8"),
    "demux": ("invhouse", "#ddd6fe"),
}
"""Shape and colour of a neuron by its role."""


def image_dot(image: ProcessorImage) -> str:
    """DOT text of an image, a box around the neurons of each layer.

    A neuron shows its name and threshold (``>= 3``), a synapse its weight and delay (``2 @5``); what inhibits is red
    and ends in a bar, what changes slopes is dashed, what clears is dotted. Ports are plain text at their neurons.

    Parameters
    ----------
    image : ProcessorImage

    Raises
    ------
    FormatError
        If the image has more than `MOST_SYNAPSES`.
    """
    if image.n_synapses > MOST_SYNAPSES:
        raise FormatError(
            f"a drawing of neurons is of at most {MOST_SYNAPSES:,} synapses, the image has {image.n_synapses:,}; write "
            ".graphml, or draw the network by layers: neuroproc convert NETWORK.json LAYERS.dot"
        )
    names, layers = neuron_names(image), [layer.name for layer in image.layers] or [""]
    lines = ["digraph image {", "  rankdir=LR;", '  node [fontname="Helvetica", fontsize=10, style=filled];']
    lines.append('  edge [fontname="Helvetica", fontsize=9];')
    for index, layer in enumerate(layers):
        members = [neuron for neuron in range(image.n_neurons) if image.layer[neuron] == index]
        if not members:
            continue
        lines.append(f"  subgraph cluster_{index} {{")
        lines.append(f"    label={_quoted(layer)}; color=gray;")
        for neuron in members:
            role = ROLES[image.role[neuron]]
            shape, colour = _SHAPES[role]
            flags = ", leaks" * int(image.leaks[neuron]) + ", once" * int(image.once[neuron])
            label = f"{names[neuron].removeprefix(f'{layer}.')}\n>= {image.threshold[neuron]}{flags}"
            lines.append(f'    n{neuron} [label={_quoted(label)}, shape={shape}, fillcolor="{colour}"];')
        lines.append("  }")
    for number, port in enumerate(image.inputs):
        lines.append(f"  i{number} [label={_quoted(port.name)}, shape=plaintext, style=solid];")
        lines.append(f"  i{number} -> n{port.neuron} [color=gray];")
    for number, port in enumerate(image.outputs):
        lines.append(f"  o{number} [label={_quoted(port.name)}, shape=plaintext, style=solid];")
        lines.append(f"  n{port.neuron} -> o{number} [color=gray];")
    columns = (image.source(), image.target, image.weight, image.delay, image.kind)
    for source, target, weight, delay, kind in zip(*(column.tolist() for column in columns), strict=True):
        looks = {CLEAR: "style=dotted, arrowhead=box", SLOPE: "style=dashed"}.get(kind, "")
        if weight < 0:
            looks = f"{looks}, color=red, arrowhead=tee".lstrip(", ")
        lines.append(f'  n{source} -> n{target} [label="{weight} @{delay}"{looks and ", "}{looks}];')
    for neuron, output in enumerate(image.group.tolist()):
        if output >= 0:
            lines.append(f'  n{neuron} -> n{output} [label="group", style=bold, color=blue, arrowhead=none];')
    return "\n".join([*lines, "}"]) + "\n"


def network_dot(network: LayeredNetwork) -> str:
    """DOT text of a layered network of any size: a box for each layer, with its shape, kind and parameters.

    Parameters
    ----------
    network : LayeredNetwork
    """
    lines = [f"digraph {_quoted(network.name)} {{", "  rankdir=TB;"]
    lines.append('  node [fontname="Helvetica", fontsize=11, shape=box, style="rounded,filled", fillcolor="#ffffff"];')
    frame = [INPUT, _by(network.input_shape), _told(network.encoding)]
    lines.append(f'  l0 [label={_quoted(_rows(frame))}, fillcolor="#bfdbfe"];')
    numbers = {INPUT: 0}
    for number, layer in enumerate(network.layers, 1):
        numbers[layer.name] = number
        words = [layer.name, *_words(layer), _by(network.shapes[layer.name])]
        colour = "#ffffff" if layer.spikes else "#f3f4f6"
        lines.append(f'  l{number} [label={_quoted(_rows(words))}, fillcolor="{colour}"];')
        lines += [f"  l{numbers[source]} -> l{number};" for source in layer.sources]
    lines.append(f"  answer [label={_quoted(_told(network.decode))}, shape=plaintext, style=solid];")
    lines.append(f"  l{len(network.layers)} -> answer;")
    return "\n".join([*lines, "}"]) + "\n"


def kind_words(layer: Layer) -> list[str]:
    """What kind of layer it is, and how its window moves: a few words each."""
    words = [layer.kind]
    match layer:
        case Conv2d():
            words[0] += f" {_by(layer.weight.shape[2:])}"
            extras = {"stride": layer.stride, "dilation": layer.dilation}
            words += [f"{name} {_by(value)}" for name, value in extras.items() if value != (1, 1)]
            if any(map(any, layer.padding)):
                words.append(f"padding {' x '.join(map(_sides, layer.padding))}")
            if layer.groups > 1:
                words.append(f"{layer.groups} groups")
        case Pool2d():
            words[0] += f" {_by(layer.kernel)}"
            if layer.stride != layer.kernel:
                words.append(f"stride {_by(layer.stride)}")
            if layer.membrane:
                words.append(f"rule {layer.rule}")
        case Add() | Dense() | Flatten() | Concat():
            pass
    return words


def _words(layer: Layer) -> Iterable[str]:
    """What a layer is, one line each."""
    words = kind_words(layer)
    if isinstance(layer, Flatten | Concat):
        return words
    if layer.n_parameters:
        words.append(f"{layer.n_parameters:,} parameters, {layer.n_nonzero:,} not zero")
    if layer.threshold is not None:
        low, high = int(layer.threshold.min()), int(layer.threshold.max())
        words.append(f"thresholds {low:,} .. {high:,}" if low < high else f"threshold {low:,}")
    elif not layer.spikes:
        words.append("linear")
    return words


def _told(entry: Mapping[str, Any]) -> str:
    """An encoding or a decoding in words, its arrays aside."""
    rest = [f"{key} {value}" for key, value in entry.items() if key != "kind" and not isinstance(value, list | tuple)]
    return ", ".join([str(entry["kind"]), *rest])


def _sides(pair: tuple[int, int]) -> str:
    """Padding at both ends of an axis."""
    return f"{pair[0]}" if pair[0] == pair[1] else f"({pair[0]}, {pair[1]})"


def _by(shape: Iterable[int]) -> str:
    return " x ".join(map(str, shape))


def _rows(lines: Iterable[str]) -> str:
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """A string of DOT; line ends are such in the drawing."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
