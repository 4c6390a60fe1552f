"""Events of sensors to spikes in cycles, and to frames; exactly, whatever the clocks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction

import numpy as np

from isa_spec.errors import FormatError
from isa_spec.spikes import SpikeEvents
from neuroproc.formats.events import Events, Sensor

Time = Fraction | int | str
"""In seconds, or text with a unit: ``"1ms"``, ``"1/30 s"``. Never a float: 0.001 is not a thousandth."""

DUPLICATES = ("merge", "count")
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
LAST_CYCLE = 2**63 - 1
MOST_FRAME_VALUES = 2**31
"""Values of frames that are made at once; more of them are a mistake in the width of a bin, or want another way."""

_TIME = re.compile(r"([+-]?[0-9]+(?:\.[0-9]+|/0*[1-9][0-9]*)?) ?(s|ms|us|ns)", re.ASCII)


def parse_time(text: str) -> Fraction:
    """Seconds that a text says: a number or fraction and one of the units s, ms, us, ns.

    Raises
    ------
    FormatError
        If it says something else.
    """
    match = _TIME.fullmatch(text.strip())
    if not match:
        raise FormatError(f"time '{text}', allowed: a number and a unit of {', '.join(UNITS)}, as 1ms, 0.5ms, 1/30s")
    return Fraction(match[1]) / UNITS[match[2]]


def bin_events(events: Events, width: Time, origin: Time = 0, duplicates: str | None = None) -> SpikeEvents:
    """Spikes of events: cycle = floor((time - origin) / width), port = place of the address in C, H, W order.

    Bins are half open: an event at the end of a bin is in the next one. The last bin counts as a whole one.

    Parameters
    ----------
    events : Events
    width, origin : Fraction, int (s) or str
        Of a bin, and where the first one begins. The arithmetic is exact.
    duplicates : str, optional
        What several events of one address in one bin are: ``merge``, one spike of charge 1; ``count``, one spike of as
        much charge. Needed only where there are some.

    Returns
    -------
    SpikeEvents
        Ports are numbers: (polarity * rows + row) * columns + column.

    Raises
    ------
    FormatError
        If an event lies outside the sensor, before the origin, or in a cycle that has no number; if there are
        duplicates, and nothing says what they are; or if the width is not above 0.
    """
    cycle = _cycles(events, _seconds(width), _seconds(origin))
    return _spikes(events, cycle, duplicates, "bin")


def events_to_frames(
    events: Events | Iterable[Events], width: Time | None = None, origin: Time = 0, duplicates: str | None = None
) -> np.ndarray:
    """Frames of events: one for each bin, or one for each sample.

    Parameters
    ----------
    events : Events, or several of them
    width : Fraction, int (s) or str, optional
        Of a bin, of one sample only: frame i is bin i, up to the last with an event. Without it, all of a sample is one
        frame, and the origin plays no part.
    origin, duplicates
        As for `bin_events`: frames hold 0 and 1 (``merge``), or how many events there were (``count``).

    Returns
    -------
    uint8 or int64[n_frames, C, H, W]
        Polarities, rows and columns of the sensor.

    Raises
    ------
    FormatError
        As `bin_events`; or if several samples are cut into bins, come from different sensors, or the frames are too
        many for memory.
    """
    samples = (events,) if isinstance(events, Events) else events
    if width is not None:
        one, *more = samples
        if more:
            raise FormatError(f"{more[0].where}: several samples cannot be cut into bins; choose one of them")
        return spikes_to_frames(bin_events(one, width, origin, duplicates), one.sensor, one.where)
    frames: list[np.ndarray] = []
    sensor: Sensor | None = None
    for sample in samples:
        sensor = sensor or sample.sensor
        if sample.sensor != sensor:
            raise FormatError(
                f"{sample.where}: sensor {_shape(sample.sensor)}, the samples before have {_shape(sensor)}"
            )
        spikes = _spikes(sample, np.zeros(len(sample), np.int64), duplicates, "sample")
        _refuse_many(len(frames) + 1, sensor, sample.where)
        frames += [spikes_to_frames(spikes, sensor, sample.where, n_frames=1)]
    return np.concatenate(frames) if frames else np.zeros((0, *(sensor or (1, 1, 1))), np.uint8)


def spikes_to_frames(
    spikes: SpikeEvents, shape: Sensor, where: str = "<spikes>", n_frames: int | None = None
) -> np.ndarray:
    """Frames of spikes whose ports are the places of a map in C, H, W order: frame i holds the values of cycle i.

    Parameters
    ----------
    spikes : SpikeEvents
    shape : (C, H, W)
    where : str
        For messages.
    n_frames : int, optional
        By default up to the last cycle with a spike.

    Returns
    -------
    uint8[n_frames, C, H, W], or int64 where a byte does not hold a value

    Raises
    ------
    FormatError
        If a port is outside the map, a cycle beyond the frames, or they are too many for memory.
    """
    channels, rows, columns = shape
    n_values = channels * rows * columns
    count = int(spikes.cycle.max(initial=-1)) + 1
    n_frames = count if n_frames is None else n_frames
    if count > n_frames:
        raise FormatError(f"{where}: a spike in cycle {count - 1}, allowed: 0..{n_frames - 1}")
    if len(spikes) and int(spikes.port.max()) >= n_values:
        raise FormatError(f"{where}: port {spikes.port.max()}, allowed: 0..{n_values - 1} of a {_shape(shape)} map")
    _refuse_many(n_frames, shape, where)
    if float(np.abs(spikes.value.astype(np.float64)).sum()) > 2.0**62:
        raise FormatError(f"{where}: charges up to {spikes.value.max()}, allowed: sums that fit 64 bits")
    place, which = np.unique(spikes.cycle * n_values + spikes.port, return_inverse=True)
    total = np.zeros(len(place), np.int64)
    np.add.at(total, which, spikes.value)
    is_byte = total.min(initial=0) >= 0 and total.max(initial=0) <= 255
    frames = np.zeros(n_frames * n_values, np.uint8 if is_byte else np.int64)
    frames[place] = total
    return frames.reshape(n_frames, *shape)


def _seconds(time: Time) -> Fraction:
    if isinstance(time, str):
        return parse_time(time)
    if not isinstance(time, Fraction | int):
        raise FormatError(f"time {time!r} is a {type(time).__name__}, allowed: text as '1ms', a Fraction or an integer")
    return Fraction(time)


def _cycles(events: Events, width: Fraction, origin: Fraction) -> np.ndarray:
    """Bin of each event: int64[n_events]."""
    if width <= 0:
        raise FormatError(f"bins of {width} s, allowed: wider than 0")
    # floor((time * tick - origin) / width) = (time * scale - shift) // divisor, all of them integers.
    rate, start = events.tick / width, origin / width
    divisor = rate.denominator * start.denominator
    scale, shift = rate.numerator * start.denominator, start.numerator * rate.denominator
    time = events.time
    largest = max((abs(int(extreme)) for extreme in (time.min(), time.max())), default=0) if len(time) else 0
    if largest * scale + abs(shift) >= 2**63 or max(scale, divisor) >= 2**63:
        time = time.astype(object)
    cycle = (time * scale - shift) // divisor
    wrong = np.flatnonzero((cycle < 0) | (cycle > LAST_CYCLE))
    if len(wrong):
        first = wrong[0]
        advice = "give an origin before it" if cycle[first] < 0 else "make bins wider, or give a later origin"
        raise FormatError(
            f"{_event(events, first)} is in bin {str(cycle[first])[:40]}, allowed: 0..{LAST_CYCLE} "
            f"(bins of {width} s from {origin} s on); {advice}"
        )
    return cycle.astype(np.int64)


def _spikes(events: Events, cycle: np.ndarray, duplicates: str | None, what: str) -> SpikeEvents:
    if duplicates not in (None, *DUPLICATES):
        raise FormatError(f"duplicates '{duplicates}', allowed: {' or '.join(DUPLICATES)}")
    channels, rows, columns = events.sensor
    polarity, row, column = events.polarity, events.row, events.column
    inside = (polarity >= 0) & (polarity < channels) & (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    if not inside.all():
        first = int(np.flatnonzero(~inside)[0])
        raise FormatError(
            f"{_event(events, first)} is at polarity {polarity[first]}, row {row[first]}, column {column[first]}, "
            f"allowed: a sensor of {_shape(events.sensor)} (polarities, rows, columns, each from 0 on); name the "
            "sensor if it is another one"
        )
    port = (polarity * rows + row) * columns + column
    order = np.lexsort((port, cycle))
    cycle, port = cycle[order], port[order]
    fresh = np.ones(len(cycle), bool)
    fresh[1:] = (cycle[1:] != cycle[:-1]) | (port[1:] != port[:-1])
    begins = np.flatnonzero(fresh)
    if len(begins) < len(cycle) and duplicates is None:
        again = int(order[np.flatnonzero(~fresh)[0]])
        raise FormatError(
            f"{_event(events, again)} is not the only one of its address in its {what} ({len(cycle) - len(begins):,} "
            f"such events), allowed where duplicates are one of {' or '.join(DUPLICATES)}: 'merge' gives one spike of "
            "charge 1, 'count' one of as much charge as there are events"
        )
    value = np.diff(begins, append=len(cycle)) if duplicates == "count" else np.ones(len(begins), np.int64)
    return SpikeEvents(cycle[begins], port[begins].astype(np.int32), value.astype(np.int64))


def _event(events: Events, number: int) -> str:
    """An event for messages: its number in the file, and when it was."""
    time = Fraction(int(events.time[number])) * events.tick
    return (
        f"{events.where}: event {number} (at {float(time):.9g} s)"
        if abs(time) < 10**300
        else (f"{events.where}: event {number}")
    )


def _shape(shape: Sensor) -> str:
    return "x".join(map(str, shape))


def _refuse_many(n_frames: int, shape: Sensor, where: str) -> None:
    n_values = n_frames * shape[0] * shape[1] * shape[2]
    if n_values > MOST_FRAME_VALUES:
        raise FormatError(
            f"{where}: {n_frames:,} frames of {_shape(shape)} have {n_values:,} values, allowed: "
            f"{MOST_FRAME_VALUES:,}; make bins wider"
        )
