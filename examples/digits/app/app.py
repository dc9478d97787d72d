"""A small service around the digit classifier.

GET  /         healthy
GET  /version  the app's commit, the model's version, and the pod that answers
POST /score    {"input": [64 numbers from 0 to 16]} → {"result": 7, "confidence": 0.98}
"""

import os
import socket

from flask import Flask, abort, jsonify, request
from werkzeug.exceptions import HTTPException

from classifier import BadImage, Classifier, image_from

MOST_BYTES = 64 * 1024


def create_app(model_path):
    app = Flask(__name__)
    classifier = Classifier.load(model_path)

    @app.get("/")
    def health():
        return jsonify(status="healthy")

    @app.get("/version")
    def version():
        # The pipeline puts both into the image, so they say what was built and not what was meant.
        return jsonify(
            app=os.environ.get("APP_COMMIT", "unknown"),
            model=os.environ.get("MODEL_VERSION", "unknown"),
            pod=socket.gethostname(),
        )

    @app.post("/score")
    def score():
        # Flask's own limit covers forms only; a body without a length is one that could go on for ever.
        if request.content_length is None:
            abort(411, "the request must have a Content-Length.")
        if request.content_length > MOST_BYTES:
            abort(413, f"the body must have at most {MOST_BYTES} bytes.")
        body = request.get_json()
        if not isinstance(body, dict) or "input" not in body:
            raise BadImage('the body must be a JSON object with the field "input".')
        digit, confidence = classifier.classify(image_from(body["input"]))
        return jsonify(result=digit, confidence=round(confidence, 4))

    @app.errorhandler(BadImage)
    def bad_image(error):
        return jsonify(error=str(error)), 400

    @app.errorhandler(HTTPException)
    def told_in_json(error):
        # A body that is no JSON, or not said to be: one status for all that the caller sent wrongly.
        status = 400 if error.code == 415 else error.code
        return jsonify(error=error.description), status

    return app
