"""The dashboard's pages: the register that draws the menu and guards every page."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from flask import Blueprint, Flask, Request, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf.csrf import CSRFError

from dashboard.extensions import babel, csrf, login, session
from dashboard.gateway.accounts import passwords
from dashboard.gateway.alerts import incidents
from dashboard.gateway.monitoring.alerts import AlertCode
from dashboard.pages import (
    opt_outs,
    otp_statistics,
    otp_templates,
    overview,
    palette,
    person_links,
    privacy,
    provider_sign_in,
    sandbox,
    sign_in,
    site_settings,
    template_globals,
)
from dashboard.pages.account import passkeys, proof, provider, second_factor
from dashboard.pages.account import views as account
from dashboard.pages.alerts import views as alerts
from dashboard.pages.api_keys import views as api_keys
from dashboard.pages.audit import views as audit
from dashboard.pages.campaigns import views as campaigns
from dashboard.pages.carriers import views as carriers
from dashboard.pages.contacts import views as contacts
from dashboard.pages.costs import views as costs
from dashboard.pages.diagnosis import views as diagnosis
from dashboard.pages.docs import views as docs
from dashboard.pages.inbound import views as inbound
from dashboard.pages.limits import views as limits
from dashboard.pages.messages import saved_views
from dashboard.pages.messages import views as messages
from dashboard.pages.routing import views as routing
from dashboard.pages.team import views as team
from dashboard.pages.ui import formats, versions
from dashboard.pages.web import access, assets, compression, errors, headers, input_guard, locale, signing
from dashboard.pages.web.line_breaks import LineBreaks
from dashboard.pages.webhooks import views as webhooks
from dashboard.vocabulary import Role

URL = "/dashboard"
PLACES = (URL, docs.URL)
BELOW = tuple(f"{place}/" for place in PLACES)
SHORTCUTS = {  # the letter after “g”, by blueprint: each page of the menu has one
    "overview": "o",
    "messages": "m",
    "inbound": "i",
    "otp_statistics": "c",
    "diagnosis": "w",
    "costs": "u",
    "api_keys": "k",
    "campaigns": "n",
    "contacts": "y",
    "webhooks": "h",
    "carriers": "f",
    "routing": "r",
    "limits": "l",
    "opt_outs": "b",
    "sandbox": "s",
    "otp_templates": "t",
    "team": "e",
    "audit": "j",
    "privacy": "v",
    "alerts": "a",
    "site_settings": "p",
    "manual": "d",
}
MENDED_ON: dict[str, str] = {  # the page that mends it; what is not here is told by the overview alone
    AlertCode.CARRIER_DOWN: "carriers",
    AlertCode.CARRIER_CREDENTIALS: "carriers",
    AlertCode.CARRIER_UNREADABLE: "carriers",
    AlertCode.CARRIER_REFUSING: "carriers",
    AlertCode.CARRIER_NOTICE: "carriers",
    AlertCode.BALANCE_LOW: "carriers",
    AlertCode.BALANCE_UNKNOWN: "carriers",
    AlertCode.UNMATCHED_RECEIPTS: "carriers",
    AlertCode.NO_ROUTE: "routing",
    AlertCode.WEBHOOK_FAILING: "webhooks",
    AlertCode.WEBHOOK_OFF: "webhooks",
    AlertCode.KEY_ENDS: "api_keys",
    AlertCode.KEY_EMBEDDED: "api_keys",
    AlertCode.KEY_GUESSES: "limits",
    AlertCode.PUMPING: "limits",
    AlertCode.KEY_UNVERIFIED: "limits",
    AlertCode.BUDGET_LOW: "costs",
    AlertCode.BUDGET_EXHAUSTED: "costs",
    AlertCode.TOTAL_BUDGET_LOW: "costs",
    AlertCode.TOTAL_BUDGET_EXHAUSTED: "costs",
    AlertCode.BACKUP_OLD: "site_settings",
}
MENU = {"monitor": _l("Monitor"), "control": _l("Manage"), "system": _l("System")}


@dataclass(frozen=True)
class Page:
    """A line of the menu. Everything in its blueprint asks for at least this role."""

    name: str
    url: str
    icon: str
    group: str
    role: str
    blueprint: Blueprint

    @property
    def endpoint(self) -> str:
        return f"pages.{self.blueprint.name}.index"

    @property
    def shortcut(self) -> str:
        """The letter that leads here after “g”; empty for none."""
        return SHORTCUTS.get(self.blueprint.name, "")

    @property
    def is_current(self) -> bool:
        return f"{request.blueprint}.".startswith(f"pages.{self.blueprint.name}.")


PAGES = (
    Page(_l("Overview"), "", "layout-dashboard", "monitor", Role.VIEWER, overview.bp),
    Page(_l("Messages"), "/messages", "message-square", "monitor", Role.VIEWER, messages.bp),
    Page(_l("Texts received"), "/incoming", "inbox", "monitor", Role.VIEWER, inbound.bp),
    Page(_l("One-time codes"), "/otp", "shield-check", "monitor", Role.VIEWER, otp_statistics.bp),
    Page(_l("Why no code?"), "/lookup", "phone", "monitor", Role.DESK, diagnosis.bp),
    Page(_l("Consumption"), "/usage", "receipt", "monitor", Role.OPERATOR, costs.bp),
    Page(_l("API keys"), "/keys", "key-round", "control", Role.VIEWER, api_keys.bp),
    Page(_l("Campaigns"), "/campaigns", "users", "control", Role.VIEWER, campaigns.bp),
    Page(_l("Contacts"), "/contacts", "contact", "control", Role.VIEWER, contacts.bp),
    Page(_l("Webhooks"), "/webhooks", "link", "control", Role.VIEWER, webhooks.bp),
    Page(_l("Carriers"), "/carriers", "radio-tower", "control", Role.VIEWER, carriers.bp),
    Page(_l("Routes"), "/routes", "route", "control", Role.VIEWER, routing.bp),
    Page(_l("Limits"), "/limits", "gauge", "control", Role.VIEWER, limits.bp),
    Page(_l("Opt-outs"), "/opt-outs", "ban", "control", Role.VIEWER, opt_outs.bp),
    Page(_l("Sandbox phone"), "/sandbox", "smartphone", "control", Role.OPERATOR, sandbox.bp),
    Page(_l("Texts of codes"), "/texts", "languages", "control", Role.OPERATOR, otp_templates.bp),
    Page(_l("Team"), "/team", "users", "system", Role.VIEWER, team.bp),
    Page(_l("Audit log"), "/audit", "scroll-text", "system", Role.OPERATOR, audit.bp),
    Page(_l("Privacy"), "/privacy", "lock", "system", Role.OWNER, privacy.bp),
    Page(_l("Alerts"), "/alerts", "bell", "system", Role.VIEWER, alerts.bp),
    Page(_l("Settings"), "/settings", "settings", "system", Role.OWNER, site_settings.bp),
    Page(_l("Docs"), "/docs", "book-open", "system", Role.VIEWER, docs.menu),
    Page(_l("Your account"), "/account", "users", "person", Role.VIEWER, account.bp),  # in the menu of the name
)

bp = Blueprint("pages", __name__, url_prefix=URL)
bp.register_blueprint(sign_in.bp)
bp.register_blueprint(provider_sign_in.bp, url_prefix="/sign-in/provider")
bp.register_blueprint(person_links.bp)
bp.register_blueprint(locale.bp)
bp.register_blueprint(palette.bp, url_prefix="/go")
bp.register_blueprint(saved_views.bp, url_prefix="/messages/views")
bp.register_blueprint(proof.bp, url_prefix="/account/proof")
bp.register_blueprint(second_factor.bp, url_prefix="/account/second-factor")
bp.register_blueprint(passkeys.bp, url_prefix="/account/passkeys")
bp.register_blueprint(provider.bp, url_prefix="/account/provider")
for page in PAGES:
    bp.register_blueprint(page.blueprint, url_prefix=page.url)
bp.add_url_rule("/", "home", build_only=True)  # the way to the first page, whichever that is
for blueprint in (bp, docs.bp):
    blueprint.before_request(access.refuse_foreign)
    blueprint.before_request(input_guard.make_room)
    blueprint.before_request(input_guard.refuse_nul)
    blueprint.after_request(compression.compress_page)  # the last one: they run from the newest to the oldest
    blueprint.after_request(headers.harden)
LEAST_ROLES = {f"pages.{page.blueprint.name}": page.role for page in PAGES}


def register(app: Flask) -> None:
    """Give the application its pages, and what they need of Flask's extensions."""
    babel.init_app(
        app,
        default_translation_directories=str(locale.CATALOGUES),
        locale_selector=locale.locale,
        timezone_selector=formats.zone_name,
    )
    csrf.init_app(app)
    app.login_manager = login  # type: ignore[attr-defined]  # init_app would add a hook to every request of the API
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.add_extension(LineBreaks)
    app.url_map.converters["int"] = input_guard.RowIdConverter
    assets.register(app)
    app.jinja_env.globals.update(menu=menu, menu_alerts=menu_alerts, **template_globals.GLOBALS)
    app.register_error_handler(CSRFError, errors.dead_form)
    app.register_error_handler(passwords.Busy, errors.busy)
    for blueprint in (bp, docs.bp):
        app.register_blueprint(blueprint)
    app.view_functions["static"] = assets.cached(app.view_functions["static"])
    app.session_interface = PageSessions()


def menu() -> list[tuple[str, list[Page]]]:
    """The groups of the menu with the pages that the visitor may see."""
    seen = [page for page in PAGES if current_user.may(page.role)]
    groups = ((name, [page for page in seen if page.group == group]) for group, name in MENU.items())
    return [(name, pages) for name, pages in groups if pages]


def menu_alerts() -> Counter[str]:
    """How many alerts each page of the menu can mend, by its blueprint; those that nobody takes care of."""
    counts: Counter[str] = Counter()
    for code, number in incidents.count_unattended(session).items():
        counts[MENDED_ON.get(code, overview.bp.name)] += number
    return counts


def is_page(path: str) -> bool:
    """Whether an address lies under the pages, existing or not."""
    return path in PLACES or path.startswith(BELOW)


class PageSessions(SecureCookieSessionInterface):
    """Flask's session holds the form token. Flask asks for it before it knows the blueprint, so the path decides."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if not is_page(request.path):
            return self.make_null_session(app)
        signing.renew(app)
        return super().open_session(app, request)


bp.before_request(csrf.protect)  # with WTF_CSRF_CHECK_DEFAULT off: no call of the API passes it


@bp.before_request
def _guard() -> ResponseReturnValue | None:
    page = ".".join((request.blueprint or "").split(".")[:2])  # what lies below a page asks for no less
    return access.check(LEAST_ROLES.get(page, Role.VIEWER))


bp.before_request(versions.wait_for_turn)  # after the guard: strangers lock nothing
