"""A trained network in integers: what `compiler.networks.evaluate` does, faster, for the layers that training makes.

Sums of one step are taken in floats of 32 bits, which hold integers below 2**24 exactly in any order of addition, and
potentials in integers of 32 bits. A network that could leave either is refused.
"""

from __future__ import annotations

from functools import partial, reduce

import jax
import jax.numpy as jnp
import numpy as np

from compiler.networks.layers import Conv2d, Dense, Flatten, Layer, Pool2d
from compiler.networks.network import INPUT, LayeredNetwork
from isa_spec.coding import largest_value
from isa_spec.decoding import to_classes
from isa_spec.errors import NetworkError
from isa_spec.trains import step_values

EXACT_SUM, EXACT_POTENTIAL = 2**24, 2**30
"""Below lie the sums of a step, and of all steps: then a potential less a threshold has 32 bits, too."""
AT_ONCE = 100
"""Frames in a batch."""


def answers(network: LayeredNetwork, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Spikes of the last layer in each step, and its potentials after the last: uint8[n, T, O] and int64[n, O].

    Parameters
    ----------
    network : LayeredNetwork
        Of convolutions, pools and dense layers, each reading the one before.
    frames : int[n, C, H, W]

    Raises
    ------
    NetworkError
        If the network has other layers, or its sums are beyond exact arithmetic.
    FormatError
        If the encoding cannot tell the frames' values.
    """
    _check(network)
    spikes, potentials = [], []
    for first in range(0, len(frames), AT_ONCE):
        some = frames[first : first + AT_ONCE]
        values = step_values(network.encoding, some)
        fired, left = _run(network, jnp.asarray(values.swapaxes(0, 1), jnp.int32))
        spikes.append(np.asarray(fired, np.uint8).swapaxes(0, 1))
        potentials.append(np.asarray(left, np.int64))
    return np.concatenate(spikes), np.concatenate(potentials)


def classes_of(network: LayeredNetwork, frames: np.ndarray) -> np.ndarray:
    """Class of each frame: int64[n].

    Parameters
    ----------
    network, frames
        As for `answers`.

    Raises
    ------
    NetworkError, FormatError
        As `answers`; or if the network has no classes.
    """
    found = to_classes(network.decode, *answers(network, frames))
    if found is None:
        raise NetworkError(f"network '{network.name}' has no classes")
    return found


@partial(jax.jit, static_argnames="network")
def _run(network: LayeredNetwork, values: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The steps of a batch: int32[T or 1, B, C, H, W] to bool[T, B, O], and the last layer's potentials.

    What all steps show alike comes as one, and is summed once.
    """
    n_frames = values.shape[1]
    x, left = values.reshape(-1, *network.input_shape), values[0]
    for layer in network.layers:
        # Sums know nothing of steps, so those of all steps are taken at once.
        x = _sums(layer, x)
        if isinstance(layer, Conv2d | Dense | Pool2d) and layer.threshold is not None:
            drive = x.reshape(-1, n_frames, *x.shape[1:])
            shown = jnp.broadcast_to(drive, (network.steps, *drive.shape[1:]))
            fired, left = _integrated(network, layer, layer.threshold, shown)
            x = fired.reshape(-1, *x.shape[1:])
        elif isinstance(layer, Pool2d):
            left = jnp.zeros_like(x[:n_frames])  # the maximum of spikes is not gathered
    trains = x.reshape(-1, n_frames, int(np.prod(x.shape[1:])))
    return jnp.broadcast_to(trains, (network.steps, *trains.shape[1:])) > 0, left.reshape(n_frames, -1)


def _integrated(
    network: LayeredNetwork, layer: Layer, threshold: np.ndarray, sums: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Spikes of units to which each step brings its sums, int32[T, B, C, H, W], and their last potentials."""
    latched, pool = network.latches(layer), network.resets_of(layer)
    # Beyond what can be reached a threshold says always or never.
    level = jnp.asarray(np.clip(threshold, -EXACT_POTENTIAL, EXACT_POTENTIAL), jnp.int32).reshape(-1, 1, 1)

    def step(state: tuple[jax.Array, jax.Array], z: jax.Array) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        v, before = state
        v = v + z
        fires = (v >= level) | (before & latched)
        start_anew = fires if pool is None else _together(pool, fires)
        reset = v - level if network.reset == "subtract" else jnp.zeros_like(v)
        v = jnp.where(start_anew, reset, v)
        return (v if network.floor is None else jnp.maximum(v, network.floor), fires), fires.astype(jnp.int32)

    nothing = jnp.zeros_like(sums[0])
    (last, _), fired = jax.lax.scan(step, (nothing, nothing > 0), sums)
    return fired, last


def _sums(layer: Layer, x: jax.Array) -> jax.Array:
    """What one step brings to each unit: int32[B, C, H, W]."""
    match layer:
        case Conv2d():
            z = jax.lax.conv_general_dilated(
                x.astype(jnp.float32),
                jnp.asarray(layer.weight, jnp.float32),
                layer.stride,
                layer.padding,
                rhs_dilation=layer.dilation,
                feature_group_count=layer.groups,
                precision="highest",
            )
            return z.astype(jnp.int32)
        case Dense():
            flat = x.reshape(len(x), -1).astype(jnp.float32)
            z = jnp.matmul(flat, jnp.asarray(layer.weight.T, jnp.float32), precision="highest")
            return z.astype(jnp.int32)[:, :, None, None]
        case Pool2d():
            return _pooled(layer, x)
    return x.reshape(len(x), -1, 1, 1)


def _pooled(layer: Pool2d, x: jax.Array) -> jax.Array:
    """Maximum or sum over windows: int32[B, C, H, W]."""
    (k_h, k_w), (s_h, s_w) = layer.kernel, layer.stride
    rows, columns = ((x.shape[2] - k_h) // s_h * s_h + 1, (x.shape[3] - k_w) // s_w * s_w + 1)
    # Slices: a reduction over windows takes many times as long.
    places = [x[:, :, i : i + rows : s_h, j : j + columns : s_w] for i in range(k_h) for j in range(k_w)]
    return reduce(jnp.maximum if layer.kind == "maxpool2d" else jnp.add, places)


def _together(pool: Pool2d, fires: jax.Array) -> jax.Array:
    """Which units fire, or are in a window in which one does: bool[B, C, H, W], as which of them fire."""
    found = _pooled(pool, fires)
    for axis, (kernel, stride) in enumerate(zip(pool.kernel, pool.stride, strict=True), start=2):
        found = jnp.repeat(found, stride, axis)
        # A stride beyond the kernel leaves units between the windows.
        inside = jnp.arange(found.shape[axis]) % stride < kernel
        found = found & inside.reshape([-1 if number == axis else 1 for number in range(found.ndim)])
        size, missing = fires.shape[axis], max(fires.shape[axis] - found.shape[axis], 0)
        found = jnp.pad(found, [(0, missing * (number == axis)) for number in range(found.ndim)])
        found = jax.lax.slice_in_dim(found, 0, size, axis=axis)
    return found | fires


def _check(network: LayeredNetwork) -> None:
    """Refuse what `_run` would not do exactly."""
    previous, largest = INPUT, float(largest_value(network.encoding))
    for layer in network.layers:
        plain = isinstance(layer, Conv2d | Dense | Flatten | Pool2d)
        linear = isinstance(layer, Conv2d | Dense) and layer.threshold is None
        average = isinstance(layer, Pool2d) and (layer.kind == "avgpool2d" or not layer.spikes)
        if not plain or linear or average or layer.sources != (previous,):
            raise NetworkError(
                f"layer '{layer.name}' of network '{network.name}' is none that training makes; use evaluate"
            )
        if isinstance(layer, Conv2d | Dense) and layer.threshold is not None:
            most = np.abs(layer.weight.astype(np.float64)).reshape(len(layer.weight), -1).sum(axis=1).max() * largest
            fall = 0.0
            if network.reset == "subtract" and network.resets_of(layer):
                # Every step may take a threshold off a unit that has not reached it.
                fall = min(float(layer.threshold.max()), most * network.steps + 1)
            if most >= EXACT_SUM or (most + fall) * network.steps >= EXACT_POTENTIAL:
                raise NetworkError(
                    f"layer '{layer.name}' of network '{network.name}': the absolute drives of a unit can sum to "
                    f"{most:.0f} in a step, allowed: less than {EXACT_SUM}, and {EXACT_POTENTIAL} over all steps "
                    "(with what a pool takes off); use evaluate"
                )
        previous = layer.name
        if not isinstance(layer, Flatten):
            largest = 1.0
