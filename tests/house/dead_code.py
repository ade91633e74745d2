"""Code that nothing uses. What tests alone use is dead too."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vulture import Vulture

from tests.house.source import CLIENTS, ROOT, TEMPLATES

FOLDERS = ("dashboard", "jobs")
# Called by the library whose class they extend, under the names that it gave them.
CALLED_FROM_OUTSIDE = {
    "Worker",  # gunicorn's worker_class
    "process_bind_param",  # SQLAlchemy's types
    "process_result_value",
    "CursorResult",  # named in a cast
    "handle_starttag",  # html.parser
    "handle_endtag",
    "handle_data",
    "connection_made",  # asyncio's protocols
    "connection_lost",
    "pause_writing",
    "resume_writing",
    "data_received",
    "handle_error",  # gunicorn's worker
    "subscribe",  # RQ's worker
    "handle_warm_shutdown_request",
    "set_shutdown_requested_date",
    "process_formdata",  # WTForms
    "_value",
    "ensure_sync",  # Flask
    "get_id",  # Flask-Login
    "raise_for_status",  # Authlib, of what answers it
    "preprocess",  # Jinja's extensions
    "VIEWS",  # imported for the routes that they put on a blueprint
}


def no_code_is_dead() -> Iterator[str]:
    """Functions, classes, methods, properties, imports and constants. Fields are data, which JSON and pages read."""
    finder = Vulture(ignore_decorators=["@*"])  # what is decorated is put on a list: routes, commands, hooks
    finder.scavenge([ROOT / folder for folder in FOLDERS], exclude=["migrations/versions"])
    drawn = set(re.findall(r"\w+", " ".join([*TEMPLATES.values(), *CLIENTS])))
    for item in finder.get_unused_code(min_confidence=60):
        is_field = item.typ in ("variable", "attribute") and not item.name.isupper()
        is_called = item.name in CALLED_FROM_OUTSIDE or item.name.startswith("validate_")  # of a field: WTForms
        is_word = (
            item.filename.name == "vocabulary.py"
        )  # it may stand in a database or a request, and be made by no code
        if not is_field and not is_called and not is_word and item.name not in drawn:
            yield f"{item.filename.relative_to(ROOT)}:{item.first_lineno} {item.typ} {item.name} is used by nothing"
