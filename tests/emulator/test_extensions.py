"""Extensions are named by who needs them, and refused by who lacks them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from emulator_helpers import make_spec

import neuroproc
from isa_spec import codec
from isa_spec.codec import decode_image, encode_image
from isa_spec.errors import EmulationError, FormatError
from isa_spec.image import Port, ProcessorImage, build_image
from isa_spec.tables import processor_tables
from neuroproc import processor
from neuroproc.processor import Processor

EXTENSIONS = {name: entry for name, entry in processor_tables().extension.items() if name in processor.EXTENSIONS}

pytestmark = pytest.mark.error


def needing(extension: str) -> ProcessorImage:
    """An image that needs one extension, and nothing else."""
    entry = processor_tables().extension[extension]
    spec = make_spec(**{entry["parameter"]: entry["value"]})
    return build_image(spec, [3], [], [], [], [], [Port("a", 0)], [Port("o", 0)])


def without(extension: str) -> tuple[str, ...]:
    return tuple(name for name in EXTENSIONS if name != extension)


@pytest.mark.parametrize("extension", sorted(set(processor_tables().extension) - set(processor.EXTENSIONS)))
def test_the_engines_refuse_what_they_do_not_have_yet(extension: str, engine: Callable[..., Processor]) -> None:
    assert tuple(EXTENSIONS) == processor.EXTENSIONS
    with pytest.raises(EmulationError, match=f"the image needs extension '{extension}'"):
        engine(needing(extension))


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
def test_an_engine_without_it_refuses_the_image(
    extension: str, engine: Callable[..., Processor], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = needing(extension)
    engine(image).run(3)
    monkeypatch.setattr(processor, "EXTENSIONS", without(extension))
    with pytest.raises(EmulationError) as caught:
        engine(image)
    assert str(caught.value) == (
        f"the image needs extension '{extension}' (profile test), the engines have {', '.join(without(extension))}; "
        "compile it for another profile"
    )
    for other in without(extension):
        engine(needing(other)).run(3)


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("engine_name", ["auto", "reference", "event", "batch"])
def test_frames_are_not_classified_without_it(
    extension: str, engine_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = Path(neuroproc.__file__).parent / "data"
    spec = neuroproc.load_profile("np16")
    image = neuroproc.compile_network(neuroproc.load_network(data / "digits.json"), spec, neuroproc.FoldPlan((8, 8)))
    entry = EXTENSIONS[extension]
    other = dataclasses.replace(image, spec=dataclasses.replace(spec, **{entry["parameter"]: entry["value"]}))
    monkeypatch.setattr(processor, "EXTENSIONS", without(extension))
    with pytest.raises(EmulationError, match=f"the image needs extension '{extension}' .profile np16., the engines"):
        neuroproc.classify(other, neuroproc.read_frames(data / "digits_frames.npz")[:40], engine=engine_name)
