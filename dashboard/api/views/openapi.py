"""GET /openapi.json: the description of this API, a file of the package."""

from __future__ import annotations

from functools import cache

from flask import Response, request

from dashboard.api.blueprint import ApiBlueprint
from dashboard.resources import resource

bp = ApiBlueprint("openapi", __name__)


@bp.get("/openapi.json")
def openapi() -> Response:
    """The document. Whoever has it already asks only whether it has changed."""
    response = Response(_document(), mimetype="application/json")
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    response.make_conditional(request)
    return response


@cache
def _document() -> bytes:
    return resource("openapi.json").read_bytes()
