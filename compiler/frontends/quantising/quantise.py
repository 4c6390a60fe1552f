"""A foreign model of real numbers as a layered network of integers: exactly where that can be, and labelled where not.

Every map of the network that is made stands for the model's values, ``slope * x + offset`` by channel. A sum of them
is an integer times the unit's step, and a constant; a step after it is a threshold. What lies between a sum and its
step is brought into the threshold, so it need not be rational.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import lcm
from typing import Any

from compiler.frontends.imported import Assumptions, Imported, Meaning
from compiler.frontends.model import (
    BatchNorm,
    Conv,
    Fire,
    Flat,
    FloatLayer,
    FloatModel,
    Join,
    Linear,
    Pool,
    Scale,
    Step,
    Sum,
    Unsupported,
)
from compiler.frontends.quantising.additions import added, linear_addition
from compiler.frontends.quantising.affine import IRRATIONAL, factor_behind, norm_of, rational, scale_of
from compiler.frontends.quantising.deciding import Awaiting, awaiting, by_firing, by_step
from compiler.frontends.quantising.entering import Entrance, enter
from compiler.frontends.quantising.firing import as_step
from compiler.frontends.quantising.levels import Affine, Maximum, Norm
from compiler.frontends.quantising.reading import pooled_shape, readers_of
from compiler.frontends.quantising.records import Records
from compiler.frontends.quantising.sums import (
    Map,
    Refused,
    Sums,
    pooled,
    repeated,
    shape_of,
    weighted,
)
from compiler.frontends.quantising.tournament import chosen, gathered, tournament
from compiler.frontends.quantising.units import maximum
from compiler.networks.layers import Concat, Flatten, Layer
from compiler.networks.network import INPUT, LayeredNetwork
from isa_spec.coding import is_rate
from isa_spec.errors import NetworkError


def quantise(model: FloatModel, assumptions: Assumptions) -> Imported:
    """Layered network that decides as a foreign model does.

    Parameters
    ----------
    model : FloatModel
    assumptions : Assumptions

    Raises
    ------
    NetworkError
        If the model contradicts itself; if a layer is not exact and not allowed, or something has to be known that the
        file does not say. One message names all of them.
    FormatError
        If the encoding is none.
    """
    return _Quantiser(model, assumptions).run()


class _Quantiser:
    """One pass over a model: maps by the model's names, and the layers that are made."""

    def __init__(self, model: FloatModel, assumptions: Assumptions) -> None:
        self._model, self._assumptions = model, assumptions
        self._records = Records(model, assumptions)
        self._entrance: Entrance = enter(model, assumptions, self._records)
        self._rate = is_rate(self._entrance.encoding)
        self._readers = readers_of(model, self._rate)
        # Integers are those of a network that is exact in them, and an average stays what it is there.
        self._integers = all(
            layer.weight.dtype.kind in "iu" for layer in model.layers if isinstance(layer, Conv | Linear)
        )
        self._layers: list[Layer] = []
        self._maps: dict[str, Map | Awaiting | None] = {INPUT: self._entrance.map}
        self._meanings: dict[str, Meaning] = {}
        self._resets: tuple[str, str, int | None] | None = None
        self._names = {INPUT, *(layer.name for layer in model.layers)}

    def run(self) -> Imported:
        """All layers, then the answer."""
        if not self._model.layers:
            raise NetworkError(f"network '{self._model.name}' ({self._model.format}) has no layers")
        for layer in self._model.layers:
            if layer.name in self._maps:
                raise NetworkError(f"layer '{layer.name}': the name occurs twice (or is the reserved '{INPUT}')")
            found = self._maps[layer.name] = self._visited(layer)
            if isinstance(found, Map) and found.spikes:
                self._meanings[layer.name] = Meaning(found.layer, found.slope, found.offset)
        fires = [layer.name for layer in self._model.layers if isinstance(layer, Fire)]
        if fires and not self._rate:
            self._records.note(
                "units decide once, from 0, so it does not matter what they keep when they fire: " + ", ".join(fires)
            )
        last = self._model.layers[-1]
        decode = chosen(self._assumptions.decode or self._model.decode, self._assumptions.classes)
        final = self._maps[last.name]
        if isinstance(final, Map):
            try:
                decode = self._answer(final, last.name, decode)
            except Refused as reason:
                self._records.refuse(last, str(reason))
        self._records.check()
        _, reset, floor = self._resets or ("", "zero", None)
        labels, plain = self._records.labels, self._records.plain()
        network = LayeredNetwork(
            self._model.name,
            self._model.input_shape,
            tuple(self._layers),
            self._entrance.encoding,
            decode or {"kind": "spikes"},
            reset=reset,
            floor=floor,
            origin={
                "format": self._model.format,
                "labels": [[label.layer, label.fidelity, label.reason] for label in labels],
                "assumptions": plain,
            },
        )
        return Imported(network, self._model, labels, plain, self._meanings)

    def _answer(self, final: Map, name: str, decode: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """Layers that answer where the model ends in sums; how to read them."""
        given = None if decode is None else dict(decode)
        if final.spikes:
            if given and given["kind"] == "argmax" and min(final.slope) <= 0:
                raise Refused(
                    "answers by spikes that mean the lower of two values, so the most of them is not the class"
                )
            return given
        count = final.shape[0] * final.shape[1] * final.shape[2]
        if given not in (None, {"kind": "argmax", "classes": count}):
            raise Refused(f"answers by {count} real numbers, of which only the largest can be told: argmax of {count}")
        if self._rate:
            if self._resets and self._resets[2] is not None:
                raise Refused(
                    f"gathers without end, but a floor of {self._resets[2]} would hold it; end with units that fire"
                )
            self._layers = gathered(final, name, self._layers, self._fresh)
            return {"kind": "argmax", "classes": count, "by": "potential"}
        made, found = tournament(final, name, self._fresh)
        self._layers += made
        self._records.note(
            f"the largest of the {count} values of '{name}' is found by comparing every two; the first of equals wins"
        )
        return found

    def _fresh(self, name: str) -> str:
        """A name that nothing has."""
        while name in self._names:
            name += "_"
        self._names.add(name)
        return name

    def _visited(self, layer: FloatLayer) -> Map | Awaiting | None:
        """What becomes of a layer; None if it cannot be had, or reads what cannot."""
        for source in layer.sources:
            if source not in self._maps:
                known = ", ".join(self._maps)
                raise NetworkError(f"layer '{layer.name}': input '{source}' is no earlier layer, allowed: {known}")
        if isinstance(layer, Unsupported):
            self._records.refuse(layer, layer.reason)
            return None
        sources = [found for source in layer.sources if (found := self._maps[source]) is not None]
        if len(sources) < len(layer.sources):
            self._records.leave(layer)
            return None
        try:
            return self._made(layer, sources)
        except Refused as reason:
            self._records.refuse(layer, str(reason))
            return None

    def _made(self, layer: FloatLayer, sources: Sequence[Map | Awaiting]) -> Map | Awaiting:
        source = sources[0]
        match layer:
            case Step():
                return self._stepped(layer, source)
            case Fire() if self._rate:
                return self._fired(layer, source)
            case Fire():
                channels = source.shape[0]
                step, gain = as_step(layer, channels)
                waiting = awaiting(source, layer.name)
                return self._stepped(step, replace(waiting, operations=(*waiting.operations, gain)))
            case Scale():
                return self._scaled(layer, source)
            case BatchNorm():
                return self._normed(layer, source)
            case Pool() if layer.rule == "max":
                return self._maximum(layer, source)
            case Flat():
                return self._flattened(layer, source)
        maps = [one for one in sources if isinstance(one, Map)]
        assert len(maps) == len(sources)  # sums await a step only where nothing else reads them
        return self._summed(layer, maps)

    def _summed(self, layer: FloatLayer, sources: list[Map]) -> Map | Awaiting:
        bits = self._assumptions.weight_bits
        match layer:
            case Conv() | Linear():
                way, shape = "power", shape_of(layer, sources[0])
                if self._readers.decides(layer.name, shape):
                    way = "unit"
                elif self._readers.answers(layer.name):
                    way = "shared"
                behind = factor_behind(self._readers.way(layer.name), shape) if way != "unit" else None
                sums = weighted(layer, sources[0], bits, way, behind)
                self._rounded(layer, sums, "weights")
            case Pool():
                sums = pooled(layer, sources[0], self._integers)
            case Sum():
                sums = added(layer, sources, bits)
                self._rounded(layer, sums, "what its maps are worth to each other")
            case Join():
                return self._joined(layer, sources)
        if self._readers.decides(layer.name, sums.shape):
            return Awaiting(sums, sums.shape)
        if isinstance(layer, Sum):
            side_by_side, sums = linear_addition(sums, sources, self._fresh(f"{layer.name}.maps"))
            self._layers.append(side_by_side)
        self._layers.append(sums.layer)
        return Map(layer.name, sums.shape, sums.step, sums.constant, False, grain=sums.grain)

    def _rounded(self, layer: FloatLayer, sums: Sums, what: str) -> None:
        if sums.error:
            self._records.approximate(
                layer,
                f"{what} are no integers of {self._assumptions.weight_bits} bits at any scale; rounded to that width, "
                f"the largest error is {sums.error:.1e} of a unit's largest",
            )

    def _joined(self, layer: Join, sources: list[Map]) -> Map:
        made = Concat(layer.name, tuple(source.layer for source in sources))
        shape = made.output_shape([source.shape for source in sources])
        self._layers.append(made)
        slope = tuple(one for source in sources for one in source.slope)
        offset = tuple(one for source in sources for one in source.offset)
        spikes, flat = all(source.spikes for source in sources), any(source.flat for source in sources)
        return Map(layer.name, shape, slope, offset, spikes, flat, lcm(*(source.grain for source in sources)))

    def _scaled(self, layer: Scale, source: Map | Awaiting) -> Map | Awaiting:
        if isinstance(source, Awaiting):
            affine = scale_of(layer, source.shape[0] // source.area, source.area)
            return replace(source, operations=(*source.operations, affine))
        return _through(scale_of(layer, source.shape[0]), source)

    def _normed(self, layer: BatchNorm, source: Map | Awaiting) -> Map | Awaiting:
        if isinstance(source, Map) and not self._readers.decides(layer.name, source.shape):
            affine, exact = rational(norm_of(layer, source.shape[0]))
            if not exact:
                self._records.approximate(layer, IRRATIONAL)
            return _through(affine, source)
        waiting = awaiting(source, layer.name)
        norm: Norm | Affine = norm_of(layer, waiting.shape[0] // waiting.area, waiting.area)
        assert isinstance(norm, Norm)
        if self._rate or any(isinstance(operation, Norm) for operation in waiting.operations):
            norm, exact = rational(norm)
            if not exact:
                self._records.approximate(layer, IRRATIONAL)
        return replace(waiting, operations=(*waiting.operations, norm))

    def _maximum(self, layer: Pool, source: Map | Awaiting) -> Map | Awaiting:
        operation = Maximum(layer.name, layer.kernel, layer.stride, layer.padding)
        if isinstance(source, Map) and source.spikes:
            any_of = [slope >= 0 for slope in source.slope]
            made = maximum(operation, source, any_of)
            self._layers.append(made)
            return replace(source, layer=layer.name, shape=made.output_shape([source.shape]))
        if isinstance(source, Map) and not self._readers.decides(layer.name, pooled_shape(layer, source.shape)):
            raise Refused("takes a maximum of sums, which is no sum, and no step follows; put one after it")
        waiting = awaiting(source, self._fresh(f"{layer.name}.steps"))
        shape = pooled_shape(layer, waiting.shape)
        return replace(waiting, operations=(*waiting.operations, operation), shape=shape)

    def _flattened(self, layer: Flat, source: Map | Awaiting) -> Map | Awaiting:
        channels, rows, cols = source.shape
        area, shape = rows * cols, (channels * rows * cols, 1, 1)
        if area == 1 and not layer.kept:
            return source
        if isinstance(source, Awaiting):
            return replace(source, flat=layer.name, area=area, shape=shape)
        self._layers.append(Flatten(layer.name, (source.layer,)))
        slope, offset = repeated(source.slope, area), repeated(source.offset, area)
        return Map(layer.name, shape, slope, offset, source.spikes, True, source.grain)

    def _stepped(self, layer: Step, source: Map | Awaiting) -> Map:
        if layer.name == self._entrance.step:
            slope, channels = layer.high - layer.low, source.shape[0]
            return Map(INPUT, source.shape, (slope,) * channels, (layer.low,) * channels, True)
        if self._rate:
            raise Refused(
                "decides anew in every step, and units of several steps gather; use an encoding without steps"
            )
        strict = self._assumptions.strict if layer.strict is None else layer.strict
        layers, found, ties = by_step(layer, awaiting(source, layer.name), bool(strict), self._integers)
        if strict is None:
            self._records.compared(layer.name, ties)
        self._layers += layers
        return found

    def _fired(self, layer: Fire, source: Map | Awaiting) -> Map:
        reset = layer.reset or self._assumptions.reset
        strict = self._assumptions.strict if layer.strict is None else layer.strict
        if reset is None:
            self._records.ask_reset(layer.name)
        steps, bits = self._entrance.steps, self._assumptions.weight_bits
        waiting = awaiting(source, layer.name)
        layers, found, how = by_firing(layer, waiting, reset == "subtract", bool(strict), steps, bits, self._integers)
        self._agree(layer, reset or "zero", how.alike)
        if strict is None:
            self._records.compared(layer.name, how.ties)
        if how.error:
            self._records.approximate(
                layer,
                "what is taken off when a unit fires is no multiple of what its weights are worth; the threshold is "
                f"rounded to one, the largest error is {how.error:.1e} of a threshold",
            )
        self._layers += layers
        return found

    def _agree(self, layer: Fire, reset: str, alike: bool) -> None:
        """All units of a network of several steps are reset alike, and have one floor.

        Other than 0, that is the same for all units only where their potentials are the network's.
        """
        if layer.floor not in (None, 0) and not (alike and float(layer.floor).is_integer()):
            raise Refused(f"does not fall below {layer.floor:g}, allowed: 0, or no floor at all")
        floor = self._assumptions.floor if layer.floor is None else int(layer.floor)
        if self._resets is None:
            self._resets = (layer.name, reset, floor)
        first, *others = self._resets
        if others != [reset, floor]:
            raise Refused(
                f"is reset by {reset} with floor {floor}, but '{first}' by {others[0]} with floor {others[1]}; "
                "allowed: the same for all layers"
            )


def _through(affine: Affine, source: Map) -> Map:
    """What a map stands for behind a scale."""
    slope = tuple(one * factor for one, factor in zip(source.slope, affine.factor, strict=True))
    shifted = zip(source.offset, affine.factor, affine.shift, strict=True)
    return replace(source, slope=slope, offset=tuple(one * factor + shift for one, factor, shift in shifted))
