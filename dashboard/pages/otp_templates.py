"""The wording of codes, per key and language: shown on a phone while it is written, measured, kept in versions."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from markupsafe import Markup

from dashboard.extensions import session
from dashboard.gateway.api_keys import keys
from dashboard.gateway.otp import template_rules, templates
from dashboard.gateway.otp.templates import InvalidWording, NewWording
from dashboard.models.api_keys import ApiKey
from dashboard.pages.ui import formats, forms
from dashboard.pages.ui.forms import Form, LinesField, TextField
from dashboard.pages.web import access, audited, htmx, locale
from dashboard.sms.encoding import SINGLE
from dashboard.vocabulary import Language, Role

LONGEST = template_rules.LONGEST_BODY * 2  # what is read of a form; the rules say how much may be saved

bp = Blueprint("otp_templates", __name__)

FAULTS = {
    "blank": _l("Write a text."),
    "too_long": _l("The text is too long."),
    "control_characters": _l("The text holds a control character or one that cannot be seen. Type it again by hand."),
    "no_code": _l("The text must hold {code}: that is where the six digits go."),
    "two_codes": _l("{code} may stand in the text once only."),
    "bad_host": _l("Enter the host alone and in small letters, such as shop.example.mr."),
    "unknown_variable": _l("Only {code}, {minutes} and {brand} may stand in braces."),
    "brand_with_braces": _l("The brand may hold no braces."),
    "no_brand": _l("The text says {brand}, so name the brand."),
    "two_segments": _l("The text must fit one SMS segment. Shorten it, or replace the highlighted characters."),
    "two_segments_with_hash": _l("With the hash of an Android app the text is longer than one segment. Shorten it."),
    "too_many_bytes": _l("With the hash of an Android app the text is over 140 bytes, so the app cannot read it."),
    "code_not_findable": _l(
        "Android cannot find the code: it must stand alone, and no other number of four digits or more beside it."
    ),
}


@dataclass(frozen=True)
class Subject:
    """Whose wording, in which language. Without a key: the one for all keys."""

    key: ApiKey | None
    language: str

    @property
    def key_id(self) -> str | None:
        return self.key.id if self.key else None

    def url(self, endpoint: str = ".index", **more: Any) -> str:
        return url_for(endpoint, key=self.key_id, language=self.language, **more)


class WordingForm(Form):
    """What stands around a code. Its rules judge it whole: a preview says what breaks while it is written."""

    body = LinesField(_l("Text"), lambda text: text[:LONGEST], render_kw={"rows": 4, "class": "prose"})
    brand = TextField(
        _l("Brand"),
        lambda text: text.strip(" ")[:LONGEST],
        optional=True,
        render_kw=forms.length(template_rules.LONGEST_BRAND),
    )

    host = TextField(
        _l("Host of a web page"),
        lambda text: text.strip()[:LONGEST],
        optional=True,
        description=_l(
            "A last line then lets this page alone read the code (WebOTP). A text with an app’s hash omits it."
        ),
        render_kw=forms.length(60, dir="ltr", autocapitalize="off", spellcheck="false", placeholder="shop.example.mr"),
    )

    def __init__(self, subject: Subject, body: str = "", brand: str = "", newest: int = 0) -> None:
        text, host = template_rules.split_host(body)
        super().__init__(data={"body": text, "brand": brand, "host": host})
        self.newest = newest
        looks = {"lang": subject.language, "dir": locale.direction(subject.language)}
        self.body.render_kw = {**self.body.render_kw, **looks, "maxlength": LONGEST}
        self.body.description = _variables(subject)

    @property
    def whole(self) -> str:
        """The text as it is kept, with the line of the host."""
        return template_rules.with_host(template_rules.tidy(self.body.data), self.host.data or "")

    def stored(self) -> dict[str, Any]:
        """The newest version of this subject tells: a text that holds for it may be another one's."""
        return {"newest": self.newest}


@bp.get("/")
def index() -> ResponseReturnValue:
    """The editor with what is in force."""
    subject = _subject()
    branded = subject.key.brand if subject.key else None
    now = templates.current(session, subject.key_id, subject.language, branded)
    brand = now.brand or branded or formats.organisation()[: template_rules.LONGEST_BRAND]
    return _page(subject, WordingForm(subject, now.body, brand, _newest(subject)[2]))


@bp.post("/preview")
@access.needs(Role.OPERATOR)
def preview() -> ResponseReturnValue:
    """The phone and the measures for what is being written; nothing is saved."""
    subject = _subject()
    form = WordingForm(subject, *_newest(subject))
    if htmx.wants_fragment():
        return render_template("otp_templates/_preview.html", **_preview(subject, form))
    return _page(subject, form)


@bp.post("/")
@access.needs(Role.OPERATOR)
def save() -> ResponseReturnValue:
    """Put a wording in force, or say which rules it breaks."""
    subject = _subject()
    form = WordingForm(subject, *_newest(subject))
    if form.conflicts:
        return _page(subject, form, form.status)
    wording = NewWording(subject.key_id, subject.language, form.whole, form.brand.data)
    try:
        templates.save(session, wording, current_user.email)
    except InvalidWording:
        return _page(subject, form, 422)
    return _saved("otp_templates.save", subject, _("Text saved; new codes use it within a second"))


@bp.get("/<int:version>/restore")
@access.needs(Role.OPERATOR)
def ask_restore(version: int) -> ResponseReturnValue:
    row = _version(version)
    subject = Subject(row.key, row.language)
    return htmx.dialog("otp_templates/_restore.html", page_title=_("Texts of codes"), row=row, subject=subject)


@bp.post("/<int:version>/restore")
@access.needs(Role.OPERATOR)
def restore(version: int) -> ResponseReturnValue:
    """Save an old version anew; the history keeps both."""
    row = _version(version)
    templates.save(session, NewWording(row.key_id, row.language, row.body, row.brand), current_user.email)
    return _saved("otp_templates.restore", Subject(row.key, row.language), _("Text restored"))


@bp.get("/reset")
@access.needs(Role.OPERATOR)
def ask_reset() -> ResponseReturnValue:
    return htmx.dialog("otp_templates/_restore.html", page_title=_("Texts of codes"), row=None, subject=_subject())


@bp.post("/reset")
@access.needs(Role.OPERATOR)
def reset() -> ResponseReturnValue:
    """Let the more general wording hold again."""
    subject = _subject()
    templates.save(session, NewWording(subject.key_id, subject.language, None), current_user.email)
    return _saved("otp_templates.reset", subject, _("The general text is used again"))


def _newest(subject: Subject) -> tuple[str, str, int]:
    """Text, brand and id of the newest version of a subject's own, as they are in the database now."""
    row = next(iter(templates.history(session, subject.key_id, subject.language)), None)
    return (row.body or "", row.brand, row.id) if row else ("", "", 0)


def _saved(act: str, subject: Subject, message: str) -> ResponseReturnValue:
    audited.record(act, f"{subject.key.name if subject.key else '*'} {subject.language}")
    session.commit()
    flash(message)
    return htmx.redirect(subject.url())


def _page(subject: Subject, form: WordingForm, status: int = 200) -> ResponseReturnValue:
    own, preview = templates.own(session), _preview(subject, form)
    if status == 422:
        form.body.errors = preview["faults"]
    context = {
        "form": form,
        "keys": [key for key in keys.listed(session) if key.revoked_at is None],
        "has_own": (subject.key_id, subject.language) in own,
        "keys_with_own": {key_id for key_id, _language in own},
        "history": templates.history(session, subject.key_id, subject.language),
    }
    return render_template("otp_templates/index.html", **context, **preview), status


def _preview(subject: Subject, form: WordingForm) -> dict[str, Any]:
    tidy, brand = form.whole, form.brand.data
    measured = template_rules.measure(tidy, brand)
    faults = template_rules.faults(tidy, brand)
    expected = "ucs2" if subject.language == Language.ARABIC else "gsm7"
    return {
        "subject": subject,
        "language_names": locale.LANGUAGES,
        "measure": measured,
        "faults": [str(FAULTS[code]) for code in faults] or _of_brands(subject, tidy),
        "room": SINGLE[measured.shape.encoding],
        "pieces": _pieces(measured.text, measured.flips) if expected == "gsm7" else [(measured.text, False)],
        "flips": [(c, _name(c)) for c in measured.flips] if expected == "gsm7" else [],
        "most_bytes": template_rules.MOST_BYTES,
        "hash": template_rules.SAMPLE_HASH,
    }


def _of_brands(subject: Subject, body: str) -> list[str]:
    """What a text for all keys does to those that have a brand of their own."""
    broken = [] if subject.key else templates.breaks_for(session, body)
    sentence = _("With the brand of these keys the text no longer fits: %(keys)s. Shorten it.")
    return [sentence % {"keys": ", ".join(key.name for key in broken)}] if broken else []


def _pieces(text: str, flips: tuple[str, ...]) -> list[tuple[str, bool]]:
    """The text cut where a character begins or ends that makes the SMS UCS-2."""
    pieces: list[tuple[str, bool]] = []
    for character in text:
        lit = character in flips
        if pieces and pieces[-1][1] == lit:
            pieces[-1] = (pieces[-1][0] + character, lit)
        else:
            pieces.append((character, lit))
    return pieces


def _name(character: str) -> str:
    return unicodedata.name(character, f"U+{ord(character):04X}")


def _subject() -> Subject:
    """From address or form; an unknown language is the first one, an unknown key is none."""
    key_id, language = request.values.get("key", ""), request.values.get("language", "")
    key = session.get(ApiKey, key_id) if key_id else None
    if key_id and key is None:
        abort(404)
    return Subject(key, Language(language) if language in locale.LANGUAGES else Language.FRENCH)


def _variables(subject: Subject) -> Markup:
    """What may stand in braces."""
    names = {"code": _("the six digits"), "minutes": _("how many minutes it is valid"), "brand": _("the brand below")}
    hint = Markup(" · ").join(Markup("<code>{%s}</code> %s") % item for item in names.items())
    if subject.key is None:
        hint += Markup(". %s") % _("A key that has a brand of its own uses that one.")
    return hint


def _version(version: int) -> Any:
    row = templates.find(session, version)
    if row is None:
        abort(404)
    return row
