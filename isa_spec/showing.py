"""Data on one line, for whoever looks at it in a session."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np


def brief(data: Any) -> str:
    """A dataclass with its fields, arrays by type and shape: ``Dense(name='fc', weight=int64[10, 64], ...)``."""
    shown = [f"{field.name}={_value(getattr(data, field.name))}" for field in fields(data)]
    return f"{type(data).__name__}({', '.join(shown)})"


def _value(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype}[{', '.join(map(str, value.shape))}]"
    return repr(value)
