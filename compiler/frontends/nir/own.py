"""What NIR has no words for, as this program writes it into a graph's metadata and reads it back: JSON under one key.

``name``, ``encoding``, ``decode``, ``reset``, ``floor``, ``strict`` are those of the network. ``nodes`` has them in
their order, each with what is to be known of it: ``layer``, the layer that it is; ``integers``, that its weights are;
``role``, which is ``helper`` for one that stands for no layer, and ``max`` for a sum that is a maximum together with
the units behind it; ``order`` of what a sum adds, and ``factors``, that each comes through a ``Scale``. (Of the nodes
themselves older revisions of the library know no metadata.)
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


def pack(entry: Mapping[str, Any], nodes: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Metadata of a graph.

    Parameters
    ----------
    entry : dict
        Of the network.
    nodes : dict of str to dict
        Of its nodes, in their order.
    """
    return {KEY: json.dumps({**entry, "nodes": [[name, dict(said)] for name, said in nodes.items()]})}


def unpack(metadata: Any, where: str) -> dict[str, Any]:
    """What `pack` has written: the network's entries, and under ``nodes`` a dictionary by name; empty if nothing.

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
    text = metadata.get(KEY) if isinstance(metadata, Mapping) else None
    if text is None:
        return {}
    try:
        entry = json.loads(text)
        _check(entry, _GRAPH)
        nodes = dict(entry.get("nodes", ()))
        for said in nodes.values():
            _check(said, _NODE)
    except (TypeError, ValueError, RecursionError):
        raise FormatError(
            f"{where}: metadata '{KEY}' is not as this program writes it, allowed: JSON with {', '.join(_GRAPH)}"
        ) from None
    return {**entry, "nodes": nodes}


def _check(entry: Any, allowed: Mapping[str, tuple[type, ...]]) -> None:
    if not isinstance(entry, dict) or any(type(value) not in allowed.get(key, ()) for key, value in entry.items()):
        raise ValueError
