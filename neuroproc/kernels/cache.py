"""Where compiled kernels are kept between runs."""

from __future__ import annotations

import os
from pathlib import Path

from numba import config


def keep_kernels() -> None:
    """Have numba keep compiled kernels in the user's cache folder, unless NUMBA_CACHE_DIR names another.

    Beside their source, which is numba's habit, they would outlive an uninstall and leave a package folder behind that
    hides the next, editable install; and that folder need not be writable.
    """
    settings = vars(config)
    if not settings["CACHE_DIR"]:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        settings["CACHE_DIR"] = str(Path(base) / "neuroproc")
