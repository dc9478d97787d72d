"""The data scientist's part: trains the classifier on the pictures that ship with scikit-learn.

Writes the two files of the model, digits.npz (the weights, numbers only) and synset.txt (a label a line). The same
arguments give the same bytes.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

LABELS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
BRIGHTEST = 16.0
SCALE = 8


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="folder for digits.npz and synset.txt")
    parser.add_argument("--samples", type=int, default=1347, help="how many pictures to learn from, at most 1347")
    parser.add_argument("--hidden", default="256,128", help="sizes of the hidden layers")
    parser.add_argument("--pictures", type=Path, help="also write a picture of each digit that was not learnt from")
    return parser.parse_args()


def write_pictures(folder, pictures, digits):
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for digit, label in enumerate(LABELS):
        small = pictures[list(digits).index(digit)].reshape(8, 8) * 255
        image = Image.fromarray(small.round().astype(np.uint8))
        image.resize((8 * SCALE, 8 * SCALE), Image.Resampling.NEAREST).save(folder / f"{label}.png", optimize=True)


if __name__ == "__main__":
    # Few passes on purpose: that a weaker model could still learn is its point.
    warnings.filterwarnings("ignore", message=".*Maximum iterations.*")
    options = arguments()
    data = load_digits()
    learn_x, test_x, learn_y, test_y = train_test_split(
        data.data / BRIGHTEST, data.target, test_size=450, stratify=data.target, random_state=0
    )
    sizes = tuple(int(size) for size in options.hidden.split(","))
    model = MLPClassifier(hidden_layer_sizes=sizes, max_iter=60, random_state=0)
    model.fit(learn_x[: options.samples], learn_y[: options.samples])

    arrays = {}
    for n, (weights, biases) in enumerate(zip(model.coefs_, model.intercepts_)):
        arrays[f"weights{n}"] = weights.astype(np.float32)
        arrays[f"biases{n}"] = biases.astype(np.float32)
    options.output.mkdir(parents=True, exist_ok=True)
    np.savez(options.output / "digits.npz", **arrays)
    (options.output / "synset.txt").write_text("\n".join(LABELS) + "\n", encoding="utf-8")
    if options.pictures:
        write_pictures(options.pictures, test_x, test_y)
    print(f"accuracy {model.score(test_x, test_y):.1%} on {len(test_x)} pictures it never saw")
