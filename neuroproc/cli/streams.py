"""Images by name, or by `-` for standard input and output."""

from __future__ import annotations

import sys

from isa_spec.image import ProcessorImage
from neuroproc.formats.images import load_image, save_image

STANDARD = "-"


def get_image(place: str) -> ProcessorImage:
    """Image from a file or from standard input."""
    return load_image(sys.stdin.buffer if place == STANDARD else place)


def put_image(place: str, image: ProcessorImage) -> None:
    """Write an image to a file or to standard output."""
    save_image(sys.stdout.buffer if place == STANDARD else place, image)
