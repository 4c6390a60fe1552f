"""Image files: an image appears whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from isa_spec.codec import decode_image, encode_image
from isa_spec.files import read_bytes, write_atomically
from isa_spec.image import ProcessorImage
from neuroproc.version import VERSION


def save_image(target: str | Path | IO[bytes], image: ProcessorImage) -> None:
    """Write an image to a file or a stream; the same image gives the same bytes.

    Parameters
    ----------
    target : str, Path or binary stream
        A file appears whole or not at all.
    image : ProcessorImage

    Raises
    ------
    FormatError
        If the file cannot be written; nothing is left behind then.
    """
    data = encode_image(image, f"neuroproc {VERSION}")
    if isinstance(target, str | Path):
        with write_atomically(target) as file:
            file.write(data)
    else:
        target.write(data)


def load_image(source: str | Path | IO[bytes]) -> ProcessorImage:
    """Read and check an image from a file or a stream.

    Parameters
    ----------
    source : str, Path or binary stream

    Raises
    ------
    FormatError
        If it cannot be read, or is truncated, altered, too new or inconsistent.
    ResourceError
        If the graph does not fit the processor it names.
    """
    if isinstance(source, str | Path):
        return decode_image(read_bytes(source), str(source))
    return decode_image(source.read(), getattr(source, "name", "<stream>"))
