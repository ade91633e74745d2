"""Every form of the pages that changes something leaves exactly one entry, and none when it is refused."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from datetime import timedelta
from itertools import chain
from typing import Any

import pyotp
import pytest
from flask import Flask
from sqlalchemy import select, update

from dashboard.db import utcnow
from dashboard.extensions import Services
from dashboard.gateway import site_settings
from dashboard.gateway.accounts import links, users
from dashboard.gateway.alerts import incidents
from dashboard.gateway.audit import fields, trail
from dashboard.gateway.audit.chain import ChainEntry
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.inbound import inbox
from dashboard.gateway.monitoring.alerts import Alert, AlertCode
from dashboard.models.accounts import Passkey, PersonLink, User, UserSession
from dashboard.models.alerts import AlertChannel, AlertIncident
from dashboard.models.campaigns import Campaign
from dashboard.models.carriers import Carrier
from dashboard.models.contacts import Contact, ContactGroup, ContactImport
from dashboard.models.costs import Budget, Price
from dashboard.models.diagnosis import NumberNote
from dashboard.models.inbound import IncomingMessage
from dashboard.models.limits import LimitOverride, PumpedRange
from dashboard.models.message_log import SavedView
from dashboard.models.opt_outs import OptOut
from dashboard.models.otp import OtpTemplate, ReviewNumber
from dashboard.models.webhooks import WebhookEvent, WebhookSecret
from dashboard.pages.audit import labels
from dashboard.providers.base import Incoming
from tests.support.authenticator import Authenticator
from tests.support.dashboard_client import PARTIAL, PASSWORD, Browser, World
from tests.support.doors import doors

CHANGE_NOTHING = {  # forms that ask, or that choose how pages look for one person
    "pages.locale.choose",
    "pages.otp_templates.preview",
    "pages.palette.find",
    "pages.saved_views.choose_columns",
}
D = "/dashboard/"
KEY_ID, HOOK_ID = "6f3f2dba-9bb8-4b31-9a8e-5c37af1f0e11", "6f3f2dba-9bb8-4b31-9a8e-5c37af1f0e12"
KEY = {"id": KEY_ID, "name": "Shop, Android", "mode": "live", "scopes": ["send", "otp", "read"]}
HOOK = {"id": HOOK_ID, "url": "https://shop.example.org/hooks?token=hush", "events": ["message.sent"]}
CARRIER = {"kind": "http", "name": "mattel", "v-url": "https://sms.example.org/send", "v-body": '{"to": "{phone}"}'}
SECOND = {**CARRIER, "name": "spare"}
OVERRIDE = {"scope": "phone", "phone": "38089336", "minute": "9", "reason": "Ticket", "lasting": "1h"}
INWARD = {"url": "https://sms.example.org/send", "body": '{"to": "{phone}"}', "sender": "3601"}
TEXT = {"key": "", "language": "fr", "body": "Code : {code}", "brand": ""}
SETTINGS = {"otp_language": "fr", "texts_days": "3", "numbers_days": "30", "sandbox_days": "2"}
SANDBOX = {"phone": "38089336", "kind": "message", "text": "Bonjour"}
NEW_PASSWORD = "Un mot de passe neuf"


class Walk:
    """Goes through the doors one after the other, each as the one before left things."""

    def __init__(self, app: Flask, services: Services, owner: Browser) -> None:
        self.app, self.services, self.owner = app, services, owner
        self.passed: dict[str, list[str]] = {}
        self.entries: list[ChainEntry] = []
        self.secrets: list[str] = []
        self.adapter = app.url_map.bind("localhost")

    def go(self, url: str, data: dict[str, Any] | None = None, browser: Browser | None = None, **more: Any) -> str:
        """Send a form; note which door it was and which acts were recorded by it. Return the answer's text."""
        before = len(self.all())
        answer = (browser or self.owner).post(url, data, **more)
        assert answer.status_code in (200, 303), f"{url}: {answer.status_code} {answer.text[-3000:]}"
        new = self.all()[before:]
        endpoint = self.adapter.match(url.partition("?")[0], "POST")[0]
        self.passed.setdefault(endpoint, []).extend(entry.act for entry in new)
        assert len(new) == 1, f"{url} left {[entry.act for entry in new]}"
        self.entries += new
        return answer.text

    def remove_and_restore(self, url: str, restore: str) -> None:
        """Remove something, and take that back as the toast offers."""
        self.take_back(self.go(url, headers=PARTIAL), restore)

    def take_back(self, toast: str, restore: str) -> None:
        """Press what a toast offers."""
        before = re.search(r'name="before"\s+value="([^"]+)"', toast)
        assert before
        self.go(restore, {"before": before[1]}, headers=PARTIAL)

    def all(self) -> list[ChainEntry]:
        with self.services.sessions() as session:
            return list(trail.entries(session))

    def newest_of(self, model: Any) -> Any:
        """The row that was made last."""
        with self.services.sessions() as session:
            return session.scalars(select(model).order_by(model.id.desc())).first()

    def newest(self, column: Any) -> Any:
        with self.services.sessions() as session:
            return session.scalars(select(column).order_by(column.desc())).first()


def test_every_door_leaves_one_entry(app: Flask, services: Services, owner: Browser, world: World) -> None:
    walk = Walk(app, services, owner)
    walk_team(walk, app)
    walk_keys(walk)
    walk_review_numbers(walk)
    walk_doors(walk)
    walk_webhooks(walk)
    walk_alerts(walk)
    walk_carriers(walk)
    walk_desk(walk)
    walk_the_rest(walk, world)
    walk_account(walk, app)
    expected = {endpoint for endpoint, method, _ in doors(app) if method == "POST"} - CHANGE_NOTHING
    assert set(walk.passed) == expected
    assert {act for acts in walk.passed.values() for act in acts} <= set(labels.ACTS)
    changed = {name for entry in walk.entries for name in json.loads(entry.changes)}
    assert changed | {*chain(*fields.FIELDS.values())} <= set(labels.FIELDS)
    written = " ".join(map(str, walk.entries))
    for secret in (PASSWORD, NEW_PASSWORD, "hush", "38089336", "argon2", "cq_live_6", "whsec_", *walk.secrets):
        assert secret not in written, secret
    assert all(entry.actor.count("@") == 1 and entry.request_id for entry in walk.entries)
    with services.sessions() as session:
        assert trail.verify(session, services.settings.chinqit_home) == []


def walk_team(walk: Walk, app: Flask) -> None:
    team, setup = f"{D}team/", ""
    walk.go(f"{team}invite", {"email": "nadia@example.org", "role": "viewer"})
    link = walk.newest(PersonLink.id)
    walk.go(f"{team}invitations/{link}/renew")
    withdrawal = f"{team}invitations/{walk.newest(PersonLink.id)}/withdraw"
    walk.remove_and_restore(withdrawal, f"{team}invitations/restore")
    walk.go(withdrawal)
    with walk.services.sessions.begin() as session:
        token = links.invite(session, "nadia@example.org", "viewer", None)
    walk.go(f"{D}join/{token}", {"name": "Nadia", "password": PASSWORD}, Browser(app))
    nadia = walk.newest(User.id)
    walk.go(f"{team}{nadia}/role", {"role": "desk"})
    walk.go(f"{team}{nadia}/disable")
    walk.go(f"{team}{nadia}/enable")
    walk.go(f"{team}{nadia}/unlock")
    walk.go(f"{team}{nadia}/reset")
    with walk.services.sessions.begin() as session:
        setup = users.make_setup_link(session)
        token = links.reset(session, session.get_one(User, nadia), None)
    walk.go(f"{D}reset/{token}", {"password": NEW_PASSWORD}, Browser(app))
    assert Browser(app).get(f"{D}setup/{setup}").status_code == 200


def walk_keys(walk: Walk) -> None:
    keys = f"{D}keys/"
    walk.go(f"{keys}new", KEY)
    walk.go(f"{keys}{KEY_ID}/edit", {**KEY, "name": "Shop", "otp_cap": "500"})
    [changed] = [entry for entry in walk.entries if entry.act == "api_keys.change"]
    assert '"name": ["Shop, Android", "Shop"]' in changed.changes and '"otp_cap": [null, 500]' in changed.changes
    page = walk.owner.get(f"{keys}{KEY_ID}/rotate").text
    newest = re.search(r'name="newest" value="(\d+)"', page)
    assert newest
    walk.go(f"{keys}{KEY_ID}/rotate", {"grace": "24h", "newest": newest[1]})


def walk_review_numbers(walk: Walk) -> None:
    review = f"{D}keys/{KEY_ID}/review-numbers/"
    typed = {"phone": "22000001", "code": "730914", "until": (utcnow() + timedelta(days=9)).date().isoformat()}
    walk.go(f"{review}new", typed)
    number = f"{review}{walk.newest(ReviewNumber.id)}/"
    walk.go(f"{number}remove")
    walk.go(f"{number}restore")


def walk_doors(walk: Walk) -> None:
    for step in ("open", "close"):
        walk.go(f"{D}keys/{KEY_ID}/doors/supabase/{step}", headers=PARTIAL)


def walk_webhooks(walk: Walk) -> None:
    hook = f"{D}webhooks/{HOOK_ID}/"
    walk.go(f"{D}webhooks/new", {**HOOK, "key": KEY_ID})
    walk.go(f"{hook}edit", {**HOOK, "description": "Orders"})
    rotated = walk.go(f"{hook}rotate", {"newest": str(walk.newest(WebhookSecret.id))}, headers=PARTIAL)
    walk.take_back(rotated, f"{hook}rotate/undo")
    walk.go(f"{hook}test")
    walk.go(f"{hook}replay", {"event": walk.newest(WebhookEvent.reference)})
    walk.go(f"{hook}disable")
    walk.go(f"{hook}enable")
    walk.go(f"{hook}delete")
    walk.take_back(walk.owner.get(f"{D}webhooks/").text, f"{D}webhooks/restore")


def walk_alerts(walk: Walk) -> None:
    alerts = f"{D}alerts/"
    typed = {"severity": "grave", "language": "fr", "repeat_minutes": "0"}
    walk.go(f"{alerts}new", {**typed, "kind": "webhook", "address": "https://example.org/alerts"})
    channel = f"{alerts}channels/{walk.newest(AlertChannel.id)}/"
    walk.go(f"{channel}edit", {**typed, "quiet_from": "22:00", "quiet_until": "06:30"})
    walk.go(f"{channel}test")
    walk.remove_and_restore(f"{channel}remove", f"{alerts}channels/restore")
    with walk.services.sessions.begin() as session:
        incidents.observe(session, [Alert(AlertCode.NO_RELAY)], utcnow())
    walk.go(f"{alerts}{walk.newest(AlertIncident.id)}/acknowledge")


def walk_carriers(walk: Walk) -> None:
    walk.go(f"{D}carriers/new", CARRIER)
    walk.go(f"{D}carriers/new", SECOND)
    carrier = f"{D}carriers/{walk.newest(Carrier.id)}/"
    walk.go(f"{carrier}edit", {**SECOND, "label": "Ligne 2"})
    assert '"label": [null, "Ligne 2"]' in walk.entries[-1].changes
    walk.go(f"{carrier}test", {"phone": "38089336"})
    walk.go(f"{carrier}disable")
    walk.go(f"{carrier}enable")
    routes = f"{D}routes/"
    walk.go(f"{routes}new", {"channel": "sms", "operator": "4", "carrier": ["spare"], "weight": ["1"], "act": "save"})
    narrow = f"{routes}rule?channel=sms&operator=4"
    version = re.search(r'name="version" value="(\w+)"', walk.owner.get(narrow).text)
    assert version
    walk.go(narrow, {"carrier": ["mattel"], "weight": ["1"], "act": "save", "version": version[1]})
    assert '"carriers": [["1. spare (1)"], ["1. mattel (1)"]]' in walk.entries[-1].changes
    walk.remove_and_restore(f"{routes}remove?channel=sms&operator=4", f"{routes}restore")
    walk.go(f"{routes}remove?channel=sms&operator=4")
    walk.go(f"{routes}fallback", {"key": KEY_ID, "on": "1"})
    walk.go(f"{carrier}remove", {"name": "spare"})


def walk_desk(walk: Walk) -> None:
    desk, number = f"{D}lookup/", {"phone": "38089336"}
    walk.go(f"{desk}lift", {**number, "key": KEY_ID})
    walk.go(f"{desk}lift/{walk.newest(LimitOverride.id)}/end", number)
    walk.go(f"{desk}notes", {**number, "note": "Called twice"})
    note = f"{desk}notes/{walk.newest(NumberNote.id)}/"
    walk.go(f"{note}remove", number)
    walk.go(f"{note}restore", number)


def walk_campaigns(walk: Walk) -> None:
    def prepare() -> str:
        file = (io.BytesIO(b"numero;nom\n38089336;Awa\n47000000;Sidi\n"), "clients.csv")
        typed = {"name": "Rentrée", "key": KEY_ID, "text": "Bonjour {nom}", "file": file}
        walk.go(f"{D}campaigns/new", typed, content_type="multipart/form-data")
        return f"{D}campaigns/{walk.newest_of(Campaign).uuid}/"

    one = prepare()
    walk.go(f"{one}test", {"phone": "38089336"})
    for step in ("start", "pause", "resume", "cancel"):
        walk.go(f"{one}{step}")
    with walk.services.sessions.begin() as session:
        site_settings.save(session, replace(site_settings.read(session), approval_from=1))
    other = prepare()
    walk.go(f"{other}start")
    with walk.services.sessions.begin() as session:
        session.execute(update(Campaign).values(created_by="nadia@example.org"))
        site_settings.save(session, replace(site_settings.read(session), approval_from=1_000))
    walk.go(f"{other}approve")
    walk.go(f"{prepare()}cancel")


def walk_contacts(walk: Walk) -> None:
    at, typed = f"{D}contacts/", {"phone": "38089336", "name": "Awa", "groups": "Nord", "consent": "unknown"}
    walk.take_back(walk.go(f"{at}new", typed, headers=PARTIAL), f"{at}take-back")
    walk.go(f"{at}new", typed)
    one = f"{at}{walk.newest(Contact.id)}/"
    given = {**typed, "consent": "given", "consent_source": "Formulaire"}
    changed = walk.go(f"{one}edit", given, headers=PARTIAL)
    assert '"consent": ["unknown", "given"]' in walk.entries[-1].changes
    walk.take_back(changed, f"{at}change-back")
    walk.remove_and_restore(f"{one}remove", f"{at}restore")
    walk.take_back(walk.go(f"{at}groups/new", {"name": "Sud"}, headers=PARTIAL), f"{at}groups/take-back")
    walk.go(f"{at}groups/new", {"name": "Sud"})
    group = f"{at}groups/{walk.newest(ContactGroup.id)}/"
    walk.take_back(walk.go(f"{group}edit", {"name": "Est"}, headers=PARTIAL), f"{at}groups/rename-back")
    walk.remove_and_restore(f"{group}remove", f"{at}groups/restore")
    file = (io.BytesIO(b"phone;name\n47000000;Sidi\n"), "members.csv")
    walk.go(f"{at}import/", {"file": file, "consent": "unknown"}, content_type="multipart/form-data")
    walk.go(f"{at}import/{walk.newest(ContactImport.id)}/take-back")


def walk_the_rest(walk: Walk, world: World) -> None:
    walk.go(f"{D}limits/new", {**OVERRIDE, "key": KEY_ID})
    override = f"{D}limits/{walk.newest(LimitOverride.id)}/"
    walk.go(f"{override}edit", {"minute": "8", "reason": "Ticket", "lasting": "keep"})
    walk.remove_and_restore(f"{override}remove", f"{D}limits/restore")
    world.code(world.key("Counted"))
    walk.take_back(walk.go(f"{D}limits/reset", {"phone": "38089336"}, headers=PARTIAL), f"{D}limits/count-again")
    walk.go(f"{D}limits/usual", {"minute": "4", "hour": "10", "day": "20"})
    assert '"codes_per_minute": [null, 4]' in walk.entries[-1].changes
    walk.take_back(walk.owner.get(f"{D}limits/").text, f"{D}limits/usual/restore")
    walk_conversation(walk)
    price = {"subject": "inward sms", "operator": "", "amount": "0,32", "from_day": "2026-01-01"}
    walk.go(f"{D}usage/prices/new", price)
    walk.remove_and_restore(f"{D}usage/prices/{walk.newest(Price.id)}/remove", f"{D}usage/prices/restore")
    walk.go(f"{D}usage/bill/", {"carrier": "inward", "bill": (io.BytesIO(b"38089336;2026-10-05"), "bill.csv")})
    spending = {"key_id": "", "period": "month", "amount": "500", "action": "stop", "per_minute": "60"}
    walk.go(f"{D}usage/budgets/new", spending)
    budget = f"{D}usage/budgets/{walk.newest(Budget.id)}/"
    walk.go(f"{budget}edit", {**spending, "amount": "600"})
    walk.remove_and_restore(f"{budget}remove", f"{D}usage/budgets/restore")
    walk.go(f"{D}incoming/keywords/new", {"words_fr": "PRIX", "answer_fr": "10 MRU"})
    walk.go(f"{D}incoming/keywords/help/edit", {"words_fr": "AIDE"})
    walk.remove_and_restore(f"{D}incoming/keywords/help/remove", f"{D}incoming/keywords/restore")
    walk_campaigns(walk)
    walk_contacts(walk)
    added = walk.go(f"{D}opt-outs/new", {"phones": "38089336", "key": ""}, headers=PARTIAL)
    walk.take_back(added, f"{D}opt-outs/take-back")
    walk.go(f"{D}opt-outs/new", {"phones": "38089336", "key": ""})
    removal = f"{D}opt-outs/{walk.newest(OptOut.id)}/remove"
    walk.remove_and_restore(removal, f"{D}opt-outs/restore")
    walk.go(removal)
    with walk.services.sessions.begin() as session:
        row = PumpedRange(key_id=KEY_ID, digits="+22238089", step="stop", sent=40, verified=1, numbers=30)
        row.is_sequential, row.refused, row.began_at, row.until = True, 0, utcnow(), utcnow() + timedelta(hours=1)
        session.add(row)
    held = f"{D}limits/ranges/"
    walk.remove_and_restore(f"{held}{walk.newest(PumpedRange.id)}/release", f"{held}hold")
    walk.go(f"{D}texts/", TEXT)
    walk.go(f"{D}texts/", {**TEXT, "body": "Votre code : {code}"})
    walk.go(f"{D}texts/{walk.newest(OtpTemplate.id)}/restore")
    walk.go(f"{D}texts/reset", {"key": "", "language": "fr"})
    walk.go(f"{D}settings/", SETTINGS)
    walk.take_back(walk.owner.get(f"{D}settings/").text, f"{D}settings/restore")
    test_key = world.key("Test", mode="test")
    walk.go(f"{D}sandbox/send", {**SANDBOX, "key": test_key.id})
    walk.remove_and_restore(f"{D}sandbox/clear", f"{D}sandbox/restore")
    failed = world.text(world.key("Other"), **world.sent(status="failed"))
    walk.go(f"{D}messages/{failed.uuid}/reveal")
    walk.go(f"{D}privacy/", {"phone": "49999999", "act": "copy"})
    walk.go(f"{D}privacy/", {"phone": "49999999", "act": "erase", "is_sure": "on"})
    walk.go(f"{D}messages/{failed.uuid}/resend", {"times": "0"})
    walk.go(f"{D}messages/{world.text(world.key('Late')).uuid}/cancel")
    toast = walk.go(f"{D}messages/resend", {"message": f"{failed.id}.1"}, headers=PARTIAL)
    walk.take_back(toast, f"{D}messages/take-back")
    walk.go(f"{D}messages/views/new?status=failed", {"name": "Failures"})
    view = f"{D}messages/views/{walk.newest(SavedView.id)}/remove"
    walk.remove_and_restore(view, f"{D}messages/views/restore")
    walk.go(f"{D}keys/{KEY_ID}/revoke", {"name": "Shop"})


def walk_conversation(walk: Walk) -> None:
    with walk.services.sessions.begin() as session:
        carriers.add(session, carriers.cipher(walk.services.settings), NewCarrier("http", "inward", INWARD))
    inbox.receive(walk.services.sessions, "inward", [Incoming("+22238089336", "3601", "Bonjour", utcnow())])
    talk = f"{D}incoming/with/{walk.newest(IncomingMessage.uuid)}/"
    walk.go(f"{talk}reveal")
    walk.go(f"{talk}reply", {"text": "Bonjour"})


def walk_second_factor(walk: Walk, app: Flask) -> None:
    factor, proof = f"{D}account/second-factor/", {"current": NEW_PASSWORD}
    page = walk.owner.get(factor).text
    seed = re.findall(r'<code dir="ltr">([A-Z2-7]{32})</code>', page)[0]
    sealed = re.findall(r'name="sealed"[^>]*value="([^"]+)"', page)[0]
    walk.go(factor, {**proof, "sealed": sealed, "code": pyotp.TOTP(seed).now()})
    codes = re.findall(r"<code>([a-z2-7-]{29})</code>", walk.go(f"{factor}recovery-codes", proof))
    phoneless = Browser(app)
    phoneless.sign_in("me@example.org", NEW_PASSWORD)
    walk.go(f"{D}sign-in/code", {"code": codes[0]}, phoneless)
    walk.go(f"{factor}remove", {**proof, "code": codes[1]})
    with walk.services.sessions.begin() as session:
        walk.secrets += [seed, *codes, *(code.replace("-", "") for code in codes)]
        person = session.query(User).filter(User.email != "me@example.org").one()
        person.totp_sealed, person_id = b"sealed", person.id
    walk.go(f"{D}team/{person_id}/second-factor/reset")


def walk_passkeys(walk: Walk, app: Flask) -> None:
    """At an address where browsers allow passkeys; the device answers each page that asks."""
    account, device, proof = f"{D}account/", Authenticator("http://localhost"), {"current": NEW_PASSWORD}
    app.extensions["chinqit"] = replace(
        walk.services, settings=replace(walk.services.settings, public_url=device.origin)
    )
    made = device.create(walk.owner.get(f"{account}passkeys/new").text)
    codes = walk.go(f"{account}passkeys/new", {"passkey": made, "device": "Phone", **proof})
    walk.secrets += re.findall(r"<code>([a-z2-7-]{29})</code>", codes)
    passkey = {"passkey": device.get(walk.owner.get(f"{account}proof/").text)}
    walk.go(f"{account}proof/passkey", passkey)
    phone = Browser(app)
    walk.go(f"{D}sign-in/passkey", {"passkey": device.get(phone.get(f"{D}sign-in").text)}, phone)
    half_way = Browser(app)
    half_way.sign_in("me@example.org", NEW_PASSWORD)
    second = {"passkey": device.get(half_way.get(f"{D}sign-in/code").text)}
    walk.go(f"{D}sign-in/code/passkey", second, half_way)
    walk.go(f"{account}passkeys/{walk.newest(Passkey.id)}/rename", {"device": "Tablet"})
    walk.go(f"{account}passkeys/{walk.newest(Passkey.id)}/remove", proof)
    app.extensions["chinqit"] = walk.services


def walk_account(walk: Walk, app: Flask) -> None:
    account = f"{D}account/"
    walk.go(f"{account}provider/unlink", {"current": PASSWORD})
    walk.go(account, {"name": "Nadia", "language": "en", "timezone": ""})
    walk.go(f"{account}email", {"email": "me@example.org", "current": PASSWORD})
    walk.go(f"{account}password", {"current": PASSWORD, "password": NEW_PASSWORD})
    other = Browser(app)
    walk.go(f"{D}sign-in", {"email": "me@example.org", "password": NEW_PASSWORD}, other)
    walk_passkeys(walk, app)
    walk_second_factor(walk, app)
    walk.go(f"{account}proof/", {"proof": NEW_PASSWORD})
    ends = re.findall(rf'action="({account}sessions/[0-9a-f]+/end)"', walk.owner.get(account).text)
    walk.go(ends[0])
    walk.go(f"{account}sessions/end", {"which": "others"})
    walk.go(f"{D}sign-out")
    with walk.services.sessions.begin() as session:
        session.query(UserSession).delete()
        session.query(User).delete()
        token = users.make_setup_link(session)
    walk.go(f"{D}setup/{token}", {"name": "Nadia", "email": "first@example.org", "password": PASSWORD}, Browser(app))


@pytest.mark.parametrize(
    ("url", "data"),
    [
        ("sign-in", {"email": "owner@example.org", "password": "wrong wrong"}),
        ("keys/new", {"name": ""}),
        ("team/invite", {"email": "nobody", "role": "viewer"}),
        ("account/password", {"current": "wrong wrong", "password": NEW_PASSWORD}),
        ("settings/", {"texts_days": "0"}),
    ],
)
def test_a_refused_form_leaves_none(owner: Browser, services: Services, url: str, data: dict[str, str]) -> None:
    assert owner.post(D + url, data).status_code == 422
    with services.sessions() as session:
        assert list(trail.entries(session)) == []
