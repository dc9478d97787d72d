"""Trains a digit classifier on the data that ships with scikit-learn, and measures it on digits it never saw.

Writes two files: model.npz (the weights, numbers only) and metrics.json. The same arguments give the same bytes.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import sklearn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

BRIGHTEST = 16.0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="folder for model.npz and metrics.json")
    parser.add_argument("--samples", type=int, default=1347, help="how many digits to learn from, at most 1347")
    parser.add_argument("--hidden", default="256,128", help="sizes of the hidden layers")
    parser.add_argument("--iterations", type=int, default=60, help="passes over the data, at most")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def train(options):
    digits = load_digits()
    learn_x, test_x, learn_y, test_y = train_test_split(
        digits.data / BRIGHTEST, digits.target, test_size=450, stratify=digits.target, random_state=0
    )
    model = MLPClassifier(
        hidden_layer_sizes=tuple(int(size) for size in options.hidden.split(",")),
        max_iter=options.iterations,
        random_state=options.seed,
    )
    model.fit(learn_x[: options.samples], learn_y[: options.samples])
    metrics = {
        "accuracy": round(float(model.score(test_x, test_y)), 4),
        "trainedOn": min(options.samples, len(learn_x)),
        "testedOn": len(test_x),
        "hidden": options.hidden,
        "scikitLearn": sklearn.__version__,
    }
    return model, metrics


def write(folder, model, metrics):
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {}
    for n, (weights, biases) in enumerate(zip(model.coefs_, model.intercepts_)):
        arrays[f"weights{n}"] = weights.astype(np.float32)
        arrays[f"biases{n}"] = biases.astype(np.float32)
    np.savez(folder / "model.npz", **arrays)
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")


if __name__ == "__main__":
    import warnings

    # Few passes on purpose: that the weaker model could still learn is its point.
    warnings.filterwarnings("ignore", message=".*Maximum iterations.*")
    options = arguments()
    model, metrics = train(options)
    write(options.output, model, metrics)
    print(f"accuracy {metrics['accuracy']:.1%} on {metrics['testedOn']} digits it never saw, learnt from {metrics['trainedOn']}")
