"""Models of real numbers: random ones in which everything can be had exactly, and single layers brought to integers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from compiler.frontends.imported import Assumptions
from compiler.frontends.model import BatchNorm, Conv, Fire, Flat, FloatModel, Join, Linear, Pool, Scale, Step, Sum
from compiler.frontends.quantising.quantise import quantise

BINARY = {"kind": "binary", "threshold": 1}
ENCODINGS = ({"kind": "binary", "threshold": 3}, {"kind": "bitplanes", "bits": 3}, {"kind": "count", "levels": 5})


def step(source, name="step", level=0.5, strict=False, **ends):
    return Step(name, (source,), np.array([level]), strict, **ends)


def brought(*layers, shape=(3, 1, 1), **said):
    said.setdefault("encoding", BINARY)
    return quantise(FloatModel("net", "test", shape, layers), Assumptions(**said))


def random_model(seed):
    """A model in which every layer is exact, assumptions for it, and frames."""
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 3)), int(rng.integers(2, 6)), int(rng.integers(2, 6)))
    assumptions = Assumptions(
        encoding=ENCODINGS[int(rng.integers(3))],
        input_scale=Fraction(int(rng.choice([1, 1, 2, -1])), int(rng.choice([1, 7]))),
        input_offset=Fraction(int(rng.choice([0, 0, -1])), 2),
        strict=bool(rng.integers(2)),
        weight_bits=24,
    )
    maker = _Maker(rng, shape, assumptions)
    for _ in range(int(rng.integers(1, 4))):
        maker.block()
    maker.end()
    frames = rng.integers(0, 6, (4, *shape))
    return FloatModel(f"random{seed}", "test", shape, tuple(maker.layers)), assumptions, frames


class _Maker:
    """Layers at random: small dyadic weights, at a power of two for each unit."""

    def __init__(self, rng, shape, assumptions):
        self.rng, self.layers = rng, []
        self.source, self.shape = "input", shape
        self.spikes, self.silent = assumptions.encoding["kind"] == "binary", assumptions.input_offset == 0
        self.whole = rng.random() < 0.2
        self.ends = [(0, 1), (0, 1), (-1, 1)][int(rng.integers(3))]

    def put(self, made, name, *arguments, sources=None, **options):
        """Add a layer that reads the last one."""
        layer = made(f"{name}{len(self.layers)}", sources or (self.source,), *arguments, **options)
        self.layers.append(layer)
        self.source = layer.name
        return layer.name

    def weight(self, *shape):
        rng = self.rng
        size = int(rng.choice([1, 3, 7]))
        whole = rng.integers(-size, size + 1, shape) * (rng.random(shape) < rng.choice([0.4, 1.0]))
        by = 2.0 ** rng.integers(-6, 3, (shape[0], *[1] * (len(shape) - 1)))
        if self.whole or rng.random() < 0.3:
            return whole
        return whole * by * float(rng.choice([1.0, 3.0, 0.75]))

    def small(self, count):
        return self.rng.integers(-6, 7, count) / float(self.rng.choice([1, 2, 4]))

    def silence(self):
        """What silence stands for; None where that is not one value, or a sum."""
        if self.silent:
            return 0
        return self.low if self.layers and isinstance(self.layers[-1], Step) else None

    def conv(self, outputs=None):
        rng = self.rng
        channels, height, width = self.shape
        groups = channels if rng.random() < 0.2 else 1
        outputs = outputs or groups * int(rng.integers(1, 4))
        groups = groups if outputs % groups == 0 else 1
        kernel = tuple(int(rng.integers(1, min(3, size) + 1)) for size in (height, width))
        padding = ((0, 0), (0, 0))
        silence = self.silence()
        if silence is not None and rng.random() < 0.5:
            padding = tuple(tuple(int(side) for side in rng.integers(0, 2, 2)) for _ in range(2))
        weight = self.weight(outputs, channels // groups, *kernel)
        bias = self.small(outputs) if rng.random() < 0.5 else None
        scale = None
        if weight.dtype.kind == "i" and rng.random() < 0.7:
            scale = tuple(Fraction(int(rng.choice([1, 3, -2])), int(rng.integers(1, 9))) for _ in range(outputs))
        stride = tuple(int(step) for step in rng.choice([1, 1, 2], 2))
        return Conv, "conv", {
            "weight": weight, "bias": bias, "scale": scale, "stride": stride, "padding": padding, "groups": groups,
            "pad_value": Fraction(silence or 0),
        }  # fmt: skip

    def add_conv(self, outputs=None, **changed):
        made, name, options = self.conv(outputs)
        options |= changed
        self.put(made, name, **options)
        (top, bottom), (left, right) = options["padding"]
        sizes = (self.shape[1] + top + bottom, self.shape[2] + left + right)
        kernel = options["weight"].shape[2:]
        rows, cols = ((size - k) // step + 1 for size, k, step in zip(sizes, kernel, options["stride"], strict=True))
        self.shape = (len(options["weight"]), rows, cols)
        self.silent = self.silent and options["bias"] is None
        self.spikes = False

    def pool(self, rule):
        kernel = tuple(int(self.rng.integers(1, min(2, size) + 1)) for size in self.shape[1:])
        padding = ((0, 0), (0, 0))
        if rule != "max" and self.silent and self.rng.random() < 0.3:
            padding = tuple((0, size - 1) for size in kernel)
        sizes = [size + sum(sides) for size, sides in zip(self.shape[1:], padding, strict=True)]
        self.put(Pool, f"{rule}pool", rule, kernel, kernel, padding)
        self.shape = (self.shape[0], *((size - k) // k + 1 for size, k in zip(sizes, kernel, strict=True)))
        if rule != "max":
            self.spikes = False

    def norm(self):
        count = self.shape[0]
        gamma = self.rng.integers(-2, 4, count) / 2.0
        variance = self.rng.integers(0, 9, count) / 2.0
        self.put(
            BatchNorm, "bn", gamma, self.small(count), self.small(count), variance, float(self.rng.choice([1e-5, 1.0]))
        )

    def step(self):
        count = self.shape[0]
        level = self.small(count if self.rng.random() < 0.5 else 1)
        low, high = (Fraction(end) for end in self.ends)
        if self.rng.random() < 0.15:
            low, high = high, low
        strict = [None, None, True, False][int(self.rng.integers(4))]
        self.put(Step, "step", level, strict, low, high)
        self.spikes, self.silent, self.low = True, 0 in (low, high), low

    def between(self):
        """What may lie between sums and their step."""
        rng = self.rng
        if rng.random() < 0.25:
            self.pool("max")
        if rng.random() < 0.2:
            self.put(Scale, "scale", rng.choice([-2.0, 0.5, 3.0, 0.0], self.shape[0]), self.small(1))
        if rng.random() < 0.4:
            self.norm()
        if rng.random() < 0.1:
            self.pool("max")

    def block(self):
        """Sums of some kind, and a step; perhaps a pool."""
        rng = self.rng
        match int(rng.integers(6)):
            case 0:
                if rng.random() < 0.5:
                    self.pool(str(rng.choice(["sum", "avg"])))
            case 1:
                self.add_conv()
                self.add_conv()
            case 2:
                source, shape, kept = self.source, self.shape, (self.spikes, self.silent)
                self.add_conv(3)
                one, first = self.source, self.shape
                self.source, self.shape, (self.spikes, self.silent) = source, shape, kept
                two = (source,)
                if rng.random() < 0.8:
                    like = self.layers[-1]
                    self.put(
                        Conv,
                        "conv",
                        self.weight(*like.weight.shape),
                        stride=like.stride,
                        padding=like.padding,
                        groups=like.groups,
                        pad_value=like.pad_value,
                    )
                    two = (self.source,)
                if two == (source,) and first != shape:
                    two = (one,)
                self.shape, self.spikes, self.silent = first, False, False
                factor = rng.integers(-2, 4, (1 + len(two), first[0])) if rng.random() < 0.3 else None
                self.put(Sum, "sum", factor, sources=(one, *two))
                if rng.random() < 0.3:
                    self.add_conv()
            case 3:
                source, shape, kept = self.source, self.shape, (self.spikes, self.silent)
                self.add_conv(2)
                first = self.shape
                like = self.layers[-1]
                self.step()
                one, silent = self.source, self.silent
                self.source, self.shape, (self.spikes, self.silent) = source, shape, kept
                self.put(
                    Conv,
                    "conv",
                    self.weight(*like.weight.shape),
                    stride=like.stride,
                    padding=like.padding,
                    groups=like.groups,
                    pad_value=like.pad_value,
                )
                self.shape, self.spikes = first, False
                self.step()
                self.silent = self.silent and silent
                self.put(Join, "join", sources=(one, self.source))
                self.shape = (2 * first[0], *first[1:])
                self.add_conv()
            case _:
                self.add_conv()
        self.between()
        self.step()
        if rng.random() < 0.3:
            self.pool("max")

    def gathering(self, reset):
        """Sums of some kind, and units that gather them."""
        rng = self.rng
        match int(rng.integers(5)):
            case 0:
                self.pool(str(rng.choice(["sum", "avg"])))
            case 1:
                self.add_conv(bias=None)
                self.add_conv(bias=None)
            case 2 if self.shape[1] * self.shape[2] > 1:
                self.put(Flat, "flat")
                self.put(Linear, "fc", self.weight(4, int(np.prod(self.shape))))
                self.shape, self.spikes = (4, 1, 1), False
            case _:
                self.add_conv(bias=None)
        if rng.random() < 0.3:
            self.put(Scale, "scale", rng.choice([-2.0, 0.5, 3.0], self.shape[0]), np.zeros(1))
        count = self.shape[0]
        threshold = rng.integers(1, 9, count if rng.random() < 0.5 else 1) / float(rng.choice([1, 2, 4]))
        gain = rng.choice([0.5, 1.0, -1.0], count) if rng.random() < 0.3 else np.ones(1)
        strict = [None, None, True, False][int(rng.integers(4))]
        self.put(Fire, "fire", threshold, gain, strict)
        self.spikes = True
        if rng.random() < 0.3 and reset == "zero":
            self.pool("max")

    def end(self):
        """Dense layers; a step, or sums that compete."""
        rng = self.rng
        if rng.random() < 0.2:
            return
        if rng.random() < 0.5:
            self.put(Flat, "flat")
            self.shape = (int(np.prod(self.shape)), 1, 1)
        for _ in range(int(rng.integers(1, 3))):
            count = int(rng.integers(2, 5))
            values = int(np.prod(self.shape))
            self.put(Linear, "fc", self.weight(count, values), self.small(count) if rng.random() < 0.5 else None)
            self.shape, self.spikes = (count, 1, 1), False
            if rng.random() < 0.5:
                if rng.random() < 0.3:
                    self.norm()
                self.step()
        if rng.random() < 0.2 and not self.spikes:
            self.put(Scale, "scale", rng.choice([-2.0, 0.5, 3.0], self.shape[0]), self.small(1))


def random_gathering(seed):
    """A model of several steps in which every layer is exact, assumptions for it, and frames."""
    rng = np.random.default_rng([seed, 1])
    shape = (int(rng.integers(1, 3)), int(rng.integers(2, 6)), int(rng.integers(2, 6)))
    steps = int(rng.integers(2, 9))
    encoding = [
        {"kind": "rate", "steps": steps, "levels": 5},
        {"kind": "bitplanes", "bits": 3, "steps": steps},
        {"kind": "binary", "threshold": 3, "steps": steps},
    ][int(rng.integers(3))]
    assumptions = Assumptions(
        encoding=encoding,
        input_scale=Fraction(int(rng.choice([1, 1, 3])), int(rng.choice([1, 5]))),
        reset=str(rng.choice(["zero", "subtract"])),
        strict=bool(rng.integers(2)),
        floor=0 if rng.random() < 0.4 else None,
        weight_bits=24,
    )
    maker = _Maker(rng, shape, assumptions)
    for _ in range(int(rng.integers(1, 4))):
        maker.gathering(assumptions.reset)
    if rng.random() < 0.5 and assumptions.floor is None:
        count = int(rng.integers(2, 5))
        maker.put(Linear, "fc", maker.weight(count, int(np.prod(maker.shape))))
    frames = rng.integers(0, 6, (3, *shape))
    return FloatModel(f"gathering{seed}", "test", shape, tuple(maker.layers)), assumptions, frames
