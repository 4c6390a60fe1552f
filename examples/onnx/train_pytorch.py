"""Train a network of steps on scikit-learn's digits with PyTorch and export it: ``train_pytorch.py -o digits.onnx``.

Needs torch, onnx, onnxscript and scikit-learn, none of which neuroproc needs.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy, linear, max_pool2d

TEST, HELD, EPOCHS = 360, 180, 60


class Step(torch.autograd.Function):
    """1 where x >= 0, else 0; the gradient passes straight through near 0."""

    @staticmethod
    def forward(ctx, x):
        """The step."""
        ctx.save_for_backward(x)
        return (x >= 0).to(x.dtype)

    @staticmethod
    def backward(ctx, gradient):
        """As if it were x between -1 and 1."""
        (x,) = ctx.saved_tensors
        return gradient * (x.abs() < 1)


class Eighths(torch.autograd.Function):
    """Weights of 4 bits: integers of -7 to 7, times 1/8."""

    @staticmethod
    def forward(ctx, weight):
        """The nearest of them."""
        return torch.round(weight * 8).clamp(-7, 7) / 8

    @staticmethod
    def backward(ctx, gradient):
        """As if nothing were rounded."""
        return gradient


class Conv(nn.Conv2d):
    """Convolution with rounded weights."""

    def forward(self, x):
        """Its sums."""
        return self._conv_forward(x, Eighths.apply(self.weight), self.bias)


class Linear(nn.Linear):
    """Fully connected, with rounded weights."""

    def forward(self, x):
        """Its sums."""
        return linear(x, Eighths.apply(self.weight), self.bias)


class Net(nn.Module):
    """8C3-P2-16C3-P2-32-10."""

    def __init__(self):
        super().__init__()
        self.conv1, self.norm1 = Conv(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.conv2, self.norm2 = Conv(8, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
        self.fc1, self.norm3 = Linear(64, 32, bias=False), nn.BatchNorm1d(32)
        self.fc2 = Linear(32, 10)

    def forward(self, x):
        """Ten real numbers, the largest of which is the class."""
        x = max_pool2d(Step.apply(self.norm1(self.conv1(x))), 2)
        x = max_pool2d(Step.apply(self.norm2(self.conv2(x))), 2)
        return self.fc2(Step.apply(self.norm3(self.fc1(x.flatten(1)))))


def accuracy(net, frames, labels):
    """Share of the frames that are told right."""
    net.eval()
    with torch.no_grad():
        return float((net(frames).argmax(1) == labels).float().mean())


def slim(model):
    """The model without notes of where in the source each node comes from, which are most of the file."""
    for part in (model.graph, *model.graph.node, *model.graph.value_info):
        kept = [entry for entry in part.metadata_props if entry.key == "pkg.torch.onnx.name_scopes"]
        del part.metadata_props[:]
        part.metadata_props.extend(kept)
        part.doc_string = ""
    return model


def main():
    """Train, print the accuracies, export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True, help="file to write")
    parser.add_argument("--optimize", action="store_true", help="with normalisations in the weights")
    args = parser.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(1)
    data = load_digits()
    order = np.random.default_rng(1).permutation(len(data.target))  # the first 360 are the frames that are shipped
    frames = torch.tensor(data.images[order, None], dtype=torch.float32) / 16
    labels = torch.tensor(data.target[order])
    test, held, rest = slice(0, TEST), slice(TEST, TEST + HELD), slice(TEST + HELD, None)
    net = Net()
    optimiser = torch.optim.Adam(net.parameters(), lr=0.005)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS)
    for _ in range(EPOCHS):
        net.train()
        for batch in torch.randperm(len(labels[rest])).split(50):
            loss = cross_entropy(net(frames[rest][batch]), labels[rest][batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        schedule.step()
    print(f"held-out accuracy {accuracy(net, frames[held], labels[held]):.4f}")
    print(f"test accuracy {accuracy(net, frames[test], labels[test]):.4f}")
    sizes = ({0: torch.export.Dim("batch")},)
    # Optimised, it would have the normalisations in the weights, which are then no integers times 1/8 any more.
    said = {"dynamic_shapes": sizes, "external_data": False, "optimize": args.optimize}
    torch.onnx.export(net.eval(), (frames[:2],), args.output, **said)
    onnx.save(slim(onnx.load(args.output)), args.output)


if __name__ == "__main__":
    main()
