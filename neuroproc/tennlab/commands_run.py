"""Commands that apply spikes and run."""

from __future__ import annotations

from collections.abc import Sequence

from isa_spec.errors import EmulationError
from neuroproc.tennlab.command import Command, input_of, neurons_of, no_more, whole
from neuroproc.tennlab.session import Session
from neuroproc.tennlab.text import head_of_cycles, line_of_cycle


def _apply(session: Session, words: Sequence[str], normalised: bool) -> str:
    if not words or len(words) % 3:
        raise EmulationError(f"{len(words)} words, needed: NODE TIME VALUE, once or several times")
    spikes = []
    for place in range(0, len(words), 3):
        node, time, value = words[place : place + 3]
        spikes.append((input_of(session, node), whole(time, "time"), value))
    session.apply(spikes, normalised)
    return ""


def _apply_normalised(session: Session, words: Sequence[str]) -> str:
    return _apply(session, words, True)


def _apply_values(session: Session, words: Sequence[str]) -> str:
    return _apply(session, words, False)


def _apply_rasters(session: Session, words: Sequence[str]) -> str:
    if not words or len(words) % 2:
        raise EmulationError(f"{len(words)} words, needed: NODE RASTER, once or several times")
    spikes = []
    for word, raster in zip(words[::2], words[1::2], strict=True):
        node = input_of(session, word)
        for time, mark in enumerate(raster):
            if mark not in "01":
                raise EmulationError(f"raster {raster}: '{mark}' at time {time}, allowed: 0 and 1")
            if mark == "1":
                spikes.append((node, time, "1"))
    session.apply(spikes, True)
    return ""


def _waiting(session: Session, words: Sequence[str]) -> str:
    no_more(words, 0)
    now = session.machine.cycle
    return "".join(f"Spike: [{node},{time - now},{value:g}]\n" for node, time, value in session.waiting)


def _run(session: Session, words: Sequence[str]) -> str:
    no_more(words, 1)
    if not words:
        raise EmulationError("needed: how long to run")
    session.run(whole(words[0], "time"))
    return ""


def _run_and_show(session: Session, words: Sequence[str]) -> str:
    if not words:
        raise EmulationError("needed: how long to run")
    chip, cycles = session.chip, whole(words[0], "time")
    neurons = neurons_of(session, words[1:])
    lines = [head_of_cycles([chip.names[neuron] for neuron in neurons], chip.width)]
    for cycle, fired in enumerate(session.run_by_cycles(cycles)):
        charges = session.charges()
        lines.append(
            line_of_cycle(
                cycle, [fired[neuron] for neuron in neurons], [charges[neuron] for neuron in neurons], chip.width
            )
        )
    return "".join(lines)


def _time(session: Session, words: Sequence[str]) -> str:
    no_more(words, 0)
    return f"time: {session.machine.cycle}.0\n"


def _clear_activity(session: Session, words: Sequence[str]) -> str:
    no_more(words, 0)
    session.clear_activity()
    return ""


COMMANDS = (
    Command(
        ("AS", "APPLY_SPIKE"),
        "NODE TIME VALUE ...",
        "Apply spikes to input nodes; a value of 1 is worth spike_value_factor.",
        _apply_normalised,
    ),
    Command(("ASV", "APPLY_SPIKE_VALUE"), "NODE TIME VALUE ...", "The same with charges as they are.", _apply_values),
    Command(
        ("ASR", "APPLY_SPIKE_RASTER"),
        "NODE RASTER ...",
        "Apply a spike of 1 at every 1 of a text.",
        _apply_rasters,
    ),
    Command(("PS", "PENDING_SPIKES"), "", "Spikes that were applied and have not arrived.", _waiting),
    Command(("RUN",), "TIME", "Run so many cycles; times are told from its begin.", _run),
    Command(
        ("RSC", "RUN_SR_CH"), "TIME [NODE ...]", "Run, and show spikes and charges after every cycle.", _run_and_show
    ),
    Command(("GT", "GET_TIME"), "", "Cycles since the beginning.", _time),
    Command(
        ("CA", "CLEAR-A", "CLEAR_ACTIVITY"), "", "Clear charges and spikes; the time goes back to 0.", _clear_activity
    ),
)
