"""Where gunicorn finds the app: `gunicorn wsgi:app`."""

import os

from app import create_app

app = create_app(os.environ.get("MODEL_PATH", "/model"))
