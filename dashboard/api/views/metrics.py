"""GET /metrics, for Prometheus: with the token, or without one from this machine alone."""

from __future__ import annotations

import hmac
import ipaddress

from flask import Response, request
from sqlalchemy.exc import SQLAlchemyError

from dashboard.api.blueprint import ApiBlueprint
from dashboard.db import error_reason, read_session
from dashboard.extensions import services
from dashboard.gateway.monitoring import metrics

TEXT = "text/plain; version=0.0.4; charset=utf-8"
PROXIED = ("X-Forwarded-For", "X-Real-IP", "Forwarded")  # whoever passes on calls of others says so

bp = ApiBlueprint("metrics", __name__)


@bp.get("/metrics")
def show() -> Response:
    """Figures of the whole gateway; 403 for strangers, 503 when the database does not answer."""
    if not _may_read():
        return Response("Send METRICS_TOKEN as a Bearer token, or ask from this machine.\n", 403, mimetype="text/plain")
    fault = services().wakeup.fault()
    try:
        with read_session(services().sessions) as session:
            text = metrics.exposition(session, services().settings, fault)
    except SQLAlchemyError as error:
        return Response(f"The database does not answer: {error_reason(error)}\n", 503, mimetype="text/plain")
    return Response(text, content_type=TEXT)


def _may_read() -> bool:
    token = services().settings.metrics_token
    if token:
        kind, _, given = request.headers.get("Authorization", "").partition(" ")
        return kind.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())
    if any(name in request.headers for name in PROXIED):
        return False
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
