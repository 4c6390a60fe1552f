"""Activations and quantisers by their names in Keras, Larq and Whetstone: steps, or why they are none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

REAL = (
    "answers with real numbers, and a unit here with 0 or 1; train with steps (Whetstone, straight-through) "
    "or convert the network to rates"
)
SIGN = (0.0, False, -1, 1)
STEPS: Mapping[str, tuple[float, bool, int, int]] = {
    "stesign": SIGN,
    "approxsign": SIGN,
    "swishsign": SIGN,
    "steheaviside": (0.0, True, 0, 1),
    "spikingbrelu": (0.5, False, 0, 1),
    "spikingsigmoid": (0.0, False, 0, 1),
}
"""Level, whether it has to be exceeded, and what is below and above. Larq's signs of 0 are +1, its Heaviside's is 0;
Whetstone's bounded rectifier is a step at 1/2, its sigmoid at 0."""
PLAIN = ("linear", "none", "")
"""Names of no activation at all."""
CHOOSE = ("softmax", "logsoftmax")
"""Activations that keep the order of the values: at the end, they only choose."""


def plain_name(value: Any) -> str:
    """Name of an activation or quantiser, however Keras writes it: ``ste_sign``, ``SteSign``, a table of its class."""
    if isinstance(value, Mapping):
        inner = value.get("config")
        value = inner if isinstance(inner, str) else value.get("class_name", "")
    return str("" if value is None else value).replace("_", "").lower()


def signs(numbers: np.ndarray) -> np.ndarray:
    """Larq's sign: +1 for 0."""
    return np.where(numbers >= 0, 1, -1)
