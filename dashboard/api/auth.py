"""Which key a request presents, and whether it may be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from flask import g, request

from dashboard.api.errors import ApiError
from dashboard.extensions import services
from dashboard.gateway.api_keys import authentication, usage
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.api_keys.usage import KeyUse

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def caller() -> Caller:
    """The key of this request."""
    return cast(Caller, g.caller)


def check_key(*, fresh: bool) -> None:
    """Find the key that is presented; raise ApiError or UnknownKey.

    One that is not `fresh` was perhaps looked up a second ago. That will do for a call whose work sees for itself, in
    the transaction that writes, that the key is live: a revoked key is refused from the next request on all the same.
    """
    environ = request.environ
    secret = environ.get("HTTP_X_API_KEY", "").strip() or _bearer(environ)
    if not secret:
        raise ApiError("api_key_is_required")
    admit(services().key_cache.find(secret, fresh=fresh))


def admit(found: Caller) -> None:
    """Take a key as the one of this request, and note its use; raise ApiError where it may not come from here."""
    environ = request.environ
    address = environ.get("REMOTE_ADDR", "")
    g.caller = found
    if not found.admits(address):
        raise ApiError("address_not_allowed")
    use = KeyUse.of(found.id, address, environ.get("HTTP_USER_AGENT", ""))
    # Once a minute each, not once a request: when the key was last used, and by whom.
    if usage.memory.is_new(use) or authentication.needs_touch(found):
        services().group_commit.run(usage.record_uses, use)  # the request's own session may only read
        services().key_cache.forget(found)


def _bearer(environ: WSGIEnvironment) -> str:
    """What `Authorization: Bearer` holds (RFC 6750): some clients know no other header. X-API-Key goes before it."""
    scheme, _, secret = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""
