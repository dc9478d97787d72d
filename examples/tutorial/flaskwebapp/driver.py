"""The image classifier: weights and labels from two files, any picture in, the three likeliest labels out."""

import base64
import binascii
import io
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

MODEL_FILE = "digits.npz"
LABEL_FILE = "synset.txt"
TOP = 3
SIDE = 8
MOST_PIXELS = 4_000_000


class BadImage(ValueError):
    """What was sent is no picture; the message says why."""


class Driver:
    def __init__(self, layers, labels):
        self._layers = layers
        self._labels = labels

    @classmethod
    def load(cls, folder):
        """Reads both files of the model. Without pickles an .npz is numbers only, so loading it runs no code."""
        labels = (Path(folder) / LABEL_FILE).read_text(encoding="utf-8").splitlines()
        with np.load(Path(folder) / MODEL_FILE, allow_pickle=False) as arrays:
            count = len(arrays.files) // 2
            layers = [(arrays[f"weights{n}"], arrays[f"biases{n}"]) for n in range(count)]
        if layers[-1][1].shape != (len(labels),):
            raise ValueError(f"{MODEL_FILE} tells {layers[-1][1].size} things apart, {LABEL_FILE} names {len(labels)}.")
        return cls(layers, labels)

    def classify(self, picture):
        """The likeliest labels of a picture in base64, each with its percentage, likeliest first."""
        signal = pixels_of(picture)
        for weights, biases in self._layers[:-1]:
            signal = np.maximum(signal @ weights + biases, 0)
        weights, biases = self._layers[-1]
        logits = signal @ weights + biases
        odds = np.exp(logits - logits.max())
        odds /= odds.sum()
        return [(self._labels[n], round(float(odds[n]) * 100, 2)) for n in (-odds).argsort()[:TOP]]


def pixels_of(picture):
    """White ink on black, as the model knows it: 8 by 8 pixels from 0 to 1."""
    if not isinstance(picture, str):
        raise BadImage("a picture must be text in base64.")
    try:
        image = Image.open(io.BytesIO(base64.b64decode(picture, validate=True)))
        if image.width * image.height > MOST_PIXELS:
            raise BadImage(f"a picture must have at most {MOST_PIXELS} pixels.")
        small = image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    except (binascii.Error, UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise BadImage("a picture must be a PNG or JPEG file in base64.") from error
    return np.asarray(small, dtype=np.float32).reshape(-1) / 255
