"""N-hot output keys: which units of the last layer speak for which class."""

from __future__ import annotations

import numpy as np

from isa_spec.errors import NetworkError


def n_hot_key(classes: int, width: int, seed: int) -> np.ndarray:
    """Key with as many random units for each class, none of them shared: uint8[classes, width], 0/1.

    Rows have one weight, so the class with the most spikes among its units is the nearest key. Units that are left
    over speak for nobody.

    Raises
    ------
    NetworkError
        If there are fewer units than classes.

    Source: Whetstone (Severa et al. 2019), n-hot encoding, keys without overlap.
    """
    share = width // classes
    if not share:
        raise NetworkError(f"{width} output units for {classes} classes, allowed: at least one for each")
    order = np.random.default_rng(seed).permutation(width)
    key = np.zeros((classes, width), np.uint8)
    for row, units in enumerate(order[: classes * share].reshape(classes, share)):
        key[row, units] = 1
    return key
