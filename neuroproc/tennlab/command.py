"""What a command of a session is, and what the words behind it mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from isa_spec.errors import EmulationError
from neuroproc.tennlab.session import LATEST, Session

LONGEST_ID = 20
"""Digits; leading zeros are nothing to worry about."""


@dataclass(frozen=True)
class Command:
    """A row of the table of commands.

    Parameters
    ----------
    names : tuple of str
        The short one first.
    arguments : str
        As `?` shows them: capitals stand for something, brackets for what may be left out.
    help : str
        One sentence.
    run : function of session and words
        Gives what is printed.
    document : int or None
        How many words come before a file's name; instead of it, JSON may follow, on this line and the next ones.
    """

    names: tuple[str, ...]
    arguments: str
    help: str
    run: Callable[[Session, Sequence[str]], str]
    document: int | None = None


def listed(values: Sequence[object], most: int = 12) -> str:
    """Values with commas, the first ones of many."""
    return ", ".join(map(str, values[:most])) + (f", ... ({len(values)} in all)" if len(values) > most else "")


def whole(word: str, what: str) -> int:
    """A time, or a number of cycles.

    Raises
    ------
    EmulationError
        If it is none.
    """
    try:
        number = float(word)
        value = int(word) if word.isdecimal() else int(number)
    except (ValueError, OverflowError):
        value, number = -1, 0.0
    if value != number or not 0 <= value <= LATEST:
        raise EmulationError(f"{what} {word}, allowed: whole numbers 0..{LATEST}")
    return value


def neuron_of(session: Session, word: str) -> int:
    """Neuron of a node's id.

    Raises
    ------
    EmulationError
        If there is no such node.
    """
    return _found(word, session.chip.neurons, "node", "the nodes")


def output_of(session: Session, word: str) -> int:
    """Neuron of an output node's id.

    Raises
    ------
    EmulationError
        If there is no such output.
    """
    return _found(word, session.chip.outputs, "output node", "the outputs")


def input_of(session: Session, word: str) -> int:
    """Id of an input node.

    Raises
    ------
    EmulationError
        If there is no such input.
    """
    _found(word, session.chip.inputs, "input node", "the inputs")
    return int(word)


def _found(word: str, table: dict[int, int], what: str, whole: str) -> int:
    if not word.isdecimal() or len(word) > LONGEST_ID or int(word) not in table:
        raise EmulationError(f"{what} {word} is unknown, allowed: {whole} {listed(list(table)) or 'are none'}")
    return table[int(word)]


def neurons_of(session: Session, words: Sequence[str]) -> list[int]:
    """Neurons of some nodes in the order given, of all by default."""
    return [neuron_of(session, word) for word in words] if words else list(session.chip.neurons.values())


def outputs_of(session: Session, words: Sequence[str]) -> list[int]:
    """Neurons of some outputs in the order given, of all by default."""
    return [output_of(session, word) for word in words] if words else list(session.chip.outputs.values())


def flag_and_nodes(words: Sequence[str]) -> tuple[bool, Sequence[str]]:
    """Whether the first word is not F, and the words after T or F."""
    if words and words[0].upper() in ("T", "F"):
        return words[0].upper() == "T", words[1:]
    return True, words


def no_more(words: Sequence[str], most: int) -> None:
    """Refuse words that nobody reads.

    Raises
    ------
    EmulationError
        If there are more than so many.
    """
    if len(words) > most:
        raise EmulationError(f"'{words[most]}' is too much, allowed: {most} words here; ? lists the commands")
