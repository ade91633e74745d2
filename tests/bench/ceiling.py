"""The most that Flask can do under gunicorn's own threaded worker: answer the same JSON, and nothing else."""

from __future__ import annotations

import uuid

from flask import Flask, Response, jsonify

app = Flask(__name__)


@app.post("/messages/send")
def send() -> Response:
    return jsonify({"success": True, "messageId": str(uuid.uuid4()), "queued": True})
