"""A page in Chromium: all that its console says, accessibility rules, and pictures that are kept to be looked at."""

from __future__ import annotations

import base64
import os
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from flask import Flask
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, ViewportSize, expect
from sqlalchemy import select

from dashboard.gateway.accounts import user_sessions
from dashboard.models.accounts import User
from dashboard.resources import ROOT
from tests.support.dashboard_client import session_cookie
from tests.support.stack import Stack

AXE = (Path(__file__).parent / "vendor/axe-core-4.14.1/axe.min.js").read_text()
AXE_OPTIONS = {
    "resultTypes": ["violations"],
    "preload": False,  # sheets and media, which only experimental rules and those of media read
    "selectors": False,
}
EVERY_RULE = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OF_COLOURS = ["color-contrast", "link-in-text-block"]
OF_WIDTH = [
    "target-size",
    "scrollable-region-focusable",
    *("button-name", "link-name", "label", "select-name", "summary-name"),  # words that are not shown when narrow
    *("empty-heading", "page-has-heading-one", "aria-hidden-focus"),
]
OF_LANGUAGE = ["html-has-lang", "html-lang-valid", "valid-lang", "label-content-name-mismatch"]
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium") or "chromium"  # the lighter one first
PATIENCE_MS = 30_000  # of a busy machine; what holds is seen at once
expect.set_options(timeout=PATIENCE_MS)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--js-flags=--no-opt --no-maglev",  # no page lives long enough for optimised code to repay what making it takes
]
POLL_MS = 5_000  # the longest that a page waits before it asks anew
NARROW, WIDE = ViewportSize(width=390, height=844), ViewportSize(width=1280, height=900)
LOOKS = [("fr-FR", "light", WIDE), ("ar-MR", "dark", NARROW)]  # one rendering a direction
STEPS: dict[str, list[tuple[ViewportSize, list[str]]]] = {  # of `Tab.faults`, by the locale of a look
    "fr-FR": [(WIDE, EVERY_RULE), (NARROW, [])],
    "ar-MR": [(NARROW, OF_LANGUAGE + OF_WIDTH + OF_COLOURS), (WIDE, [])],
}
PICTURES = ROOT / "tests" / "artefacts" / "screenshots"  # not in the repository
KEEPS_PICTURES = "KEEP_PICTURES" in os.environ  # to look at them; to take them all costs a tenth of a browser test
# The shell is the same on every page: it is judged once a tab. What lies under a modal dialog is inert: it is judged
# where nothing covers it. Dialogs slide in; a light that pulses never ends.
FAULTS = """async ([options, without]) => {
    await Promise.all(document.getAnimations().filter(one => one.effect.getTiming().iterations !== Infinity)
        .map(one => one.finished.catch(() => null)));
    const shell = [...document.querySelectorAll("body > .top, body > #nav")];
    const modal = document.querySelector("dialog:modal");
    const found = await axe.run(!without || !shell.length ? document : modal ?? { exclude: shell }, options);
    const broken = found.violations.map(rule => `${rule.id}: ${rule.nodes[0].html.slice(0, 160)}`);
    return [broken, shell.length > 0];
}"""
WITHIN = """async ([selector, options]) => {
    await Promise.all(document.getAnimations().filter(one => one.effect.getTiming().iterations !== Infinity)
        .map(one => one.finished.catch(() => null)));
    const found = await axe.run(selector, options);
    return found.violations.map(rule => `${rule.id}: ${rule.nodes[0].html.slice(0, 160)}`);
}"""
TOO_WIDE = """() => document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("main *")]
    .map(it => [it, it.getBoundingClientRect()])
    .filter(([, box]) => box.right > innerWidth || box.left < 0)
    .map(([it, box]) => `scrolls sideways at ${innerWidth}: ${it.tagName} .${it.className} ${box.left}–${box.right}`)"""

CUT_OFF = """() => [...document.querySelectorAll("main .card :is(td, th)")]
    .filter(it => it.offsetWidth && !it.closest(".scroll, thead"))
    .map(it => [it, it.getBoundingClientRect(), it.closest(".card").getBoundingClientRect()])
    .filter(([, box, card]) => box.right > card.right + 1 || box.left < card.left - 1)
    .map(([it]) => `cut off: ${it.textContent.trim().slice(0, 30)}`)"""


def sign_in_owner(context: BrowserContext, stack: Stack) -> str:
    """Make a browser that of an owner of a whole gateway; return the gateway's address."""
    address = f"http://127.0.0.1:{stack.port}"
    with stack.sessions.begin() as session:
        user = session.scalar(select(User)) or User(
            email="owner@example.org", name="Nadia", role="owner", password_hash="-"
        )
        session.add(user)
        session.flush()
        token = user_sessions.start_session(session, user, "127.0.0.1", "test")
    app = Flask("cookies")
    app.secret_key = stack.settings.secret_key
    context.add_cookies([{"name": "chinqit_session", "value": session_cookie(app, token), "url": address}])
    return address


@dataclass
class Tab:
    """A page with everything its console said; a word of the content policy is there too."""

    page: Page
    address: str
    locale: str = ""
    said: list[str] = field(default_factory=list)
    judges: bool = False  # axe is in the page, and in those to come
    known_shells: set[int] = field(default_factory=set)  # the steps of `faults` that have seen the shell

    def __post_init__(self) -> None:
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "status of 4" not in message.text:
            self.said.append(message.text)

    def open(self, url: str) -> None:
        self.page.goto(self.address + url)

    def close_dialog(self) -> None:
        """Close the dialog by Escape, once it is open for good: it opens again after what came into it."""
        self.page.wait_for_function("() => document.activeElement.closest('#dialog')")
        self.page.keyboard.press("Escape")

    def arrive(self, url: str | re.Pattern[str]) -> None:
        """Wait until the page is at this address, where it was not before, and its scripts run: what is pressed or
        clicked earlier meets the page before, or one that does not listen yet.
        """
        expect(self.page).to_have_url(url)
        self.page.wait_for_load_state()

    def poll(self, shown: Locator, count: int = 1) -> None:
        """Let the page ask anew, again and again, until this is there so often. Its clock was installed before."""
        for _ in range(20):
            expect(self.page.locator(".htmx-request")).to_have_count(0)  # by the page's clock it would take too long
            self.page.clock.fast_forward(POLL_MS)
            with suppress(AssertionError):
                return expect(shown).to_have_count(count, timeout=1_000)
        return expect(shown).to_have_count(count)

    def faults(self, widths: Sequence[ViewportSize] = ()) -> list[str]:
        """Broken accessibility rules, sideways scroll, and what the console said.

        A page that is opened in each of LOOKS is judged in both widths, schemes and directions, by the rules that can
        break there; what a width alone can break is looked at without loading the page again.

        - French, light: wide by every rule, then narrow for sideways scroll.
        - Arabic, dark: narrow by the rules of language, direction, width and colours, then wide for sideways scroll.

        So colours are judged in both schemes, names and sizes in both widths, and sideways scroll in both widths of
        each direction. English has the shortest words and French's direction. Elsewhere every rule holds in the look
        that the page is in. `widths` take the place of the second one, and cells of tables are in their cards
        there: a page is laid out anew for each, which costs half as much as all rules do.
        """
        self._call_axe()
        size = self.page.viewport_size or WIDE
        found: list[str] = []
        steps = STEPS.get(self.locale, [(size, EVERY_RULE)])
        if widths:
            steps = [steps[0], *((width, []) for width in widths)]
        for step, (width, rules) in enumerate(steps):
            if self.page.viewport_size != width:
                self.page.set_viewport_size(width)
            found += self._judge(step, rules) + self.page.evaluate(TOO_WIDE)
            if width in widths:
                found += self.page.evaluate(CUT_OFF)
        if self.page.viewport_size != size:
            self.page.set_viewport_size(size)
        return [*found, *self.said]

    def spills(self) -> list[str]:
        """Sideways scroll as the page stands, and what the console said: for a page that `faults` judged in another
        look, and whose parts it judges in this one on other pages. `make axe` judges each page in each look.
        """
        return [*self.page.evaluate(TOO_WIDE), *self.said]

    def faults_within(self, selector: str) -> list[str]:
        """Broken accessibility rules of one part of the page: every rule in light, those of colours in dark."""
        self._call_axe()
        found: list[str] = []
        steps: list[tuple[Literal["dark", "light"], list[str]]] = [("dark", OF_COLOURS), ("light", EVERY_RULE)]
        for scheme, rules in steps:
            self.page.emulate_media(color_scheme=scheme)
            broken = self.page.evaluate(WITHIN, [selector, AXE_OPTIONS | {"runOnly": rules}])
            found += [f"{scheme}: {fault}" for fault in broken]
        return found

    def _call_axe(self) -> None:
        if not self.judges:
            self.page.add_init_script(AXE)  # over the debugger, which the page's policy does not touch
            self.page.evaluate(AXE)
            self.judges = True

    def _judge(self, step: int, rules: list[str]) -> list[str]:
        if not rules:
            return []
        broken, has_shell = self.page.evaluate(FAULTS, [AXE_OPTIONS | {"runOnly": rules}, step in self.known_shells])
        if has_shell:
            self.known_shells.add(step)
        return list(broken)

    def keep(self, look: str, name: str) -> None:
        """A picture of the page as it is, under PICTURES, where KEEP_PICTURES is set."""
        if not KEEPS_PICTURES:
            return
        folder = PICTURES / look
        folder.mkdir(parents=True, exist_ok=True)
        self.page.evaluate("() => document.fonts.ready.then(() => null)")
        debugger = self.page.context.new_cdp_session(self.page)  # Playwright's own pictures are packed tight and slowly
        picture = debugger.send("Page.captureScreenshot", {"optimizeForSpeed": True})
        debugger.detach()
        (folder / f"{name}.png").write_bytes(base64.b64decode(picture["data"]))
