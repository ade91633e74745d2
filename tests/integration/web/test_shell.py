"""The shell: menu, errors, static files, health of the other side."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Callable
from typing import NoReturn

import pytest
from flask import Flask
from sqlalchemy import update
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from dashboard.db import utcnow
from dashboard.gateway.alerts import incidents
from dashboard.gateway.monitoring.alerts import Alert, AlertCode
from dashboard.models.alerts import AlertIncident
from dashboard.pages.registry import MENDED_ON, MENU, PAGES
from dashboard.pages.web.assets import SCRIPTS, SHEETS
from dashboard.resources import ROOT
from tests.support.dashboard_client import PARTIAL, Browser, World


def test_the_menu_shows_every_page_and_marks_the_current_one(owner: Browser) -> None:
    page = owner.get("/dashboard/keys/").text
    nav = page[page.index("<nav") : page.index("</nav>")]
    assert len(re.findall(r"<a href", nav)) == len([page for page in PAGES if page.group in MENU])
    assert re.findall(r'<a href="([^"]+)" aria-current="page">', nav) == ["/dashboard/keys/"]


def test_language_and_theme_are_chosen_in_one_s_own_menu(owner: Browser, stranger: Browser) -> None:
    for url in ("/dashboard/keys/", "/docs/en/"):
        top = owner.get(url).text.split("<header")[1].split("</header>")[0]
        own = top.split('id="pop-user"')[1]
        assert "العربية" in own and 'value="dark"' in own and "Sign out" in own
        assert top.count("popovertarget=") == 2, "the menu on a phone, and one's own"
    top = stranger.get("/dashboard/sign-in").text.split("<header")[1].split("</header>")[0]
    assert re.findall('popovertarget="([^"]+)"', top) == ["pop-lang", "pop-theme"]


def test_the_menu_counts_what_each_page_can_mend(owner: Browser, world: World) -> None:
    found = [Alert(AlertCode.CARRIER_DOWN, str(n)) for n in range(2)]
    found += [Alert(AlertCode.WEBHOOK_OFF, "w"), Alert(AlertCode.NO_RELAY)]
    with world.services.sessions.begin() as session:
        incidents.observe(session, found, utcnow())
        is_off = AlertIncident.code == "webhook_off"
        session.execute(update(AlertIncident).where(is_off).values(acknowledged_at=utcnow()))
    nav = owner.get("/dashboard/keys/").text.split("<nav")[1].split("</nav>")[0]
    lines = re.findall(r"<span>([^<]+)</span>\s*<span class=\"count\">.*?<span class=\"vh\">([^<]+)</span>", nav)
    assert [(name, told.strip()) for name, told in lines] == [("Overview", "1 alert"), ("Carriers", "2 alerts")]


def test_every_alert_is_counted_on_a_page_of_the_menu() -> None:
    names = {page.blueprint.name for page in PAGES}
    assert set(MENDED_ON) <= set(AlertCode) and set(MENDED_ON.values()) <= names


def test_every_page_of_the_menu_answers(owner: Browser, app: Flask) -> None:
    for page in PAGES:
        assert owner.get(f"/dashboard{page.url}/", follow_redirects=True).status_code == 200


def test_the_bare_address_leads_to_the_dashboard(owner: Browser) -> None:
    assert owner.get("/").headers["Location"] == "/dashboard/"
    assert owner.get("/dashboard").headers["Location"].endswith("/dashboard/")
    assert owner.get("/dashboard/").status_code == 200


@pytest.mark.parametrize(
    ("method", "url", "status", "told"),
    [
        ("GET", "/dashboard/nothing", 404, "Page not found"),
        ("GET", "/dashboard/%00", 404, "Page not found"),
        ("DELETE", "/dashboard/keys/", 405, "This address does not accept such a request"),
    ],
)
@pytest.mark.parametrize("signed_in", [True, False])
def test_errors_are_pages_in_the_shell(
    owner: Browser, stranger: Browser, method: str, url: str, status: int, told: str, signed_in: bool
) -> None:
    browser = owner if signed_in else stranger
    answer = browser.client.open(url, method=method, headers={**browser.headers, "X-CSRF-Token": browser.token()})
    assert answer.status_code == status
    assert told in answer.text
    assert "<header" in answer.text
    assert ("<nav" in answer.text) == signed_in
    assert status != 405 or "GET" in answer.headers["Allow"]


def test_a_refusal_by_role_is_told(viewer: Browser) -> None:
    answer = viewer.get("/dashboard/keys/new")
    assert answer.status_code == 403
    assert "Your role does not include it" in answer.text


def test_an_error_in_a_fragment_is_a_toast(viewer: Browser) -> None:
    answer = viewer.get("/dashboard/keys/new", headers=PARTIAL)
    assert (answer.status_code, answer.headers["HX-Reswap"]) == (403, "none")
    assert "<html" not in answer.text


def test_our_own_faults_tell_nothing_of_the_inside(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    faults = [RuntimeError("secret detail"), OperationalError("secret detail", {}, Exception())]

    def fail() -> NoReturn:
        raise faults[0]

    fail.public = True  # type: ignore[attr-defined]
    app.add_url_rule("/dashboard/fail", "fail", fail)
    browser = Browser(app)
    while faults:
        answer = browser.get("/dashboard/fail")
        assert answer.status_code == 500
        assert "Something went wrong on our side" in answer.text
        assert "secret detail" not in answer.text
        assert (answer.headers.get("Retry-After") == "5") == isinstance(faults.pop(0), OperationalError)


def test_the_api_keeps_its_own_errors(stranger: Browser) -> None:
    answer = stranger.client.get("/nothing")
    assert answer.status_code == 404
    assert answer.json == {"success": False, "message": "Not found", "errors": []}


def fetch(browser: Browser, url: str) -> TestResponse:
    """A file, read and closed."""
    answer = browser.get(url)
    answer.get_data()
    answer.close()
    return answer


def addresses(page: str) -> set[str]:
    found = re.findall(r'(?:href|src)="(/static/[^"#]+)', page)
    return {address.replace("&amp;", "&") for address in found}


def test_static_files_are_asked_for_by_content_and_kept_for_good(owner: Browser) -> None:
    wanted = addresses(owner.get("/dashboard/keys/").text)
    assert len(wanted) >= 5
    for url in wanted:
        answer = fetch(owner, url)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_another_hash_is_not_kept(owner: Browser) -> None:
    for url in (
        "/static/icons.svg",
        "/static/icons.svg?v=0000000000",
        "/static/css/site.css?v=0000000000",
        "/static/js/main.js?v=0000000000",
    ):
        answer = fetch(owner, url)
        assert answer.status_code == 200
        assert "immutable" not in answer.headers.get("Cache-Control", "")
    assert fetch(owner, "/static/css/nothing.css?v=1").status_code == 404
    assert fetch(owner, "/static/js/nothing.js?v=1").status_code == 404
    assert fetch(owner, "/static/nothing.css?v=1").status_code == 404


@pytest.mark.parametrize("url, kind", [("css/site.css", "text/css"), ("js/main.js", "text/javascript")])
def test_a_sheet_or_a_script_that_a_browser_has_is_not_sent_again(owner: Browser, url: str, kind: str) -> None:
    sent = fetch(owner, f"/static/{url}")
    assert sent.content_type == f"{kind}; charset=utf-8"
    again = owner.get(f"/static/{url}", headers={"If-None-Match": sent.headers["ETag"]})
    assert (again.status_code, again.get_data()) == (304, b"")


def test_every_part_of_the_style_sheets_is_served() -> None:
    css = ROOT / "static" / "css"
    served = [path for patterns in SHEETS.values() for pattern in patterns for path in css.glob(pattern)]
    assert sorted(served) == sorted(css.rglob("*.css"))


def test_a_script_is_served_with_all_that_it_imports_in_one_scope(owner: Browser) -> None:
    served = {name: fetch(owner, f"/static/js/{name}.js").text for name in SCRIPTS}
    for path in (ROOT / "static" / "js").glob("*.js"):
        heading = path.read_text().splitlines()[0]
        assert heading.startswith("// "), f"{path.name} says first what it is for"
        assert {text.count(heading) for text in served.values()} in ({1}, {0, 1}), f"{path.name} runs once"
    for name, text in served.items():
        assert not re.search(r"^(?:import|export)\b|\bimport\(", text, re.MULTILINE), f"{name}.js would ask for more"
        names = re.findall(r"^(?:async )?(?:const|let|var|class|function\*?) (\w+|\$)", text, re.MULTILINE)
        assert sorted(names) == sorted(set(names)), f"modules of {name}.js have a name in common"
    first, second, third = (served["main"].index(f"const {name} =") for name in ("$", "isPoll", "lost"))
    assert first < second < third, "what is imported stands before what imports it"


def test_the_style_sheets_ask_for_fonts_by_their_content() -> None:
    sheet = (ROOT / "static" / "css" / "base.css").read_text()
    named = re.findall(r'url\("\.\./([^"?]+)\?v=([0-9a-f]+)"\)', sheet)
    assert len(named) == sheet.count("url(") == 4
    for name, given in named:
        assert hashlib.sha256((ROOT / "static" / name).read_bytes()).hexdigest()[:10] == given


def test_every_icon_that_is_named_exists() -> None:
    drawn = set(re.findall(r'<symbol id="([^"]+)"', (ROOT / "static" / "icons.svg").read_text()))
    named = {page.icon for page in PAGES}
    for path in (ROOT / "templates").rglob("*.html"):
        named |= set(re.findall(r'icon\("([a-z0-9-]+)"', path.read_text()))
        buttons = r"\b(?:dialog_link|dialog_icon|post_button)\(.*?\)\s*\}\}"
        for call in re.findall(buttons, path.read_text(), re.DOTALL):
            named |= set(re.findall(r', "([a-z0-9-]+)"(?:,\s*"[\w ]+")?\s*\)\s*\}\}$', call))
    assert named - drawn == set()


def test_everything_from_elsewhere_has_its_licence() -> None:
    for folder in (ROOT / "static" / "vendor").iterdir():
        assert (folder / "LICENSE.txt").read_text().strip(), folder
        assert re.search(r"-\d+\.\d+\.\d+$", folder.name), folder


def test_the_first_load_is_light(owner: Browser) -> None:
    page = owner.get("/dashboard/messages/")
    weight = len(gzip.compress(page.get_data()))
    for url in addresses(page.text):
        body = fetch(owner, url).get_data()
        weight += len(body if url.startswith("/static/vendor/inter") else gzip.compress(body))
    assert weight <= 120 * 1024
