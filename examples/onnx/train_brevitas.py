"""Train a network of -1 and +1 on digits with Brevitas and export it: ``train_brevitas.py -o signs.onnx``.

Needs torch, brevitas, qonnx, onnxscript, onnxoptimizer and scikit-learn, none of which neuroproc needs.
"""

import argparse
from pathlib import Path

import brevitas.nn as qnn
import numpy as np
import onnx
import torch
from brevitas.export import export_qonnx
from brevitas.quant import SignedBinaryActPerTensorConst, SignedBinaryWeightPerTensorConst
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy, max_pool2d

TEST, HELD, EPOCHS = 360, 180, 60


class Signs(SignedBinaryActPerTensorConst):
    """Activations of -1 and +1."""

    scaling_const = 1.0


class Weights(SignedBinaryWeightPerTensorConst):
    """Weights of -1/4 and +1/4."""

    scaling_const = 0.25


class Net(nn.Module):
    """16C3-32C3-P2-10, signs throughout."""

    def __init__(self):
        super().__init__()
        self.conv1 = qnn.QuantConv2d(1, 16, 3, bias=False, weight_quant=Weights)
        self.norm1, self.sign1 = nn.BatchNorm2d(16), qnn.QuantIdentity(act_quant=Signs)
        self.conv2 = qnn.QuantConv2d(16, 32, 3, bias=False, weight_quant=Weights)
        self.norm2, self.sign2 = nn.BatchNorm2d(32), qnn.QuantIdentity(act_quant=Signs)
        self.fc = qnn.QuantLinear(128, 10, bias=True, weight_quant=Weights)

    def forward(self, x):
        """Ten real numbers, the largest of which is the class."""
        x = self.sign1(self.norm1(self.conv1(x)))
        x = max_pool2d(self.sign2(self.norm2(self.conv2(x))), 2)
        return self.fc(x.flatten(1))


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
    path = parser.parse_args().output
    torch.manual_seed(1)
    torch.set_num_threads(1)
    data = load_digits()
    order = np.random.default_rng(1).permutation(len(data.target))  # the first 360 are the frames that are shipped
    frames = torch.tensor(data.images[order, None], dtype=torch.float32) / 16
    labels = torch.tensor(data.target[order])
    test, held, rest = slice(0, TEST), slice(TEST, TEST + HELD), slice(TEST + HELD, None)
    net = Net()
    optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
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
    export_qonnx(net.eval(), frames[:1], path, external_data=False)
    onnx.save(slim(onnx.load(path)), path)


if __name__ == "__main__":
    main()
