"""Images from arrays, and every check that an image has to pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from isa_spec.errors import FormatError, ResourceError
from isa_spec.image import ROLES, Port, ProcessorImage
from isa_spec.kinds import check_groups, check_kinds, check_leaks, check_once
from isa_spec.limits import check_delays, check_fans, check_range
from isa_spec.potentials import check_potentials
from isa_spec.spec import ProcessorSpec


def build_image(
    spec: ProcessorSpec,
    threshold: Any,
    source: Any,
    target: Any,
    weight: Any,
    delay: Any,
    inputs: Sequence[Port],
    outputs: Sequence[Port],
    *,
    leaks: Any = None,
    once: Any = None,
    group: Any = None,
    kind: Any = None,
    **more: Any,
) -> ProcessorImage:
    """Checked image with its synapses in canonical order.

    Parameters
    ----------
    spec : ProcessorSpec
        The processor that it has to fit.
    threshold : int[n_neurons], potential units
    source, target : int[n_synapses]
        Neuron numbers, in any order.
    weight : int[n_synapses], potential units
    delay : int[n_synapses], cycles
    inputs, outputs : sequence of Port
    leaks, once : bool[n_neurons], optional
    group : int[n_neurons], optional
        As in `ProcessorImage`; by default nobody has a leak of its own, fires once or is a member of a group.
    kind : int[n_synapses], optional
        Index into `kinds.KINDS`; by default all synapses charge.
    **more
        Any other field of `ProcessorImage`; `role` and `layer` default to units of one nameless layer.

    Raises
    ------
    FormatError
        If neurons, ports or values are out of range.
    ResourceError
        If the graph does not fit the processor.
    """
    theta = _integers("threshold", threshold)
    n_neurons = len(theta)
    pre, post = _integers("source", source), _integers("target", target)
    w, d = _integers("weight", weight), _integers("delay", delay)
    # Held against their ranges here, before anything is stored in fewer bits.
    _check_neurons("synapse source", pre, n_neurons)
    _check_neurons("synapse target", post, n_neurons)
    check_range(spec, "threshold", theta)
    check_range(spec, "weight", w)
    check_delays(spec, d)
    one, output = _chosen("once", once, n_neurons, 0), _chosen("group", group, n_neurons, -1)
    k, leaky = _chosen("kind", kind, len(w), 0), _chosen("leaks", leaks, n_neurons, 0)
    check_kinds(spec, k, w)
    check_leaks(spec, leaky, n_neurons)
    check_once(spec, one, n_neurons)
    check_groups(spec, output, n_neurons)
    order = np.lexsort((k, w, post, d, pre))
    row_start = np.zeros(n_neurons + 1, np.int64)
    np.cumsum(np.bincount(pre, minlength=n_neurons), out=row_start[1:])
    image = ProcessorImage(
        spec=spec,
        threshold=theta.astype(np.int32),
        row_start=row_start,
        target=post[order].astype(np.int32),
        weight=w[order].astype(np.int32),
        delay=d[order].astype(np.int32),
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        role=np.asarray(more.pop("role", np.full(n_neurons, ROLES.index("unit"))), np.uint8),
        layer=np.asarray(more.pop("layer", np.zeros(n_neurons)), np.int16),
        leaks=leaky.astype(np.uint8),
        once=one.astype(np.uint8),
        group=output.astype(np.int32),
        kind=k[order].astype(np.uint8),
        **more,
    )
    check_image(image)
    return image


def _chosen(name: str, values: Any, length: int, default: int) -> np.ndarray:
    """Values of an optional array, or its default everywhere; a flag is 0 or 1."""
    if values is None:
        return np.full(length, default, np.int64)
    array = np.asarray(values)
    return _integers(name, array.astype(np.uint8) if array.dtype == bool else array)


def _integers(name: str, values: Any) -> np.ndarray:
    array = np.asarray(values)
    if array.size and array.dtype.kind not in "iu":
        raise FormatError(f"{name}: {array.dtype} values, allowed: integers")
    return array.astype(np.int64)


def _check_neurons(what: str, numbers: np.ndarray, n_neurons: int) -> None:
    wrong = numbers[(numbers < 0) | (numbers >= n_neurons)]
    if len(wrong):
        raise FormatError(f"{what} {wrong[0]}, allowed 0..{n_neurons - 1}")


def check_image(image: ProcessorImage) -> None:
    """Hold an image against its own shape and against its processor.

    Raises
    ------
    FormatError
        If arrays disagree or point nowhere.
    ResourceError
        If a value, a count or a reachable potential exceeds the processor.
    """
    spec, n_neurons, n_synapses = image.spec, image.n_neurons, image.n_synapses
    if len(image.row_start) != n_neurons + 1 or image.row_start[0] != 0 or image.row_start[-1] != n_synapses:
        raise FormatError("section row_start: does not index the synapses")
    if np.any(np.diff(image.row_start) < 0):
        raise FormatError("section row_start: decreases")
    for name, length in (("weight", n_synapses), ("delay", n_synapses), ("role", n_neurons), ("layer", n_neurons)):
        if len(getattr(image, name)) != length:
            raise FormatError(f"section {name}: {len(getattr(image, name))} entries, expected {length}")
    _check_neurons("synapse target", image.target, n_neurons)
    if n_neurons and image.role.max() >= len(ROLES):
        raise FormatError(f"section role: code {image.role.max()}, allowed 0..{len(ROLES) - 1}")
    n_layers = max(len(image.layers), 1)
    if n_neurons and (image.layer.min() < 0 or image.layer.max() >= n_layers):
        raise FormatError(f"section layer: number outside 0..{n_layers - 1}")
    for kind, ports in (("input", image.inputs), ("output", image.outputs)):
        if len({port.name for port in ports}) != len(ports):
            raise FormatError(f"{kind} ports: a name occurs twice")
        for port in ports:
            if not 0 <= port.neuron < n_neurons:
                raise FormatError(f"{kind} port '{port.name}': neuron {port.neuron}, allowed 0..{n_neurons - 1}")
    if len(image.start) and image.start.port.max() >= len(image.inputs):
        raise FormatError("section start: unknown input port")
    check_range(spec, "threshold", image.threshold)
    check_range(spec, "weight", image.weight)
    check_delays(spec, image.delay)
    check_kinds(spec, image.kind, image.weight)
    check_leaks(spec, image.leaks, n_neurons)
    check_once(spec, image.once, n_neurons)
    check_groups(spec, image.group, n_neurons)
    for limit, used in (("max_neurons", n_neurons), ("max_synapses", n_synapses)):
        allowed = getattr(spec, limit)
        if allowed is not None and used > allowed:
            raise ResourceError(
                f"the image needs {limit.removeprefix('max_')} {used}, allowed {allowed} ({limit} of profile "
                f"{spec.name}); choose another unroll or a larger profile",
                limit=limit,
                used=used,
                allowed=allowed,
            )
    if not spec.parallel_synapses:
        pairs = image.source().astype(np.int64) * n_neurons + image.target
        _, uses = np.unique(pairs, return_counts=True)
        if len(uses) and uses.max() > 1:
            raise ResourceError(
                f"{uses.max()} synapses join one ordered pair of neurons, allowed 1 "
                f"(parallel_synapses of profile {spec.name})",
                limit="parallel_synapses",
                used=int(uses.max()),
                allowed=1,
            )
    check_fans(spec, np.bincount(image.target, minlength=n_neurons), np.diff(image.row_start))
    check_potentials(image)
