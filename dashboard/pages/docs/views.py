"""The documentation for developers: /docs/fr/, /docs/en/ and /docs/ar/, open to everyone, and storing nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from math import inf
from typing import Any, TypeVar

from flask import Blueprint, abort, current_app, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from dashboard.cache import TimedCache
from dashboard.extensions import services, session
from dashboard.gateway.limits import rate_limit
from dashboard.gateway.otp import retriever_hash, template_rules
from dashboard.pages.docs import code_samples, reference, search, tables
from dashboard.pages.docs.reference import Reference
from dashboard.pages.docs.search import Section
from dashboard.pages.ui import failure_reasons
from dashboard.pages.web import access, htmx, locale
from dashboard.pages.webhooks import labels
from dashboard.providers.sandbox import ENDINGS
from dashboard.resources import resource
from dashboard.vocabulary import Language

T = TypeVar("T")
URL = "/docs"
CODE = resource("templates/docs/code")
SAMPLE_ADDRESS = "https://sms.example.mr"
SOURCES = {
    "curl": "sh",
    "python": "py",
    "javascript": "mjs",
    "php": "php",
    "dart": "dart",
    "kotlin": "kt",
    "json": "json",
}
GROUPS = {
    "first": _l("First steps"),
    "codes": _l("One-time codes"),
    "build": _l("Integrate"),
    "guides": _l("Guides"),
    "look-up": _l("Look up"),
    "run": _l("Run the gateway"),
}


@dataclass(frozen=True)
class Doc:
    """A page; its text is templates/docs/LANGUAGE/NAME.html."""

    name: str
    title: str
    group: str


@dataclass(frozen=True)
class ClientFile:
    """A client library, to be downloaded. `needs` is what runs it."""

    name: str
    needs: str

    @property
    def kib(self) -> int:
        """Its size in KiB, at least 1."""
        return round(resource(f"static/clients/{self.name}").stat().st_size / 1_024) or 1


CLIENTS = (
    ClientFile("chinqit.py", "Python 3.10+"),
    ClientFile("chinqit.mjs", "JavaScript: Node 18+, Deno, Bun"),
    ClientFile("chinqit.d.mts", "TypeScript"),
    ClientFile("chinqit.php", "PHP 8.1+, curl"),
    ClientFile("chinqit.dart", "Dart 3.0+"),
)
DOCS = (
    Doc("start", _l("Quick start"), "first"),
    Doc("test-keys", _l("Test keys and the sandbox phone"), "first"),
    Doc("otp", _l("Good practice with codes"), "codes"),
    Doc("retriever", _l("SMS Retriever and hash doctor"), "codes"),
    Doc("whatsapp", _l("Codes by WhatsApp"), "codes"),
    Doc("email", _l("Codes by e-mail"), "codes"),
    Doc("clients", _l("Client libraries"), "build"),
    Doc("retries", _l("Safe retries, following messages"), "build"),
    Doc("limits", _l("Limits and headers"), "build"),
    Doc("webhooks", _l("Webhooks"), "build"),
    Doc("keys", _l("Keys in service"), "build"),
    Doc("facts", _l("Browsers, times, rates, versions"), "build"),
    Doc("guides", _l("All guides"), "guides"),
    Doc("guides/supabase", "Supabase", "guides"),
    Doc("guides/firebase", "Firebase", "guides"),
    Doc("guides/keycloak", "Keycloak", "guides"),
    Doc("guides/laravel", "Laravel", "guides"),
    Doc("guides/django", "Django", "guides"),
    Doc("guides/flutter", "Flutter", "guides"),
    Doc("guides/odoo", "Odoo", "guides"),
    Doc("guides/chinguisoft", _l("Clients of Chinguisoft"), "guides"),
    Doc("reference", _l("API reference"), "look-up"),
    Doc("errors", _l("Errors by code"), "look-up"),
    Doc("troubleshooting", _l("Troubleshooting"), "look-up"),
    Doc("migration", _l("Moving from the hosted service"), "look-up"),
    Doc("install", _l("Install"), "run"),
    Doc("carriers", _l("Connect an operator"), "run"),
    Doc("operate", _l("Secure, watch, back up, upgrade, scale"), "run"),
    Doc("machines", _l("Several machines"), "run"),
    Doc("night", _l("What to do at 3 a.m."), "run"),
)
BY_NAME = {doc.name: doc for doc in DOCS}
DOCTOR = ("package", "certificate", "hash")

ANY_LANGUAGE = f"<any({', '.join(Language)}):language>"

bp = Blueprint("docs", __name__, url_prefix=URL)
bp.add_app_template_filter(tables.label_cells)
menu = Blueprint("manual", __name__)


@menu.get("/")
def index() -> ResponseReturnValue:
    """The entry in the dashboard's menu."""
    return redirect(url_for("docs.choose"))


@bp.get("/")
@access.public
def choose() -> ResponseReturnValue:
    """In the language that was chosen, else the browser's."""
    return redirect(url_for("docs.page", language=locale.language()))


@bp.get(f"/{ANY_LANGUAGE}/")
@bp.get(f"/{ANY_LANGUAGE}/<path:name>")
@access.public
def page(language: str, name: str = "start") -> ResponseReturnValue:
    """A page of the documentation."""
    if name not in BY_NAME or (name == "start" and request.path.endswith("/start")):
        abort(404)
    doctor = _doctor({}) if name == "retriever" else {}
    return render_template("docs/page.html", **_shell(name), **doctor)


@bp.get(f"/{ANY_LANGUAGE}/reference/<operation_id>")
@access.public
def operation(language: str, operation_id: str) -> ResponseReturnValue:
    """One call of the API: a page each, since the whole is 300 KB."""
    op = _reference(language).find(operation_id)
    if op is None or op.namesake:
        abort(404)
    return render_template("docs/operation.html", op=op, **_shell("reference"))


@bp.post(f"/{ANY_LANGUAGE}/retriever")
@access.public
def diagnose(language: str) -> ResponseReturnValue:
    """The hash of an app. By POST: what is pasted by mistake, such as a private key, never stands in an address."""
    return render_template("docs/page.html", **_shell("retriever"), **_doctor(request.form))


@bp.get(f"/{ANY_LANGUAGE}/search")
@access.public
def find(language: str) -> ResponseReturnValue:
    """What the pages say about something."""
    query = request.args.get("q", "")[: search.LONGEST_QUERY]
    pages = [(doc.name, sections(doc.name)) for doc in DOCS]
    hits = search.find([*pages, ("reference", _operations())], query)
    return htmx.page("docs/search.html", "docs/_hits.html", query=query, hits=hits, **_shell(""))


@bp.url_value_preprocessor
def _speak(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    """The address chooses the language, whatever the browser prefers."""
    if values and "language" in values:
        g.language = values["language"]


def sections(name: str) -> list[Section]:
    """The sections of a page, in the reader's language."""
    return _kept(f"sections {locale.language()} {name}", lambda: search.split(_text(name)))


def _operations() -> list[Section]:
    """The calls of the reference, each a section, in the reader's language."""
    api = _reference(locale.language())
    drawn = "docs/_operation.html"

    def make() -> list[Section]:
        ops = [op for op in api.operations if not op.namesake]
        return [section for op in ops for section in search.split(render_template(drawn, op=op, **_helpers()))]

    return _kept(f"operations {locale.language()}", make)


def _shell(name: str) -> dict[str, Any]:
    names = list(BY_NAME)
    place = names.index(name) if name else None
    return {
        "known": False,  # no menu of the dashboard here
        "doc": BY_NAME.get(name),
        "before": DOCS[place - 1] if place else None,
        "after": DOCS[place + 1] if place is not None and place + 1 < len(DOCS) else None,
        "on_page": [one for one in sections(name) if one.level == 2] if name else [],
        **_helpers(),
    }


def _helpers() -> dict[str, Any]:
    """What the texts draw with."""
    api = _reference(locale.language())
    return {
        "docs": DOCS,
        "groups": GROUPS,
        "api": api,
        "address": services().settings.address,
        "link": link,
        "call": lambda name, body=None, **headers: code_samples.written(api.call(name, body, **headers)),
        "source": source,
        "sample_client": sample_client,
        "client_files": CLIENTS,
        "version": reference.version(),
        "sample_languages": code_samples.LANGUAGES,
        "wording": {
            language: template_rules.render(language, template_rules.SAMPLE_CODE) for language in template_rules.TEXTS
        },
        "windows": rate_limit.WINDOWS,
        "usual_limits": lambda: rate_limit.usual(session),
        "endings": ENDINGS,
        "reasons": failure_reasons.REASONS,
        "call_reasons": labels.REASONS,
        "key_name": code_samples.KEY,
    }


def link(name: str, section: str = "", language: str | None = None) -> str:
    """The address of a page, or of a section of it; a call of the reference has a page of its own."""
    language = language or locale.language()
    op = _reference(language).find(section) if name == "reference" else None
    if op is not None:
        anchor = op.id if op.namesake else None
        return url_for("docs.operation", language=language, operation_id=op.namesake or op.id, _anchor=anchor)
    named: dict[str, Any] = {} if name == "start" else {"name": name}
    return url_for("docs.page", language=language, _anchor=section or None, **named)


@cache
def source(name: str) -> dict[str, str]:
    """A longer sample, written by hand in each language that it is for."""
    files = {language: CODE / f"{name}.{ending}" for language, ending in SOURCES.items()}
    return {language: file.read_text().rstrip() for language, file in files.items() if file.exists()}


def sample_client(name: str) -> dict[str, str]:
    """A sample that uses the client libraries, with the address of this gateway."""
    address = services().settings.address
    return {language: text.replace(SAMPLE_ADDRESS, address) for language, text in source(name).items()}


def _reference(language: str) -> Reference:
    address = services().settings.address
    return _kept(f"reference {language}", lambda: reference.read(reference.document(), language, address))


def _text(name: str) -> str:
    return render_template(f"docs/{locale.language()}/{name}.html", **_helpers())


def _kept(name: str, make: Callable[[], T]) -> T:
    """Made once a process; it follows from the code and the settings alone."""
    kept: TimedCache[str, T] = current_app.extensions.setdefault("chinqit_docs", TimedCache(inf))
    return kept.find(name, make)


def _doctor(typed: Mapping[str, str]) -> dict[str, Any]:
    """What the hash doctor was asked, and what it says; nothing of it is kept.

    Whoever is signed in sees beside it which hashes the API keys really send.
    """
    g.here = request.path  # where a choice of theme leads back to, after the form too
    sent = retriever_hash.in_use(session) if current_user.is_authenticated else None
    return {"sent": sent, "fits": _verdict, **_diagnosis({name: typed.get(name, "") for name in DOCTOR})}


def _diagnosis(asked: dict[str, str]) -> dict[str, Any]:
    if not (asked["package"].strip() or asked["certificate"].strip()):
        return {"asked": {}}
    try:
        diagnosis = retriever_hash.diagnose(asked["package"], asked["certificate"])
    except retriever_hash.UnreadableCertificate as fault:
        shown = asked if fault.code != "private_key" else asked | {"certificate": ""}
        return {"asked": shown, "fault": fault.code}
    return {"asked": asked, "diagnosis": diagnosis, "verdict": _verdict(asked["hash"].strip(), diagnosis.hash)}


def _verdict(sent: str, right: str) -> str:
    """How the hash that an app sends compares: same, case, other; empty when none was given."""
    if not sent:
        return ""
    if sent == right:
        return "same"
    return "case" if sent.casefold() == right.casefold() else "other"
