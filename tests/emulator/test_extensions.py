"""Extensions are named by who needs them, and refused by who lacks them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from emulator_helpers import make_spec

import neuroproc
from isa_spec import codec
from isa_spec.building import build_image
from isa_spec.codec import decode_image, encode_image
from isa_spec.errors import EmulationError, FormatError
from isa_spec.image import Port, ProcessorImage
from isa_spec.tables import processor_tables
from neuroproc import processor
from neuroproc.processor import Processor

EXTENSIONS = processor_tables().extension
ENGINES = ("reference", "event", "batch")

pytestmark = pytest.mark.error


def needing(extension: str) -> ProcessorImage:
    """An image that needs one extension, and nothing else."""
    entry = EXTENSIONS[extension]
    spec = make_spec(**{entry["parameter"]: entry["value"]})
    return build_image(spec, [3], [], [], [], [], [Port("a", 0)], [Port("o", 0)])


def without(extension: str) -> tuple[str, ...]:
    return tuple(name for name in EXTENSIONS if name != extension)


def all_lack(extension: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "EXTENSIONS", dict.fromkeys(ENGINES, without(extension)))


def test_the_reference_has_every_extension_of_the_tables() -> None:
    assert tuple(EXTENSIONS) == processor.EXTENSIONS["reference"]
    assert tuple(processor.EXTENSIONS) == ENGINES


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_an_image_names_what_it_needs(extension: str) -> None:
    image = needing(extension)
    assert image.spec.extensions == (extension,)
    data = encode_image(image, "test")
    assert f'"extensions":["{extension}"]'.encode() in data
    assert decode_image(data, "here").spec == image.spec


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_reader_without_it_refuses_the_file(extension: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode_image(needing(extension), "test")
    monkeypatch.setattr(codec, "EXTENSIONS", without(extension))
    with pytest.raises(FormatError) as caught:
        decode_image(data, "a.npi")
    has = ", ".join(without(extension))
    assert str(caught.value) == f"a.npi: needs extension '{extension}', this program has {has}"


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("engine_name", ENGINES)
def test_an_engine_without_it_refuses_the_image(
    extension: str, engine_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = needing(extension)
    if extension in processor.EXTENSIONS[engine_name]:
        Processor(image, engine_name).run(3)
    all_lack(extension, monkeypatch)
    with pytest.raises(EmulationError) as caught:
        Processor(image, engine_name)
    assert str(caught.value) == (
        f"the image needs extension '{extension}' (profile test), engine '{engine_name}' has "
        f"{', '.join(without(extension))}; use another engine, or compile it for another profile"
    )


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("engine_name", ["auto", *ENGINES])
def test_frames_are_not_classified_without_it(
    extension: str, engine_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = Path(neuroproc.__file__).parent / "data"
    spec = neuroproc.load_profile("np16")
    image = neuroproc.compile_network(neuroproc.load_network(data / "digits.json"), spec, neuroproc.FoldPlan((8, 8)))
    entry = EXTENSIONS[extension]
    other = dataclasses.replace(image, spec=dataclasses.replace(spec, **{entry["parameter"]: entry["value"]}))
    all_lack(extension, monkeypatch)
    with pytest.raises(EmulationError, match=f"the image needs extension '{extension}' .profile np16., engine"):
        neuroproc.classify(other, neuroproc.read_frames(data / "digits_frames.npz")[:40], engine=engine_name)
