"""Print what makes the Tab key complete commands, options and their values, in bash and in zsh.

For every shell that you open, put `eval "$(neuroproc completion)"` into ~/.bashrc; into ~/.zshrc, the same after
`autoload -U compinit bashcompinit && compinit && bashcompinit`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from neuroproc.cli.main import build_parser

EXAMPLE = "neuroproc completion"

_SCRIPT = """\
_neuroproc() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}"
    local command=neuroproc below="" options="" i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$command ${{COMP_WORDS[i]}}" in
            {commands}) command="$command ${{COMP_WORDS[i]}}" ;;
        esac
    done
    case "$command $before" in
        {free}) return ;;
{values}
    esac
    case "$command" in
{words}
    esac
    case "$word" in
        -*) COMPREPLY=($(compgen -W "$options" -- "$word")) ;;
        *) COMPREPLY=($(compgen -W "$below" -- "$word")) ;;
    esac
}}
complete -o default -F _neuroproc neuroproc
"""
"""Where nothing else is to be said, the shell's own completion offers files."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: there are none."""


def execute(args: argparse.Namespace) -> int:
    """Print the script."""
    print(script(build_parser()), end="")
    return 0


def script(program: argparse.ArgumentParser) -> str:
    """Script for bash, and for zsh with `bashcompinit`, that knows the program by its parsers."""
    parsers = dict(_parsers("neuroproc", program))
    free, values, words = [], [], []
    for path, parser in parsers.items():
        options = " ".join(option for action in parser._actions for option in action.option_strings)
        words.append(f'        "{path}") below="{" ".join(_commands(parser))}" options="{options}" ;;')
        for action in parser._actions:
            given = [f'"{path} {option}"' for option in action.option_strings if action.nargs != 0]
            if given and action.choices:
                choices = " ".join(map(str, action.choices))
                values.append(f'        {"|".join(given)}) COMPREPLY=($(compgen -W "{choices}" -- "$word")); return ;;')
            else:
                free += given
    commands = "|".join(f'"{path}"' for path in parsers if " " in path)
    tables = {"free": "|".join(free), "values": "\n".join(values), "words": "\n".join(words)}
    return _SCRIPT.format(commands=commands, **tables)


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Parsers below a parser, by name."""
    found = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return {name: below for action in found for name, below in action.choices.items()}


def _parsers(path: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """A parser and all below it, each with the words that lead to it."""
    yield path, parser
    for name, below in _commands(parser).items():
        yield from _parsers(f"{path} {name}", below)
