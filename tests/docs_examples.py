"""Runs what *.md and docs/**/*.md show, and holds what is printed against what is shown.

In a document

- a ``python`` block is run; a ``text`` block right below it is what it prints. Blocks share their names.
- a ``console`` block holds commands after ``$``, each with what it prints, standard error included.
- a fenced block whose opening line names a file (``json net.json``) is that file.
- lines between ``<!-- printed by: COMMAND -->`` and ``<!-- end -->`` are what the command prints.
- ``…`` in a shown line stands for any text, and a line of ``…`` alone for any lines: for times, rates and the like.
- a ``sh`` block is shown only, and one whose opening line is in braces is for the site.

All of it runs in a fresh folder with ``examples``, ``benchmarks`` and ``neuroproc/data`` in it, so the commands are
those that a user types in a checkout. ``python tests/docs_examples.py FILE...`` rewrites what is shown.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MNIST = ROOT.parent / "shared" / "data" / "mnist"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

_FENCE = re.compile(r"^```(\w*) ?(.*)$")
_PRINTED = re.compile(r"^<!-- printed by: (.*) -->$")
_END = "<!-- end -->"
_SHIM = '#!/bin/sh\nexec "{python}" -c "import sys; from neuroproc.cli.main import main; sys.exit(main())" "$@"\n'


@dataclass
class Example:
    """Something to run, and the lines ``first .. last - 1`` of the document that show what it prints."""

    kind: str
    code: str
    first: int
    last: int


def name_of(path):
    """A document's path in the checkout."""
    return path.relative_to(ROOT).as_posix()


def table_of(lines):
    """Rows of a Markdown table as dictionaries by the head's words."""
    cells = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines if line.startswith("|")]
    head, _, *rows = cells
    return [dict(zip(head, row, strict=True)) for row in rows]


def examples_of(lines):
    """The examples of a document, in order; files to write count as examples that print nothing."""
    found = []
    number = 0
    while number < len(lines):
        printed, fence = _PRINTED.match(lines[number]), _FENCE.match(lines[number])
        if printed:
            end = lines.index(_END, number)
            found.append(Example("command", printed[1], number + 1, end))
            number = end
        elif fence:
            end = lines.index("```", number + 1)
            body = lines[number + 1 : end]
            if fence[1] == "python":
                shown = (0, 0)
                if lines[end + 1 : end + 3] == ["", "```text"]:
                    shown = (end + 3, lines.index("```", end + 3))
                found.append(Example("python", "\n".join(body), *shown))
                number = max(end, shown[1])
            elif fence[1] == "console":
                found += _commands(body, number + 1)
                number = end
            else:
                if fence[2] and not fence[2].startswith("{"):
                    found.append(Example(f"file {fence[2]}", "\n".join(body) + "\n", 0, 0))
                number = end
        number += 1
    return found


def _commands(body, first):
    places = [place for place, line in enumerate(body) if line.startswith("$ ")]
    for place, after in zip(places, [*places[1:], len(body)], strict=True):
        yield Example("command", body[place][2:], first + place + 1, first + after)


def run_document(path):
    """Examples of a document, each with the lines that it prints now."""
    lines = path.read_text(encoding="utf-8").splitlines()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name in ("examples", "benchmarks", "docs"):
            if (ROOT / name).exists():
                (place / name).symlink_to(ROOT / name)
        (place / "neuroproc").mkdir()
        (place / "neuroproc" / "data").symlink_to(ROOT / "neuroproc" / "data")
        programs = place / ".programs"
        programs.mkdir()
        for program, text in (("neuroproc", _SHIM), ("python", '#!/bin/sh\nexec "{python}" "$@"\n')):
            (programs / program).write_text(text.format(python=sys.executable))
            (programs / program).chmod(0o755)
        env = {
            **os.environ,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
        }
        names: dict[str, object] = {"__name__": "__main__"}
        with contextlib.chdir(place):
            return [(example, _run(example, names, env).splitlines()) for example in examples_of(lines)]


def _run(example, names, env):
    if example.kind.startswith("file "):
        Path(example.kind.removeprefix("file ")).write_text(example.code, encoding="utf-8")
        return ""
    if example.kind == "python":
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(example.code, "<document>", "exec"), names)
        return out.getvalue()
    done = subprocess.run(["bash", "-c", f"{{ {example.code}\n}} 2>&1"], env=env, capture_output=True, check=False)
    text = done.stdout.decode()
    if done.returncode:
        raise AssertionError(f"$ {example.code}\n{text}\nexit status {done.returncode}")
    return text


def agrees(shown, printed):
    """Whether printed lines are those shown, with ``…`` for anything."""
    pattern = "\n".join(shown)
    parts = re.split(r"(^…$|…)", pattern, flags=re.MULTILINE)
    regex = ""
    for number, part in enumerate(parts):
        if part == "…":
            alone = parts[number - 1][-1:] in ("", "\n") and parts[number + 1][:1] in ("", "\n")
            regex += r"(?s:.*)" if alone else r"[^\n]*"
        else:
            regex += re.escape(part)
    return re.fullmatch(regex, "\n".join(printed)) is not None


def rewrite(path):
    """Put what is printed now in place of what no longer agrees; whether anything changed."""
    lines = path.read_text(encoding="utf-8").splitlines()
    changed = False
    for example, printed in reversed(run_document(path)):
        if not agrees(lines[example.first : example.last], printed):
            if not example.last:
                raise SystemExit(f"{path}: a python block prints {printed}, and nothing below it shows it")
            lines[example.first : example.last] = printed
            changed = True
    if changed:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return changed


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    for document in sys.argv[1:]:
        print(document, "rewritten" if rewrite(Path(document).resolve()) else "agrees")
