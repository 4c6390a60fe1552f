"""Shards of a set of frames: what `classify` gives, wherever they run, however often they are interrupted."""

from __future__ import annotations

import dataclasses
import importlib.util
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compiler_helpers import random_case

import neuroproc
from isa_spec.errors import EmulationError, FormatError
from isa_spec.image import ROLES, ProcessorImage
from neuroproc.classifying import shards
from neuroproc.classifying.classification import Classification, classify
from neuroproc.classifying.shard_files import frames_digest
from neuroproc.classifying.shards import classify_shards

DATA = Path(neuroproc.__file__).parent / "data"


class Here(Executor):
    """Runs what it is given at once, as another process would have it: pickled."""

    def __init__(self, most: int | None = None) -> None:
        self.ran = 0
        self._most = most

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if self.ran == self._most:
            future.set_exception(KeyboardInterrupt())
            return future
        self.ran += 1
        work, given = pickle.loads(pickle.dumps((fn, (args, kwargs))))
        future.set_result(pickle.loads(pickle.dumps(work(*given[0], **given[1]))))
        return future


def compiled(seed: int, n_frames: int) -> tuple[ProcessorImage, np.ndarray]:
    """A random network's image, and frames for it."""
    network, spec, plan, frames = random_case(seed, n_frames)
    return neuroproc.compile_network(network, spec, plan), frames


@pytest.fixture(scope="module")
def shipped() -> tuple[ProcessorImage, np.ndarray, np.ndarray]:
    """The shipped network, streamed by columns; frames and labels."""
    network = neuroproc.load_network(DATA / "digits.json")
    image = neuroproc.compile_network(network, neuroproc.load_profile("np8"), neuroproc.FoldPlan((8, 1)))
    frames = neuroproc.read_frames(DATA / "digits_frames.npz")[:90]
    return image, frames, neuroproc.read_labels(DATA / "digits_frames.npz")[:90]


def agree(found: Classification, right: Classification) -> None:
    """In everything but the time that it took, and how it was cut."""
    for field in dataclasses.fields(Classification):
        if field.name not in ("seconds", "engine", "threads"):
            mine, theirs = getattr(found, field.name), getattr(right, field.name)
            assert np.array_equal(mine, theirs) if isinstance(theirs, np.ndarray) else mine == theirs, field.name


@pytest.mark.metamorphic
@pytest.mark.parametrize("seed", range(8))
def test_shards_give_what_one_stream_gives(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image, frames = compiled(seed, int(rng.choice([1, 2, 9, 80])))
    right = classify(image, frames, engine="event", threads=1)
    for engine, n_shards, threads in (("event", 2, 1), ("event", 7, 2), ("batch", 3, 1), ("auto", 1000, 1)):
        here = Here()
        found = classify_shards(image, frames, executor=here, n_shards=n_shards, engine=engine, threads=threads)
        agree(found, right)
        # Nothing was run twice, though no worker has all frames.
        assert here.ran <= n_shards


@pytest.mark.metamorphic
@pytest.mark.parametrize("engine", ["event", "batch"])
def test_a_network_that_does_not_forget_is_run_again_from_where_it_was(
    shipped: tuple[ProcessorImage, np.ndarray, np.ndarray], engine: str, tmp_path: Path
) -> None:
    image, frames, labels = shipped
    clock = image.role == ROLES.index("clock")
    weight = np.where(clock[image.source()] & (image.weight < 0), 0, image.weight)
    image = dataclasses.replace(image, weight=weight.astype(np.int32))
    right = classify(image, frames, labels, engine="event", threads=1)
    here, again = Here(), Here()
    agree(classify_shards(image, frames, labels, executor=here, n_shards=3, engine=engine, folder=tmp_path), right)
    assert 3 < here.ran <= 5
    # What was run again is what is kept.
    agree(classify_shards(image, frames, labels, executor=again, n_shards=3, engine=engine, folder=tmp_path), right)
    assert again.ran == 0


@pytest.fixture(params=["threads", "processes", "Dask"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    if request.param == "threads":
        with ThreadPoolExecutor(2) as pool:
            yield pool
    elif request.param == "processes":
        from multiprocessing import get_context

        with ProcessPoolExecutor(2, get_context("spawn")) as workers:
            yield workers
    else:
        if importlib.util.find_spec("distributed") is None:
            pytest.skip("the extra 'distributed' is not installed")
        from distributed import Client, LocalCluster

        with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as us:
            yield us.get_executor()


def test_executors_of_all_kinds(
    executor: Executor, shipped: tuple[ProcessorImage, np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    image, frames, labels = shipped
    seen: list[tuple[int, int]] = []
    found = classify_shards(
        image, frames, labels, executor=executor, n_shards=3, folder=tmp_path / "new" / "folder",
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    agree(found, classify(image, frames, labels))
    assert seen[0] == (0, 90)
    assert seen[-1] == (90, 90)
    assert seen == sorted(seen)
    assert len(list((tmp_path / "new" / "folder").iterdir())) == 3


def test_an_interrupted_run_goes_on(shipped: tuple[ProcessorImage, np.ndarray, np.ndarray], tmp_path: Path) -> None:
    image, frames, labels = shipped
    with pytest.raises(KeyboardInterrupt):
        classify_shards(image, frames, labels, executor=Here(most=2), n_shards=5, folder=tmp_path)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert len(kept) == 2
    here = Here()
    # Frames may be stored as other integers.
    wider = frames.astype(np.int64)
    agree(
        classify_shards(image, wider, labels, executor=here, n_shards=5, folder=tmp_path),
        classify(image, frames, labels),
    )
    assert here.ran == 5 - len(kept)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"shard-{n}-of-5.npz" for n in range(1, 6)]
    assert all(path.stat().st_mtime_ns == written for path, written in kept.items())


@pytest.mark.error
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("frames", r"shard-1-of-2\.npz: of other frames \(sha256:\w+, now sha256:\w+\); give another folder"),
        ("image", r"shard-1-of-2\.npz: of another image \(sha256:\w+, now sha256:\w+\); give another folder"),
        ("nonsense", r"shard-1-of-2\.npz"),
        ("state", r"shard-1-of-2\.npz: not a shard of a run \(format is not 'neuroproc-shard'\); give another folder"),
        ("newer", r"shard-1-of-2\.npz: shard version 9, this program reads up to 1"),
        ("section", r"shard-1-of-2\.npz: section trains is missing or damaged; remove the file to have it run again"),
    ],
)
def test_a_shard_of_something_else(
    shipped: tuple[ProcessorImage, np.ndarray, np.ndarray], tmp_path: Path, change: str, words: str
) -> None:
    from isa_spec.arrays import decode_npz, encode_npz
    from neuroproc.processor import Processor
    from neuroproc.state import save_state

    image, frames, _ = shipped
    classify_shards(image, frames, executor=Here(), n_shards=2, folder=tmp_path)
    path = tmp_path / "shard-1-of-2.npz"
    if change == "frames":
        frames = frames[:-1]
    elif change == "image":
        image = dataclasses.replace(image, threshold=image.threshold + 1)
    elif change == "nonsense":
        path.write_bytes(path.read_bytes()[:-100])
    elif change == "state":
        save_state(path, Processor(image).state())
    else:
        content = decode_npz(path.read_bytes(), "")
        if change == "newer":
            content["version"] = np.array(9)
        else:
            del content["trains"]
        path.write_bytes(encode_npz(content))
    with pytest.raises(FormatError, match=words):
        classify_shards(image, frames, executor=Here(), n_shards=2, folder=tmp_path)


@pytest.mark.error
def test_no_shards(shipped: tuple[ProcessorImage, np.ndarray, np.ndarray]) -> None:
    image, frames, labels = shipped
    with pytest.raises(EmulationError, match="n_shards = 0, allowed: 1 and above"):
        classify_shards(image, frames, labels, executor=Here(), n_shards=0)
    with pytest.raises(EmulationError, match="89 labels for 90 frames"):
        classify_shards(image, frames, labels[1:], executor=Here(), n_shards=1)
    with pytest.raises(EmulationError, match=r"labels: labels go from -1 to 8, allowed: 0\.\.9"):
        classify_shards(image, frames, labels - 1, executor=Here(), n_shards=1)


def test_a_worker_has_no_more_frames_than_it_needs(
    shipped: tuple[ProcessorImage, np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    image, frames, _ = shipped
    given: list[int] = []
    original = shards.run_shard

    def watched(image: ProcessorImage, frames: np.ndarray, *rest: Any) -> Any:
        given.append(len(frames))
        return original(image, frames, *rest)

    monkeypatch.setattr(shards, "run_shard", watched)
    with ThreadPoolExecutor(1) as pool:
        classify_shards(image, frames, executor=pool, n_shards=6)
    stream = shards.FrameStream(image, frames)
    assert len(given) == 6
    assert max(given) <= -(-stream.intervals // 6) + stream.warm_up + 1


def test_the_digest_of_frames_is_of_their_values() -> None:
    frames = np.arange(24, dtype=np.uint8).reshape(2, 1, 3, 4)
    assert frames_digest(frames) == frames_digest(frames.astype(np.int64)[:, ::1])
    assert frames_digest(frames) != frames_digest(frames.reshape(2, 1, 4, 3))
    assert frames_digest(frames) != frames_digest(frames[::-1])
