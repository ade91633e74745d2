"""Who is here, what may they do, and what a browser may do with our pages. Everything not allowed is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast
from urllib.parse import urlsplit

from flask import Request, Response, abort, current_app, make_response, redirect, request, url_for
from flask import session as browser_session
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf.csrf import CSRFError, generate_csrf

from dashboard.db import read_session
from dashboard.extensions import login, services, session
from dashboard.gateway.accounts import user_sessions, users
from dashboard.models.accounts import User
from dashboard.pages.web import htmx

__all__ = ["CSRFError", "check", "enter", "harden", "leave", "may", "me", "needs", "public", "safe_next", "visitor"]

View = TypeVar("View", bound=Callable[..., ResponseReturnValue])
READING = ("GET", "HEAD", "OPTIONS")
ELSEWHERE = ("cross-site", "same-site")  # where a form may come from, and must not: also other names of this site
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types htmx"
)
HOMES = ("/dashboard/", "/docs/")  # where pages lie
HSTS = "max-age=31536000"


@dataclass(frozen=True)
class Visitor:
    """The signed-in administrator, free of any database session."""

    id: int
    name: str
    email: str
    role: str
    is_authenticated = True

    def may(self, role: str) -> bool:
        """Whether the visitor has this role or one above it."""
        return users.RANK[self.role] >= users.RANK[role]


def public(view: View) -> View:
    """Open to everyone, signed in or not."""
    view.public = True  # type: ignore[attr-defined]
    return view


def needs(role: str) -> Callable[[View], View]:
    """Open to this role and those above it."""

    def mark(view: View) -> View:
        view.needs = role  # type: ignore[attr-defined]
        return view

    return mark


def visitor() -> Visitor | None:
    """Who is signed in."""
    return cast(Visitor, current_user) if current_user.is_authenticated else None


def may(role: str) -> bool:
    """Whether whoever is signed in has this role or one above it."""
    person = visitor()
    return person is not None and person.may(role)


def me() -> str:
    """The e-mail address of whoever is signed in, as rows keep it."""
    person = visitor()
    return person.email if person else ""


def check(least: str) -> ResponseReturnValue | None:
    """The guard of every page: None lets the request in."""
    if request.method not in READING and request.headers.get("Sec-Fetch-Site") in ELSEWHERE:
        abort(403)
    view = current_app.view_functions[cast(str, request.endpoint)]
    if getattr(view, "public", False):
        return None
    person = visitor()
    if person is None:
        return _to_sign_in()
    role = needed_role(view, request.method, least)
    if role is None or not person.may(role):
        abort(403)
    return None


def needed_role(view: object, method: str, least: str) -> str | None:
    """The role that a view asks for; None refuses everyone: a view that changes something must name its role."""
    declared: str | None = getattr(view, "needs", None)
    if declared is None:
        return least if method in READING else None
    return max(declared, least, key=lambda role: users.RANK[role])


def enter(user: User, where: str | None = None) -> Response:
    """Begin a session with a new token, after the old one has ended; commits. Lead to `where`, else to `next`."""
    _end_session()
    token = user_sessions.start_session(session, user, request.remote_addr or "", request.user_agent.string)
    session.commit()
    browser_session.clear()  # a form token from before belongs to nobody now
    response = make_response(redirect(where or safe_next(), 303))
    response.set_cookie(cookie_name(), token, path="/", secure=_secure(), httponly=True, samesite="Lax")
    return response


def leave() -> Response:
    """End the session; commits."""
    _end_session()
    session.commit()
    browser_session.clear()
    response = make_response(redirect(url_for("pages.auth.sign_in"), 303))
    response.delete_cookie(cookie_name(), path="/", secure=_secure(), httponly=True, samesite="Lax")
    return response


def safe_next() -> str:
    """The local page that `next` names, else the first page."""
    wanted = request.values.get("next", "")
    return wanted if is_local(wanted) else url_for("pages.home")


def is_local(url: str) -> bool:
    """Whether an address is a plain path under the pages: no host, no backslash, no control character."""
    if not url.startswith(HOMES) or not url.isprintable() or "\\" in url or "//" in url.partition("?")[0]:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return not parts.scheme and not parts.netloc


def cookie_name() -> str:
    return "__Host-chinqit_session" if _secure() else "chinqit_session"


def harden(response: Response) -> Response:
    """The headers of every page, errors and redirects included."""
    headers = response.headers
    headers["Content-Security-Policy"] = POLICY
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cache-Control"] = "no-store"
    response.vary.update(["HX-Request-Type", "HX-Target", "Cookie", "Accept-Language"])
    if _secure():
        headers["Strict-Transport-Security"] = HSTS
    return response


def form_token() -> str:
    """The token that every form bears."""
    return cast(str, generate_csrf())


@login.request_loader  # type: ignore[untyped-decorator]
def _load(asked: Request) -> Visitor | None:
    token = asked.cookies.get(cookie_name(), "")
    if not token:
        return None
    with read_session(services().sessions) as reader:
        seen = user_sessions.session_of(reader, token)
        if seen is None:
            return None
        found = Visitor(seen.user.id, seen.user.name, seen.user.email, seen.user.role)
        stale = user_sessions.needs_touch(seen)
    if stale and "X-Poll" not in asked.headers:  # a page that refreshes itself keeps nobody signed in
        with services().sessions.begin() as writer:
            user_sessions.touch(writer, token)
    return found


def _to_sign_in() -> ResponseReturnValue:
    wanted = request.full_path.removesuffix("?") if request.method in READING else ""
    if not htmx.is_htmx():
        return redirect(url_for("pages.auth.sign_in", next=wanted or None))
    current = urlsplit(request.headers.get("HX-Current-URL", ""))
    page = f"{current.path}?{current.query}" if current.query else current.path
    where = url_for("pages.auth.sign_in", next=page if is_local(page) else None)
    return "", 401, {"HX-Redirect": where}


def _end_session() -> None:
    token = request.cookies.get(cookie_name(), "")
    if token:
        user_sessions.end_session(session, token)


def _secure() -> bool:
    return services().settings.secure
