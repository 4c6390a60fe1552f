"""ReLU networks that pool before the ReLU, so that a pool is part of its convolution, with signs as inner weights.

Between the first layer and the last, a weight is its sign, times a scale that all weights of a filter share. Real
weights stand behind the signs while the network learns; the sign of 0 is +1.

Source: Lu and Sengupta 2020, "Exploring the connection between binary and spiking neural networks"; Rastegari et al.
2016, "XNOR-Net", for the scale and the gradient.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from compiler.learning.architectures import Block
from compiler.learning.rate import ReluNetwork
from compiler.learning.widening import widened

REACH = 1.0
"""Real weights behind signs are kept within this."""


@dataclass(frozen=True)
class PooledRelu(ReluNetwork):
    """Convolution, average pool, ReLU, in this order; only dense layers lose values to dropout.

    Parameters
    ----------
    architecture, course, highest, dropout
        As for `ReluNetwork`.
    """

    def _layer(self, i: int, weight: jax.Array, x: jax.Array) -> jax.Array:
        z = pooled_sums(self.architecture.blocks[i], weight, x)
        return z if i == len(self.architecture.blocks) - 1 else jax.nn.relu(z)

    def _pooled(self, block: Block, x: jax.Array) -> jax.Array:
        return x

    def _dropped(self, i: int, key: jax.Array, x: jax.Array) -> jax.Array:
        return x if self.architecture.blocks[i].kernel else super()._dropped(i, key, x)


@dataclass(frozen=True)
class BinaryRelu(PooledRelu):
    """The same with signs as the weights of inner layers."""

    def inner(self, i: int) -> bool:
        """Whether a layer is neither the first nor the last."""
        return 0 < i < len(self.architecture.blocks) - 1

    def _layer(self, i: int, weight: jax.Array, x: jax.Array) -> jax.Array:
        return super()._layer(i, binarised(weight) if self.inner(i) else weight, x)

    def _settled(self, weights: list[jax.Array]) -> list[jax.Array]:
        return [centred(weight) if self.inner(i) else weight for i, weight in enumerate(weights)]


def pooled_sums(block: Block, weight: jax.Array, x: jax.Array) -> jax.Array:
    """Means of a layer's weighted sums over its pooling windows: float32[B, H, W, O].

    Parameters
    ----------
    block : Block
    weight : float32[K_h, K_w, I, O]
    x : float32[B, H, W, I]
    """
    wide = widened(weight.transpose(3, 2, 0, 1), block.pool).transpose(2, 3, 1, 0) / block.pool**2
    padding, stride = [(block.padding,) * 2] * 2, (block.pool,) * 2
    return jax.lax.conv_general_dilated(x, wide, stride, padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def signs(weight: jax.Array) -> jax.Array:
    """+1 or -1, of the same shape; +1 for 0."""
    return jnp.where(weight >= 0, 1.0, -1.0)


def scales(weight: jax.Array) -> jax.Array:
    """Mean magnitude of each filter: float32[O].

    Parameters
    ----------
    weight : float32[K_h, K_w, I, O]
    """
    return jnp.abs(weight).mean(axis=(0, 1, 2))


def binarised(weight: jax.Array) -> jax.Array:
    """Signs times the scale of their filter, with the gradient as if a sign were the weight itself."""
    return (weight + jax.lax.stop_gradient(signs(weight) - weight)) * scales(weight)


def centred(weight: jax.Array) -> jax.Array:
    """Real weights with a mean of 0 in each filter, within `REACH`: of either sign, and none too far to turn."""
    return jnp.clip(weight - weight.mean(axis=(0, 1, 2)), -REACH, REACH)
