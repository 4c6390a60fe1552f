"""README and docs: what they show is run, what they link to exists, what they name is real."""

import configparser
import importlib.util
import re

import pytest
from docs_examples import DOCUMENTS, ROOT, agrees, examples_of, name_of, run_document

from neuroproc.cli.main import COMMANDS

pytestmark = pytest.mark.docs

PACKAGES = ("isa_spec", "compiler", "neuroproc")
PAGES = [*DOCUMENTS, *sorted((ROOT / "examples").rglob("README.md")), ROOT / "neuroproc" / "data" / "README.md"]
SHIPPED = (ROOT / "neuroproc" / "data" / "digits.json", ROOT / "examples" / "lenet" / "lenet.json")


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_what_is_shown_is_what_is_printed(document):
    if not all(file.exists() for file in SHIPPED):
        pytest.skip("the shipped networks are not there yet")
    lines = document.read_text(encoding="utf-8").splitlines()
    for example, printed in run_document(document):
        shown = lines[example.first : example.last]
        # Written so that pytest shows the difference line by line.
        assert agrees(shown, printed) or printed == shown, f"{name_of(document)} line {example.first}: {example.code}"


def test_the_rule_for_what_is_shown():
    assert agrees(["a … c", "…", "z"], ["a b c", "d", "e", "z"])
    assert agrees(["…"], [])
    assert not agrees(["a … c"], ["a b", "c"])
    assert not agrees(["a.c"], ["abc"])
    assert not agrees([], ["a"])


def test_every_kind_of_example_is_found():
    lines = [
        "```python", "print(1)", "```", "", "```text", "1", "```", "```json net.json", "{}", "```", "```console",
        "$ ls", "net.json", "$ cat", "```", "```{toctree}", "ls", "```",
        "<!-- printed by: echo 2 -->", "2", "<!-- end -->", "```sh", "rm", "```",
    ]  # fmt: skip
    found = [(example.kind, example.code, lines[example.first : example.last]) for example in examples_of(lines)]
    assert found == [
        ("python", "print(1)", ["1"]),
        ("file net.json", "{}\n", []),
        ("command", "ls", ["net.json"]),
        ("command", "cat", []),
        ("command", "echo 2", ["2"]),
    ]


@pytest.mark.parametrize("document", PAGES, ids=name_of)
def test_links_lead_somewhere(document):
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", text) + re.findall(r'src="([^"]+)"', text):
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        linked = (document.parent / file) if file else document
        assert linked.exists(), f"{name_of(document)}: {target}"
        if anchor:
            titles = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
            assert anchor in anchors, f"{name_of(document)}: {target}"


@pytest.mark.parametrize("document", PAGES, ids=name_of)
def test_modules_and_files_that_are_named_exist(document):
    """Paths in backquotes: `compiler/folding/axis.py`, `neuroproc/kernels/`."""
    for name in re.findall(
        r"`((?:isa_spec|compiler|neuroproc|tests|benchmarks|docs|examples)/[\w./*+-]*)`", document.read_text()
    ):
        if "*" in name:
            assert list(ROOT.glob(name)), f"{name_of(document)}: {name}"
        else:
            assert (ROOT / name).exists(), f"{name_of(document)}: {name}"


def test_the_map_names_every_folder():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {path.parent for package in PACKAGES for path in (ROOT / package).rglob("__init__.py")}
    assert not sorted(name_of(room) for room in rooms if f"{room.name}/" not in text)


def test_tests_that_hold_a_bug_exist():
    text = (ROOT / "docs" / "bugs.md").read_text(encoding="utf-8")
    named = re.findall(r"^- Held by `(tests/\S+)`, `(\w+)`", text, re.MULTILINE)
    assert len(named) == text.count("\n## ")
    for file, test in named:
        assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), test


def test_the_glossary_has_every_word_once():
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^\*\*(.+?)\*\*", text, re.MULTILINE)
    assert words == sorted(set(words), key=str.lower)
    for word in (
        "neuron", "synapse", "threshold", "weight", "delay", "potential", "fire", "cycle", "raster", "fan-in",
        "fan-out", "synaptic operation", "latency", "initiation interval", "unroll", "fold", "slot", "relay", "gate",
        "image", "frame",
    ):  # fmt: skip
        assert word in words


def test_every_command_is_documented():
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    for command in COMMANDS:
        assert f"## {command}\n" in text
        assert f"$ neuroproc {command} " in text or f"$ neuroproc {command}\n" in text


def test_every_layer_type_is_documented():
    from compiler.networks.network_file import _KEYS

    text = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    for kind, (required, optional) in _KEYS.items():
        row = next(line for line in text.splitlines() if line.startswith(f"| `{kind}` |"))
        for key in required | optional:
            assert f"`{key}`" in row, f"{kind}: {key}"


def test_every_encoding_is_documented():
    from isa_spec.coding import _ENCODINGS

    text = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    for kind, (required, optional) in _ENCODINGS.items():
        row = next(line for line in text.splitlines() if line.startswith(f"| `{kind}` |"))
        for key in required | optional:
            assert f"`{key}`" in row, f"{kind}: {key}"


def test_readme_installs_and_tests_with_what_is_run():
    """The two commands of the README are the ones that the checks run on a fresh environment."""
    blocks = re.findall(
        r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    install, test = (" ".join(block.split()) for block in blocks[:2])
    assert install == "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/neuroproc demo"
    assert test == ".venv/bin/pip install -e '.[test]' && .venv/bin/python -m pytest -n 2"
    checks = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for step in ("python3 -m venv .venv", "'.[test]'", ".venv/bin/python -m pytest -n 2"):
        assert step in checks


def test_contributing_says_what_there_is():
    """Its commands name files, markers and programs of this checkout; its table has every marker."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    markers = [line.partition(": ")[0] for line in setup["tool:pytest"]["markers"].strip().splitlines()]
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == markers
    commands = "\n".join(re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    for chosen in re.findall(r'pytest -m (?:"(.*?)"|(\w+))', commands):
        assert set(re.findall(r"\w+", " ".join(chosen))) - {"or", "and", "not"} <= set(markers)
    files = re.findall(r"(?:tests|benchmarks|docs|examples)/[\w./-]+", commands)
    assert files
    assert not [name for name in files if not (ROOT / name).exists()]
    modules = set(re.findall(r"-m (\w+)", commands)) - set(markers) - {"venv", "build"}
    assert not [name for name in modules if importlib.util.find_spec(name) is None and name != "sphinx"]


def test_the_oldest_set_has_every_lower_bound():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    needs = setup["options"]["install_requires"] + "\n".join(setup["options.extras_require"].values())
    bounds = dict(re.findall(r"^([\w-]+)>=([\d.]+)$", needs, re.MULTILINE))
    lines = (ROOT / "tests" / "oldest.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    assert len(bounds) == len(set(needs.split()))

    def parts(version):
        numbers = [int(number) for number in version.split(".")]
        return numbers + [0] * (4 - len(numbers))

    assert {name: parts(pins[name]) for name in bounds} == {name: parts(bound) for name, bound in bounds.items()}
