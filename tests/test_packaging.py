"""What is handed out: an sdist and a wheel that hold the packages and their data, and nothing else."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import neuroproc

pytestmark = pytest.mark.architecture

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("compiler", "isa_spec", "neuroproc")
BESIDE = {
    "CHANGELOG.md", "CITATION.cff", "LICENSE", "MANIFEST.in", "PKG-INFO", "README.md", "pyproject.toml", "setup.cfg",
}  # fmt: skip
"""What an sdist holds besides the packages."""
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", ".hypothesis", "*.egg-info", "build")


def files_of(folder, packages):
    """Files of packages in a folder, as an archive names them."""
    found = (path for package in packages for path in (folder / package).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in found if "__pycache__" not in path.parts}


def build(kind, source, target):
    """What the build system makes of a folder, without a network: the path of the archive."""
    code = (
        "import sys, setuptools.build_meta as backend\n"
        f"print(backend.build_{kind}({str(target)!r}), file=sys.stderr)"
    )  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target / done.stderr.splitlines()[-1]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """The checkout with all that must be left out, in a folder that building may write to."""
    if importlib.util.find_spec("setuptools") is None:
        pytest.skip("setuptools is not installed; pip install '.[test]'")
    found = importlib.metadata.version("setuptools")
    if tuple(map(int, found.split(".")[:2])) < (70, 1):
        pytest.skip(f"setuptools {found} cannot build wheels by itself, 70.1 can; pip install '.[test]'")
    return Path(shutil.copytree(ROOT, tmp_path_factory.mktemp("source") / "checkout", ignore=LEFT_OUT))


@pytest.fixture(scope="module")
def sdist(source, tmp_path_factory):
    return build("sdist", source, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """The wheel, built from the sdist."""
    unpacked = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(unpacked, filter="data")
    (folder,) = unpacked.iterdir()
    return build("wheel", folder, tmp_path_factory.mktemp("wheel"))


def test_the_sdist_holds_the_packages_and_papers(source, sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames() if archive.getmember(name).isfile()}
    made = {name for name in names if name.startswith("neuroproc.egg-info/")}
    assert names - made == files_of(source, PACKAGES) | BESIDE


def test_the_wheel_holds_the_packages_only(source, wheel):
    """Data, profiles, vectors and `py.typed` included: every file of the three packages."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
        info = {name for name in names if ".dist-info/" in name}
        entries = archive.read(next(name for name in info if name.endswith("/entry_points.txt"))).decode()
    assert names - info == files_of(source, PACKAGES)
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    assert any(name.endswith("/LICENSE") for name in info)
    assert entries.split() == ["[console_scripts]", "neuroproc", "=", "neuroproc.cli.main:main"]


def test_the_checkout_gives_the_same_wheel(source, wheel, tmp_path):
    def contents(path):
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    assert contents(build("wheel", source, tmp_path)) == contents(wheel)


def test_an_unpacked_wheel_is_a_program(wheel, tmp_path):
    """Profiles and the shipped network are found where nothing but the wheel is."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = "import sys; sys.path.insert(0, '.'); from neuroproc.cli.main import main; sys.exit(main())"
    compiled = ["compile", "neuroproc/data/digits.json", "-o", "digits.npi", "--profile", "np8", "--unroll", "8x8"]
    for arguments in (["--version"], compiled, ["count", "digits.npi"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout


def test_metadata_comes_from_one_place(wheel):
    """The version from `neuroproc/version.py`; requirements are lower bounds, and every extra has some."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = archive.read(name).decode().partition("\n\n")[0].splitlines()
    fields = [line.partition(": ")[::2] for line in lines]
    assert [value for field, value in fields if field == "Version"] == [neuroproc.__version__]
    needs = [value for field, value in fields if field == "Requires-Dist"]
    # Older setuptools write spaces, too.
    assert all(re.fullmatch(r'[\w-]+ ?>=[\d.]+( ?; extra == [\'"]\w+[\'"])?', need) for need in needs), needs
    extras = {value for field, value in fields if field == "Provides-Extra"}
    assert extras == {re.split("['\"]", need)[1] for need in needs if "extra" in need}
    assert sum("extra" not in need for need in needs) == 3
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]


def test_every_extra_that_a_message_names_exists():
    texts = [path.read_text(encoding="utf-8") for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    texts += [path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md")]
    named = {name for text in texts for name in re.findall(r"neuroproc\[(\w+)\]", text)}
    block = (ROOT / "setup.cfg").read_text().partition("[options.extras_require]\n")[2].partition("\n[")[0]
    assert named
    assert named <= set(re.findall(r"^(\w+) =$", block, re.MULTILINE))
