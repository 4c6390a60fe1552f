"""What sensors saw, as spikes and as frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from isa_spec.arrays import encode_npy, encode_npz
from isa_spec.errors import FormatError
from neuroproc.cli.conversions.job import Job
from neuroproc.cli.conversions.spikes import given_image, put_spikes
from neuroproc.cli.events import get_binned_events
from neuroproc.formats.binning import events_to_frames
from neuroproc.formats.events import Events, read_all_events, read_events


def events_to_spikes(job: Job) -> Sequence[str]:
    """Events as spikes of a sensor's places, in cycles of ``--bin``."""
    image = given_image(job)
    path = job.path()
    notes = put_spikes(job, get_binned_events(job.args, path, image), image, None)
    label = read_events(path, job.args.sensor, job.args.sample).label
    return notes if label is None else (*notes, f"the label {label} of the sample is left out")


def events_to_npz(job: Job) -> Sequence[str]:
    """Spikes; with ``--frames``, frames and labels."""
    if not job.args.frames:
        return events_to_spikes(job)
    frames, labels = _frames(job)
    arrays, notes = {"frames": frames}, []
    if labels is not None and len(labels) == len(frames):
        arrays["labels"] = labels
    elif labels is not None:
        notes.append(f"the label {labels[0]} is left out: frames are bins of one sample")
    job.put(encode_npz(arrays))
    return notes


def events_to_npy(job: Job) -> Sequence[str]:
    """Frames alone."""
    frames, labels = _frames(job)
    job.put(encode_npy(frames))
    return () if labels is None else (f"{len(labels):,} labels are left out; .npz has room for them",)


def _frames(job: Job) -> tuple[np.ndarray, np.ndarray | None]:
    """A frame for each bin of a sample, or without ``--bin`` for each sample, and labels of the latter."""
    args, path = job.args, job.path()
    if args.image is not None:
        raise FormatError("--image means nothing where events become frames; leave it out")
    if args.bin is not None or args.sample is not None:
        one = read_events(path, args.sensor, args.sample)
        frames = events_to_frames(one, args.bin, args.origin or 0, args.duplicates)
        return frames, None if one.label is None else np.array([one.label])
    if args.origin is not None:
        raise FormatError("--origin means nothing where each sample becomes one frame; leave it out, or add --bin")
    labels: list[int | None] = []

    def samples() -> Iterator[Events]:
        for events in read_all_events(path, args.sensor):
            labels.append(events.label)
            yield events

    frames = events_to_frames(samples(), None, 0, args.duplicates)
    known = [label for label in labels if label is not None]
    return frames, np.array(known, np.int64) if known and len(known) == len(labels) else None
