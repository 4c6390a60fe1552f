"""Image files: an image appears whole or not at all."""

from __future__ import annotations

from pathlib import Path

from isa_spec.codec import decode_image, encode_image
from isa_spec.errors import FormatError
from isa_spec.image import ProcessorImage
from neuroproc.formats.files import write_atomically
from neuroproc.version import VERSION


def save_image(path: str | Path, image: ProcessorImage) -> None:
    """Write an image file; the same image gives the same bytes.

    Raises
    ------
    FormatError
        If the file cannot be written; nothing is left behind then.
    """
    data = encode_image(image, f"neuroproc {VERSION}")
    with write_atomically(path) as file:
        file.write(data)


def load_image(path: str | Path) -> ProcessorImage:
    """Read and check an image file.

    Raises
    ------
    FormatError
        If it cannot be read, or is truncated, altered, too new or inconsistent.
    ResourceError
        If the graph does not fit the processor it names.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise FormatError(f"{path}: {error.strerror}") from None
    return decode_image(data, str(path))
