"""Random weight dumps with what Keras would answer, worked out in its own order of axes (N, H, W, C)."""

from __future__ import annotations

import json

import numpy as np


class Dumper:
    """A dump while it is written, and the values of frames at its end; stored in either layout."""

    def __init__(self, rng, layout):
        self.rng, self.last = rng, layout == "channels-last"
        self.header = {"format": "layer-weights", "version": 1, "layout": layout, "layers": []}
        self.arrays = {}

    def add(self, kind, **said):
        """Add a layer; gives its name."""
        name = f"{kind.lower()}_{len(self.header['layers'])}"
        self.header["layers"].append({"name": name, "type": kind, **said})
        return name

    def save(self, path, shape):
        """Write it; ``shape`` of a frame is (H, W, C), (L, C) or (C,)."""
        self.header["input"] = list(shape if self.last else (shape[-1], *shape[:-1]))
        np.savez(path, model=json.dumps(self.header), **self.arrays)

    def vector(self, x):
        """Frames [N, ..., C] as vectors, in the layout's order."""
        return (x if self.last else np.moveaxis(x, -1, 1)).reshape(len(x), -1)


def eighths(rng, *shape):
    """Weights of -7/8 .. 7/8."""
    return rng.integers(-7, 8, shape) / 8


def sign(x):
    """Larq's sign."""
    return np.where(x >= 0, 1.0, -1.0)


STEPS = {
    "ste_sign": sign,
    "approx_sign": sign,
    "ste_heaviside": lambda x: (x > 0) * 1.0,
    "Spiking_BRelu": lambda x: (x >= 0.5) * 1.0,
    "Spiking_Sigmoid": lambda x: (x >= 0) * 1.0,
    "linear": lambda x: x,
}


def window(x, kernel, strides, dilation):
    """Views [N, rows, columns, C, K_h, K_w] of x[N, H, W, C]."""
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    views = np.lib.stride_tricks.sliding_window_view(x, reach, (1, 2))
    return views[:, :: strides[0], :: strides[1], :, :: dilation[0], :: dilation[1]]


def same(size, reach, step):
    """TensorFlow's padding ``same``: more at the end."""
    total = max(0, (-(-size // step) - 1) * step + reach - size)
    return total // 2, total - total // 2


def convolution(d, x, n_axes):
    """A convolution of any kind, with its input quantiser and activation; x is [N, H, W, C], W = 1 over one axis."""
    rng, channels = d.rng, x.shape[-1]
    sizes = x.shape[1 : 1 + n_axes]
    kernel = tuple(int(rng.integers(1, min(3, size) + 1)) for size in sizes)
    depthwise = n_axes == 2 and rng.random() < 0.2
    groups = 1 if depthwise else int(rng.choice([g for g in (1, 2) if channels % g == 0]))
    outputs = groups * int(rng.integers(1, 4))
    plain = rng.random() < 0.5
    strides = int(rng.integers(1, 3)) if plain else 1
    dilation = (
        1 if strides > 1 or any(2 * k - 1 > s for k, s in zip(kernel, sizes, strict=True)) else int(rng.integers(1, 3))
    )
    padding = str(rng.choice(["valid", "same", "causal"] if n_axes == 1 else ["valid", "same"]))
    kind = "DepthwiseConv2D" if depthwise else f"Conv{n_axes}D"
    larq = rng.random() < 0.4
    said = {"strides": [strides] * n_axes, "dilation_rate": [dilation] * n_axes, "padding": padding, "groups": groups}
    if larq:
        kind = "Quant" + kind
        said["input_quantizer"] = str(rng.choice(["ste_sign", "ste_heaviside"]))
        said["depthwise_quantizer" if depthwise else "kernel_quantizer"] = "ste_sign"
        x = STEPS[said["input_quantizer"]](x)
        said["pad_values"] = -1.0 if said["input_quantizer"] == "ste_sign" and rng.random() < 0.5 else 0.0
    name = d.add(kind, **said)
    full = (*kernel, 1)[:2]
    reach = [(k - 1) * dilation + 1 for k in full]
    steps = (strides, strides if n_axes == 2 else 1)
    borders = [(0, 0), (0, 0)]
    if padding == "same":
        borders = [same(size, span, step) for size, span, step in zip(x.shape[1:3], reach, steps, strict=True)]
    elif padding == "causal":
        borders = [(reach[0] - 1, 0), (0, 0)]
    x = np.pad(x, ((0, 0), *borders, (0, 0)), constant_values=said.get("pad_values", 0.0))
    if min(x.shape[1] - reach[0], x.shape[2] - reach[1]) < 0:
        raise ValueError
    if depthwise:
        multiplier = int(rng.integers(1, 3))
        weight = eighths(rng, *kernel, channels, multiplier)
        d.arrays[f"{name}.depthwise_kernel"] = (
            weight if d.last else np.moveaxis(weight, (2, 3), (0, 1)).reshape(channels * multiplier, 1, *kernel)
        )
        weight = sign(weight) if larq else weight
        y = np.einsum("nrqchw,hwcm->nrqcm", window(x, full, steps, (dilation, dilation)), weight)
        y = y.reshape(*y.shape[:3], -1)
    else:
        weight = eighths(rng, *kernel, channels // groups, outputs)
        d.arrays[f"{name}.kernel"] = weight if d.last else np.moveaxis(weight, (-1, -2), (0, 1))
        weight = (sign(weight) if larq else weight).reshape(*full, channels // groups, outputs)
        views = np.split(window(x, full, steps, (dilation, dilation)), groups, 3)
        parts = zip(views, np.split(weight, groups, -1), strict=True)
        y = np.concatenate([np.einsum("nrqchw,hwco->nrqo", v, w) for v, w in parts], -1)
    return biased(d, name, y)


def biased(d, name, y):
    """With a bias, or without one."""
    if d.rng.random() < 0.5:
        d.arrays[f"{name}.bias"] = (2 * d.rng.integers(-500, 500, y.shape[-1]) + 1) / 1024
        y = y + d.arrays[f"{name}.bias"]
    return y


def activated(d, x):
    """A layer of its own that is a step."""
    kind = str(d.rng.choice(list(STEPS)))
    if kind.startswith("Spiking"):
        d.add(kind, sharpness=1.0)
    else:
        d.add("Activation", activation=kind)
    return STEPS[kind](x)


def normalised(d, x):
    """Batch normalisation, with and without gamma and beta, whose deviation is a power of two."""
    name, n, rng = d.add("BatchNormalization", epsilon=0.0, axis=-1 if d.last or x.ndim == 2 else 1), x.shape[-1], d.rng
    mean, variance = rng.integers(-8, 9, n) / 8, rng.choice([0.25, 1.0, 4.0], n)
    d.arrays |= {f"{name}.moving_mean": mean, f"{name}.moving_variance": variance}
    y = (x - mean) / np.sqrt(variance)
    if rng.random() < 0.5:
        d.arrays[f"{name}.gamma"] = rng.choice([-2.0, -0.5, 0.5, 1.0], n)
        y = y * d.arrays[f"{name}.gamma"]
    if rng.random() < 0.5:
        d.arrays[f"{name}.beta"] = rng.integers(-8, 9, n) / 8
        y = y + d.arrays[f"{name}.beta"]
    return y


def pooled(d, x, n_axes):
    """A pool of windows within the map."""
    kind = str(d.rng.choice(["Max", "Average"]))
    sizes = [2 if size >= 2 else 1 for size in x.shape[1 : 1 + n_axes]]
    d.add(f"{kind}Pooling{n_axes}D", pool_size=sizes, padding="valid")
    sizes = (*sizes, 1)[:2]
    views = window(x, sizes, sizes, (1, 1))
    return {"Max": np.max, "Average": np.mean}[kind](views, axis=(4, 5))


def dense(d, x, outputs):
    """A dense layer over the last axis."""
    name = d.add("Dense")
    kernel = eighths(d.rng, x.shape[-1], outputs)
    d.arrays[f"{name}.kernel"] = kernel if d.last else kernel.T
    return biased(d, name, x @ kernel)


def random_dump(rng, path):
    """Write a random dump; gives frames [N, C, H, W] and what Keras answers for them [N, outputs]."""
    while True:
        try:
            return _random_dump(rng, path)
        except ValueError:  # a window came out larger than its map: another one
            continue


def _random_dump(rng, path, n_frames=4):
    d = Dumper(rng, ["channels-last", "channels-last", "channels-first"][rng.integers(3)])
    n_axes = int(rng.choice([0, 1, 2, 2, 2]))
    shape = {0: (int(rng.integers(3, 9)),), 1: (int(rng.integers(4, 9)), int(rng.integers(1, 4)))}.get(n_axes)
    shape = shape or (int(rng.integers(4, 8)), int(rng.integers(4, 8)), int(rng.integers(1, 4)))
    x = rng.integers(0, 16, (n_frames, *shape)) / 16
    if n_axes:
        x = x[:, :, None] if n_axes == 1 else x
        frames = np.moveaxis(x, -1, 1)
    else:
        frames = x[:, :, None, None]
    if rng.random() < 0.3:
        d.add("InputLayer")
    for _ in range(int(rng.integers(1, 3)) if n_axes else 0):
        x = convolution(d, x, n_axes)
        if rng.random() < 0.2:
            x = pooled(d, x, n_axes)
        if rng.random() < 0.4:
            x = normalised(d, x)
        x = activated(d, x)
        if rng.random() < 0.3:
            x = pooled(d, x, n_axes)
        if rng.random() < 0.2:
            before, other = d.header["layers"][-1]["name"], x
            x = activated(d, dense(d, x, x.shape[-1]) if d.last else normalised(d, x))
            kind = str(rng.choice(["Add", "Concatenate"]))
            d.add(kind, inputs=[d.header["layers"][-1]["name"], before], **({} if d.last else {"axis": 1}))
            x = x + other if kind == "Add" else np.concatenate([x, other], -1)
    if n_axes:
        if rng.random() < 0.2 and set(x.shape[1:3]) <= {1, 2, 4}:
            d.add(f"GlobalAveragePooling{n_axes}D")
            x = x.mean((1, 2))
        else:
            d.add("Flatten")
            x = d.vector(x)
        if rng.random() < 0.2:
            x = activated(d, normalised(d, x))
    if rng.random() < 0.5:
        x = activated(d, dense(d, x, int(rng.integers(1, 9))))
        d.add("Dropout")
    x = dense(d, x, int(rng.integers(2, 7)))
    if rng.random() < 0.3:
        d.header["layers"][-1]["activation"] = "softmax"
    d.save(path, shape)
    return frames, x
