"""The raster as text: exact characters, silent rows, layers in few lines, within the width."""

from dataclasses import replace

import numpy as np
import pytest
from picture_helpers import digits_image, plain_image, spikes_of, xor_image

import neuroproc
from neuroproc.pictures.raster import raster_of
from neuroproc.pictures.text_raster import FEWER_LINES, MOST_LINES, text_raster


def test_a_small_network(tmp_path):
    raster = raster_of(xor_image(tmp_path), [1, 2, 2, 3, 3, 3, 4], [0, 1, 2, 0, 1, 4, 4], 6)
    assert text_raster("xor", raster, 80) == (
        "xor: 5 neurons (1 silent), 6 cycles, 7 spikes\n"
        "\n"
        "          0\n"
        "inputs (2)\n"
        "  0(A)    .|.|..\n"
        "  1(B)    ..||..\n"
        "hidden (2)\n"
        "  2       ..|...\n"
        "  3       ......\n"
        "outputs (1)\n"
        "  4(A^B)  ...||."
    )


def test_cycles_are_binned():
    raster = raster_of(plain_image(1, (), outputs=0), [0, 1, 2, 3, 4, 10, 90, 91, 92, 93, 98], [0] * 11, 99)
    lines = text_raster("run", raster, 36).splitlines()
    assert lines == [
        "run: 1 neuron, 99 cycles, 11 spikes",
        "a character is 4 cycles; . no spike, | spikes always and of all, 1..9 tenths of that",
        "",
        "      0         40        80",
        "outputs (1)",
        "  in  |33...................554",
    ]


def test_a_line_for_several_neurons():
    image = plain_image(MOST_LINES + 4, (), outputs=0)
    cycle = np.repeat(np.arange(4), [18, 9, 1, 0])
    neuron = np.concatenate([np.arange(1, 19), np.arange(1, 10), [19]])
    lines = text_raster("run", raster_of(image, cycle, neuron, 4), 80).splitlines()
    size = -(-(MOST_LINES + 3) // FEWER_LINES)
    hidden = lines.index(f"hidden ({MOST_LINES + 3}, up to {size} in a line)")
    shown = {line.strip().split("  ")[0]: line.split()[-1] for line in lines[hidden + 1 : -2]}
    assert len(shown) == -(-(MOST_LINES + 3) // size)
    assert shown["unit.1 +2"] == "||.."
    assert shown["unit.7 +2"] == "||.."
    assert shown["unit.10 +2"] == "|..."
    assert shown["unit.19"] == "..|."
    whole = text_raster("run", raster_of(image, cycle, neuron, 4), 80, whole=True).splitlines()
    assert len([line for line in whole if line.startswith(("  in ", "  unit."))]) == image.n_neurons


@pytest.fixture(scope="module")
def digits():
    image, frames = digits_image((1, 1))
    events = neuroproc.encode_frames(image, frames[:2])
    n_cycles = image.latency + image.interval
    return raster_of(image, *spikes_of(image, events, n_cycles), n_cycles, n_frames=2)


@pytest.mark.parametrize("width", [40, 80, 120, 500])
def test_every_character_is_what_it_stands_for(digits, width):
    """Counted once more, from the lines themselves."""
    lines = text_raster("digits", digits, width).splitlines()
    step = next((int(line.split()[3]) for line in lines if line.startswith("a character is")), 1)
    begin = next(line for line in lines if line.lstrip().startswith("0 ")).index("0")
    rows = [line for line in lines if line.startswith("  ") and len(line) > begin and line[begin - 1] == " "][1:]
    assert max(len(row) for row in rows) <= width
    neurons = []
    for layer in digits.layers:
        size = 1 if len(layer.neurons) <= MOST_LINES else -(-len(layer.neurons) // FEWER_LINES)
        neurons += [layer.neurons[k : k + size] for k in range(0, len(layer.neurons), size)]
    assert len(rows) == len(neurons)
    for row, some in zip(rows, neurons, strict=True):
        mine = np.isin(digits.neuron, some)
        for column, character in enumerate(row[begin:]):
            there = mine & (digits.cycle // step == column)
            fired, values = np.count_nonzero(there), np.count_nonzero(there & digits.carries)
            most = len(some) * min(step, digits.n_cycles - column * step)
            if values == 0:
                assert character == (":" if fired else ".")
            elif values == most:
                assert character == "|"
            else:
                assert character == str(min(-(-10 * values // most), 9))
    assert len(row[begin:]) == -(-digits.n_cycles // step)


def test_what_is_said_first(digits):
    lines = text_raster("digits", digits, 80).splitlines()
    assert lines[0] == digits.words("digits")
    assert lines[1] == "frames begin in cycles 1, 163"
    assert lines[2] == ": spikes that carry no value of a frame (clocks, gates, relays, units between values)"
    assert lines[3] == "a character is 6 cycles; . no spike, | spikes always and of all, 1..9 tenths of that"
    assert max(map(len, lines)) <= 88


def test_long_names_keep_their_ends():
    image = plain_image(2, ())
    raster = raster_of(image, [], [], 3)
    names = ("in", "a name that is much longer than there is room for")
    lines = text_raster("run", replace(raster, names=names), 80).splitlines()
    assert lines[-1] == f"~{names[1][-23:]}  ..."
