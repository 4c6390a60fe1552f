"""Every layer as the one thing that is lowered: a sliding window of weights, with a threshold per channel.

A convolution is one as it stands; a dense layer is a window as large as the map; the maximum of 0/1 values is a
window of ones with threshold 1 in which every channel sees only itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.network import Conv2d, Dense, Layer, MaxPool2d, Shape


@dataclass(frozen=True, eq=False)
class Window:
    """A sliding window over a map of ``I`` channels.

    Parameters
    ----------
    weight : int64[O, I / groups, K_h, K_w], potential units
    threshold : int64[O], potential units
    stride, padding : (rows, columns)
    groups : int
        Output channel ``o`` reads the input channels of group ``o div (O / groups)``.
    """

    weight: np.ndarray
    threshold: np.ndarray
    stride: tuple[int, int]
    padding: tuple[int, int]
    groups: int

    @property
    def kernel(self) -> tuple[int, int]:
        """Rows and columns of the window."""
        return self.weight.shape[2], self.weight.shape[3]

    @property
    def n_channels(self) -> int:
        """Output channels."""
        return len(self.weight)

    def input_channel(self, output: np.ndarray, within: np.ndarray) -> np.ndarray:
        """Input channel of place ``within`` in the group of channel ``output``."""
        return output // (len(self.weight) // self.groups) * self.weight.shape[1] + within


def as_window(layer: Layer, source_shape: Shape) -> Window | None:
    """The layer as a window over its source's map; None for a layer that computes nothing.

    Parameters
    ----------
    layer : Layer
    source_shape : (C, H, W)
        The map before any flattening.
    """
    match layer:
        case Conv2d():
            return Window(layer.weight, layer.threshold, layer.stride, layer.padding, 1)
        case Dense():
            weight = layer.weight.reshape(len(layer.weight), *source_shape)
            return Window(weight, layer.threshold, (1, 1), (0, 0), 1)
        case MaxPool2d():
            channels = source_shape[0]
            ones = np.ones((channels, 1, *layer.kernel), np.int64)
            return Window(ones, np.ones(channels, np.int64), layer.stride, (0, 0), channels)
        case _:
            return None
