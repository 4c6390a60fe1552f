"""What a network is, in a sentence; and settings as they are in an image, in a few words."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from isa_spec.image import ProcessorImage
from neuroproc.report.html import Content, Html, count_of, joined, name_of

CONTROL, INPUT, FLATTEN = "control", "input", "flatten"
"""Kinds of layers that compute nothing of the network."""

_KINDS: Mapping[str, tuple[str, str]] = {
    "conv2d": ("convolution", "convolutions"),
    "dense": ("dense layer", "dense layers"),
    "maxpool2d": ("max pool", "max pools"),
    "sumpool2d": ("sum pool", "sum pools"),
    "avgpool2d": ("average pool", "average pools"),
    "add": ("addition", "additions"),
    "concat": ("concatenation", "concatenations"),
}
_MOST_KINDS = 8
_LONGEST = 400
"""Characters of a setting that is shown as it is."""


def lead(image: ProcessorImage) -> Html:
    """What the network is and how it is laid out: a sentence or two."""
    if not any(record.contract for record in image.layers):
        return joined(
            f"A graph of {count_of(image.n_neurons, 'neuron')} and {count_of(image.n_synapses, 'synapse')} with "
            f"{count_of(len(image.inputs), 'input')} and {count_of(len(image.outputs), 'output')}. It was not "
            "compiled from a layered network, so there are no layers to tell of."
        )
    return joined(_network(image), " ", _layout(image))


def _network(image: ProcessorImage) -> Html:
    counted = Counter(record.kind for record in image.layers if record.kind not in (CONTROL, INPUT, FLATTEN))
    parts = [_counted(kind, number) for kind, number in counted.items()]
    if len(parts) > _MOST_KINDS:
        parts = [*parts[:_MOST_KINDS], Html("others")]
    first = image.layers[0].contract
    shape = "" if first is None else f"{first.channels}x{first.height}x{first.width} "
    through = joined("through ", *_listed(parts), " ") if parts else None
    return joined(f"From {shape}spikes per frame ", through, f"to {decode_words(image.decode)}.")


def _counted(kind: str, number: int) -> Html:
    """So many layers of a kind, which may be foreign."""
    if kind in _KINDS:
        return joined(count_of(number, *_KINDS[kind]))
    return joined(count_of(number, "layer"), " of the kind ", name_of(kind))


def _layout(image: ProcessorImage) -> str:
    first = image.layers[0].contract
    if first is None or image.interval is None:
        return ""
    tiles = first.tile_rows * first.tile_cols
    if tiles == 1:
        return "The whole frame is processed at once: nothing is folded."
    tile = f"{first.lane_rows}x{first.lane_cols}"
    return f"The frame streams through in {tiles:,} tiles of {tile}, one after the other: space is folded into time."


def _listed(parts: list[Html]) -> list[Content]:
    """Parts with commas between them, and with `and` before the last."""
    found: list[Content] = []
    for number, part in enumerate(parts):
        if number:
            found.append(" and " if number == len(parts) - 1 else ", ")
        found.append(part)
    return found


def decode_words(decode: Mapping[str, Any] | None) -> str:
    """What the last layer's spikes become: ``10 classes``, or spikes."""
    entry = decode or {}
    if entry.get("kind") == "argmax":
        return count_of(entry["classes"], "class", "classes")
    if entry.get("kind") == "n-hot":
        return count_of(len(entry["key"]), "class", "classes")
    return "spikes, which nothing decodes"


def kind_words(entry: Mapping[str, Any]) -> str:
    """An encoding or a decoding, its kind first: ``binary, threshold 8``."""
    facts = [f"{key} {setting(value)}" for key, value in sorted(entry.items()) if key != "kind"]
    return ", ".join([*([setting(entry["kind"])] if "kind" in entry else []), *facts]) or "none"


def beside(folded: int, unrolled: int) -> tuple[str, str]:
    """How a folded size compares with the unrolled one, and the word that leads to the latter; empty without either."""
    if not folded or not unrolled:
        return "", ""
    if folded == unrolled:
        return "as many", "as"
    ratio = max(folded, unrolled) / min(folded, unrolled)
    if folded < unrolled:
        return (f"{_factor(ratio)} times fewer" if ratio >= 1.05 else "slightly fewer"), "than"
    return (f"{_factor(ratio)} times as many", "as") if ratio >= 1.05 else ("slightly more", "than")


def _factor(value: float) -> str:
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def setting(value: Any) -> str:
    """A value of an image's options, which may be anything that JSON holds: short, and cut where it is long."""
    if isinstance(value, str):
        text = value
    elif isinstance(value, bool):
        text = "yes" if value else "no"
    elif isinstance(value, Mapping) and all(isinstance(part, str | int | float) for part in value.values()):
        text = ", ".join(f"{key} {setting(part)}" for key, part in sorted(value.items()))
    elif isinstance(value, list) and all(isinstance(part, str | int | float) for part in value):
        text = ", ".join(map(setting, value))
    else:
        text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return (text if len(text) <= _LONGEST else text[:_LONGEST] + " …") or "none"


def brief(digest: str) -> str:
    """The first characters of a digest, enough to tell it from others."""
    return f"{digest[: len('sha256:') + 12]}..."


def signed(text: str) -> str:
    """Numbers in a text with a minus that is as wide as a digit."""
    return text.replace("-", "\N{MINUS SIGN}")
