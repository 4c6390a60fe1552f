"""A convolution and the average pool behind it as one convolution: wider kernels, with the pool's stride.

The sum of a pooling window is that of the convolution's kernel in each place of the window, so of its copies shifted by
0 .. pool - 1 rows and columns, added up. Of integers it is exact: a kernel of +1 and -1 becomes one of
``-pool ** 2 .. pool ** 2``, where each unit is one synapse of weight +1 or -1.

Source: Lu and Sengupta 2020 pool before the ReLU; that the two are one linear map is ours.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def widened(weight: Any, pool: int) -> Any:
    """Kernels whose products are the sums of a pooling window's: [O, I, K_h + pool - 1, K_w + pool - 1].

    Parameters
    ----------
    weight : NumPy or JAX array [O, I, K_h, K_w]
    pool : int
        Rows and columns of the window, its stride too.
    """
    down, across = (_shifts(kernel, pool) for kernel in weight.shape[2:])
    return down @ weight @ across.T


def _shifts(kernel: int, pool: int) -> np.ndarray:
    """Which rows of a kernel reach a row of the wider one: int64[kernel + pool - 1, kernel], 0/1."""
    shift = np.arange(kernel + pool - 1)[:, None] - np.arange(kernel)
    return ((shift >= 0) & (shift < pool)).astype(np.int64)
