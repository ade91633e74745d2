"""The blueprint of all endpoints that ask for a key."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from werkzeug.routing import BaseConverter


class ApiBlueprint(Blueprint):
    """Its routes answer OPTIONS with 405 as the reference does, and take a slash at the end of their address."""

    def add_url_rule(self, rule: str, *args: Any, **options: Any) -> None:
        super().add_url_rule(rule, *args, **{"provide_automatic_options": False, "strict_slashes": False, **options})


class MessageIdConverter(BaseConverter):
    """Whatever stands where an id does, but for the operations: GET /messages/send is 405, not an unknown message."""

    regex = "(?!send$|batch$)[^/]+"
    part_isolating = True  # the slash in the pattern names none in the address


bp = ApiBlueprint("api", __name__)
