"""Train a network on scikit-learn's digits with sinabs and export it: ``train.py -o digits.nir``.

Writes the answers of the trained network for the shipped frames, too, to ``digits.npz``. Needs sinabs, torch, nir,
nirtorch and scikit-learn, none of which neuroproc needs.
"""

import argparse
from collections import OrderedDict
from pathlib import Path

import nir
import numpy as np
import sinabs
import sinabs.layers as sl
import torch
from sinabs.activation import MultiSpike, SingleSpike
from sinabs.nir import to_nir
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy

TEST, HELD, LEVELS = 360, 180, 16


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


def make_net(steps):
    """8C3-P2-16C3-P2-10: of several steps, without biases; or of one, with biases and without units at the end."""

    def units():
        # One spike in a step at most; by default a unit of sinabs fires as often as its threshold fits its potential.
        return sl.IAFSqueeze(num_timesteps=steps, spike_fn=SingleSpike)

    once = steps == 1
    layers = {
        "conv1": nn.Conv2d(1, 8, 3, padding=1, bias=once),
        "fire1": units(),
        "pool1": sl.SumPool2d(2),
        "conv2": nn.Conv2d(8, 16, 3, padding=1, bias=once),
        "fire2": units(),
        "pool2": sl.SumPool2d(2),
        "flat": nn.Flatten(),
        "fc": nn.Linear(64, 10, bias=once),
    }
    return nn.Sequential(OrderedDict(layers if once else {**layers, "fire3": units()}))


def shown(frames, steps):
    """Frames and steps as one axis, as ``Squeeze`` layers want it: float32[n * steps, 1, 8, 8].

    Once, a value v of 16 is v / 16. In several steps it is heard in v of 16 of them, evenly spread.
    """
    if steps == 1:
        return torch.tensor(frames / LEVELS, dtype=torch.float32)
    step = np.arange(steps + 1).reshape(-1, 1, 1, 1)
    trains = np.diff(step * frames[:, None].astype(int) // LEVELS, axis=1)
    return torch.tensor(trains.reshape(-1, *frames.shape[1:]), dtype=torch.float32)


def answers(net, frames, steps):
    """Spikes of each output over all steps, or the ten sums of a network of one: float32[n, 10]."""
    sinabs.reset_states(net)
    return net(shown(frames, steps)).reshape(-1, steps, 10).sum(1)


def accuracy(net, frames, labels, steps):
    """Share of the frames that are told right; the first of equals wins."""
    with torch.no_grad():
        return np.mean(answers(net, frames, steps).numpy().argmax(1) == labels.numpy())


def export(net, frames, steps, path):
    """Write the network, and beside it what it answers."""
    with torch.no_grad():
        said = answers(net, frames, steps).numpy()
    np.savez_compressed(path.with_suffix(".npz"), labels=said.argmax(1).astype(np.uint8), answers=said)
    sinabs.reset_states(net)
    graph = to_nir(net, shown(frames[:1], steps))
    graph.infer_types()  # without it, convolutions have no input_shape, and nir writes none that is None
    nir.write(path, graph)


def main():
    """Train, print the accuracies, export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True, help="file to write")
    parser.add_argument("--steps", type=int, default=8, help="how often a frame is shown (8); 1: once, with biases")
    steps, output = (args := parser.parse_args()).steps, args.output
    torch.manual_seed(1)
    torch.set_num_threads(1)
    data = load_digits()
    order = np.random.default_rng(1).permutation(len(data.target))  # the first 360 are the frames that are shipped
    frames, labels = data.images[order, None], torch.tensor(data.target[order])
    test, held, rest = slice(0, TEST), slice(TEST, TEST + HELD), slice(TEST + HELD, None)
    net = make_net(steps)
    weighted = [net.conv1, net.conv2, net.fc]
    for layer in weighted:
        nn.init.kaiming_normal_(layer.weight)  # wide: no gradient passes a SumPool2d of silent units
        nn.utils.parametrize.register_parametrization(layer, "weight", OnGrid())
    epochs, rate = (80, 0.005) if steps == 1 else (30, 0.003)
    optimiser = torch.optim.Adam(net.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    for _ in range(epochs):
        for batch in torch.randperm(len(labels[rest])).split(50):
            loss = cross_entropy(answers(net, frames[rest][batch], steps), labels[rest][batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        schedule.step()
    for layer in weighted:
        nn.utils.parametrize.remove_parametrizations(layer, "weight")
    print(f"held-out accuracy {accuracy(net, frames[held], labels[held], steps):.2%}")
    print(f"test accuracy {accuracy(net, frames[test], labels[test], steps):.2%}")
    export(net, frames[test], steps, output)
    for name, layer in net.named_children():
        if name.startswith("fire"):
            layer.spike_fn = MultiSpike
    print(f"test accuracy with many spikes in a step {accuracy(net, frames[test], labels[test], steps):.2%}")


if __name__ == "__main__":
    main()
