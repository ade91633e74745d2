"""The API's blueprints. A new file of endpoints under `views/` is one line here."""

from __future__ import annotations

from flask import Flask

from dashboard.api import request_ids, traces
from dashboard.api.blueprint import MessageIdConverter, bp
from dashboard.api.doors import chinguisoft, supabase
from dashboard.api.views import account, bulk, callbacks, health, messages, metrics, openapi, otp, sandbox, webhooks

VIEWS = (account, messages, bulk, otp, sandbox, webhooks)  # their routes are on the blueprint that asks for a key
OPEN = (health.bp, metrics.bp, openapi.bp, callbacks.bp, supabase.bp, chinguisoft.bp)  # these ask for none


def register(app: Flask) -> None:
    """Give the application the API's routes."""
    request_ids.register(app)
    app.url_map.converters["message"] = MessageIdConverter
    for blueprint in (*OPEN, bp):
        app.register_blueprint(blueprint)
    traces.register(app)


def brief_operations(app: Flask) -> frozenset[bytes]:
    """Method and address of each call that its contract says to be brief."""
    declared = {name: getattr(view, "contract", None) for name, view in app.view_functions.items()}
    rules = [rule for rule in app.url_map.iter_rules() if (each := declared.get(rule.endpoint)) and each.is_brief]
    return frozenset(f"{method} {rule.rule}".encode() for rule in rules for method in rule.methods or ())
