"""Columns that grow on the disk, and end in one ``.npz``: memory holds what is added at once, never all of it.

Why this and not HDF5: the arrays of the result are plain ones that numpy alone reads, and nothing has to be installed.
Their lengths stand at their beginnings and are known at the end, so each column has a nameless scratch file until then.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np

from isa_spec.arrays import encode_npy
from isa_spec.errors import NeuroprocError

EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The only date of a member: the same arrays give the same bytes."""


class Columns:
    """Growing columns.

    Parameters
    ----------
    path : str or Path
        Where they will end, for messages; scratch files lie on the same disk. They have no names, so that nothing is
        left behind whatever happens.
    kinds : dict
        For each column, type and shape of an entry, which is () or (n,).
    """

    def __init__(self, path: str | Path, kinds: Mapping[str, tuple[type, tuple[int, ...]]]) -> None:
        self._path = path
        self._kinds = {name: (np.dtype(kind), shape) for name, (kind, shape) in kinds.items()}
        self._length = 0
        self._files: dict[str, IO[bytes]] = {}
        folder = os.path.dirname(os.path.realpath(path))
        place = folder if os.access(folder, os.W_OK) else None
        try:
            for name in kinds:
                self._files[name] = tempfile.TemporaryFile(dir=place)  # noqa: SIM115  # closed by __exit__
        except OSError as error:
            self._complain(error)

    def __enter__(self) -> Columns:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            # After an error, what is left in a buffer has no place to go to.
            with contextlib.suppress(OSError):
                file.close()

    def __len__(self) -> int:
        return self._length

    def append(self, columns: Mapping[str, np.ndarray]) -> None:
        """Add entries to all columns.

        Raises
        ------
        NeuroprocError
            If there is no room for them.
        """
        lengths = {len(column) for column in columns.values()}
        assert columns.keys() == self._kinds.keys()
        assert len(lengths) == 1
        try:
            for name, (kind, _) in self._kinds.items():
                self._files[name].write(np.ascontiguousarray(columns[name], kind).data)
        except OSError as error:
            self._complain(error)
        self._length += lengths.pop()

    def save(self, target: IO[bytes], more: Mapping[str, np.ndarray]) -> None:
        """Write all columns, and more arrays, as ``.npz``; the columns are gone afterwards.

        Raises
        ------
        NeuroprocError
            If there is no room for it.
        """
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
            for name, (kind, shape) in self._kinds.items():
                member = zipfile.ZipInfo(f"{name}.npy", EARLIEST)
                file = self._files[name]
                try:
                    member.file_size = file.seek(0, os.SEEK_END)
                    file.seek(0)
                except OSError as error:
                    self._complain(error)
                header = {"descr": kind.str, "fortran_order": False, "shape": (self._length, *shape)}
                with file, archive.open(member, "w") as out:
                    np.lib.format.write_array_header_1_0(out, header)
                    shutil.copyfileobj(file, out, 2**20)
            for name, array in more.items():
                archive.writestr(zipfile.ZipInfo(f"{name}.npy", EARLIEST), encode_npy(array))

    def _complain(self, error: OSError) -> None:
        raise NeuroprocError(f"{self._path}: cannot be written ({error.strerror}); nothing was left behind") from None
