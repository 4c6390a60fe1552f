"""Train a network as Whetstone does, in Keras 3, and dump its weights: ``train_keras.py -o digits.npz``.

Whetstone itself needs Keras 2.1.2. Its two layers are written here anew, under its names: a ReLU bounded to 0 .. 1 that
is sharpened to a step, and a decoder of n-hot keys. What the trained network answers for the shipped frames is kept as
``labels`` in ``digits.answers.npz``. Needs keras with a backend (torch here) and scikit-learn, none of which neuroproc
needs.
"""

import argparse
from pathlib import Path

import keras
import numpy as np
from keras import ops
from sklearn.datasets import load_digits

TEST, HELD, EPOCHS, CLASSES, UNITS = 360, 180, 36, 10, 60


class Spiking_BRelu(keras.layers.Layer):
    """Slope 1 / (1 - sharpness) around 1/2, bounded to 0 .. 1; a step where the sharpness is 1."""

    def __init__(self, sharpness=0.0, **said):
        super().__init__(**said)
        self.sharpness = sharpness

    def call(self, x):
        """The bounded ReLU."""
        if self.sharpness == 1:
            return ops.cast(x >= 0.5, x.dtype)
        return ops.clip((x - 0.5) / (1 - self.sharpness) + 0.5, 0, 1)

    def get_config(self):
        """With the sharpness."""
        return {**super().get_config(), "sharpness": self.sharpness}


class Softmax_Decode(keras.layers.Layer):
    """Classes by keys: how much the units agree with each."""

    def __init__(self, key, **said):
        super().__init__(**said)
        self.key = key

    def call(self, x):
        """Softmax of the agreements."""
        return ops.softmax(ops.matmul(2 * x - 1, ops.transpose(2 * self.key - 1)) / 2)

    def get_config(self):
        """With the key."""
        return {**super().get_config(), "key": self.key.tolist()}


class Sharpen(keras.callbacks.Callback):
    """From the bottom up: a third of the second half of the training for each layer."""

    def on_epoch_begin(self, epoch, logs=None):
        """Sharpness of this epoch."""
        spiking = [layer for layer in self.model.layers if isinstance(layer, Spiking_BRelu)]
        each = EPOCHS // 2 // len(spiking)
        for number, layer in enumerate(spiking):
            done = (epoch + 1 - EPOCHS // 2 - number * each) / each
            layer.sharpness = float(np.clip(np.round(done, 3), 0, 1 if number < len(spiking) - 1 else 0.99))
        self.model.make_train_function(force=True)

    def on_train_end(self, logs=None):
        """The last layer has a gradient to the end, or there would be none."""
        next(layer for layer in reversed(self.model.layers) if isinstance(layer, Spiking_BRelu)).sharpness = 1.0


def dump(model, path):
    """Run the script of docs/weights.md as it stands there, but for the file's name."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "weights.md").read_text(encoding="utf-8")
    script = page.split("```py\n")[1].split("```")[0]
    exec(script.replace('"model.npz"', repr(str(path))), {"model": model})


def main():
    """Train, print the accuracies, dump."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True, help="file to write")
    output = parser.parse_args().output
    keras.utils.set_random_seed(1)
    data = load_digits()
    order = np.random.default_rng(1).permutation(len(data.target))  # the first 360 are the frames that are shipped
    frames, labels = data.images[order, ..., None].astype(np.float32) / 16, data.target[order]
    test, held, rest = slice(0, TEST), slice(TEST, TEST + HELD), slice(TEST + HELD, None)
    key = np.repeat(np.eye(CLASSES, dtype=np.float32), UNITS // CLASSES, axis=1)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(8, 3, padding="same", name="conv"),
            Spiking_BRelu(name="spikes1"),
            keras.layers.MaxPooling2D(2, name="pool"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dense(64, name="fc1"),
            Spiking_BRelu(name="spikes2"),
            keras.layers.Dense(UNITS, name="fc2"),
            Spiking_BRelu(name="spikes3"),
            Softmax_Decode(key, name="answer"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy")
    model.fit(frames[rest], labels[rest], batch_size=50, epochs=EPOCHS, verbose=0, callbacks=[Sharpen()])
    for name, part in (("held-out", held), ("test", test)):
        answers = model.predict(frames[part], verbose=0).argmax(1)
        print(f"{name} accuracy {np.mean(answers == labels[part]):.2%}")
    np.savez_compressed(output.with_suffix(".answers.npz"), labels=answers.astype(np.uint8))
    dump(model, output)


if __name__ == "__main__":
    main()
