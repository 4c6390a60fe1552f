"""Train a network of several steps on scikit-learn's digits with snnTorch and export it: ``train.py -o digits.nir``.

Writes the answers of the trained network for the shipped frames, too, to ``digits.npz``. Needs snntorch, torch, nir,
nirtorch and scikit-learn, none of which neuroproc needs.
"""

import argparse
from collections import OrderedDict
from pathlib import Path

import nir
import numpy as np
import snntorch
import torch
from sklearn.datasets import load_digits
from snntorch import surrogate, utils
from snntorch.export_nir import export_to_nir
from torch import nn
from torch.nn.functional import cross_entropy

TEST, HELD, EPOCHS, STEPS, LEVELS = 360, 180, 40, 8, 16


class Grid(torch.autograd.Function):
    """Weights of 4 bits: integers of -7 to 7, times 1/8; the gradient passes as if nothing were rounded."""

    @staticmethod
    def forward(ctx, weight):
        """The nearest of them."""
        return torch.round(weight * 8).clamp(-7, 7) / 8

    @staticmethod
    def backward(ctx, gradient):
        """As it comes."""
        return gradient


class OnGrid(nn.Module):
    """For `torch.nn.utils.parametrize`."""

    def forward(self, weight):
        """Weights that the layer works with."""
        return Grid.apply(weight)


def make_net():
    """8C3-16C3/2-10, units without leak (beta = 1) and without biases; a unit that fires loses its threshold."""

    def units(*shape):
        # Parameters of the shape of the map: the export refuses a single beta for all.
        ones = torch.ones(shape)
        return snntorch.Leaky(beta=ones, threshold=ones, init_hidden=True, spike_grad=surrogate.atan())

    layers = {
        "conv1": nn.Conv2d(1, 8, 3, padding=1, bias=False),
        "fire1": units(8, 8, 8),
        "conv2": nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False),
        "fire2": units(16, 4, 4),
        "flat": nn.Flatten(),
        "fc": nn.Linear(256, 10, bias=False),
        "fire3": units(10),
    }
    return nn.Sequential(OrderedDict(layers))


def trains(frames):
    """A value of v of 16 is heard in v of 16 steps, evenly spread: float32[steps, n, 1, 8, 8]."""
    step = np.arange(STEPS + 1).reshape(-1, 1, 1, 1, 1)
    return torch.tensor(np.diff(step * frames.astype(int) // LEVELS, axis=0), dtype=torch.float32)


def count(net, spikes):
    """Spikes of each output over all steps."""
    utils.reset(net)
    return torch.stack([net(step) for step in spikes]).sum(0)


def export(net, frames, path):
    """Write the network, and beside it what it answers: the class with most spikes, the first of equals."""
    with torch.no_grad():
        counts = count(net, trains(frames)).numpy().astype(np.uint8)
    np.savez_compressed(path.with_suffix(".npz"), labels=counts.argmax(1).astype(np.uint8), counts=counts)
    utils.reset(net)
    nir.write(path, export_to_nir(net, trains(frames[:1])[0], ignore_dims=[0]))


def main():
    """Train, print the accuracies, export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True, help="file to write")
    parser.add_argument("--floats", action="store_true", help="weights as they come, not of 4 bits")
    args = parser.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(1)
    data = load_digits()
    order = np.random.default_rng(1).permutation(len(data.target))  # the first 360 are the frames that are shipped
    frames, labels = data.images[order, None], torch.tensor(data.target[order])
    test, held, rest = slice(0, TEST), slice(TEST, TEST + HELD), slice(TEST + HELD, None)
    net = make_net()
    layers = [net.conv1, net.conv2, net.fc]
    for layer in [] if args.floats else layers:
        nn.utils.parametrize.register_parametrization(layer, "weight", OnGrid())
    optimiser = torch.optim.Adam(net.parameters(), lr=0.003)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(labels[rest])).split(50):
            loss = cross_entropy(count(net, trains(frames[rest][batch])), labels[rest][batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        schedule.step()
    for layer in [] if args.floats else layers:
        nn.utils.parametrize.remove_parametrizations(layer, "weight")
    with torch.no_grad():
        for name, part in (("held-out", held), ("test", test)):
            right = count(net, trains(frames[part])).argmax(1) == labels[part]
            print(f"{name} accuracy {right.float().mean():.2%}")
    export(net, frames[test], args.output)


if __name__ == "__main__":
    main()
