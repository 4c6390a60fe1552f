"""Where compiled kernels are kept between runs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def kept_kernels() -> Iterator[None]:
    """What is compiled inside is kept for exactly this source of the kernels.

    numba looks at the file of a function only, not at those that it calls into: a folder for each state of all of them
    keeps an old kernel from being taken for a new one.
    """
    keep_kernels()
    settings = vars(config)
    folder = settings["CACHE_DIR"]
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    settings["CACHE_DIR"] = str(Path(folder) / digest.hexdigest()[:16])
    try:
        yield
    finally:
        settings["CACHE_DIR"] = folder
