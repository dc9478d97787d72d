import base64
import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2] / "flaskwebapp"))


@pytest.fixture
def model_folder(tmp_path):
    """A model small enough to know by heart: the label is the brightest of the first four pixels."""
    weights = np.zeros((64, 4), dtype=np.float32)
    weights[:4, :] = 10 * np.eye(4)
    np.savez(tmp_path / "digits.npz", weights0=weights, biases0=np.zeros(4, dtype=np.float32))
    (tmp_path / "synset.txt").write_text("airliner\nstingray\ncock\nhen\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def client(model_folder):
    from app import create_app

    return create_app(model_folder).test_client()


@pytest.fixture
def picture_of():
    """A picture, as a file in base64, that the model of these tests takes for its label of this number."""

    def picture(number, side=8, mode="L", form="PNG"):
        pixels = np.zeros((8, 8), dtype=np.uint8)
        pixels[0, number] = 255
        image = Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST).convert(mode)
        file = io.BytesIO()
        image.save(file, form)
        return base64.b64encode(file.getvalue()).decode()

    return picture
