"""The app of the tutorial, with its addresses and answers.

GET  /         Healthy
GET  /version  the app's commit, the model's version, and what runs it
POST /score    {"input": "[\"<picture in base64>\"]"} → {"result": [[[["three", 99.1], …]], "Computed in 1.2 ms"]}
"""

import json
import os
import time

import numpy
from driver import BadImage, Driver
from flask import Flask, jsonify, request

MOST_BYTES = 4 * 1024 * 1024


def create_app(model_path):
    app = Flask(__name__)
    driver = Driver.load(model_path)

    @app.get("/")
    def health():
        return "Healthy"

    @app.get("/version")
    def version():
        # The pipeline puts both into the image, so they say what was built and not what was meant.
        return jsonify(
            app=os.environ.get("APP_COMMIT", "unknown"),
            model=os.environ.get("MODEL_VERSION", "unknown"),
            numpy=numpy.__version__,
        )

    @app.post("/score")
    def score():
        if request.content_length is None or request.content_length > MOST_BYTES:
            return jsonify(error=f"the body must say its length, of at most {MOST_BYTES} bytes."), 413
        started = time.perf_counter()
        # One list of labels for each picture, in a list, as the tutorial's clients read it: result[0][0][0][0].
        labels = [driver.classify(picture) for picture in pictures_of(request.get_json(silent=True))]
        return jsonify(result=[labels, f"Computed in {(time.perf_counter() - started) * 1000:.1f} ms"])

    @app.errorhandler(BadImage)
    def bad_image(error):
        return jsonify(error=str(error)), 400

    return app


def pictures_of(body):
    """The pictures of a request: a list, or, as the tutorial's clients send it, a list written as text."""
    pictures = body.get("input") if isinstance(body, dict) else None
    if isinstance(pictures, str):
        try:
            pictures = json.loads(pictures)
        except ValueError:
            pictures = None
    if not isinstance(pictures, list):
        raise BadImage('the body must be a JSON object whose "input" is a list of pictures.')
    return pictures
