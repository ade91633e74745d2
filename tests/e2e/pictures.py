"""The pictures of the README, taken of a whole gateway with made-up traffic.

python -m tests.e2e.pictures      (writes deploy/screenshots/)
"""

from __future__ import annotations

import base64
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright
from sqlalchemy import select, update

from dashboard.dev import seed
from dashboard.gateway.accounts import users
from dashboard.gateway.accounts.users import NewPerson
from dashboard.gateway.api_keys import usage
from dashboard.gateway.api_keys.usage import KeyUse
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.otp.codes import Keyring
from dashboard.models.api_keys import ApiKey
from dashboard.models.messages import Message
from dashboard.resources import ROOT
from tests.support.browser import CHROMIUM, FLAGS, NARROW
from tests.support.stack import Stack

TARGET = ROOT / "deploy" / "screenshots"
MESSAGES, DAYS = 40_000, 30
WIDE = ViewportSize(width=1240, height=700)  # each picture under 60 KB
QUALITY = 82  # of WebP; letters stay sharp
OPERATOR = {"url": "https://sms.mauritel.example/send", "body": '{"to": "{phone}", "text": "{text}"}'}
EMAIL, PASSWORD = "nadia@example.org", "Thé vert à 6 heures"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="chinqit-") as folder:
        stack = Stack(Path(folder) / "home", f"sqlite:///{Path(folder) / 'home' / 'chinqit.db'}")
        try:
            key_id = fill(stack)
            stack.start()
            stack.wait_ready()
            shoot(stack, key_id)
        finally:
            stack.close()


def fill(stack: Stack) -> str:
    """A month of traffic through an operator, and a key that an app was shipped with; return its id."""
    seed.seed(stack.sessions, Keyring.of(stack.settings), MESSAGES, DAYS)
    with stack.sessions.begin() as session:
        users.add(session, NewPerson(EMAIL, "owner", PASSWORD, "Nadia Mint Ahmed"))
        users.add(session, NewPerson("sidi@example.org", "operator", PASSWORD, "Sidi Ould Ahmed"))
        carriers.add(session, carriers.cipher(stack.settings), NewCarrier("http", "mauritel", OPERATOR))
        live = select(ApiKey.id).where(ApiKey.mode == "live")
        session.execute(update(Message).where(Message.key_id.in_(live)).values(carrier="mauritel"))
        key = session.scalars(select(ApiKey).where(ApiKey.mode == "live").order_by(ApiKey.name.desc())).first()
        assert key
        for n in range(usage.MANY + 4):
            usage.record(session, KeyUse.of(key.id, f"41.138.{n}.{17 * n % 250}", "okhttp/4.12.0"))
        usage.record(session, KeyUse.of(key.id, "197.231.4.20", "python-httpx/0.28.1"))
        return key.id


def shoot(stack: Stack, key_id: str) -> None:
    with stack.sessions() as session:
        newest = select(Message.uuid).where(Message.status == "delivered", Message.confirmed_by == "otp")
        message = session.scalar(newest.order_by(Message.id.desc()).limit(1))
        lost = select(Message.phone).where(Message.kind == "otp", Message.status == "failed")
        caller = (session.scalar(lost.order_by(Message.id.desc()).limit(1)) or "").removeprefix("+222")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with signed_in(browser, stack, "fr-FR", "light", WIDE) as page:
            take(page, "overview-fr", "")
            take(page, "messages-fr", "messages/")
            take(page, "message-fr", f"messages/{message}")
            take(page, "key-fr", f"keys/{key_id}?period=30d")
            take(page, "desk-fr", f"lookup/?phone={caller}")
            take(page, "texts-fr", f"texts/?key={key_id}&language=fr")
            take_simulator(page, key_id)
        with signed_in(browser, stack, "ar-MR", "light", WIDE) as page:
            take(page, "codes-ar", "otp/")
        with signed_in(browser, stack, "ar-MR", "dark", NARROW) as page:
            take(page, "messages-ar-dark-phone", "messages/")
        browser.close()


@contextmanager
def signed_in(
    browser: Browser, stack: Stack, locale: str, scheme: Literal["light", "dark"], viewport: ViewportSize
) -> Iterator[Page]:
    base = f"http://127.0.0.1:{stack.port}/dashboard/"
    context = browser.new_context(locale=locale, color_scheme=scheme, viewport=viewport, base_url=base)
    page = context.new_page()
    page.goto("sign-in")
    page.locator("[name=email]").fill(EMAIL)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=password]").press("Enter")
    page.wait_for_url(re.compile("dashboard/$"))
    yield page
    context.close()


def take_simulator(page: Page, key_id: str) -> None:
    """What a stricter limit would have done to a key's last seven days."""
    page.goto(f"limits/new?key={key_id}")
    for window in ("minute", "hour", "day"):
        page.locator(f"[name={window}]").fill("1")
    page.locator("[name=reason]").fill("Test avant le ramadan")
    page.locator("[name=rehearse]").click()
    page.locator("#replay").wait_for()
    keep(page, "simulator-fr")


def take(page: Page, name: str, url: str) -> None:
    page.goto(url)
    keep(page, name)


def keep(page: Page, name: str) -> None:
    """As WebP, which Playwright itself does not write: a third of a PNG."""
    page.wait_for_timeout(600)  # what slides has slid
    browser = page.context.new_cdp_session(page)
    picture = browser.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    (TARGET / f"{name}.webp").write_bytes(base64.b64decode(picture["data"]))


if __name__ == "__main__":
    main()
