"""Which key a request presents, and whether it may do what it asks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import cast

from flask import current_app, g, request
from sqlalchemy.orm import Session

from dashboard.api.blueprint import bp
from dashboard.api.errors import Forbidden, KeyMissing
from dashboard.extensions import services
from dashboard.gateway.api_keys import authentication, usage
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.api_keys.usage import KeyUse


def caller() -> Caller:
    """The key of this request."""
    return cast(Caller, g.caller)


def scope_missing(scope: str) -> Forbidden:
    return Forbidden("scope_missing", f"This API key lacks the scope {scope!r}")


def address_not_allowed() -> Forbidden:
    return Forbidden("address_not_allowed", "This API key may not be used from your IP address")


@bp.before_request
def check_key() -> None:
    """Before anything else, and before the body is read."""
    if not _presented():
        raise KeyMissing
    g.caller = services().key_cache.find(_presented(), fresh=not _confirms())
    if not g.caller.admits(request.remote_addr or ""):
        raise address_not_allowed()
    _note_use(g.caller)


def look_again() -> None:
    """Raise UnknownKey when the key of this request was remembered and has ended since."""
    if g.get("caller") and _confirms():
        services().key_cache.find(_presented())


def _presented() -> str:
    return request.headers.get("X-API-Key", "").strip()


def _confirms() -> bool:
    """Whether the route sees for itself, in the transaction that writes, that the key is live."""
    declared = getattr(current_app.view_functions[request.endpoint or ""], "contract", None)
    return declared is not None and bool(declared.confirms)


def _note_use(caller: Caller) -> None:
    """When the key was last used, and by whom: once a minute each, not once a request."""
    sighting = KeyUse.of(caller.id, request.remote_addr or "", request.headers.get("User-Agent", ""))
    parts: list[Callable[[Session], None]] = []
    if authentication.needs_touch(caller):
        parts.append(partial(authentication.touch, caller=caller))
    if usage.memory.is_new(sighting):
        parts.append(partial(usage.record, sighting=sighting))
    if parts:  # through the writer: the request's own session may only read
        services().group_commit.run(lambda writing: [part(writing) for part in parts])
        services().key_cache.forget(caller)
