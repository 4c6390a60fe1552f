"""Train a small LeNet of 0/1 units on MNIST binarised at 128: ``train.py --data DIR -o FOLDER``.

DIR holds the four gzipped IDX files of MNIST (``train-images-idx3-ubyte.gz`` and so on). 5,000 of the
training frames are held out to judge the training by; the test frames only serve the last line printed.
"""

import argparse
import gzip
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from training import Layer, Task, report, train, write

LENET = Task(
    name="lenet",
    layers=(Layer("conv1", 16, kernel=5), Layer("conv2", 32, kernel=5), Layer("fc1", 128), Layer("fc2", 100)),
    shape=(1, 28, 28),
    threshold=128,
    epochs=16,
)
HELD = 5000


def read_idx(path: Path) -> np.ndarray:
    """Read a gzipped IDX file of unsigned bytes, of any number of dimensions."""
    data = gzip.decompress(path.read_bytes())
    shape = np.frombuffer(data, ">i4", count=data[3], offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def main() -> None:
    """Train, write the network, print its accuracy on the test frames."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the MNIST IDX files (.gz)")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder to write lenet.json and .npz to")
    args = parser.parse_args()
    frames, labels, test, test_labels = (
        read_idx(args.data / f"{part}-ubyte.gz")
        for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    )
    order = np.random.default_rng(LENET.seed).permutation(len(frames))
    frames, labels = frames[order, None], labels[order]
    arrays = train(LENET, frames[HELD:], labels[HELD:], frames[:HELD], labels[:HELD])
    report(write(LENET, arrays, args.output), test[:, None], test_labels)


if __name__ == "__main__":
    main()
