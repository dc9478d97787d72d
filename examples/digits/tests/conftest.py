import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "app"))


@pytest.fixture
def model_folder(tmp_path):
    """A model small enough to know by heart: the digit is the brightest of the first ten pixels."""
    hidden = np.eye(64, dtype=np.float32)
    out = np.zeros((64, 10), dtype=np.float32)
    out[:10, :] = 10 * np.eye(10)
    np.savez(
        tmp_path / "model.npz",
        weights0=hidden,
        biases0=np.zeros(64, dtype=np.float32),
        weights1=out,
        biases1=np.zeros(10, dtype=np.float32),
    )
    return tmp_path


@pytest.fixture
def client(model_folder):
    from app import create_app

    return create_app(model_folder).test_client()


@pytest.fixture
def image_of():
    """The image that the model of these tests takes for a digit."""

    def image(digit):
        pixels = [0] * 64
        pixels[digit] = 16
        return pixels

    return image
