"""The application: the one place where everything meets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, Response, redirect, request, url_for
from werkzeug.exceptions import BadHost, HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from dashboard.api import errors as api_errors
from dashboard.api import registry as api
from dashboard.db import engine_options
from dashboard.extensions import db, open_services
from dashboard.pages import registry as pages
from dashboard.pages.web import errors as page_errors
from dashboard.pages.web import headers
from dashboard.resources import resource
from dashboard.settings import Settings

HSTS = "max-age=31536000; includeSubDomains"
LARGEST_FORM = 64 * 1024  # bytes


class Gateway(Flask):
    """Flask, which need not ask each view and hook on every request whether it is a coroutine: none is."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


def create_app(settings: Settings) -> Flask:
    """The web side of the gateway: JSON API at the root, pages under /dashboard."""
    app = Gateway("dashboard", template_folder=str(resource("templates")), static_folder=str(resource("static")))
    app.config.from_mapping(_config(settings))
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.merge_slashes = False  # /otp//send is unknown, not a redirect in HTML
    if settings.proxy_hops:
        hops = settings.proxy_hops
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    db.init_app(app)
    with app.app_context():
        app.extensions["chinqit"] = open_services(settings)
    api.register(app)
    pages.register(app)
    app.register_error_handler(HTTPException, _http_error)
    app.add_url_rule("/", "root", _root)
    app.after_request(_harden_tls if settings.secure else _harden)
    return app


def _harden(response: Response) -> Response:
    """A header of every answer: no browser guesses what it is."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _harden_tls(response: Response) -> Response:
    """Where people come over TLS, every answer says that they are to come no other way."""
    response.headers["Strict-Transport-Security"] = HSTS
    return _harden(response)


def _config(settings: Settings) -> dict[str, object]:
    return {
        "SECRET_KEY": settings.secret_key,
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options(settings.database_url),
        "SESSION_COOKIE_NAME": "__Host-chinqit_session" if settings.secure else "chinqit_session",
        "SESSION_COOKIE_PATH": "/",
        "SESSION_COOKIE_SECURE": settings.secure,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "MAX_CONTENT_LENGTH": LARGEST_FORM,  # the API's calls have limits of their own
        "WTF_CSRF_CHECK_DEFAULT": False,  # the pages' blueprint checks; calls of the API have no forms
        "WTF_CSRF_TIME_LIMIT": None,  # the session ends first
        "WTF_CSRF_SSL_STRICT": False,  # some browsers send no Referer; Sec-Fetch-Site is looked at instead
        "WTF_CSRF_HEADERS": ["X-CSRF-Token"],
    }


def _http_error(error: HTTPException) -> Response | HTTPException:
    """Each side answers in its own shape; files have none."""
    if isinstance(error, BadHost):  # no links can be made for it, and a page has some
        return api_errors.http_error(error)
    if pages.is_page(request.path):
        return headers.harden(page_errors.http_error(error))
    return error if request.path.startswith("/static/") else api_errors.http_error(error)


def _root() -> Response:
    return redirect(url_for("pages.home"))  # type: ignore[return-value]
