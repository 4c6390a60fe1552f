"""Train a small network of 0/1 units on scikit-learn's digits, as the shipped one was: ``train.py -o FOLDER``.

Writes the network and the test frames, which are a fifth of the data. Needs scikit-learn.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

import neuroproc

TEST = 360


def main() -> None:
    """Train, write the network and the test frames, print the accuracy on them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder to write the three files to")
    folder = parser.parse_args().output
    data = load_digits()
    order = np.random.default_rng(1).permutation(len(data.target))
    frames, labels = data.images[order, None].astype(np.uint8), data.target[order]
    test = neuroproc.Examples(frames[:TEST], labels[:TEST])
    course = neuroproc.Course(epochs=150, batch=50)
    trained = neuroproc.train_straight_through(
        neuroproc.Examples(frames[TEST:], labels[TEST:]), "digits", course=course, planes=1
    )
    folder.mkdir(parents=True, exist_ok=True)
    neuroproc.save_network(trained.network, folder / "digits.json")
    np.savez_compressed(folder / "digits_frames.npz", frames=test.frames, labels=test.labels.astype(np.uint8))
    print(f"held-out accuracy {trained.accuracy(trained.held):.4f}, test accuracy {trained.accuracy(test):.4f}")


if __name__ == "__main__":
    main()
