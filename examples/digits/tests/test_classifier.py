"""What the service promises about the model it loads."""

import pickle

import numpy as np
import pytest

from classifier import Classifier


def test_refuses_weights_that_carry_code(tmp_path):
    np.savez(tmp_path / "model.npz", weights0=np.array([{"not": "numbers"}], dtype=object), biases0=np.zeros(1))
    with pytest.raises(ValueError, match="allow_pickle"):
        Classifier.load(tmp_path)


def test_refuses_a_pickle_in_place_of_weights(tmp_path):
    (tmp_path / "model.npz").write_bytes(pickle.dumps({"weights0": [1]}))
    with pytest.raises((ValueError, pickle.UnpicklingError), match="allow_pickle"):
        Classifier.load(tmp_path)


def test_says_that_there_is_no_model(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"model\.npz"):
        Classifier.load(tmp_path)
