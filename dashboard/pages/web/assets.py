"""Static files: each address bears a hash of the content, so that browsers may keep it for good."""

from __future__ import annotations

import hashlib
from functools import cache as remember
from pathlib import Path

from flask import Response, current_app, request, url_for

FOREVER = "public, max-age=31536000, immutable"
HASH_LENGTH = 10


def asset(name: str) -> str:
    """The address of a file under static/."""
    return url_for("static", filename=name, v=_hash_of(name))


def cache(response: Response) -> Response:
    """Keep a file for good when it was asked for by the hash of its content."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    given = request.args.get("v")
    if given and response.status_code in (200, 206, 304) and given == _hash_of((request.view_args or {})["filename"]):
        response.headers["Cache-Control"] = FOREVER
    return response


def _hash_of(name: str) -> str:
    path = Path(current_app.static_folder or "", name)
    return _digest(path, path.stat().st_mtime_ns)


@remember
def _digest(path: Path, _changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:HASH_LENGTH]
