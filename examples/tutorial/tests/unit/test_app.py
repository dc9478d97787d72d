"""What the service promises to whoever calls it."""

import base64
import json

import numpy as np
import pytest
from driver import Driver


def test_is_healthy(client):
    answer = client.get("/")
    assert (answer.status_code, answer.text) == (200, "Healthy")


def test_tells_the_commit_and_the_model_that_it_was_built_from(client, monkeypatch):
    monkeypatch.setenv("APP_COMMIT", "0f1e2d3")
    monkeypatch.setenv("MODEL_VERSION", "20261125")
    version = client.get("/version").get_json()
    assert (version["app"], version["model"]) == ("0f1e2d3", "20261125")


def test_gives_the_three_likeliest_labels_where_the_clients_of_the_tutorial_look_for_them(client, picture_of):
    body = json.dumps({"input": f'["{picture_of(0)}"]'})
    answer = client.post("/score", data=body, content_type="application/json").get_json()
    assert answer["result"][0][0][0][0] == "airliner"
    assert len(answer["result"][0][0]) == 3
    assert answer["result"][1].startswith("Computed in ")


def test_takes_several_pictures_as_a_plain_list(client, picture_of):
    answer = client.post("/score", json={"input": [picture_of(n) for n in (3, 1)]}).get_json()
    assert [labels[0][0] for labels in answer["result"][0]] == ["hen", "stingray"]


@pytest.mark.parametrize("options", [{"side": 224}, {"mode": "RGB"}, {"side": 64, "mode": "RGB", "form": "JPEG"}])
def test_takes_pictures_of_any_size_and_kind(client, picture_of, options):
    answer = client.post("/score", json={"input": [picture_of(2, **options)]}).get_json()
    assert answer["result"][0][0][0][0] == "cock"


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"input": None},
        {"input": "not a list"},
        {"input": "{}"},
        {"input": [7]},
        {"input": ["not base64"]},
        {"input": [base64.b64encode(b"not a picture").decode()]},
    ],
)
def test_says_what_is_wrong_with_a_request(client, body):
    answer = client.post("/score", json=body)
    assert answer.status_code == 400
    assert "must be" in answer.get_json()["error"]


def test_says_that_a_body_is_not_json(client):
    assert client.post("/score", data="{", content_type="application/json").status_code == 400


def test_refuses_a_body_that_is_far_too_large(client):
    assert client.post("/score", json={"input": ["A" * 5_000_000]}).status_code == 413


def test_refuses_a_model_whose_two_files_do_not_belong_together(model_folder):
    (model_folder / "synset.txt").write_text("one\ntwo\n", encoding="utf-8")
    with pytest.raises(ValueError, match="names 2"):
        Driver.load(model_folder)


def test_refuses_weights_that_carry_code(model_folder):
    np.savez(model_folder / "digits.npz", weights0=np.array([{}], dtype=object), biases0=np.zeros(4))
    with pytest.raises(ValueError, match="allow_pickle"):
        Driver.load(model_folder)
