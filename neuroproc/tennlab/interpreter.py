"""Lines of commands to answers: the table of commands, JSON over several lines, and mistakes that end nothing."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import IO

from isa_spec.errors import NeuroprocError
from neuroproc.tennlab import commands_report, commands_run, commands_setup
from neuroproc.tennlab.command import Command
from neuroproc.tennlab.session import Session

GROUPS: Mapping[str, tuple[Command, ...]] = {
    "Processors and networks": commands_setup.COMMANDS,
    "Spikes and time": commands_run.COMMANDS,
    "What the last run was like": commands_report.COMMANDS,
}
COMMANDS = {name: command for group in GROUPS.values() for command in group for name in command.names}
HELP, QUIT = ("?", "HELP"), ("Q", "QUIT")
COMMENT = "#"
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def help_text() -> str:
    """The table of commands."""
    rows = [(title, *row) for title, group in GROUPS.items() for row in map(_row, group)]
    rows += [
        ("The session", " ".join(HELP), "This table."),
        ("The session", " ".join(QUIT), "Leave, as the end of the input does."),
    ]
    width = max(len(row[1]) for row in rows)
    lines, last = [], ""
    for title, usage, sentence in rows:
        lines += [f"\n{title}:"] if title != last else []
        lines.append(f"  {usage:<{width}}  {sentence}")
        last = title
    return "\n".join(lines).lstrip("\n") + "\n"


def _row(command: Command) -> tuple[str, str]:
    return f"{' '.join(command.names)}  {command.arguments}".rstrip(), command.help


class Interpreter:
    """Reads lines, answers on one stream and complains on another.

    Parameters
    ----------
    out, errors : text streams

    Attributes
    ----------
    over : bool
        Whether the session was left.
    """

    def __init__(self, out: IO[str], errors: IO[str]) -> None:
        self.over = False
        self._out, self._errors = out, errors
        self._session = Session()
        self._line = 0
        self._document: _Document | None = None

    def feed(self, line: str) -> None:
        """Take one line."""
        self._line += 1
        if self._document is not None:
            self._continue(self._document, line)
            return
        words = line.split()
        if not words or words[0][0] == COMMENT:
            return
        if COMMENT in line:
            words = _without_comment(words)
        command = COMMANDS.get(words[0]) or COMMANDS.get(words[0].upper())
        if command is None:
            self._other(words[0])
        elif command.document is not None and _opens(words, command.document):
            head = words[: command.document + 1]
            self._document = _Document(command, head, self._line)
            rest = line.split(None, len(head))
            self._continue(self._document, rest[-1] if len(rest) > len(head) else "")
        else:
            self._answer(command, words, self._line)

    def end(self) -> None:
        """Say what the end of the input left unfinished."""
        if self._document is not None:
            self._complain(self._document.head[0], self._document.line, "the JSON that follows does not end")

    def _answer(self, command: Command, words: Sequence[str], line: int) -> None:
        try:
            self._out.write(command.run(self._session, words[1:]))
        except NeuroprocError as error:
            self._complain(words[0], line, str(error))

    def _continue(self, document: _Document, line: str) -> None:
        if not document.text.strip() and line.strip() and not line.lstrip().startswith(("{", COMMENT)):
            # A command, most likely: nothing is gained by losing it, too.
            self._document = None
            self._complain(
                document.head[0], document.line, "needed: the name of a file, or JSON on this line or the next"
            )
            self._line -= 1
            self.feed(line)
            return
        if document.take(line):
            self._document = None
            self._answer(document.command, [*document.head, document.text], document.line)

    def _other(self, word: str) -> None:
        if word.upper() in HELP:
            self._out.write(help_text())
        elif word.upper() in QUIT:
            self.over = True
        else:
            near = difflib.get_close_matches(word.upper(), [*COMMANDS, *HELP, *QUIT], 3)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            self._complain(word, self._line, f"no such command{hint} (? lists the commands)")

    def _complain(self, word: str, line: int, message: str) -> None:
        self._out.flush()
        self._errors.write(f"neuroproc shell: line {line}: {word}: {' '.join(message.splitlines())}\n")
        self._errors.flush()


def _without_comment(words: list[str]) -> list[str]:
    return words[: next((place for place, word in enumerate(words) if word[0] == COMMENT), len(words))]


def _opens(words: Sequence[str], place: int) -> bool:
    """Whether JSON begins in this line or the next one, instead of the name of a file."""
    return len(words) == place + 1 or (len(words) > place + 1 and words[place + 1].startswith("{"))


class _Document:
    """JSON over several lines, behind a command."""

    def __init__(self, command: Command, head: Sequence[str], line: int) -> None:
        self.command, self.head, self.line = command, head, line
        self.text = ""
        self._depth = 0

    def take(self, line: str) -> bool:
        """Take a line; whether the last brace is closed."""
        if not self.text and (not line.strip() or line.lstrip().startswith(COMMENT)):
            return False
        self.text += line.rstrip("\n") + "\n"
        bare = _STRING.sub("", line)
        self._depth += bare.count("{") - bare.count("}")
        return self._depth <= 0
