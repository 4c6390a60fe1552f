"""Compiled kernels are kept in the user's cache folder, never in the package."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import neuroproc

PACKAGE = Path(neuroproc.__file__).parent


def compiled(folder):
    return set(folder.rglob("*.nb?"))


@pytest.mark.parametrize("variable", ["XDG_CACHE_HOME", "NUMBA_CACHE_DIR"])
def test_kernels_are_kept_where_the_user_keeps_such_things(tmp_path, variable):
    before = compiled(PACKAGE)
    environment = {key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"}
    program = 'import neuroproc.kernels.event as event; event.kernel(event.np.dtype("int16"), "zero", False)'
    subprocess.run(
        [sys.executable, "-c", program],
        env={**environment, variable: str(tmp_path), "PYTHONPATH": str(PACKAGE.parent)},
        check=True,
    )
    assert compiled(tmp_path / "neuroproc" if variable == "XDG_CACHE_HOME" else tmp_path)
    assert compiled(PACKAGE) == before
