"""What NIR has no words for, as this program writes it into a file's metadata and reads it back: JSON under one key.

Of the graph: ``name``, ``encoding``, ``decode``, ``reset``, ``floor``, ``strict``, and ``nodes``, their order. Of a
node: ``layer``, the layer that it is; ``integers``, that its weights are; ``role``: ``helper`` for one that stands for
no layer, ``max`` for a sum that is a maximum together with the units behind it; ``order`` of what a sum adds, and
``factors``, that each comes through a ``Scale``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from isa_spec.errors import FormatError

KEY = "neuroproc"
HELPER, MAXIMUM = "helper", "max"
_GRAPH: Mapping[str, tuple[type, ...]] = {
    "name": (str,),
    "encoding": (dict,),
    "decode": (dict,),
    "reset": (str,),
    "floor": (int, type(None)),
    "strict": (bool,),
    "nodes": (list,),
}
_NODE: Mapping[str, tuple[type, ...]] = {
    "layer": (str,),
    "integers": (bool,),
    "role": (str,),
    "order": (list,),
    "factors": (bool,),
}


def pack(entry: Mapping[str, Any]) -> dict[str, str]:
    """Metadata of a graph or node.

    Parameters
    ----------
    entry : dict
    """
    return {KEY: json.dumps(dict(entry), sort_keys=True)}


def unpack_graph(metadata: Any, where: str) -> dict[str, Any]:
    """What this program wrote into a graph's metadata; empty if nothing.

    Parameters
    ----------
    metadata : dict
    where : str
        The file, for messages.

    Raises
    ------
    FormatError
        If it is not as this program writes it.
    """
    return _unpack(metadata, _GRAPH, where)


def unpack_node(node: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The same of a node.

    Raises
    ------
    FormatError
        As `unpack_graph`.
    """
    return _unpack(node.get("metadata", {}), _NODE, where)


def _unpack(metadata: Any, allowed: Mapping[str, tuple[type, ...]], where: str) -> dict[str, Any]:
    text = metadata.get(KEY) if isinstance(metadata, Mapping) else None
    if text is None:
        return {}
    try:
        entry = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        entry = None
    if not isinstance(entry, dict) or any(type(value) not in allowed.get(key, ()) for key, value in entry.items()):
        raise FormatError(
            f"{where}: metadata '{KEY}' is not as this program writes it, allowed: JSON with {', '.join(allowed)}"
        )
    return entry
