from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from isa_spec.image import ProcessorImage
from neuroproc.processor import Processor


@pytest.fixture(params=["reference", "event", "batch"])
def engine(request: pytest.FixtureRequest) -> Callable[..., Processor]:
    """Makes a processor, and asserts that the engine that was asked for is the one that runs."""

    def make(image: ProcessorImage, **more: Any) -> Processor:
        processor = Processor(image, engine=request.param, **more)
        assert processor.engine == request.param
        return processor

    return make
