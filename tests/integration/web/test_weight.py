"""Pages and files are compressed, not so that a stranger could learn a secret, and a first load stays small."""

from __future__ import annotations

import gzip
import re

import pytest

from dashboard.gateway.statistics import rollup
from tests.support import first_load
from tests.support.dashboard_client import Browser, World
from tests.support.furnished import furnish, furnish_more

GZIP = {"Accept-Encoding": "gzip, br"}
OVERVIEW = "/dashboard/"
BUDGET = {"fr": 120_000, "ar": 150_000}


def test_a_page_is_compressed_and_says_the_same(owner: Browser) -> None:
    plain = owner.get(OVERVIEW)
    small = owner.get(OVERVIEW, headers=GZIP | {"Sec-Fetch-Site": "same-origin"})
    assert "Content-Encoding" not in plain.headers
    assert small.headers["Content-Encoding"] == "gzip" and "Accept-Encoding" in small.headers["Vary"]
    assert len(small.data) < len(plain.data) / 3
    assert _skeleton(gzip.decompress(small.data).decode()) == _skeleton(plain.text)


@pytest.mark.parametrize("asked_from", ["cross-site", "same-site"])
def test_a_page_that_another_site_asked_for_is_not_compressed(owner: Browser, asked_from: str) -> None:
    answer = owner.get("/dashboard/messages/?q=4411", headers=GZIP | {"Sec-Fetch-Site": asked_from})
    assert answer.status_code == 200 and "Content-Encoding" not in answer.headers


def test_over_tls_a_browser_that_does_not_say_who_asked_gets_it_plain(owner: Browser) -> None:
    over_tls = owner.client.get(OVERVIEW, headers=GZIP, base_url="https://localhost")
    assert "Content-Encoding" not in over_tls.headers
    assert owner.get(OVERVIEW, headers=GZIP).headers["Content-Encoding"] == "gzip"


def test_the_length_of_a_page_is_blurred(owner: Browser) -> None:
    lengths = {len(owner.get("/dashboard/settings/", headers=GZIP).data) for _ in range(12)}
    assert max(lengths) - min(lengths) > 10


def test_a_style_sheet_is_compressed_and_revalidated(owner: Browser) -> None:
    url = re.findall(r'href="(/static/css/[^"]+)"', owner.get(OVERVIEW).text)[0]
    small, plain = owner.client.get(url, headers=GZIP), owner.client.get(url)
    assert small.headers["Content-Encoding"] == "gzip" and "immutable" in small.headers["Cache-Control"]
    assert gzip.decompress(small.data) == plain.data and len(small.data) < len(plain.data) / 3
    again = owner.client.get(url, headers=GZIP | {"If-None-Match": small.headers["ETag"]})
    assert again.status_code == 304 and not again.data


def test_a_font_is_left_as_it_is(owner: Browser) -> None:
    with owner.client.get("/static/vendor/inter-5.3.0/inter-latin.woff2", headers=GZIP) as font:
        assert font.status_code == 200 and "Content-Encoding" not in font.headers and font.data[:4] == b"wOF2"


@pytest.mark.parametrize("language", BUDGET)
def test_a_first_load_is_small(owner: Browser, world: World, language: str) -> None:
    key, _ = furnish(world)
    furnish_more(world, key)
    rollup.fold_for(world.services.sessions, 5)
    owner.client.delete_cookie("chinqit_language")
    for url in ("/dashboard/", "/dashboard/messages/", "/dashboard/otp/", "/dashboard/keys/", "/dashboard/webhooks/"):
        load = first_load.measure(owner.client, url, language)
        assert load.bytes <= BUDGET[language], (url, load)


def _skeleton(page: str) -> str:
    """A page without what differs from one answer to the next: form tokens, times and addresses of new dialogs."""
    return re.sub(r'"X-CSRF-Token":"[^"]+"|value="[^"]+"|\d', "", page)
