"""The blueprint of all endpoints that ask for a key."""

from __future__ import annotations

from flask import Blueprint
from werkzeug.routing import BaseConverter

bp = Blueprint("api", __name__)


class MessageIdConverter(BaseConverter):
    """Whatever stands where an id does, but for the operations: GET /messages/send is 405, not an unknown message."""

    regex = "(?!send$|batch$)[^/]+"
