"""Chromium, and pages in it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, sync_playwright
from werkzeug.serving import make_server

from tests.support.browser import CHROMIUM, FLAGS, PATIENCE_MS, WIDE, Tab
from tests.support.dashboard_client import Browser, World


@pytest.fixture(scope="package")  # not longer: while it is there, no other event loop runs in this thread
def chromium() -> Iterator[Chromium]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def open_tab(chromium: Chromium, app: Flask, address: str, world: World) -> Iterator[Callable[..., Tab]]:
    contexts: list[BrowserContext] = []

    def make(role: str | None = "owner", locale: str = "en-GB", **more: Any) -> Tab:
        more = {"viewport": WIDE, "reduced_motion": "reduce"} | more  # a light that pulses costs more than all else
        context = chromium.new_context(locale=locale, **more)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        if role:
            holder = Browser(app)
            holder.start_session(world, role)
            cookie = holder.client.get_cookie("chinqit_session")
            assert cookie
            context.add_cookies([{"name": "chinqit_session", "value": cookie.value, "url": address}])
        return Tab(context.new_page(), address, locale)

    yield make
    for context in contexts:
        context.close()
