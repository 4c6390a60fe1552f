"""The floors of the house, what starts up with what, lint, types, sizes and docstrings."""

from __future__ import annotations

import ast
import graphlib
import importlib.util
import inspect
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from cli_helpers import write_case

import neuroproc
from neuroproc.cli.main import COMMANDS

pytestmark = pytest.mark.architecture

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("isa_spec", "compiler", "neuroproc")
OPTIONAL = {
    "neuroproc/pictures/canvas.py": {"matplotlib"},
    "neuroproc/cli/watching.py": {"tqdm"},
    "neuroproc/formats/shd.py": {"h5py"},
    "compiler/frontends/hdf5.py": {"h5py"},
    "compiler/frontends/nir/writer.py": {"nir"},
    "compiler/frontends/onnx/file.py": {"onnx"},
}
"""Extras, each in the one file that needs it, and only inside its functions."""
TRAINING = frozenset(
    f"compiler/learning/{name}.py"
    for name in (
        "activations", "augment", "binary", "checkpoint", "export", "integer_run", "integers", "loop", "rate",
        "single_spike", "single_spike_kernels", "spike_times", "spiking_units", "straight_through", "thermometer",
        "units", "whetstone",
    )
)  # fmt: skip
"""Written in JAX from top to bottom; `compiler/learning/train.py` loads them when it is called, behind its error."""
TRAINERS = {"jax", "optax"}
TRAINING_KERNELS = "compiler/learning/single_spike_kernels.py"
"""The one file outside of the emulator that is compiled: JAX has no loops over spikes that are fast."""
ROOF = ("neuroproc/__init__.py", "neuroproc/__main__.py", "neuroproc/cli/")
KERNELS = "neuroproc/kernels/"
COMPILERS = {"numba", "llvmlite"}
"""llvmlite is what numba itself writes code with; it comes with it."""
DYNAMIC = ("neuroproc/__init__.py", "neuroproc/cli/main.py")
"""May import by name at run time: they load commands and the public names on first use."""

MOST_LINES = 400
LONGER: dict[str, str] = {}
"""Files beyond `MOST_LINES`, each with its reason."""

SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def place(path):
    """Path as the lists above have it."""
    return path.relative_to(ROOT).as_posix()


def module_name(path):
    """Dotted name of a source file."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(path): path for path in SOURCES}


def imported(nodes, path):
    """Dotted modules that import statements name; of ``from a import b``, ``a.b`` where that is a module of ours."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module_name(path).split(".")
                parts = parts[: len(parts) - node.level + (path.name == "__init__.py")]
                base = ".".join([*parts, base]).rstrip(".")
            for alias in node.names:
                yield f"{base}.{alias.name}" if f"{base}.{alias.name}" in MODULES else base


def at_import(body, types=False):
    """Import statements that run when the module is imported: not those in functions; for type checkers, on demand."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) and not types:
            yield from at_import(node.orelse)
            continue
        yield node
        for field in ("body", "orelse", "finalbody"):
            yield from at_import(getattr(node, field, []), types)
        for handler in getattr(node, "handlers", []):
            yield from at_import(handler.body, types)


def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def allowed(path):
    """Packages beyond the standard library that a file may import."""
    where = place(path)
    if where.startswith("isa_spec/"):
        return {"numpy", "isa_spec"}
    if where.startswith("compiler/"):
        return {"numpy", "networkx", "isa_spec", "compiler"}
    if where.startswith(ROOF):
        return {"numpy", "isa_spec", "compiler", "neuroproc"}
    return {"numpy", "isa_spec", "neuroproc"} | (COMPILERS if where.startswith(KERNELS) else set())


@pytest.mark.parametrize("path", SOURCES, ids=place)
def test_floors(path):
    found = set(imported(ast.walk(parsed(path)), path))
    outside = {name.partition(".")[0] for name in found} - set(sys.stdlib_module_names)
    extras = OPTIONAL.get(place(path), set())
    if place(path).startswith("compiler/learning/"):
        extras = extras | TRAINERS
    if place(path) == TRAINING_KERNELS:
        extras = extras | {"numba"}
    assert outside <= allowed(path) | extras, f"{place(path)} may not import {sorted(outside - allowed(path))}"
    early = {name.partition(".")[0] for name in imported(at_import(parsed(path).body), path)}
    if place(path) not in TRAINING:
        assert not early & extras, f"{place(path)}: an extra must be imported where it is used"
        loaded = {place(MODULES[name]) for name in imported(at_import(parsed(path).body), path) if name in MODULES}
        assert not loaded & TRAINING, f"{place(path)} loads {sorted(loaded & TRAINING)}, which need an extra"
    if place(path).startswith("neuroproc/") and not place(path).startswith(ROOF):
        assert "neuroproc" not in found, f"{place(path)} imports the public API, which leads to the compiler"
        assert not any(name.startswith("neuroproc.cli") for name in found), f"{place(path)} imports the command line"
    if place(path) not in DYNAMIC:
        names = {node.id for node in ast.walk(parsed(path)) if isinstance(node, ast.Name)}
        by_name = (names & {"__import__", "import_module"}) | (found & {"importlib"})
        assert not by_name, f"{place(path)} imports by name"


def test_the_floor_test_sees_every_kind_of_import():
    path = ROOT / "neuroproc" / "cli" / "count.py"
    code = (
        "import numba.core\nfrom . import main\nfrom ..formats import frames\n"
        "def f():\n    from compiler.emit import emit\nif TYPE_CHECKING:\n    import numpy"
    )
    found = set(imported(ast.walk(ast.parse(code)), path))
    assert found == {"numba.core", "neuroproc.cli.main", "neuroproc.formats.frames", "compiler.emit", "numpy"}
    assert set(imported(at_import(ast.parse(code).body), path)) == found - {"compiler.emit", "numpy"}


def test_no_import_cycles():
    """Not for types only, either; the list of public names alone has types of the commands, which load it."""
    graph = {
        name: set(imported(at_import(parsed(path).body, types=name != "neuroproc"), path)) & (MODULES.keys() - {name})
        for name, path in MODULES.items()
    }
    graphlib.TopologicalSorter(graph).prepare()  # names the modules of a cycle


def python(*arguments):
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


HEAVY = {"distributed", "h5py", "jax", "matplotlib", "networkx", "nir", "numba", "onnx", "optax", "tqdm"}
LOADED = f"import sys; print(*sorted({HEAVY} & set(sys.modules)))"


@pytest.mark.parametrize(
    "arguments",
    [None, ["--help"], ["count", "IMAGE"], ["compile", "NETWORK", "-o", "IMAGE"]],
    ids=["import", "help", "count", "compile"],
)
def test_light_start(arguments, tmp_path):
    """What only reads, counts or writes must not wait for a compiler of machine code or a graph library."""
    if arguments is None:
        code = "import neuroproc"
    else:
        case = write_case(tmp_path)
        names = {"IMAGE": str(case.image), "NETWORK": str(case.network)}
        argv = [names.get(argument, argument) for argument in arguments]
        code = (
            "import sys, contextlib, io\n"
            "from neuroproc.cli.main import main\n"
            "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
            f"    assert main({argv!r}) == 0"
        )
    run = python("-c", f"{code}\n{LOADED}")
    assert (run.stdout, run.stderr) == ("\n", "")


def test_light_help():
    """Nor does any command need more than numpy to say what it can do, and the program none of it."""
    code = (
        "import contextlib, io, sys\n"
        "from neuroproc.cli.main import COMMANDS, main\n"
        "for arguments in [], *([command] for command in COMMANDS):\n"
        "    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "        main([*arguments, '--help'])\n"
        "    print(*arguments, 'numpy' * (not arguments and 'numpy' in sys.modules), end=' ')\n"
        f"    {LOADED}"
    )
    run = python("-c", code)
    assert ([line.strip() for line in run.stdout.splitlines()], run.stderr) == (["", *COMMANDS], "")


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [("ruff", ["check"]), ("ruff", ["format", "--check"]), ("mypy", [])],
    ids=["ruff check", "ruff format", "mypy"],
)
def test_lint_and_types(tool, arguments):
    if importlib.util.find_spec(tool) is None:
        pytest.skip(f"{tool} is not installed; pip install '.[test]'")
    run = python("-m", tool, *arguments)
    assert run.returncode == 0, run.stdout + run.stderr


def test_long_files_have_a_reason():
    files = [path for folder in (*PACKAGES, "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    lines = {place(path): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    longer = {name: count for name, count in lines.items() if count > MOST_LINES and name not in LONGER}
    for name, count in longer.items():
        warnings.warn(f"{name} has {count} lines: split it, or give the reason in LONGER", stacklevel=1)
    assert all(count <= MOST_LINES * 1.25 for count in longer.values()), longer
    assert set(LONGER) <= set(lines)


@pytest.mark.parametrize("name", neuroproc.__all__)
def test_public_names(name):
    value = getattr(neuroproc, name)
    if not isinstance(value, str):
        assert (inspect.getdoc(value) or "").strip()
        assert value.__module__ in MODULES


def test_public_names_are_one_list():
    assert {*neuroproc._HOME, "__version__"} == set(neuroproc.__all__)
    assert neuroproc.__all__ == sorted(neuroproc.__all__)
    assert not set(neuroproc._HOME.values()) - MODULES.keys()
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        neuroproc.nothing  # noqa: B018


def public_definitions(body, inside=""):
    """Functions and classes, and those in public classes, that a user may call."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield f"{inside}{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from public_definitions(node.body, f"{node.name}.")


@pytest.mark.parametrize("path", SOURCES, ids=place)
def test_docstrings(path):
    tree = parsed(path)
    without = [name for name, node in public_definitions(tree.body) if not ast.get_docstring(node)]
    assert not without, f"{place(path)}: no docstring: {', '.join(without)}"
    assert ast.get_docstring(tree), f"{place(path)}: no docstring"
