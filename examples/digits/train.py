"""Train a small convolutional network of 0/1 units on scikit-learn's digits: ``train.py -o FOLDER``.

Writes the network and the test frames, which are a fifth of the data; a tenth is held out to judge the
training by. The test frames only serve the last line printed.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from training import Layer, Task, report, train, write

DIGITS = Task(
    name="digits",
    layers=(
        Layer("conv1", 8, kernel=3, padding=1),
        Layer("conv2", 16, kernel=3, padding=1),
        Layer("fc1", 64),
        Layer("fc2", 40),
    ),
    shape=(1, 8, 8),
    threshold=8,
    epochs=300,
    batch=50,
    jitter=(0.5, 0.1, 0.05),
)
TEST, HELD = 360, 180


def main() -> None:
    """Train, write the network, print its accuracy on the test frames."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder to write the three files to")
    args = parser.parse_args()
    data = load_digits()
    order = np.random.default_rng(DIGITS.seed).permutation(len(data.target))
    frames, labels = data.images[order, None].astype(np.uint8), data.target[order].astype(np.uint8)
    test, held, rest = slice(TEST), slice(TEST, TEST + HELD), slice(TEST + HELD, None)
    arrays = train(DIGITS, frames[rest], labels[rest], frames[held], labels[held])
    report(write(DIGITS, arrays, args.output), frames[test], labels[test])
    np.savez_compressed(args.output / "digits_frames.npz", frames=frames[test], labels=labels[test])


if __name__ == "__main__":
    main()
