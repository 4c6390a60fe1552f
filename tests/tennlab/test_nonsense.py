"""Whatever is typed, and whatever is in a file: one message for each mistake, and no traceback."""

import contextlib
import io
import json

import numpy as np
import pytest
from cli_helpers import changed, places, without
from tennlab_helpers import answers, random_network, small_network

from isa_spec.errors import NeuroprocError
from neuroproc.tennlab.image import read_tennlab
from neuroproc.tennlab.interpreter import COMMANDS, Interpreter
from neuroproc.tennlab.writer import image_to_network

ODD = [
    None, True, -1, 0, 1, 7, 2**31, 2**63, 10**400, 0.5, -1e300, 5e-324, "", "x", "\ud800", [], [[]], [1], ["x"], {},
    {"a": 1}, [{}], [None], [0, 0], [1.5, 1.5, 1.5],
]  # fmt: skip
WORDS = [
    "0", "1", "2", "7", "-1", "99", "0.5", "1e3", "1e-3", "1e999", "nan", "inf", "9" * 5000, "T", "F", "V", "S", "x",
    "{", "}", '{"a":', "0101", "#", "#x", "net.json", "risp", ".", "/", "٣", "²", "1_0", "\x00", "A", '"', "[",
    "none.json",
]  # fmt: skip


@pytest.mark.malformed
@pytest.mark.parametrize("seed", [None, 1, 2])
def test_any_value_at_any_place_of_a_file(seed):
    entry = small_network() if seed is None else random_network(np.random.default_rng(seed), 3, 4)
    altered = [changed(entry, place, value) for place in places(entry) for value in ODD]
    altered += [without(entry, place) for place in places(entry)]
    read = 0
    for other in altered:
        with contextlib.suppress(NeuroprocError):
            image_to_network(read_tennlab(json.dumps(other)))
            read += 1
    assert 0 < read < len(altered)


@pytest.mark.malformed
@pytest.mark.parametrize("seed", range(30))
def test_any_words_in_any_order(seed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.json").write_text(json.dumps(small_network()))
    rng = np.random.default_rng(seed)
    names = [*COMMANDS, "?", "FROB"]
    lines = []
    for _ in range(200):
        words = [str(rng.choice(names)), *rng.choice(WORDS, int(rng.integers(0, 6))).tolist()]
        lines.append(" ".join(words) if rng.random() < 0.9 else "ML net.json")
    # Runs of a thousand cycles that are shown cycle by cycle take their time.
    lines = [line for line in lines if not (line.startswith(("RSC", "RUN_SR_CH")) and "1e3" in line)]
    out, errors = answers("\n".join(lines), whole=True)
    assert out
    for message in errors.splitlines():
        assert message.startswith("neuroproc shell: line ")


@pytest.mark.error
def test_messages_take_one_line_each():
    errors = io.StringIO()
    Interpreter(io.StringIO(), errors).feed("FROB")
    Interpreter(io.StringIO(), errors).feed("ML no\x0bsuch\x0cfile\x85x")
    assert len(errors.getvalue().splitlines()) == 2
