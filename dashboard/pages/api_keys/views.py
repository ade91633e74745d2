"""API keys: owners make, change, rotate and revoke them; the others look. A secret is in one answer and never again."""

from __future__ import annotations

import shlex
import uuid
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, abort, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from dashboard.db import utcnow
from dashboard.extensions import services, session
from dashboard.gateway.api_keys import keys, quotas, usage
from dashboard.gateway.api_keys.keys import GRACES, AlreadyDone, KeyEnded, KeyFields
from dashboard.gateway.doors import doors
from dashboard.gateway.otp import review_numbers
from dashboard.gateway.otp.review_numbers import BadReviewNumber
from dashboard.gateway.statistics import queries
from dashboard.gateway.statistics.queries import Figures, Narrow, Period, total
from dashboard.models.api_keys import ApiKey
from dashboard.models.otp import ReviewNumber
from dashboard.models.statistics import COUNTS
from dashboard.pages.api_keys import door_labels, order_field
from dashboard.pages.api_keys.forms import KeyForm, NewKeyForm, ReviewNumberForm
from dashboard.pages.ui import fields, periods, timeline
from dashboard.pages.ui.charts import Chart, Series
from dashboard.pages.ui.forms import ConfirmForm
from dashboard.pages.web import access, audited, htmx, locale
from dashboard.pages.web.htmx import ChangedPart, Undo
from dashboard.providers import sandbox
from dashboard.sms import numbers
from dashboard.vocabulary import Dialect, KeyMode, Role

USUAL_GRACE = "24h"
ONES_OWN = "YOUR_NUMBER"  # in samples of live keys: a number that somebody may have gets no message
USUAL_PERIOD = "7d"
SHOWN_BEFORE = _l("A new secret was created already. It is shown once; rotate the key if you did not keep it.")

REVIEW_FAULTS = {
    "there_already": _l("This number is a review number of the key already. Remove that one first."),
    "too_many": _l("The key has five review numbers. Remove one first."),
    "out_of_range": _l("Choose a day within a year."),
}

bp = Blueprint("api_keys", __name__)


@bp.get("/")
def index() -> ResponseReturnValue:
    """The list; the list alone when HTMX asks for it."""
    return htmx.page("api_keys/index.html", "api_keys/_list.html", **_listing())


@bp.get("/new")
@access.needs(Role.OWNER, proof=True)
def new() -> ResponseReturnValue:
    """The form; the first key is one for tests, unless somebody chooses otherwise."""
    form = NewKeyForm()
    if not keys.listed(session):
        form.mode.data = KeyMode.TEST
    return _form(form)


@bp.post("/new")
@access.needs(Role.OWNER, proof=True)
def create() -> ResponseReturnValue:
    """Make a key and show its secret. The form bears the key's id, so that a reload makes no second one."""
    form = NewKeyForm()
    if not form.validate():
        return _form(form, 422)
    try:
        key, secret = keys.create(session, form.new_key(), current_user.email)
    except AlreadyDone:
        return htmx.refused(str(SHOWN_BEFORE), url_for(".index"))
    audited.record("api_keys.create", key.name)
    session.commit()
    return _secret(key, secret, _("Key created"))


@bp.get("/<uuid:key_id>")
def show(key_id: uuid.UUID) -> ResponseReturnValue:
    """One key: what it sends, who uses it, what it may do; that block alone when HTMX asks."""
    return htmx.page("api_keys/show.html", "api_keys/_detail.html", **_detail(_key(key_id)))


@bp.get("/<uuid:key_id>/edit")
@access.needs(Role.OWNER, proof=True)
def edit(key_id: uuid.UUID) -> ResponseReturnValue:
    return _form(KeyForm(_live_key(key_id)))


@bp.post("/<uuid:key_id>/edit")
@access.needs(Role.OWNER, proof=True)
def change(key_id: uuid.UUID) -> ResponseReturnValue:
    """Change what a key is called, may do, and until when; its mode and its secrets stay."""
    key = _live_key(key_id)
    form = KeyForm(key)
    if not form.validate():
        return _form(form, form.status)
    keys.alter(session, key, KeyFields(**form.values()))
    audited.record("api_keys.change", key.name)
    session.commit()
    return htmx.updated(_("Key changed"), url_for(".show", key_id=key.id), _behind(key))


@bp.get("/<uuid:key_id>/rotate")
@access.needs(Role.OWNER, proof=True)
def ask_rotate(key_id: uuid.UUID) -> ResponseReturnValue:
    return _dialog("api_keys/_rotate.html", key=_live_key(key_id), graces=GRACES, usual=USUAL_GRACE)


@bp.post("/<uuid:key_id>/rotate")
@access.needs(Role.OWNER, proof=True)
def rotate(key_id: uuid.UUID) -> ResponseReturnValue:
    """Give the key a new secret and show it; the form bears the newest one it knew, so that a reload makes no third."""
    key, grace = _live_key(key_id), request.form.get("grace", USUAL_GRACE)
    if grace not in GRACES:
        abort(400)
    try:
        secret = keys.rotate(session, key, grace, newest=_number("newest"))
    except (AlreadyDone, KeyEnded):
        return htmx.refused(str(SHOWN_BEFORE), url_for(".index"))
    audited.record("api_keys.rotate", key.name, grace=(None, grace))
    session.commit()
    return _secret(key, secret, _("New secret created"))


@bp.get("/<uuid:key_id>/revoke")
@access.needs(Role.OWNER, proof=True)
def ask_revoke(key_id: uuid.UUID) -> ResponseReturnValue:
    key = _live_key(key_id)
    return _dialog("api_keys/_revoke.html", key=key, form=_revoke_form(key))


@bp.post("/<uuid:key_id>/revoke")
@access.needs(Role.OWNER, proof=True)
def revoke(key_id: uuid.UUID) -> ResponseReturnValue:
    """End a key; one that is in use asks for its name."""
    key = _live_key(key_id)
    form = _revoke_form(key)
    if form is not None and not form.validate():
        return _dialog("api_keys/_revoke.html", 422, key=key, form=form)
    keys.revoke(session, key)
    audited.record("api_keys.revoke", key.name)
    session.commit()
    return htmx.updated(_("Key %(name)s revoked", name=key.name), url_for(".index"), _behind(key))


@bp.get("/<uuid:key_id>/review-numbers/new")
@access.needs(Role.OWNER, proof=True)
def new_review_number(key_id: uuid.UUID) -> ResponseReturnValue:
    return _review_form(_reviewable_key(key_id), ReviewNumberForm())


@bp.post("/<uuid:key_id>/review-numbers/new")
@access.needs(Role.OWNER, proof=True)
def add_review_number(key_id: uuid.UUID) -> ResponseReturnValue:
    """Give the key a number with a fixed code; it holds from the next request on."""
    key, form = _reviewable_key(key_id), ReviewNumberForm()
    if not form.validate():
        return _review_form(key, form, 422)
    try:
        review_numbers.add(session, services().keyring, key, form.wanted(), current_user.email)
    except BadReviewNumber as fault:
        form.blame(fault.field, REVIEW_FAULTS[fault.code])
        return _review_form(key, form, 422)
    number, ends_at = numbers.masked(form.phone.data), form.ends_at.data
    audited.record("api_keys.add_review_number", key.name, number=(None, number), ends_at=(None, ends_at))
    session.commit()
    return htmx.updated(_("Review number added"), url_for(".show", key_id=key.id), _behind(key))


@bp.get("/<uuid:key_id>/review-numbers/<int:row_id>/remove")
@access.needs(Role.OWNER, proof=True)
def ask_remove_review_number(key_id: uuid.UUID, row_id: int) -> ResponseReturnValue:
    key = _key(key_id)
    return _dialog("api_keys/_remove_review_number.html", key=key, row=_review_number(key, row_id))


@bp.post("/<uuid:key_id>/review-numbers/<int:row_id>/remove")
@access.needs(Role.OWNER, proof=True)
def remove_review_number(key_id: uuid.UUID, row_id: int) -> ResponseReturnValue:
    """End a review number at once: the next code is sent to it."""
    key = _key(key_id)
    phone = _review_number(key, row_id).phone
    was_in_force = review_numbers.remove(session, key, phone, current_user.email)
    audited.record("api_keys.remove_review_number", key.name, number=(numbers.masked(phone), None))
    session.commit()
    url = url_for(".restore_review_number", key_id=key.id, row_id=row_id)
    back = Undo(url, {}) if was_in_force else None
    return htmx.updated(_("Review number removed"), url_for(".show", key_id=key.id), _behind(key), back)


@bp.post("/<uuid:key_id>/review-numbers/<int:row_id>/restore")
@access.needs(Role.OWNER, proof=True)
def restore_review_number(key_id: uuid.UUID, row_id: int) -> ResponseReturnValue:
    """Let a review number hold again that was removed."""
    key = _reviewable_key(key_id)
    row = review_numbers.put_back(session, key, row_id)
    if row is None:
        return htmx.refused(_("It has ended, is there already, or the key has no room for it."), url_for(".index"))
    audited.record("api_keys.add_review_number", key.name, number=(None, numbers.masked(row.phone)))
    session.commit()
    return htmx.updated(_("Review number restored"), url_for(".show", key_id=key.id), _behind(key))


@bp.get("/<uuid:key_id>/doors/<dialect>/open")
@access.needs(Role.OWNER, proof=True)
def ask_open_door(key_id: uuid.UUID, dialect: str) -> ResponseReturnValue:
    return _dialog("api_keys/_open_door.html", key=_key(key_id), one=door_labels.shown(_dialect(dialect), None))


@bp.post("/<uuid:key_id>/doors/<dialect>/open")
@access.needs(Role.OWNER, proof=True)
def open_door(key_id: uuid.UUID, dialect: str) -> ResponseReturnValue:
    """Let the key take a dialect, and show the address, with the secret where calls are signed."""
    key, chosen = _live_key(key_id), _dialect(dialect)
    if not door_labels.may_open(key):
        abort(404)
    try:
        door, secret = doors.open_door(session, doors.cipher(services().settings), key, chosen, current_user.email)
    except doors.AlreadyOpen:
        return htmx.refused(_("This door is open already. Its secret was shown then."), url_for(".index"))
    audited.record("doors.open", key.name, dialect=(None, chosen))
    session.commit()
    told = {"one": door_labels.shown(chosen, door), "steps": door_labels.STEPS[chosen], "secret": secret}
    return _dialog("api_keys/_opened_door.html", part=_behind(key), key=key, **told)


@bp.get("/<uuid:key_id>/doors/<dialect>/close")
@access.needs(Role.OWNER, proof=True)
def ask_close_door(key_id: uuid.UUID, dialect: str) -> ResponseReturnValue:
    return _dialog("api_keys/_close_door.html", key=_key(key_id), one=door_labels.shown(_dialect(dialect), None))


@bp.post("/<uuid:key_id>/doors/<dialect>/close")
@access.needs(Role.OWNER, proof=True)
def close_door(key_id: uuid.UUID, dialect: str) -> ResponseReturnValue:
    key, chosen = _key(key_id), _dialect(dialect)
    if doors.close(session, key, chosen, current_user.email):
        audited.record("doors.close", key.name, dialect=(chosen, None))
        session.commit()
    return htmx.updated(_("Door closed"), url_for(".show", key_id=key.id), _behind(key))


def _dialect(word: str) -> Dialect:
    if word not in tuple(Dialect):
        abort(404)
    return Dialect(word)


def _review_number(key: ApiKey, row_id: int) -> ReviewNumber:
    row = session.get(ReviewNumber, row_id)
    if row is None or row.key_id != key.id:
        abort(404)
    return row


def _reviewable_key(key_id: uuid.UUID) -> ApiKey:
    key = _live_key(key_id)
    if key.mode != KeyMode.LIVE:
        abort(404)
    return key


def _review_form(key: ApiKey, form: ReviewNumberForm, status: int = 200) -> ResponseReturnValue:
    today = utcnow().date().isoformat()
    return _dialog("api_keys/_review_number.html", status, key=key, form=form, today=today)


def _revoke_form(key: ApiKey) -> ConfirmForm | None:
    """Asks for the key's name while an app uses it."""
    if not keys.used_lately(key):
        return None
    fault = _("This is not the key’s name. Type it as it is written above.")
    return ConfirmForm(key.name, _("Type the key’s name to confirm"), fault)


def _form(form: KeyForm, status: int = 200) -> ResponseReturnValue:
    return _dialog("api_keys/_form.html", status, form=form, today=utcnow().date().isoformat())


def _dialog(fragment: str, status: int = 200, **context: Any) -> ResponseReturnValue:
    return htmx.dialog(fragment, status, page_title=_("API keys"), **context)


def _detail(key: ApiKey) -> dict[str, Any]:
    now, chosen = utcnow(), request.args.get("period", "")
    chosen = chosen if chosen in periods.CHARTED else USUAL_PERIOD
    period = Period.last(*periods.CHARTED[chosen], now)
    kinds = queries.over_time_by(session, "kind", period, Narrow(key_id=key.id), COUNTS)
    empty = [Figures() for _at in period.starts]
    texts, codes = kinds.get("message", empty), kinds.get("otp", empty)
    may_look = current_user.may(Role.OPERATOR)
    reviews = [(row, review_numbers.is_in_force(row, now)) for row in review_numbers.listed(session, key)]
    return {
        **_row(key, now),
        "is_owner": current_user.may(Role.OWNER),
        "may_look": may_look,
        "period": chosen,
        "periods": list(periods.CHARTED),
        "texts": total(texts),
        "codes": total(codes),
        "lost": sum(one["failed"] + one["expired"] for one in (*texts, *codes)),
        "usage": _usage(key, period, now, texts, codes),
        "order": order_field.in_words(key.channel_order),
        "used": quotas.used_today(session, key),
        "reviews": reviews,
        "may_add_review": sum(is_in_force for _number, is_in_force in reviews) < review_numbers.MOST,
        "doors": door_labels.listed(key),
        "may_open_door": door_labels.may_open(key),
        "embedded": next(iter(usage.exposed_keys(session, key.id)), None),
        "agents": usage.agents(session, key.id) if may_look else [],
        "addresses": usage.addresses(session, key.id) if may_look else [],
        "most": usage.SHOWN,
        "kept": usage.KEPT_DAYS,
    }


def _usage(key: ApiKey, period: Period, now: datetime, texts: list[Figures], codes: list[Figures]) -> Chart:
    series = [
        Series(_("Codes"), "c1", [one["requested"] for one in codes], filled=True),
        Series(_("Messages"), "c2", [one["requested"] for one in texts]),
    ]
    return timeline.timeline(series, period, now, {"key": key.id})


def _behind(key: ApiKey) -> ChangedPart:
    """What of the page behind a dialog has changed: the list, or the key's own page."""
    if htmx.current_page().partition("?")[0] == url_for(".show", key_id=key.id):
        return ChangedPart("key", "api_keys/_detail.html", _detail(key))
    return ChangedPart("keys", "api_keys/_list.html", _listing())


def _listing() -> dict[str, Any]:
    now = utcnow()
    embedded = {one.key_id for one in usage.exposed_keys(session)}
    rows = [{**_row(key, now), "embedded": key.id in embedded} for key in keys.listed(session, with_secrets=True)]
    return {"rows": rows, "is_owner": current_user.may(Role.OWNER)}


def _row(key: ApiKey, now: datetime) -> dict[str, Any]:
    return {
        "key": key,
        "state": keys.state(key, now),
        "secrets": keys.live_secrets(key, now) or [keys.newest_secret(key)],
        "ends_soon": key.expires_at is not None and now < key.expires_at < now + timedelta(days=14),
        "is_unused": keys.is_unused(key, now),
        "must_rotate": keys.is_due_for_rotation(key, now),
    }


def _secret(key: ApiKey, secret: str, title: str) -> ResponseReturnValue:
    """The one answer that shows a secret."""
    context: dict[str, Any] = {"older": keys.live_secrets(key)[1:], "sample": _sample(key, secret)}
    return _dialog("api_keys/_secret.html", part=_behind(key), key=key, secret=secret, title=title, **context)


def _sample(key: ApiKey, secret: str) -> str | None:
    """A first call that the key is allowed to make, for a shell."""
    phone = sandbox.SAMPLE if key.mode == KeyMode.TEST else ONES_OWN
    calls = {
        "otp": ("/otp/send", f'{{"phoneNumber":"{phone}","language":"{locale.language()}"}}'),
        "send": ("/messages/send", f'{{"phoneNumber":"{phone}","message":"Chinqit"}}'),
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
    return fields.whole(request.form.get(name, "")) or 0
