"""API keys: owners make, change, rotate and revoke them; the others look. A secret is in one answer and never again."""

from __future__ import annotations

import shlex
import uuid
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from dashboard.db import utcnow
from dashboard.extensions import services, session
from dashboard.gateway.api_keys import keys, quotas, usage
from dashboard.gateway.api_keys.keys import GRACES, USUAL_SCOPES, AlreadyDone, KeyEnded
from dashboard.gateway.otp import templates
from dashboard.gateway.statistics import queries
from dashboard.gateway.statistics.queries import Figures, Narrow, Period, total
from dashboard.models.api_keys import ApiKey
from dashboard.models.statistics import COUNTS
from dashboard.pages.ui import charts, fields, formats
from dashboard.pages.ui.charts import Chart, Series
from dashboard.pages.ui.fields import KeyForm
from dashboard.pages.web import access, htmx, locale

USUAL_GRACE = "24h"
SAMPLE_PHONE = "22200001"
PERIODS = {"24h": ("hour", 24), "7d": ("day", 7), "30d": ("day", 30), "90d": ("day", 90)}
USUAL_PERIOD = "7d"
SELDOM = ("brand", "expires", "networks", "message_cap", "otp_cap", "sms_fallback")  # folded away while they are empty

bp = Blueprint("keys", __name__)


@bp.get("/")
def index() -> ResponseReturnValue:
    """The list; the list alone when HTMX asks for it."""
    template = "api_keys/_list.html" if htmx.wants_fragment() else "api_keys/index.html"
    return render_template(template, **_listing())


@bp.get("/new")
@access.needs("owner")
def new() -> ResponseReturnValue:
    usual = MultiDict([("id", str(uuid.uuid4())), ("mode", "live"), *(("scopes", scope) for scope in USUAL_SCOPES)])
    return _solo("api_keys/_form.html", **_form(usual, {}))


@bp.post("/new")
@access.needs("owner")
def create() -> ResponseReturnValue:
    """Make a key and show its secret. The form bears the key's id, so that a reload makes no second one."""
    form = _checked(KeyForm(request.form))
    if form.errors:
        return _solo("api_keys/_form.html", 422, **_form(request.form, form.errors))
    try:
        key, secret = keys.create(session, form.wanted, access.me())
    except AlreadyDone:
        return _shown_before()
    session.commit()
    return _solo("api_keys/_secret.html", **_secret(key, secret, _("Key created")))


@bp.get("/<uuid:key_id>")
def show(key_id: uuid.UUID) -> ResponseReturnValue:
    """One key: what it sends, who uses it, what it may do; that block alone when HTMX asks."""
    template = "api_keys/_detail.html" if htmx.wants_fragment() else "api_keys/show.html"
    return render_template(template, **_detail(_key(key_id)))


@bp.get("/<uuid:key_id>/edit")
@access.needs("owner")
def edit(key_id: uuid.UUID) -> ResponseReturnValue:
    key = _live_key(key_id)
    return _solo("api_keys/_form.html", key=key, **_form(_values_of(key), {}))


@bp.post("/<uuid:key_id>/edit")
@access.needs("owner")
def change(key_id: uuid.UUID) -> ResponseReturnValue:
    """Change what a key is called, may do, and until when; its mode and its secrets stay."""
    key = _live_key(key_id)
    form = _checked(KeyForm(request.form, key))
    if form.errors:
        return _solo("api_keys/_form.html", 422, key=key, **_form(request.form, form.errors))
    keys.alter(session, key, form.wanted)
    session.commit()
    return htmx.done(_("Key changed"), url_for(".show", key_id=key.id), **_behind(key))


@bp.get("/<uuid:key_id>/rotate")
@access.needs("owner")
def ask_rotate(key_id: uuid.UUID) -> ResponseReturnValue:
    return _solo("api_keys/_rotate.html", key=_live_key(key_id), graces=GRACES, usual=USUAL_GRACE)


@bp.post("/<uuid:key_id>/rotate")
@access.needs("owner")
def rotate(key_id: uuid.UUID) -> ResponseReturnValue:
    """Give the key a new secret and show it; the form bears the newest one it knew, so that a reload makes no third."""
    key, grace = _live_key(key_id), request.form.get("grace", USUAL_GRACE)
    if grace not in GRACES:
        abort(400)
    try:
        secret = keys.rotate(session, key, grace, newest=_number("newest"))
    except (AlreadyDone, KeyEnded):
        return _shown_before()
    session.commit()
    return _solo("api_keys/_secret.html", **_secret(key, secret, _("New secret created")))


@bp.get("/<uuid:key_id>/revoke")
@access.needs("owner")
def ask_revoke(key_id: uuid.UUID) -> ResponseReturnValue:
    key = _live_key(key_id)
    return _solo("api_keys/_revoke.html", key=key, errors={}, typed="", must_type=keys.used_lately(key))


@bp.post("/<uuid:key_id>/revoke")
@access.needs("owner")
def revoke(key_id: uuid.UUID) -> ResponseReturnValue:
    """End a key; one that is in use asks for its name."""
    key, typed = _live_key(key_id), request.form.get("name", "").strip()
    must_type = keys.used_lately(key)
    if must_type and typed != key.name:
        errors = {"name": _("This is not the key’s name. Type it as it is written above.")}
        return _solo("api_keys/_revoke.html", 422, key=key, errors=errors, typed=typed, must_type=True)
    keys.revoke(session, key)
    session.commit()
    return htmx.done(_("Key %(name)s revoked", name=key.name), url_for(".index"), **_behind(key))


def _checked(form: KeyForm) -> KeyForm:
    """With the faults that only the database knows of."""
    wanted = form.wanted
    if "name" not in form.errors and keys.name_taken(session, wanted.name, wanted.id) and not _is_repeated(form):
        form.errors["name"] = _("A key has this name already. Choose another, or revoke that one first.")
    if wanted.brand and "brand" not in form.errors and (broken := templates.broken_by(session, wanted.brand)):
        names = ", ".join(locale.LANGUAGES[language] for language, _codes in broken)
        form.errors["brand"] = _("With this brand, the text of codes no longer fits: %(languages)s.", languages=names)
    return form


def _is_repeated(form: KeyForm) -> bool:
    """The form of a new key came before: that it made one is no fault of it."""
    return form.row is None and session.get(ApiKey, form.wanted.id) is not None


def _detail(key: ApiKey) -> dict[str, Any]:
    now, chosen = utcnow(), request.args.get("period", "")
    chosen = chosen if chosen in PERIODS else USUAL_PERIOD
    period = Period.last(*PERIODS[chosen], now)
    kinds = queries.over_time_by(session, "kind", period, Narrow(key_id=key.id), COUNTS)
    empty = [Figures() for _at in period.starts]
    texts, codes = kinds.get("message", empty), kinds.get("otp", empty)
    may_look = access.may("operator")
    return {
        **_row(key, now),
        "is_owner": access.may("owner"),
        "may_look": may_look,
        "period": chosen,
        "periods": list(PERIODS),
        "texts": total(texts),
        "codes": total(codes),
        "lost": sum(one["failed"] + one["expired"] for one in (*texts, *codes)),
        "usage": _usage(period, texts, codes),
        "used": quotas.used_today(session, key),
        "embedded": next(iter(usage.exposed_keys(session, key.id)), None),
        "agents": usage.agents(session, key.id) if may_look else [],
        "addresses": usage.addresses(session, key.id) if may_look else [],
        "most": usage.SHOWN,
        "kept": usage.KEPT_DAYS,
    }


def _usage(period: Period, texts: list[Figures], codes: list[Figures]) -> Chart:
    name = formats.short_day if period.grain == "day" else formats.hour_minute
    series = [
        Series(_("Codes"), "c1", [one["requested"] for one in codes], filled=True),
        Series(_("Texts"), "c2", [one["requested"] for one in texts]),
    ]
    return charts.line(series, [name(at) for at in period.starts])


def _behind(key: ApiKey) -> dict[str, Any]:
    """What of the page behind a dialog has changed: the list, or the key's own page."""
    here = urlsplit(request.headers.get("HX-Current-URL", "")).path
    if here == url_for(".show", key_id=key.id):
        return {"part": {"target": "key", "template": "api_keys/_detail.html"}, **_detail(key)}
    return {"part": {"target": "keys", "template": "api_keys/_list.html"}, **_listing()}


def _listing() -> dict[str, Any]:
    now = utcnow()
    embedded = {one.key_id for one in usage.exposed_keys(session)}
    rows = [{**_row(key, now), "embedded": key.id in embedded} for key in keys.listed(session, with_secrets=True)]
    return {"rows": rows, "is_owner": access.may("owner")}


def _row(key: ApiKey, now: datetime) -> dict[str, Any]:
    return {
        "key": key,
        "state": keys.state(key, now),
        "secrets": keys.live_secrets(key, now) or [keys.newest_secret(key)],
        "ends_soon": key.expires_at is not None and now < key.expires_at < now + timedelta(days=14),
    }


def _values_of(key: ApiKey) -> MultiDict[str, str]:
    held = {
        "name": key.name,
        "brand": key.brand or "",
        "expires": fields.last_day(key.expires_at),
        "networks": "\n".join(key.networks),
        "message_cap": str(key.message_cap or ""),
        "otp_cap": str(key.otp_cap or ""),
        "sms_fallback": "1" if key.sms_fallback else "",
    }
    return MultiDict([*held.items(), *(("scopes", scope) for scope in key.scopes)])


def _form(values: MultiDict[str, str], errors: dict[str, str]) -> dict[str, Any]:
    return {
        "values": values,
        "scopes": values.getlist("scopes"),
        "errors": errors,
        "is_open": any(name in errors or values.get(name) for name in SELDOM),
        "today": utcnow().date().isoformat(),
        "most_networks": fields.MOST_NETWORKS,
    }


def _secret(key: ApiKey, secret: str, title: str) -> dict[str, Any]:
    shown = {"key": key, "secret": secret, "title": title, "sample": _sample(key, secret)}
    return {**_behind(key), **shown, "older": keys.live_secrets(key)[1:]}


def _sample(key: ApiKey, secret: str) -> str | None:
    """A first call that the key is allowed to make, for a shell."""
    calls = {
        "otp": ("/otp/send", f'{{"phoneNumber":"{SAMPLE_PHONE}","language":"{locale.language()}"}}'),
        "send": ("/messages/send", f'{{"phoneNumber":"{SAMPLE_PHONE}","message":"Chinqit"}}'),
    }
    for scope, (path, body) in calls.items():
        if scope in key.scopes:
            lines = [
                f"curl {services().settings.address}{path}",
                f"-H {shlex.quote(f'X-API-Key: {secret}')}",
                "-H 'Content-Type: application/json'",
                f"-d {shlex.quote(body)}",
            ]
            return " \\\n  ".join(lines)
    return None


def _shown_before() -> ResponseReturnValue:
    """The same form came twice: nothing is made, nothing is shown again."""
    message = _("This was done already. A secret is shown once; rotate the key if you did not keep it.")
    if htmx.wants_fragment():
        return htmx.toast(409, message)
    flash(message)
    return redirect(url_for(".index"), 303)


def _key(key_id: uuid.UUID) -> ApiKey:
    key = session.get(ApiKey, str(key_id))
    if key is None:
        abort(404)
    return key


def _live_key(key_id: uuid.UUID) -> ApiKey:
    key = _key(key_id)
    if key.revoked_at is not None:
        abort(404)
    return key


def _number(name: str) -> int:
    given = request.form.get(name, "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0


def _solo(fragment: str, status: int = 200, **context: Any) -> ResponseReturnValue:
    return htmx.solo(fragment, status, page_title=_("API keys"), **context)
