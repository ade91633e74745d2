"""When the largest part of a page stands there, for a browser that comes for the first time: a processor four times
slower than this one, and slow 4G (1.6 Mb/s down, 750 kb/s up, 150 ms there and back).

python -m tests.bench.first_paint [ROWS [ROUNDS]]      (2000 messages, 1 round; the table has the median of the rounds)

The gateway is no newcomer: each page has been opened before in the language, by somebody else. A round of all pages in
three languages takes two to three minutes: the line is as slow as it says.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path
from statistics import median

import httpx
from playwright.sync_api import Browser, sync_playwright

from dashboard.dev import seed
from dashboard.gateway.otp.codes import Keyring
from dashboard.pages.registry import PAGES
from tests.support.browser import CHROMIUM, FLAGS, NARROW, sign_in_owner
from tests.support.stack import Stack

DEMAND_MS = 1_500
SLOWER = 4
SLOW_4G = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 750e3 / 8}
LOCALES = ("fr-FR", "ar-MR", "en-GB")
VISITS = 5  # of others before: enough for each web process to have served one
SIGN_IN = "/dashboard/sign-in"
URLS = [SIGN_IN, *(f"/dashboard{page.url}/" for page in PAGES if page.blueprint.name != "manual")]
LARGEST = """() => new Promise(done => new PerformanceObserver(list => done(list.getEntries().at(-1).startTime))
    .observe({ type: "largest-contentful-paint", buffered: true }))"""


def main(rows: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="chinqit-") as folder:
        stack = Stack(Path(folder) / "home", f"sqlite:///{Path(folder) / 'home' / 'chinqit.db'}")
        try:
            seed.seed(stack.sessions, Keyring.of(stack.settings), rows, days=7)
            stack.start()
            stack.wait_ready()
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                measure(browser, stack, rounds)
                browser.close()
        finally:
            stack.close()


def measure(browser: Browser, stack: Stack, rounds: int) -> None:
    print(f"{'largest contentful paint, ms':30}" + "".join(f"{locale:>12}" for locale in LOCALES))
    for url in URLS:
        times = [median(largest_paint(browser, stack, url, locale) for _ in range(rounds)) for locale in LOCALES]
        row = "".join(f"{time:10.0f}{' !' if time > DEMAND_MS else '  '}" for time in times)
        print(f"{url:30}{row}", flush=True)
    print(f"\nDemand: {DEMAND_MS}")


def largest_paint(browser: Browser, stack: Stack, url: str, locale: str) -> float:
    """In ms from the start of the navigation; with nothing in the browser's cache."""
    context = browser.new_context(locale=locale, viewport=NARROW)
    address = f"http://127.0.0.1:{stack.port}"
    if url != SIGN_IN:
        address = sign_in_owner(context, stack)
    cookies = {str(cookie.get("name")): str(cookie.get("value")) for cookie in context.cookies()}
    for _ in range(VISITS):
        httpx.get(address + url, cookies=cookies, headers={"Accept-Language": locale})
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.send("Network.emulateNetworkConditions", SLOW_4G)
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    page.goto(address + url, wait_until="load")
    page.wait_for_timeout(500)  # what is painted after the load
    time = float(page.evaluate(LARGEST))
    context.close()
    return time


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main(*given, *(2_000, 1)[len(given) :])
