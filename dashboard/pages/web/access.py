"""Who is signed in, and what may they do. Every page is shut unless it is declared open.

Flask-Login keeps the visitor (`current_user`). What it puts into the signed session cookie is the token of a row of
user_sessions, not the user's id: an "alternative token" in the words of its documentation. So a sign-in ends on the
server, by signing out, by age, or when the user is disabled, whatever cookies are left.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeVar, cast
from urllib.parse import urlsplit

from flask import abort, current_app, flash, g, make_response, redirect, request, url_for
from flask import session as browser_session
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import AnonymousUserMixin, UserMixin, current_user, login_user, logout_user

from dashboard.db import read_session
from dashboard.extensions import login, services, session
from dashboard.gateway import site_settings
from dashboard.gateway.accounts import second_factor, user_sessions, users
from dashboard.models.accounts import User
from dashboard.pages.web import htmx, known_device

View = TypeVar("View", bound=Callable[..., ResponseReturnValue])
READING = ("GET", "HEAD", "OPTIONS")
ELSEWHERE = ("cross-site", "same-site")  # where a form may come from, and must not: also other names of this site
HOMES = ("/dashboard/", "/docs/")  # where pages lie
SETTING_UP = (
    "pages.second_factor",
    "pages.passkeys",
)  # the parts that are open as long as somebody lacks what an owner requires
PROVEN = "proven_at"
PROVEN_SECONDS = 15 * 60
BY_PROVIDER = "by_provider"  # that a session was begun by the provider's word; true: with a second factor
TOKEN = "_user_id"  # noqa: S105  where Flask-Login keeps what get_id() returned


@dataclass(frozen=True)
class Visitor(UserMixin):  # type: ignore[misc]
    """Someone who is signed in, free of any database session."""

    token: str
    name: str
    email: str
    role: str
    id: int
    timezone: str  # empty: the gateway's
    log_columns: str
    has_app: bool
    has_passkey: bool
    has_password: bool

    @property
    def has_second_factor(self) -> bool:
        return self.has_app or self.has_passkey

    def get_id(self) -> str:
        return self.token

    def may(self, role: str) -> bool:
        """Whether the visitor has this role or one above it."""
        return users.RANK[self.role] >= users.RANK[role]


class Stranger(AnonymousUserMixin):  # type: ignore[misc]
    """Someone who is not signed in."""

    timezone = ""

    def may(self, _role: str) -> bool:
        return False


# The address of a phone changes as it moves: a session that is bound to it would end all the time. The token is
# random, lives for twelve hours at most, and in a cookie that no script reads.
login.session_protection = None
login.anonymous_user = Stranger


@dataclass(frozen=True)
class ProviderSignIn:
    """What the provider's word stands for beside who somebody is."""

    proven_at: int  # when it asked the person last, in seconds since 1970; 0: it does not say
    is_strong: bool  # whether that took a second factor


def public(view: View) -> View:
    """Open to everyone, signed in or not."""
    view.public = True  # type: ignore[attr-defined]
    return view


def needs(role: str, *, proof: bool = False) -> Callable[[View], View]:
    """Open to this role and those above it; with `proof`, to who typed a password or a code a moment ago."""

    def mark(view: View) -> View:
        view.needs = role  # type: ignore[attr-defined]
        view.proof = proof  # type: ignore[attr-defined]
        return view

    return mark


def refuse_foreign() -> None:
    """Abort with 403 when a form comes from another site, as its browser says; its token is judged beside that.

    Browsers send `Origin` with every POST, and most of them `Sec-Fetch-Site` too. Programs send neither.
    """
    if request.method in READING:
        return
    origin = request.headers.get("Origin")
    if request.headers.get("Sec-Fetch-Site") in ELSEWHERE or (origin is not None and not _is_own(origin)):
        abort(403)


def _is_own(origin: str) -> bool:
    """Whether an origin is this gateway's, by PUBLIC_URL or by Host. A proxy may speak TLS where we see plain HTTP."""
    public = urlsplit(services().settings.address)
    return origin in (f"{public.scheme}://{public.netloc}", f"http://{request.host}", f"https://{request.host}")


def check(least: str) -> ResponseReturnValue | None:
    """The guard of every page, as `login_required` for all of them at once: None lets the request in."""
    view = current_app.view_functions[cast(str, request.endpoint)]
    if getattr(view, "public", False):
        return None
    if not current_user.is_authenticated:
        return cast(ResponseReturnValue, login.unauthorized())
    role = needed_role(view, request.method, least)
    if role is None or not current_user.may(role):
        abort(403)
    has_factor = current_user.has_second_factor or browser_session.get(BY_PROVIDER, False)
    if not has_factor and request.blueprint not in SETTING_UP and _requires_second_factor():
        return htmx.redirect(url_for("pages.second_factor.ask"))
    if getattr(view, "proof", False) and not _is_proven():
        return _to_proof()
    return None


def note_proof() -> None:
    """The visitor has just typed the password or a code of the second factor."""
    browser_session[PROVEN] = int(time.time())


def require_proof() -> None:
    """Lead to where the visitor proves once more who is there, unless that was a moment ago."""
    if not _is_proven():
        abort(make_response(_to_proof()))


def came_by_provider() -> bool:
    return BY_PROVIDER in browser_session


def _is_proven() -> bool:
    """Whether that was during the last fifteen minutes; the time stands in the signed cookie, beside the token."""
    seconds: float = time.time() - browser_session.get(PROVEN, 0)
    return 0 <= seconds < PROVEN_SECONDS


def _to_proof() -> ResponseReturnValue:
    """Ask for the password, and lead back from there to the form; under 401 the browser keeps what was typed.

    A file leads back to the page that has its link: who has given the password would see no other page.
    """
    if PurePosixPath(request.path).suffix:
        wanted = htmx.local_part(request.referrer or "").partition("?")[0]
    elif request.method in READING:
        wanted = request.full_path.removesuffix("?")
    else:
        wanted = htmx.current_page() or request.path
    target = url_for("pages.proof.ask", next=wanted if is_local(wanted) else None)
    return htmx.redirect(target, 401) if htmx.is_htmx() else redirect(target, 303)


def _requires_second_factor() -> bool:
    """Whether an owner requires one of all; asked of the database once a second."""
    return site_settings.current_of(services().sessions).second_factor_required


def needed_role(view: object, method: str, least: str) -> str | None:
    """The role that a view asks for; None refuses everyone: a view that changes something must name its role."""
    declared: str | None = getattr(view, "needs", None)
    if declared is None:
        return least if method in READING else None
    return max(declared, least, key=lambda role: users.RANK[role])


def sign_in(user: User, where: str | None = None, provider: ProviderSignIn | None = None) -> ResponseReturnValue:
    """Begin a session with a new token, after the old one has ended; commits. Lead to `where`, else to `next`.

    `provider` is there when its word let the person in.
    """
    _end_session()
    token = user_sessions.start_session(session, user, request.remote_addr or "", request.user_agent.string)
    session.commit()
    browser_session.clear()  # a form token from before belongs to nobody now
    if provider is None:
        note_proof()
    else:
        browser_session[PROVEN], browser_session[BY_PROVIDER] = provider.proven_at, provider.is_strong
    login_user(_visitor_of(user, token))
    response = make_response(redirect(where or safe_next(), 303))
    known_device.remember(response, user.email)
    return response


def sign_out() -> ResponseReturnValue:
    """End the session; commits."""
    _end_session()
    session.commit()
    logout_user()
    browser_session.clear()
    return redirect(url_for("pages.sign_in.sign_in"), 303)


def safe_next() -> str:
    """The local page that `next` names, else the first page."""
    return local_or_home(request.values.get("next", ""))


def local_or_home(url: str) -> str:
    return url if is_local(url) else url_for("pages.home")


def is_local(url: str) -> bool:
    """Whether an address is a plain path under the pages: no host, no backslash, no control character."""
    if not url.startswith(HOMES) or not url.isprintable() or "\\" in url or "//" in url.partition("?")[0]:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return not parts.scheme and not parts.netloc


@login.user_loader  # type: ignore[untyped-decorator]
def _load(token: str) -> Visitor | None:
    """The visitor of a live session. An error page does not ask a database that has just failed."""
    if g.get("database_failed"):
        return None
    with read_session(services().sessions) as reader:
        row = user_sessions.session_of(reader, token)
        if row is None:
            return None
        visitor = _visitor_of(row.user, token)
        is_stale = user_sessions.needs_touch(row)
    if is_stale and "X-Poll" not in request.headers:  # a page that refreshes itself keeps nobody signed in
        with services().sessions.begin() as writer:
            user_sessions.touch(writer, token)
    return visitor


@login.unauthorized_handler  # type: ignore[untyped-decorator]
def _to_sign_in() -> ResponseReturnValue:
    """Lead to the sign-in form, and from there back to the page; say so when a session has ended."""
    if browser_session.pop(TOKEN, None) is not None:
        flash(_("Your session has ended. Sign in again, and you come back to where you were."))
    wanted = request.full_path.removesuffix("?") if request.method in READING else ""
    if not htmx.is_htmx():
        return redirect(url_for("pages.sign_in.sign_in", next=wanted or None))
    page = htmx.current_page()
    return htmx.redirect(url_for("pages.sign_in.sign_in", next=page if is_local(page) else None), 401)


def _visitor_of(user: User, token: str) -> Visitor:
    who = (user.name, user.email, user.role, user.id, user.timezone, user.log_columns)
    return Visitor(token, *who, second_factor.has_app(user), user.has_passkey, bool(user.password_hash))


def _end_session() -> None:
    token = browser_session.get(TOKEN)
    if token:
        user_sessions.end_session(session, token)
