"""Every rule of axe on every page and its states (empty, full, dialog, refused form, toast, no answer), in both widths
and both schemes and three languages. Prints a table; exits with 1 when anything is wrong.

python -m tests.axe [WORD ...]      (only addresses that hold one of the words)
"""

from __future__ import annotations

import logging
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from playwright.sync_api import sync_playwright
from werkzeug.exceptions import HTTPException
from werkzeug.serving import make_server

from dashboard.app import create_app
from dashboard.cli import migrate
from dashboard.extensions import db
from tests.axe.walk import Walk
from tests.support.browser import CHROMIUM, FLAGS
from tests.support.dashboard_client import make_settings

LOCALES = ("fr-FR", "ar-MR", "en-GB")
LOOKS = 4  # of each state: two widths, two schemes
Found = dict[tuple[str, str], dict[str, list[str]]]


def main(*words: str) -> int:
    """Return 1 when anything is wrong in any look."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # else it prints each request
    began, found = time.monotonic(), Found()
    with sync_playwright() as playwright:
        flags = [flag for flag in FLAGS if not flag.startswith("--js-flags")]  # axe lives long enough to be optimised
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        for locale in LOCALES:
            with served() as (app, address):
                for url, state, faults in Walk(app, address, browser, locale, words).run():
                    found.setdefault((shape(app, url), state), {}).setdefault(locale, []).extend(faults)
                    print("." if not faults else "F", end="", flush=True)
            print(f" {locale}", flush=True)
        browser.close()
    return report(found, time.monotonic() - began)


@contextmanager
def served() -> Iterator[tuple[Flask, str]]:
    """The application on an empty database, and its address."""
    with tempfile.TemporaryDirectory(prefix="chinqit-") as home:
        settings = make_settings(Path(home))
        migrate.upgrade(settings)
        app = create_app(settings)
        server = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield app, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
        server.server_close()
        with app.app_context():
            db.engine.dispose()


def shape(app: Flask, url: str) -> str:
    """An address without what is of one row: `/dashboard/keys/…/edit`."""
    path, _, query = url.partition("?")
    try:
        rule, _args = app.url_map.bind("localhost").match(path, return_rule=True)
    except HTTPException:  # an address that is none, which is looked at too
        return url
    return ("" if "docs" in rule.rule else rule.rule) or path if not query else f"{rule.rule} ?{query.split('=')[0]}"


def report(found: Found, seconds: float) -> int:
    """Print what was looked at and how many faults it had in each language; then the faults."""
    print(f"\n{'faults in 4 looks: 2 widths, 2 schemes':82}" + "".join(f"{locale:>8}" for locale in LOCALES))
    for (url, state), by_locale in found.items():
        row = "".join(f"{len(by_locale[locale]) if locale in by_locale else '–':>8}" for locale in LOCALES)
        print(f"{url[:56]:56}  {state:24}{row}")
    faults = [
        f"{url} ({state}), {locale}: {fault}"
        for (url, state), by_locale in found.items()
        for locale, told in by_locale.items()
        for fault in dict.fromkeys(told)
    ]
    looks = LOOKS * sum(len(by_locale) for by_locale in found.values())
    print("", *faults, f"{looks:,} looks in {seconds / 60:.0f} min: {len(faults)} faults", sep="\n")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
