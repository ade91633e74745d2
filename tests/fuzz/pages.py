"""Requests made from the pages themselves: every address, and every form with some of its fields spoilt.

Run against the application on a furnished database, with nobody who delivers beside it: carriers and addresses are made
up, and nothing may call them. No answer may be a 500.
"""

from __future__ import annotations

import itertools
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from flask import Flask, got_request_exception
from sqlalchemy import delete, select, update
from werkzeug.datastructures import MultiDict
from werkzeug.routing import IntegerConverter, Rule, UUIDConverter

from dashboard.gateway.accounts import user_sessions
from dashboard.models.accounts import Passkey, RecoveryCode, User
from dashboard.models.limits import PumpedRange
from dashboard.models.site_settings import Setting
from tests.support import furnished
from tests.support.dashboard_client import HASH, PASSWORD, Browser, World, session_cookie
from tests.support.doors import UNKNOWN, methods

EMAIL = "owner@example.org"
FRESH = 40  # requests, after which the owner is as at the beginning: forms take rights away, and end sessions
FRAGMENTS = 0.7  # of requests are answered without the shell, which is the same on every page and costs half of it
SKIPPED = ("pages.sign_in.enter", "pages.proof.prove")  # mostly: they hash a password each time
NUMBERS = ("0", "-1", str(2**31), str(2**63), "9" * 400, "٣", "1e3", "%31", "1.0", "nan", "")
NASTY = (
    *("", " ", "a", "0", "-1", "-0", "1e999", "NaN", "Infinity", "9" * 5_000, str(2**31), str(2**63), "٣" * 20, "½"),
    *("\0", "a\0b", "\ud800", "\ufeff", "\u202e", "\u2028", "\ufffd", "\ufdfa" * 300, "😀" * 50, "e\u0301" * 200),
    *("'", '"', "%", "_", "\\", "*", "'; --", "<script>", "{{7*7}}", "${7}", "../../etc/passwd", "=1+1", "\r\nX: y"),
    *("2026-02-30", "0001-01-01", "9999-12-31", "9999-12-31T23:59", "24:00", "2026-13", "10000-01-01", "-1-1-1"),
    *("[" * 2_000, "{" * 50, "[]", "null", "true", "{}", '{"a": 1}', "on", "all", "none", "a" * 20_000, "é" * 3_000),
    *("http://[", "http://[::1", "https://a:99999/", "//", "javascript:1", "http://127.0.0.1:1/", "::1", "0.0.0.0/99"),
    *("+222", "+2223808933", "38089336", "+22238089336", "a@b", "@", "Africa/Nouakchott", "Etc/../x", "fr", "xx"),
)


@dataclass
class Report:
    """How many requests were answered with which status, and which of them with a 500."""

    statuses: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    doors: Counter[str] = field(default_factory=Counter)  # requests, by endpoint and method


@dataclass(frozen=True)
class FoundForm:
    """A form of a page, as a browser would send it untouched."""

    method: str
    action: str
    fields: tuple[tuple[str, str], ...]


class FormParser(HTMLParser):
    """Collects forms and links; fields without a name are not sent."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.page, self.forms, self.links = page, [], list[str]()
        self._form: tuple[str, str, list[tuple[str, str]]] | None = None
        self._select = ""

    forms: list[FoundForm]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        self.links += [told[name] for name in ("href", "hx-get") if told.get(name, "").startswith("/")]
        if tag == "form":
            self._form = (told.get("method", "get").upper(), told.get("action") or self.page, [])
        elif self._form and tag in ("input", "textarea", "button") and told.get("name"):
            self._form[2].append((told["name"], told.get("value", "on")))
        elif self._form and tag == "select":
            self._select = told.get("name", "")
        elif self._form and tag == "option" and self._select:
            self._form[2].append((self._select, told.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        if tag == "form" and self._form:
            method, action, fields = self._form
            told = tuple((name, value) for name, value in fields if name != "csrf_token")
            self.forms.append(FoundForm(method, action, told))
            self._form = None


class PageFuzzer:
    """Someone who presses everything, with values that nobody types."""

    def __init__(self, app: Flask, world: World, seed: int) -> None:
        self.app, self.world, self.seed = app, world, seed
        self.report, self.raised = Report(), list[str]()
        self.rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith(("pages.", "docs."))]
        self.turns = itertools.cycle(random.Random(seed).sample(self.rules, len(self.rules)))
        key, failed = furnished.furnish(world)
        webhook, loose = furnished.furnish_more(world, key)
        furnished.acts(world)
        self.tokens = [furnished.invitation(world), furnished.set_up_link(world)]
        self.uuids = [key.id, failed, webhook, loose, UNKNOWN]
        self.browser = Browser(app)
        got_request_exception.connect(self._note, app)
        self.refresh()
        self.forms, self.links = self._harvest()
        self.names = sorted({name for form in self.forms for name, _ in form.fields})

    def run(self, cases: int, progress: Callable[[int, int], None] = lambda _done, _faults: None) -> Report:
        """Send so many requests; the same seed makes the same ones. `progress` hears how many there are, and faults."""
        for number in range(cases):
            if number % FRESH == 0:
                self.refresh()
                progress(number, len(self.report.faults))
            self._one(random.Random(f"{self.seed} {number}"))
        return self.report

    def unreached(self) -> list[str]:
        """The doors that no request was made for."""
        every = {f"{method} {rule.endpoint}" for rule in self.rules for method in methods(rule)}
        return sorted(every - set(self.report.doors))

    def refresh(self) -> None:
        """The owner is there, signed in, without a second factor; settings are as at the beginning."""
        with self.world.services.sessions.begin() as session:
            user = session.scalar(select(User).where(User.email == EMAIL))
            if user is None:
                session.add(user := User(email=EMAIL, name="Nadia", role="owner", password_hash=HASH))
                session.flush()
            fresh = {"role": "owner", "disabled_at": None, "totp_sealed": None, "totp_at": None, "password_hash": HASH}
            session.execute(update(User).where(User.id == user.id).values(fresh))
            session.execute(delete(RecoveryCode))
            session.execute(delete(Passkey))
            session.execute(delete(Setting))
            session.execute(delete(PumpedRange))
            token = user_sessions.start_session(session, user, "127.0.0.1", "fuzz")
        self.browser = Browser(self.app)
        self.browser.client.set_cookie("chinqit_session", session_cookie(self.app, token))
        self.token = self.browser.token()

    def _note(self, _app: Flask, exception: BaseException) -> None:
        self.raised.append(f"{type(exception).__name__}: {exception}"[:300])

    def _harvest(self) -> tuple[list[FoundForm], list[str]]:
        """The forms and links of every page that an owner can open, in the order in which they are found: by their
        address they would stand otherwise in each run, for ids are made at random."""
        links, forms = dict[str, None](), dict[tuple[str, str], FoundForm]()
        for rule in self.rules:
            if "GET" not in (rule.methods or ()) or rule.endpoint.endswith((".export", "reference")):
                continue
            for uuid in self.uuids[: 3 if "<uuid:" in rule.rule else 1]:
                url = self._address(rule, uuid, "1", "en")
                parser = FormParser(url)
                parser.feed(self.browser.get(url).get_data(as_text=True))
                forms |= {(form.method, form.action): form for form in parser.forms}
                links |= dict.fromkeys([url, *(link for link in parser.links if not link.startswith("/static"))])
        assert len(forms) > 40, "hardly a form was found"
        return list(forms.values()), list(links)

    def _address(self, rule: Rule, uuid: str, number: str, word: str = "x") -> str:
        def value(name: str) -> str:
            kind = rule._converters[name]
            return number if isinstance(kind, IntegerConverter) else uuid if isinstance(kind, UUIDConverter) else word

        return re.sub(r"<(?:[^:>]+:)?(\w+)>", lambda found: value(found[1]), rule.rule)

    def _one(self, dice: random.Random) -> None:
        method, url, fields = dice.choice((self._spoilt_form, self._spoilt_form, self._spoilt_link, self._any_door))(
            dice
        )
        endpoint = self._endpoint(url, method)
        if endpoint in SKIPPED and dice.random() < 0.95:
            url = "/dashboard/"
        headers = self._headers(dice)
        client = Browser(self.app).client if dice.random() < 0.05 else self.browser.client
        data: Any = None
        if method == "POST":
            data = MultiDict([*fields, ("csrf_token", self.token)] if dice.random() < 0.97 else fields)
        else:
            query = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in fields)
            url += ("&" if "?" in url else "?") * bool(query) + query
        before = len(self.raised)
        try:
            with client.open(url, method=method, data=data, headers=headers) as answer:
                answer.get_data()
                status = answer.status_code
        except UnicodeEncodeError:  # no client can send it, this one neither
            self.report.statuses["not sent"] += 1
            return
        self.report.statuses[str(status)] += 1
        self.report.doors[f"{method} {endpoint}"] += 1
        if status >= 500 or len(self.raised) > before:
            why = "; ".join(self.raised[before:])
            self.report.faults.append(f"{status} {method} {url[:300]} ({endpoint}) {fields!r:.1500} {headers} {why}")

    def _spoilt_form(self, dice: random.Random) -> tuple[str, str, list[tuple[str, str]]]:
        """A form as it stands on a page, with one to three fields that are spoilt, left out, doubled or not its own."""
        form = dice.choice(self.forms)
        told = dict(form.fields)
        for name in told:  # of a choice, the parser has every option: one of them is taken
            told[name] = dice.choice([value for field_name, value in form.fields if field_name == name])
        if "current" in told:
            told["current"] = PASSWORD
        fields = list(told.items())
        for _ in range(dice.randint(1, 3)):
            act = dice.randrange(4)
            if fields and act == 0:
                fields.pop(dice.randrange(len(fields)))
            elif fields and act == 1:
                fields.append((dice.choice(fields)[0], dice.choice(NASTY)))
            elif act == 2:
                fields.append((dice.choice(self.names), dice.choice(NASTY)))
            elif fields:
                place = dice.randrange(len(fields))
                fields[place] = (fields[place][0], dice.choice(NASTY))
        return form.method, form.action, fields

    def _spoilt_link(self, dice: random.Random) -> tuple[str, str, list[tuple[str, str]]]:
        """A link of a page, with a part of its query or of its path spoilt."""
        parts = urlsplit(dice.choice(self.links))
        fields, path = parse_qsl(parts.query, keep_blank_values=True), parts.path
        for _ in range(dice.randint(1, 3)):
            if fields and dice.random() < 0.5:
                place = dice.randrange(len(fields))
                fields[place] = (fields[place][0], dice.choice(NASTY))
            else:
                fields.append((dice.choice(self.names), dice.choice(NASTY)))
        if dice.random() < 0.2:
            pieces = path.split("/")
            pieces[dice.randrange(len(pieces))] = _quoted(dice.choice(NASTY))[:2_000]
            path = "/".join(pieces)
        return "GET", path if path.startswith("/") else f"/{path}", fields

    def _any_door(self, dice: random.Random) -> tuple[str, str, list[tuple[str, str]]]:
        """The address whose turn it is, with any method it has, and any fields."""
        rule = next(self.turns)
        word = dice.choice((*self.tokens, "fr", _quoted(dice.choice(NASTY))[:2_000] or "x"))
        number = dice.choice((*NUMBERS, "1", "1", "2")) or "1"
        uuid = dice.choice((*self.uuids, *self.uuids, UNKNOWN.upper(), "x", "%00"))
        method = dice.choice(sorted((rule.methods or set()) - {"OPTIONS"}))
        fields = [(dice.choice(self.names), dice.choice(NASTY)) for _ in range(dice.randrange(8))]
        return method, self._address(rule, uuid, _quoted(number), word), fields

    def _headers(self, dice: random.Random) -> dict[str, str]:
        known = {
            "HX-Request": "true",
            "HX-Target": "main#main",
            "HX-Current-URL": "http://localhost/dashboard/messages/?q=1",
            "Accept-Language": "ar,fr;q=0.5",
            "Accept-Encoding": "gzip",
            "X-Poll": "1",
        }
        told = {name: value for name, value in known.items() if dice.random() < 0.3}
        if dice.random() < FRAGMENTS:
            told["HX-Request-Type"] = "partial"
        if dice.random() < 0.2:
            other = ("Referer", "User-Agent", "Range", "If-None-Match", "Cookie", "X-Forwarded-For", "Host", *known)
            value = re.sub(r"[\r\n\0]|[^\x00-\xff]", "", dice.choice(NASTY))
            told[dice.choice(other)] = value[:4_000]
        return told

    def _endpoint(self, url: str, method: str) -> str:
        try:
            return str(self.app.url_map.bind("localhost").match(urlsplit(url).path, method)[0])
        except Exception:  # no address of ours
            return "-"


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")
