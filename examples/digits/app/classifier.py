"""The digit classifier as the service runs it: plain numpy, weights from a file that holds no code."""

from pathlib import Path

import numpy as np

PIXELS = 64  # 8 × 8
BRIGHTEST = 16.0


class BadImage(ValueError):
    """The input is not an image of a digit; the message says why."""


def image_from(value):
    """An 8 × 8 image as 64 numbers from 0 to 1. Takes 64 numbers, or 8 rows of 8, each from 0 (blank) to 16 (full ink)."""
    if not isinstance(value, list):
        raise BadImage("input must be a list: 64 numbers, or 8 rows of 8 numbers.")
    rows = value if any(isinstance(row, list) for row in value) else [value]
    if not all(isinstance(row, list) for row in rows) or (len(rows) > 1 and {len(row) for row in rows} != {8}):
        raise BadImage("input must be 64 numbers, or 8 rows of 8 numbers.")
    pixels = [pixel for row in rows for pixel in row]
    if len(pixels) != PIXELS:
        raise BadImage(f"input has {len(pixels)} numbers, a digit has {PIXELS}.")
    # A bool is an int to Python, and JSON as Python reads it knows NaN: neither is a pixel.
    if not all(type(pixel) in (int, float) and 0 <= pixel <= BRIGHTEST for pixel in pixels):
        raise BadImage("input must hold numbers from 0 to 16.")
    return np.asarray(pixels, dtype=np.float32) / BRIGHTEST


class Classifier:
    """A multi-layer perceptron: ReLU between the layers, softmax at the end."""

    def __init__(self, layers):
        self._layers = layers

    @classmethod
    def load(cls, folder):
        """Reads `model.npz` as train.py writes it: weights0, biases0, weights1, …"""
        # Without pickles an .npz is numbers only: loading it can run no code, whoever made it.
        with np.load(Path(folder) / "model.npz", allow_pickle=False) as arrays:
            count = len(arrays.files) // 2
            return cls([(arrays[f"weights{n}"], arrays[f"biases{n}"]) for n in range(count)])

    def classify(self, image):
        """The digit, and how sure the model is of it, from 0 to 1."""
        signal = image
        for weights, biases in self._layers[:-1]:
            signal = np.maximum(signal @ weights + biases, 0)
        weights, biases = self._layers[-1]
        logits = signal @ weights + biases
        odds = np.exp(logits - logits.max())
        digit = int(odds.argmax())
        return digit, float(odds[digit] / odds.sum())
