"""The documentation: whole in three languages, no dead link, samples that run, and the hash doctor."""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from flask import Flask

from dashboard.extensions import Services
from dashboard.gateway.otp import retriever_hash
from dashboard.pages.docs import code_samples, reference, search, views
from dashboard.pages.ui import failure_reasons
from dashboard.pages.webhooks import labels as webhooks
from dashboard.providers.sandbox import ENDINGS
from dashboard.resources import ROOT
from tests.support.app_certificates import DEBUG, SHOP
from tests.support.dashboard_client import PARTIAL, Browser, World
from tests.support.samples import run, shown, tool

LANGUAGES = ("fr", "en", "ar")
NAMES = [doc.name for doc in views.DOCS]
HEADING = re.compile(r'<(?:h[23]|tr) id="([^"]+)"')
# The hashes were made with openssl, od and base64, as Google's page describes it.
VECTORS = [("mr.example.shop", DEBUG, "tLeaev13RB4"), ("mr.example.shop", SHOP, "EO9DzFw7x3R")]
HOSTILE = [
    "",
    " ",
    "%00",
    "a" * 9_000,
    "<script>alert(1)</script>",
    "\U0001f600",
    "-----BEGIN CERTIFICATE-----",
    "٠١٢",
]


def url(language: str, name: str) -> str:
    return f"/docs/{language}/" + ("" if name == "start" else name)


def read(browser: Browser, language: str, name: str) -> str:
    answer = browser.get(url(language, name))
    assert answer.status_code == 200, name
    return answer.text


def said(page: str) -> str:
    """The words of a page's text, without samples, code and tags."""
    article = page[page.index("<article") : page.index("</article>")]
    bare = re.sub(r"<(pre|code|svg|form|fieldset|dl)\b.*?</\1>", " ", article, flags=re.DOTALL)
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", bare).split()))


# Whole in three languages


def test_every_page_says_the_same_in_every_language(stranger: Browser) -> None:
    for name in NAMES:
        says_the_same(stranger, name)


def says_the_same(stranger: Browser, name: str) -> None:
    pages = {language: read(stranger, language, name) for language in LANGUAGES}
    sections = {language: HEADING.findall(page) for language, page in pages.items()}
    assert len(sections["en"]) >= 3
    assert sections["fr"] == sections["en"] == sections["ar"]
    assert len(set(sections["en"])) == len(sections["en"])
    for language, page in pages.items():
        assert f'<html lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}"' in page


def test_no_page_is_left_in_english(stranger: Browser) -> None:
    for name in NAMES:
        is_translated(stranger, name)


def is_translated(stranger: Browser, name: str) -> None:
    texts = {language: said(read(stranger, language, name)) for language in LANGUAGES}
    arabic = len(re.findall(r"[\u0600-\u06ff]", texts["ar"]))
    assert arabic > 0.5 * len(re.findall(r"[^\W\d_]", texts["ar"])), "too little Arabic"
    english = set(re.split(r"[.:;!?] ", texts["en"]))
    for language in ("fr", "ar"):
        same = {one for one in re.split(r"[.:;!?؟] ", texts[language]) if one in english and len(one.split()) > 5}
        assert same == set()


def test_french_prose_follows_its_typography() -> None:
    for path in (ROOT / "templates" / "docs" / "fr").rglob("*.html"):
        bare = re.sub(r"\{\{ block\('.*?'\) \}\}", "", path.read_text(), flags=re.DOTALL)
        text = re.sub(r"\{[{%].*?[}%]\}|<code>.*?</code>|<[^>]+>", "", bare, flags=re.DOTALL)
        assert "'" not in text, path.name
        assert not re.search(r"[^\u202f\d\s][;!?](?=\s|$)", text), path.name
        assert not re.search(r"[^\u00a0\d\s][:»](?=\s|$)|«[^\u00a0]", text), path.name


def test_no_link_is_dead(stranger: Browser) -> None:
    pages = {url(language, name): read(stranger, language, name) for language in LANGUAGES for name in NAMES}
    dead = []
    for address, page in pages.items():
        for link in map(html.unescape, re.findall(r'(?:href|src|action)="([^"]*)"', page)):
            parts = urlsplit(link)
            path = parts.path or address
            if parts.netloc:
                assert link == "http://gateway.test/openapi.json", link
            elif path in pages:
                if parts.fragment and f'id="{parts.fragment}"' not in pages[path]:
                    dead.append((address, link))
            elif not path.startswith(("/static/", "/dashboard/")) and stranger.get(path).status_code >= 400:
                dead.append((address, link))
    assert dead == []


def test_every_code_of_an_error_has_its_cause_and_cure(stranger: Browser, app: Flask) -> None:
    with app.test_request_context():
        document = json.dumps(reference.document())
        codes = set(reference.read(json.loads(document), "en", "").codes)
    listed = {
        code for codes in re.findall(r'"code": \{"enum": \[([^\]]*)\]', document) for code in re.findall(r"\w+", codes)
    }
    assert listed and listed <= codes
    for language in LANGUAGES:
        rows = set(re.findall(r'<tr id="([a-z_]+)"', read(stranger, language, "errors")))
        assert codes - rows == set()


def test_why_messages_and_calls_failed_is_told_by_code(stranger: Browser) -> None:
    for language in LANGUAGES:
        page = read(stranger, language, "errors")
        assert re.findall(r'<tr id="failed-(\w+)"', page) == list(failure_reasons.REASONS)
        assert re.findall(r'<tr id="call-(\w+)"', page) == list(webhooks.REASONS)
    assert 'href="/docs/en/errors#failed-no_answer"' in stranger.get("/docs/en/search?q=no_answer").text


def calls_of(stranger: Browser, language: str = "en") -> dict[str, str]:
    """The pages of the reference, one a call, by address."""
    addresses = re.findall(rf'"(/docs/{language}/reference/\w+)"', read(stranger, language, "reference"))
    return {address: stranger.get(address).text for address in addresses}


def test_the_reference_comes_in_pages_of_which_none_is_heavy(stranger: Browser) -> None:
    for language in LANGUAGES:
        pages = calls_of(stranger, language) | {"overview": read(stranger, language, "reference")}
        assert len(pages) >= 15
        assert max(len(page.encode()) for page in pages.values()) <= 60_000


def test_an_app_is_told_to_count_down_only_when_no_code_is_left(stranger: Browser) -> None:
    """`t` of RateLimit may be an hour while more codes are allowed at once."""
    for language in LANGUAGES:
        section = read(stranger, language, "otp").partition('id="screen"')[2].partition("<h2")[0]
        assert "<code>r=0</code>" in section.partition("<code>t</code>")[0], language
        section = read(stranger, language, "limits").partition('id="read"')[2].partition("<h2")[0]
        assert re.search(r"<code>r</code>[^.]*\b(0|صفرًا)[^.]*<code>t</code>", section), language


def test_an_old_address_of_a_call_leads_to_it(stranger: Browser) -> None:
    overview = read(stranger, "fr", "reference")
    line = overview[overview.index('id="sendOtp"') :]
    assert re.search(r'href="([^"]+)"', line)[1] == "/docs/fr/reference/sendOtp"  # type: ignore[index]
    assert 'id="sendOtpV2"' in overview
    found = stranger.get("/docs/en/search?q=sentBy").text
    assert 'href="/docs/en/reference/sendOtp"' in found
    for name in ("nothing", "sendOtpV2"):
        assert stranger.get(f"/docs/en/reference/{name}").status_code == 404


def test_every_operation_is_in_the_reference(stranger: Browser) -> None:
    paths = stranger.get("/openapi.json").get_json()["paths"]
    wanted = {(one["operationId"], path) for path, methods in paths.items() for one in methods.values()}
    page = "".join(calls_of(stranger).values())
    assert len(wanted) >= 12
    for name, path in wanted:
        assert f'id="{name}"' in page
        assert f'<code dir="ltr">{path}</code>' in page
    for field in ("phoneNumber", "Idempotency-Key", "retriesLeft", "results[].messageId", "limits.minute"):
        assert f"<code>{field}</code>" in page or field in page, field


def test_a_door_s_sample_bears_its_own_header_and_no_api_key(stranger: Browser) -> None:
    for name, header in (("sendSms", "webhook-signature: v1,"), ("sendValidation", "Validation-token: $CHINQIT_KEY")):
        page = html.unescape(stranger.get(f"/docs/en/reference/{name}").text)
        sample = shown(page, name, "curl")
        assert header in sample and "X-API-Key" not in sample


def test_the_endings_are_those_of_the_sandbox(stranger: Browser) -> None:
    for language in LANGUAGES:
        page = read(stranger, language, "test-keys")
        rows = re.findall(r"<tr><th scope=\"row\"><code>(\d{6})</code></th><td>(.*?)</td></tr>", page)
        assert [ending for ending, _ in rows] == list(ENDINGS)
        assert ([text for _, text in rows] == list(ENDINGS.values())) == (language == "en")


# Open to all, in the look of the house


def test_the_first_page_is_in_the_reader_s_language(stranger: Browser) -> None:
    def led(language: str) -> str:
        return stranger.get("/docs/", headers={"Accept-Language": language}).headers["Location"]

    assert [led("fr-FR"), led("ar-MR"), led("de")] == ["/docs/fr/", "/docs/ar/", "/docs/fr/"]
    stranger.post("/dashboard/preferences", {"language": "ar", "next": "/docs/fr/"})
    assert led("en-GB") == "/docs/ar/"
    assert '<html lang="fr"' in stranger.get("/docs/fr/").text, "the address chooses"


def test_a_theme_chosen_in_the_docs_leads_back_to_them(stranger: Browser) -> None:
    answer = stranger.post("/dashboard/preferences", {"theme": "dark", "next": "/docs/ar/errors"})
    assert answer.headers["Location"] == "/docs/ar/errors"
    assert 'data-theme="dark"' in stranger.get("/docs/ar/errors").text


def test_the_policy_is_that_of_the_pages_and_no_other_host_is_asked(stranger: Browser) -> None:
    answer = stranger.get("/docs/en/reference")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    loaded = re.findall(r'<(?:script|link|img|use)[^>]*(?:src|href)="([^"]+)"', answer.text)
    assert loaded and all(one.startswith("/static/") for one in loaded)


def test_an_unknown_page_is_404_as_a_page(stranger: Browser) -> None:
    for path in ("/docs/de/", "/docs/fr/nothing", "/docs/fr/start", "/docs/fr/../fr", "/docs/x"):
        answer = stranger.get(path)
        assert (answer.status_code, answer.mimetype) == (404, "text/html"), path
        assert "Content-Security-Policy" in answer.headers


def test_nothing_can_be_sent_to_the_docs(stranger: Browser) -> None:
    assert {stranger.post(url("en", name)).status_code for name in NAMES if name != "retriever"} == {405}


def test_the_dashboard_s_menu_leads_to_the_docs(viewer: Browser) -> None:
    assert 'href="/dashboard/docs/"' in viewer.get("/dashboard/messages/").text
    assert viewer.get("/dashboard/docs/").headers["Location"] == "/docs/"


def test_the_base_address_is_the_installation_s(make_app: Callable[..., Flask]) -> None:
    page = Browser(make_app(public_url="https://sms.example.mr")).get("/docs/en/reference/sendMessage").text
    assert "https://sms.example.mr/messages/send" in page
    assert "http://127.0.0.1" not in page


# Search


SOUGHT = [
    ("en", "phone_prefix", "/docs/en/errors#phone_prefix"),
    ("en", "Idempotency-Key", "/docs/en/retries#idempotency"),
    ("fr", "VERIFIER LA SIGNATURE", "/docs/fr/webhooks#verify"),
    ("fr", "plafond quotidien volée", "/docs/fr/test-keys#live"),
    ("ar", "التحقق من التوقيع", "/docs/ar/webhooks#verify"),
    ("ar", "هاتف الإختبار", "/docs/ar/test-keys#phone"),
    ("en", "rate limit", "/docs/en/limits#codes"),
]
# What developers type, and the section that answers it; in English on the pages of every language.
EVERYWHERE = {
    "CORS": "facts#browser",
    "browser": "facts#browser",
    "timezone": "facts#times",
    "time zone": "facts#times",
    "callback": "webhooks#events",
    "DLR": "retries#follow",
    "delivery report": "webhooks#events",
    "pagination": "retries#list",
    "localhost": "webhooks#local",
    "bearer": "keys#header",
    "fraud": "otp#abuse",
    "pumping": "otp#abuse",
    "unicode": "limits#segments",
    "emoji": "limits#segments",
    "SDK": "facts#tools",
    "postman": "facts#tools",
    "ios": "retriever#web",
    "WebOTP": "retriever#web",
    "autofill": "retriever#web",
    "opt out": "facts#answers",
    "whitelist": "keys#restrict",
    "rotate": "keys#rotate",
    "versioning": "facts#versions",
    "webhook signature": "webhooks#verify",
    "app review": "keys#review",
}
OWN = [
    ("fr", "hachage", "retriever#doctor"),
    ("fr", "idempotence", "retries#idempotency"),
    ("fr", "bac à sable", "test-keys#phone"),
    ("fr", "nouvelle tentative", "retries#when"),
    ("fr", "fuseau horaire", "facts#times"),
    ("fr", "navigateur", "facts#browser"),
    ("fr", "liste blanche", "keys#restrict"),
    ("ar", "هاش", "retriever#doctor"),
    ("ar", "المنطقة الزمنية", "facts#times"),
    ("ar", "متصفح", "facts#browser"),
    ("ar", "احتيال", "otp#abuse"),
    ("ar", "إعادة المحاولة", "retries#when"),
    ("ar", "قائمة بيضاء", "keys#restrict"),
]


def test_search_finds_the_words_that_developers_use(stranger: Browser) -> None:
    asked = [(language, query, target) for language in LANGUAGES for query, target in EVERYWHERE.items()]
    missed = [
        (language, query)
        for language, query, target in asked + OWN
        if f'href="/docs/{language}/{target}"'
        not in stranger.partial(f"/docs/{language}/search?" + urlencode({"q": query}), "section#found").text
    ]
    assert missed == []


def test_search_takes_no_middle_of_a_word() -> None:
    section = search.Section("id", 2, "Title", "It is skipped; ip too")
    (hit,) = search.find([("page", [section])], "ip")
    assert [text for text, sought in hit.pieces if sought] == ["ip"]


def test_search_finds_whatever_case_accents_and_hamza(stranger: Browser) -> None:
    for language, query, target in SOUGHT:
        page = stranger.get(f"/docs/{language}/search?" + urlencode({"q": query})).text
        assert f'href="{target}"' in page, query
    assert "<mark>volée</mark>" in stranger.get("/docs/fr/search?q=VOLEE").text
    assert "<mark>" not in stranger.get("/docs/fr/search?q=xylophone").text


def test_search_puts_the_guide_before_what_else_names_the_thing(stranger: Browser) -> None:
    for language in LANGUAGES:
        found = re.findall(r'<li><a href="([^"#]+)#', stranger.get(f"/docs/{language}/search?q=webhook").text)
        assert found[0] == f"/docs/{language}/webhooks"
        assert len(set(found)) > 1


def test_search_by_htmx_answers_with_the_fragment(stranger: Browser) -> None:
    answer = stranger.get("/docs/en/search?q=webhook", headers=PARTIAL)
    assert answer.text.lstrip().startswith('<section id="found"')
    assert "<html" not in answer.text


def test_search_bears_anything(stranger: Browser) -> None:
    for query in ("", " ", "'\"><script>alert(1)</script>", "\x01", "a" * 5_000, "(((", "%", "\\", "ـ", "ﷺ ﬁ ẞ İ"):
        for language in LANGUAGES:
            answer = stranger.get(f"/docs/{language}/search?" + urlencode({"q": query}))
            assert answer.status_code == 200
            assert "<script>alert" not in answer.text


def test_an_excerpt_shows_what_was_found() -> None:
    section = search.Section("id", 2, "Titre", "x " * 200 + "Une Épée ﬁne" + " y" * 200)
    (hit,) = search.find([("page", [section])], "epee fine")
    marked = [text for text, sought in hit.pieces if sought]
    assert marked == ["Épée", "ﬁne"]
    assert len("".join(text for text, _ in hit.pieces)) < 320


def test_an_excerpt_holds_whole_words() -> None:
    section = search.Section("id", 2, "Titre", "avant " * 50 + "code" + " ensuite" * 50)
    (hit,) = search.find([("page", [section])], "code")
    shown = "".join(text for text, _ in hit.pieces)
    assert set(shown.split()) == {"…", "avant", "code", "ensuite"}


# The hash doctor

# The beginnings of PKCS #8, PKCS #1, SEC 1 and PKCS #12, and what fills them up.
BEGINNINGS = ("3081cb020100", "308204a4020100", "30770201010420", "308209a1020103")
BARE_KEYS = [bytes.fromhex(beginning) + bytes(200) for beginning in BEGINNINGS]
PRINTED = [
    "SHA256: {}",
    "sha256 Fingerprint={}",
    "SHA-256 digest: {}",
    "Certificate fingerprints:\n\t SHA1: {}\n\t SHA256: {}",
]


def der(pem: str) -> bytes:
    return base64.b64decode("".join(pem.split("-----")[2].split()))


@pytest.mark.parametrize(("package", "pem", "right"), VECTORS)
def test_the_hash_is_that_of_the_published_algorithm(package: str, pem: str, right: str) -> None:
    forms = [
        pem,
        "junk before\n" + pem.replace("\n", "\r\n") + "\njunk after",
        base64.b64encode(der(pem)).decode(),
        der(pem).hex(),
        der(pem).hex(":").upper(),
        der(pem).hex("-"),
        f"  {der(pem).hex(' ')}\n",
    ]
    assert {retriever_hash.diagnose(f" {package}\n", form).hash for form in forms} == {right}
    assert re.fullmatch(r"[A-Za-z0-9+/]{11}", right)


@pytest.mark.parametrize("pem", [DEBUG, SHOP])
@pytest.mark.parametrize("package", ["mr.example.shop", "com.google.android.apps.a_b"])
def test_the_hash_is_what_the_published_command_line_makes(package: str, pem: str, tmp_path: Path) -> None:
    """Google's page gives one for the shell: this is its chain of tools, fed with the certificate's hex digits."""
    for needed in ("sha256sum", "basenc"):
        tool(needed)
    chain = 'printf %s "$INPUT" | sha256sum | cut -c1-64 | tr a-f A-F | basenc --base16 -d | base64 -w0 | cut -c1-11'
    made = run("curl", chain, tmp_path, INPUT=f"{package} {der(pem).hex()}").strip()
    assert retriever_hash.diagnose(package, pem).hash == made


def test_the_debug_certificate_is_told_apart() -> None:
    assert retriever_hash.diagnose("mr.example.shop", DEBUG).is_debug
    shop = retriever_hash.diagnose("mr.example.shop", SHOP)
    assert (shop.is_debug, shop.subject) == (False, "CN=Boutique Nouakchott,C=MR")


def test_the_package_counts_to_the_letter() -> None:
    made = {
        retriever_hash.diagnose(name, SHOP).hash for name in ("mr.example.shop", "mr.example.Shop", "mr.example.shop2")
    }
    assert len(made) == 3


@pytest.mark.parametrize(
    ("certificate", "code"),
    [
        (hashlib.sha1(der(SHOP)).hexdigest(), "fingerprint"),
        (hashlib.sha256(der(SHOP)).digest().hex(":").upper(), "fingerprint"),
        (base64.b64encode(hashlib.sha1(der(SHOP)).digest()).decode(), "fingerprint"),
        ("-----BEGIN PRIVATE KEY-----\nMIGHAgEA\n-----END PRIVATE KEY-----", "private_key"),
        ("-----BEGIN RSA PRIVATE KEY-----", "private_key"),
        ("PuTTY-User-Key-File-3: ssh-rsa", "private_key"),
        *((base64.b64encode(bare).decode(), "private_key") for bare in BARE_KEYS),
        *((text.replace("{}", hashlib.sha256(der(SHOP)).digest().hex(":").upper()), "fingerprint") for text in PRINTED),
        (hashlib.sha256(der(SHOP)).digest().hex("-"), "fingerprint"),
        ("sha256/" + base64.b64encode(hashlib.sha256(der(SHOP)).digest()).decode(), "fingerprint"),
        (der(SHOP)[:-1].hex(), "certificate"),
        (der(SHOP).hex() + "00", "certificate"),
        (SHOP[:-40], "certificate"),
        ("A" * 8_001, "too_long"),
        *((text, "certificate") for text in ("zz", "é", "abc", "\x00", "MA==", "30" * 200)),
    ],
)
def test_what_is_no_certificate_is_named(certificate: str, code: str) -> None:
    with pytest.raises(retriever_hash.UnreadableCertificate) as refused:
        retriever_hash.diagnose("mr.example.shop", certificate)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "package", ["", "shop", "mr..shop", "mr.1shop", "mr.ex ample", "mr.exämple", "a." * 200 + "b", "../x"]
)
def test_what_is_no_package_is_refused(package: str) -> None:
    with pytest.raises(retriever_hash.UnreadableCertificate, match="package"):
        retriever_hash.diagnose(package, SHOP)


def ask(browser: Browser, language: str = "en", **given: str) -> str:
    answer = browser.post(f"/docs/{language}/retriever", given) if given else browser.get(f"/docs/{language}/retriever")
    assert answer.status_code == 200
    return answer.text


def test_the_doctor_answers_a_plain_form(stranger: Browser) -> None:
    given = {"package": "mr.example.shop", "certificate": SHOP}
    for language in LANGUAGES:
        assert "<code>EO9DzFw7x3R</code>" in ask(stranger, language, **given)
    assert "this very hash" in ask(stranger, **given, hash="EO9DzFw7x3R")
    assert "other capitals" in ask(stranger, **given, hash="eo9dzfw7x3r")
    assert "sends another hash" in ask(stranger, **given, hash="FA+9qCX9VSu")
    assert "debug builds" in ask(stranger, package="mr.example.shop", certificate=DEBUG)


def test_the_doctor_says_what_is_wrong_and_gives_no_private_key_back(stranger: Browser) -> None:
    fingerprint = hashlib.sha256(der(SHOP)).hexdigest()
    assert "That is a fingerprint" in ask(stranger, package="mr.example.shop", certificate=fingerprint)
    page = ask(stranger, package="mr.example.shop", certificate="-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMG")
    assert "That is a private key" in page
    assert "MIGHAgEAMBMG" not in page


def test_the_doctor_bears_anything(stranger: Browser) -> None:
    for text in HOSTILE:
        for given in ({"package": text, "certificate": SHOP}, {"package": "mr.example.shop", "certificate": text}):
            assert "<script>alert" not in ask(stranger, **given, hash=text)


def test_the_doctor_stands_beside_what_the_keys_really_send(stranger: Browser, viewer: Browser, world: World) -> None:
    shop, app_key = world.key("Épicerie"), world.key("تطبيق", mode="test")
    for phone in ("+22238089336", "+22238089337"):
        world.code(shop, phone, app_hash="EO9DzFw7x3R")
    world.code(shop, "+22238089338")
    world.code(app_key, app_hash="eo9DzFw7x3R")
    world.code(app_key, "+22238089337", app_hash="FA+9qCX9VSu")
    given = {"package": "mr.example.shop", "certificate": SHOP}
    page = ask(viewer, **given)
    rows = re.findall(r"<tr><th scope=\"row\"><code>(.{11})</code>(.*?)</tr>", page, re.DOTALL)
    told = {found: " ".join(re.sub(r"<[^>]+>", " ", rest).split()) for found, rest in rows}
    assert list(told) == ["FA+9qCX9VSu", "eo9DzFw7x3R", "EO9DzFw7x3R"], "the last sent first"
    assert told["EO9DzFw7x3R"].startswith("of this app Épicerie Live 2 codes · last sent")
    assert told["eo9DzFw7x3R"].startswith("of this app, but for its capitals تطبيق Test 1 code ·")
    assert told["FA+9qCX9VSu"].startswith("of another app or certificate")
    assert "of this app" not in ask(viewer), "nothing to compare with"
    for page in (ask(stranger, **given), stranger.get("/docs/en/search?q=shop").text):
        assert "FA+9qCX9VSu</code>" not in page and "Épicerie" not in page
    assert "Signed in to the dashboard" in ask(stranger)


def test_the_doctor_says_that_no_key_sends_a_hash(viewer: Browser) -> None:
    assert "No API key has sent a hash" in ask(viewer)


def files(home: Path) -> dict[str, bytes]:
    """What is kept; not what SQLite has beside its file while somebody reads."""
    kept = (path for path in home.iterdir() if path.is_file() and not path.name.endswith(("-shm", "-wal")))
    return {path.name: path.read_bytes() for path in kept}


def test_the_docs_write_nothing(stranger: Browser, services: Services) -> None:
    home = services.settings.chinqit_home
    ask(stranger, package="mr.example.shop", certificate=SHOP)
    before = files(home)
    for name in NAMES:
        read(stranger, "fr", name)
    ask(stranger, package="mr.example.shop", certificate=SHOP)
    assert files(home) == before


# Samples


SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VERIFIERS = {
    "python": """
import json, os
headers, body = json.loads(os.environ["HEADERS"]), open("body.json", "rb")
with body:
    print(is_genuine(os.environ["SECRET"], headers, body.read()))
""",
    "javascript": """
import { readFileSync } from "node:fs";
const told = [process.env.SECRET, JSON.parse(process.env.HEADERS), readFileSync("body.json")];
console.log(isGenuine(...told));
""",
    "php": """
$headers = json_decode(getenv('HEADERS'), true);
var_export(is_genuine(getenv('SECRET'), $headers, file_get_contents('body.json')));
""",
    "curl": "",
}
TRUE = ("True", "true", "genuine")


def signed(body: bytes, at: int) -> dict[str, str]:
    """After Standard Webhooks."""
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    mac = hmac.digest(key, f"evt_1.{at}.".encode() + body, "sha256")
    signature = f"v1,{base64.b64encode(bytes(32)).decode()} v1,{base64.b64encode(mac).decode()}"
    return {"webhook-id": "evt_1", "webhook-timestamp": str(at), "webhook-signature": signature}


def test_our_signature_is_the_specification_s() -> None:
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    known = hmac.digest(key, b'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}', "sha256")
    assert base64.b64encode(known).decode() == "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("language", VERIFIERS)
def test_the_verification_of_a_webhook_takes_the_right_and_refuses_the_rest(
    stranger: Browser, language: str, tmp_path: Path
) -> None:
    text = shown(read(stranger, "en", "webhooks"), "verify", language) + VERIFIERS[language]
    body, now = '{"type":"message.sent","é":1}'.encode(), int(time.time())

    def judge(headers: dict[str, str], received: bytes = body) -> bool:
        (tmp_path / "body.json").write_bytes(received)
        parts = {"ID": "webhook-id", "TIMESTAMP": "webhook-timestamp", "SIGNATURE": "webhook-signature"}
        environment = {"SECRET": SECRET} | {part: headers.get(name, "") for part, name in parts.items()}
        out = run(language, text, tmp_path, HEADERS=json.dumps(headers), **environment)
        return out.strip() in TRUE

    right = signed(body, now)
    assert judge(right)
    assert not judge(right, body + b" ")
    assert not judge(right | {"webhook-id": "evt_2"})
    assert not judge(right | {"webhook-timestamp": str(now + 1)})
    assert not judge(right | {"webhook-signature": "v1,é v2,x v1,"})
    assert not judge(signed(body, now - 301))
    assert not judge(signed(body, now + 400))
    assert not judge(right | {"webhook-timestamp": "soon"})
    for missing in right:
        assert not judge({name: value for name, value in right.items() if name != missing}), missing


def test_every_language_has_its_samples(stranger: Browser) -> None:
    page = "".join(calls_of(stranger).values())
    for language in code_samples.LANGUAGES:
        for name in ("sendMessage", "verifyOtp", "me"):
            assert len(shown(page, name, language)) > 40
