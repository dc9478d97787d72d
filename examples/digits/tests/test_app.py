"""What the service promises to whoever calls it."""

import pytest


def test_is_healthy(client):
    answer = client.get("/")
    assert answer.status_code == 200
    assert answer.get_json() == {"status": "healthy"}


def test_tells_the_commit_and_the_model_that_it_was_built_from(client, monkeypatch):
    monkeypatch.setenv("APP_COMMIT", "0f1e2d3")
    monkeypatch.setenv("MODEL_VERSION", "2")
    version = client.get("/version").get_json()
    assert version["app"] == "0f1e2d3"
    assert version["model"] == "2"
    assert version["pod"] != ""


@pytest.mark.parametrize("digit", range(10))
def test_scores_64_numbers(client, image_of, digit):
    answer = client.post("/score", json={"input": image_of(digit)})
    assert answer.status_code == 200
    assert answer.get_json()["result"] == digit


def test_scores_8_rows_of_8(client, image_of):
    pixels = image_of(6)
    rows = [pixels[start : start + 8] for start in range(0, 64, 8)]
    assert client.post("/score", json={"input": rows}).get_json()["result"] == 6


def test_tells_how_sure_it_is(client, image_of):
    assert client.post("/score", json={"input": image_of(3)}).get_json()["confidence"] > 0.99
    assert client.post("/score", json={"input": [0] * 64}).get_json()["confidence"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, 'field "input"'),
        ([1, 2, 3], 'field "input"'),
        ({"input": "seven"}, "must be a list"),
        ({"input": []}, "has 0 numbers"),
        ({"input": [0] * 63}, "has 63 numbers"),
        ({"input": [[0] * 8] * 7}, "has 56 numbers"),
        ({"input": [[0] * 4] * 16}, "8 rows of 8"),
        ({"input": [[0] * 8] * 7 + [0] * 8}, "8 rows of 8"),
        ({"input": [17] + [0] * 63}, "from 0 to 16"),
        ({"input": [-1] + [0] * 63}, "from 0 to 16"),
        ({"input": [True] + [0] * 63}, "from 0 to 16"),
        ({"input": ["1"] + [0] * 63}, "from 0 to 16"),
        ({"input": [None] + [0] * 63}, "from 0 to 16"),
        ({"input": [float("nan")] + [0] * 63}, "from 0 to 16"),
        ({"input": [float("inf")] + [0] * 63}, "from 0 to 16"),
    ],
)
def test_says_what_is_wrong_with_an_input(client, body, message):
    answer = client.post("/score", json=body)
    assert answer.status_code == 400
    assert message in answer.get_json()["error"]


@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
def test_says_that_a_body_is_not_json(client, content_type):
    answer = client.post("/score", data="{", content_type=content_type)
    assert answer.status_code == 400
    assert answer.get_json()["error"] != ""


def test_refuses_a_body_that_is_far_too_large(client):
    assert client.post("/score", json={"input": [0] * 100_000}).status_code == 413


def test_refuses_a_body_of_unknown_length(client):
    assert client.post("/score").status_code == 411


def test_answers_in_json_where_there_is_nothing(client):
    answer = client.get("/predict")
    assert answer.status_code == 404
    assert "error" in answer.get_json()
