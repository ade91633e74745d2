"""Everything that an owner can open, in one language: pages, dialogs, refused forms, what a toast says.

Addresses are found as a person finds them, by links; an address that nothing led to is a fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Error, Page, Route, expect
from playwright.sync_api import TimeoutError as TooLate
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from dashboard.db import utcnow
from dashboard.gateway.delivery import worker
from dashboard.gateway.delivery.worker import WorkerContext
from dashboard.gateway.inbound import keywords
from dashboard.gateway.inbound.keywords import WordRule
from dashboard.gateway.otp import review_numbers, templates
from dashboard.gateway.otp.review_numbers import NewReviewNumber
from dashboard.gateway.otp.templates import NewWording
from dashboard.models.accounts import Passkey
from dashboard.models.api_keys import ApiKey
from dashboard.models.message_log import SavedView
from dashboard.vocabulary import Keyword, Language
from tests.axe.looks import Judge
from tests.support import furnished
from tests.support.browser import AXE, WIDE
from tests.support.dashboard_client import Browser as Client
from tests.support.dashboard_client import World
from tests.support.furnished_carriers import furnish_carriers

DASHBOARD = "/dashboard/"
NO_PAGES = re.compile(
    r"export|\.live$|^pages\.home$|^docs\.choose$|\.manual\.|sandbox\.go|\.outcome$|sign_in\.ask_code"
)
ONE_OF_EACH = ("kind",)  # parameters whose every value is a page of its own
LINKS = """() => [...document.querySelectorAll("a[href]")].filter(it => it.origin === location.origin)
    .map(it => it.pathname + it.search)"""
OPENERS = """() => [...document.querySelectorAll("[hx-get]:is([hx-target='#dialog-body'], [hx-target='#drawer-body'])")]
    .map(it => it.getAttribute("hx-get"))"""
PRESS = """url => {
    for (const box of [...document.querySelectorAll("[name=pick]")].slice(0, 2)) box.checked = true;  // what it acts on
    const opener = [...document.querySelectorAll("[hx-get]")].find(it => it.getAttribute("hx-get") === url);
    opener.matches("form") ? opener.requestSubmit() : opener.click();
}"""
FIELDS = "input:not([type=hidden], [type=checkbox], [type=radio]), textarea"
EMPTY = f"""dialog => {{
    const fields = [...dialog.querySelectorAll("form[method=post] :is({FIELDS})")].filter(it => it.offsetWidth);
    for (const it of fields) it.value = "";
    return fields.length > 0;
}}"""
SEND = """dialog => {
    const form = dialog.querySelector("form[method=post]");
    form.noValidate = true;
    form.requestSubmit();
}"""
Look = tuple[str, str, list[str]]  # of which address, in which state, and what is wrong there


class Walk:
    """One language: a browser's context, and what was opened already."""

    def __init__(self, app: Flask, address: str, browser: Browser, locale: str, words: tuple[str, ...]) -> None:
        self.app, self.address, self.locale, self.words = app, address, locale, words
        self.world = World(app.extensions["chinqit"])
        self.seen = set[tuple[str, ...]]()
        self.context = _context(browser, locale)
        self.owner = Client(app)
        self.owner.start_session(self.world, "owner")
        cookie = self.owner.client.get_cookie("chinqit_session")
        assert cookie
        self.context.add_cookies([{"name": "chinqit_session", "value": cookie.value, "url": address}])
        self.browser = browser
        self.hidden: list[str] = []  # addresses that no link leads to

    def run(self) -> Iterator[Look]:
        """Look at everything; end with what nothing led to."""
        yield from self._outside()
        with self._tab() as judge:
            yield from self._crawl(judge, "empty", [DASHBOARD])
        self._furnish()
        self.seen = {kind for kind in self.seen if kind[0].startswith("docs.")}
        with self._tab() as judge:
            yield from self._crawl(judge, "full", [*self.hidden, DASHBOARD])
            yield from self._errors(judge)
        with self._tab() as judge:
            yield from self._toasts(judge)
        self.context.close()
        if not self.words:
            yield from ((rule, "never opened", ["no link leads there"]) for rule in self._missed())

    def _outside(self) -> Iterator[Look]:
        """What somebody sees who has not signed in, and a sign-in that is refused."""
        context = _context(self.browser, self.locale)
        judge = Judge(context.new_page())
        invited, set_up = furnished.invitation(self.world), furnished.set_up_link(self.world)
        for url in ("sign-in", f"setup/{set_up}", "setup/dead", f"join/{invited}", "join/dead", "reset/dead"):
            yield from self._page(judge, DASHBOARD + url, "signed out")
        judge.page.goto(f"{self.address}{DASHBOARD}sign-in")
        judge.page.locator("main form input[type=email]").fill("nobody@example.org")
        judge.page.locator("main form input[type=password]").fill("wrong")
        judge.page.locator("main form button:not([type=button])").first.click()
        expect(judge.page.locator("main [role=alert], main .error, main .notice").first).to_be_visible()
        yield DASHBOARD + "sign-in", "error", judge.faults()
        context.close()

    def _crawl(self, judge: Judge, state: str, urls: list[str]) -> Iterator[Look]:
        while urls:
            url = urls.pop(0)
            if not self._is_new(url):
                continue
            yield from self._page(judge, url, state)
            urls += self._links(judge.page)
            for opener in judge.page.evaluate(OPENERS):
                if self._is_new(opener):
                    yield from self._dialog(judge, url, opener, state)

    def _page(self, judge: Judge, url: str, state: str) -> Iterator[Look]:
        if self._is_wanted(url):
            judge.page.goto(self.address + url)
            yield url, state, judge.faults()
        elif state != "signed out":
            judge.page.goto(self.address + url)

    def _dialog(self, judge: Judge, url: str, opener: str, state: str) -> Iterator[Look]:
        """A dialog as its button opens it, and after its form was sent with nothing in it."""
        if not self._is_wanted(opener):
            return
        page = judge.page
        page.goto(self.address + url)
        page.evaluate(PRESS, opener)
        dialog = page.locator("dialog:modal")
        try:
            dialog.wait_for(timeout=10_000)
        except TooLate:
            yield opener, f"{state}, dialog", ["it did not open"]
            return
        yield opener, f"{state}, dialog", judge.faults()
        if not dialog.evaluate(EMPTY):
            return  # a question: what it asks is not done
        with page.expect_response(lambda response: response.request.method == "POST"):
            dialog.evaluate(SEND)
        page.wait_for_function("() => !document.body.classList.contains('busy')")
        yield opener, f"{state}, sent empty", judge.faults()

    def _errors(self, judge: Judge) -> Iterator[Look]:
        yield from self._page(judge, DASHBOARD + "no-such-page", "error")
        yield from self._page(judge, f"{DASHBOARD}messages/?q=47000000", "nothing found")
        yield from self._page(judge, f"{DASHBOARD}audit/?q=nothing-at-all", "nothing found")
        yield from self._page(judge, f"{DASHBOARD}lookup/?phone=38089336", "found")
        yield from self._page(judge, f"{DASHBOARD}limits/?phone=38089336", "found")

    def _toasts(self, judge: Judge) -> Iterator[Look]:
        """A deed that can be undone; then a server that does not answer."""
        page, url = judge.page, f"{DASHBOARD}limits/"
        page.goto(self.address + url)
        page.locator("[hx-get$='/remove']").first.click()
        page.locator("dialog:modal form button:not([type=button])").first.click()
        page.locator("#toasts .toast [data-undo] button").focus()  # a toast stays while somebody is at it
        yield url, "toast", judge.faults()
        page.goto(f"{self.address}{DASHBOARD}keys/")
        self.context.route(re.compile(".*"), _fail)
        page.locator("[hx-get$='/new']").first.click()
        expect(page.locator("#toasts .toast.bad")).to_be_visible()
        page.evaluate("() => window.dispatchEvent(new Event('offline'))")
        yield f"{DASHBOARD}keys/", "no answer", judge.faults()
        self.context.unroute(re.compile(".*"))

    def _furnish(self) -> None:
        """Rows of every kind, so that every page has something to show and every button something to act on."""
        services, world = self.world.services, self.world
        world.text(world.key("Essais", mode="test"))
        worker.drain(WorkerContext.open(services.sessions, services.settings), "sms", lambda: True)
        key, failed = furnished.furnish(world)
        furnished.furnish_more(world, key)
        furnished.acts(world)
        furnish_carriers(services)
        waiting, french = world.text(key), Language.FRENCH
        with services.sessions.begin() as session:
            session.add(SavedView(user_id=1, name="Échecs", params={"status": "failed"}))
            device = {"credential_id": b"1", "public_key": b"1", "sign_count": 0, "challenged_at": 0}
            session.add(Passkey(user_id=1, name="Téléphone de Nadia", **device))
            for body in ("Code : {code}", "Votre code : {code}"):
                templates.save(session, NewWording(None, french, body))
            keywords.save(session, WordRule(Keyword.REPLY, {french: ("SOLDE",)}, {french: "Voir l’application."}))
            review = NewReviewNumber("+22238089336", "271828", utcnow() + timedelta(days=9))
            review_numbers.add(session, services.keyring, session.get_one(ApiKey, key.id), review)
        docs = f"docs/{self.locale[:2]}/"
        # What no link of these rows leads to: what a deed leads to, a row that is older, a button for passkeys alone.
        paths = [docs, f"{docs}search?q=webhook", "?first", "keys/?first", f"keys/{key.id}", "usage/?month=2026-01"]
        paths += [f"messages/{waiting.uuid}/cancel", f"messages/{failed}/resend", "messages/resend?pick=1&pick=2"]
        paths += ["alerts/outages/1", "go/", "go/keys", "account/proof/", "account/passkeys/new"]
        paths += [f"account/second-factor/{page}" for page in ("remove", "recovery-codes")]
        paths += ["texts/?language=fr"]
        self.hidden = [f"/{path}" if path.startswith("docs/") else DASHBOARD + path for path in paths]

    def _is_new(self, url: str) -> bool:
        """Whether nothing of its kind was opened: the same page of another row, or on other days, is no other."""
        parts = urlsplit(url)
        try:
            endpoint, _args = self.app.url_map.bind("localhost").match(parts.path)
        except (HTTPException, RequestRedirect):
            return False
        if not str(endpoint).startswith(("pages.", "docs.")) or NO_PAGES.search(str(endpoint)):
            return False
        kind: tuple[str, ...]
        if str(endpoint).startswith("docs."):
            kind = (str(endpoint), parts.path)
            is_ours = f"/docs/{self.locale[:2]}/" in parts.path
        else:
            query = parse_qsl(parts.query)
            kind = (str(endpoint), *sorted(f"{name}={value}" if name in ONE_OF_EACH else name for name, value in query))
            is_ours = True
        if kind in self.seen or not is_ours:
            return False
        self.seen.add(kind)
        return True

    def _is_wanted(self, url: str) -> bool:
        return not self.words or any(word in url for word in self.words)

    def _links(self, page: Page) -> list[str]:
        return [str(url) for url in page.evaluate(LINKS)]

    def _missed(self) -> list[str]:
        opened = {kind[0] for kind in self.seen}
        outside = ("pages.sign_in.", "pages.person_links.")
        return sorted(
            rule.rule
            for rule in self.app.url_map.iter_rules()
            if "GET" in (rule.methods or ()) and rule.endpoint.startswith(("pages.", "docs."))
            if rule.endpoint not in opened and not NO_PAGES.search(rule.endpoint)
            if not rule.endpoint.startswith(outside)
        )

    @contextmanager
    def _tab(self) -> Iterator[Judge]:
        page = self.context.new_page()
        yield Judge(page)
        with suppress(Error):
            page.close()


def _context(browser: Browser, locale: str) -> BrowserContext:
    context = browser.new_context(locale=locale, viewport=WIDE, reduced_motion="reduce")
    context.set_default_timeout(20_000)
    context.add_init_script(AXE)
    return context


def _fail(route: Route) -> None:
    route.abort()
