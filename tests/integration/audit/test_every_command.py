"""Every command and every call of the API that changes something leaves exactly one entry; all others leave none."""

from __future__ import annotations

import re
import shlex
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import select, update

from dashboard.cli import carriers
from dashboard.cli.registry import main
from dashboard.db import Sessions, make_sessions, utcnow
from dashboard.extensions import Services
from dashboard.gateway.alerts import incidents
from dashboard.gateway.api_keys import keys
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.audit import trail
from dashboard.gateway.audit.chain import ChainEntry
from dashboard.gateway.limits import wrong_codes
from dashboard.gateway.maintenance import secret_keys
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.outbox import Draft
from dashboard.gateway.monitoring.alerts import Alert, AlertCode
from dashboard.models.accounts import User
from dashboard.models.campaigns import Campaign
from dashboard.models.limits import PumpedRange
from dashboard.models.messages import Message
from dashboard.models.site_settings import Setting
from dashboard.models.webhooks import WebhookEndpoint
from dashboard.pages.audit import labels
from dashboard.settings import Settings, prepare_home
from tests.support import campaigns as some_campaigns
from tests.support import doors, tables
from tests.support.dashboard_client import PASSWORD

PHONE = "+22238089336"
SHOWN_ONCE = r"(?:/dashboard/\w+/|\bcq_live_|\bwhsec_)([\w+/=-]{20,})"
PASSPHRASE = "quatre chameaux au puits"
NOBODY_SENDS = {"alerts test", "providers test"}  # no relay and no worker runs: they say so, and fail
WRONG = {"doctor"}  # finds no Valkey and no worker

# A command, its arguments, and the act of its entry; each finds what the one before left.
CHANGES = (
    ("setup-link", "", "sign_in.setup_link"),
    ("users create", "nadia@example.org --role owner --password-stdin", "team.create"),
    ("users create", "sidi@example.org --role viewer --password-stdin", "team.create"),
    ("users invite", "awa@example.org --role operator", "team.invite"),
    ("users reset", "sidi@example.org", "team.reset"),
    ("users role", "sidi@example.org desk", "team.role"),
    ("users disable", "sidi@example.org", "team.disable"),
    ("users enable", "sidi@example.org", "team.enable"),
    ("users unlock", "sidi@example.org", "team.unlock"),
    ("users reset-2fa", "sidi@example.org", "team.reset_second_factor"),
    ("keys create", "app", "api_keys.create"),
    ("keys channels", "app whatsapp:30,sms", "api_keys.change"),
    ("keys rotate", "app", "api_keys.rotate"),
    ("keys review add", "app 22000001 --days 30 --code 730914", "api_keys.add_review_number"),
    ("keys review remove", "app 22000001", "api_keys.remove_review_number"),
    ("webhooks envelope", "{hook} v2", "webhooks.change"),
    ("doors open", "app supabase", "doors.open"),
    ("doors close", "app supabase", "doors.close"),
    ("keys revoke", "app --yes", "api_keys.revoke"),
    ("providers add", "http one url=https://sms.example.org/send body={{}}", "carriers.create"),
    ("providers add", "http two url=https://sms.example.org/send body={{}}", "carriers.create"),
    ("providers set", "two --label Second", "carriers.change"),
    ("providers set", "two url=https://sms.example.org/texts", "carriers.change"),
    ("providers test", "one 38089336", "carriers.test"),
    ("providers disable", "two", "carriers.disable"),
    ("providers enable", "two", "carriers.enable"),
    ("pause", "two", "carriers.disable"),
    ("resume", "two", "carriers.enable"),
    ("pause", "sms", "delivery.pause"),
    ("resume", "sms", "delivery.resume"),
    ("routes set", "sms two one --operator mattel", "routing.save"),
    ("routes set", "sms --operator mattel --none", "routing.save"),
    ("providers remove", "two --yes", "carriers.remove"),
    ("prices set", "one 0.32", "prices.save"),
    ("bills check", "{folder}/bill.csv --carrier one", "bills.check"),
    ("prices remove", "1", "prices.remove"),
    ("budgets set", "500 --key Shop", "budgets.save"),
    ("budgets remove", "--key Shop", "budgets.remove"),
    ("limits set", "--phone 38089336 --minute 9", "limits.create"),
    ("limits set", "--phone 38089336 --minute 8", "limits.create"),
    ("limits clear", "--phone 38089336", "limits.remove"),
    ("limits usual", "--minute 4", "limits.usual"),
    ("limits pumping", "--numbers 50 --stop", "pumping.settings"),
    ("limits release", "38089336 --key Shop", "pumping.release"),
    ("limits unlock", "38089336", "limits.unlock"),
    ("contacts import", "{folder}/numbers.csv", "contacts.import"),
    ("contacts export", "", "contacts.export"),
    ("opt-outs add", "22000001", "opt_outs.add"),
    ("opt-outs remove", "22000001", "opt_outs.remove"),
    ("opt-outs import", "{folder}/numbers.csv", "opt_outs.add"),
    ("opt-outs export", "", "opt_outs.export"),  # whole numbers leave the gateway
    ("campaigns pause", "{campaign}", "campaigns.pause"),
    ("campaigns resume", "{campaign}", "campaigns.resume"),
    ("campaigns cancel", "{campaign}", "campaigns.cancel"),
    ("messages cancel", "{waiting}", "messages.cancel"),
    ("messages resend", "{failed}", "messages.send_again"),
    ("alerts add", "webhook https://example.org/alerts", "alerts.create"),
    ("alerts test", "1 --wait 0", "alerts.test"),
    ("alerts remove", "1", "alerts.remove"),
    ("alerts acknowledge", "1", "alerts.acknowledge"),
    ("privacy export", "38089336", "privacy.export"),
    ("privacy erase", "38089336 --yes", "privacy.erase"),
    # Of data-secret there are two acts: what it encrypted is encrypted anew, maybe by another command after a break.
    ("secrets rotate", "otp-secret", "secrets.rotate"),
    ("secrets accept", "", "secrets.accept"),
    ("audit accept", "--yes", "audit.note_anew"),
)
CHANGES_NOTHING = (
    ("alerts channels", ""),
    ("alerts list", "--all"),
    ("audit export", ""),
    ("audit verify", ""),
    ("budgets list", ""),
    ("campaigns list", ""),
    ("doctor", ""),
    ("email bounce", ""),  # what came is no report
    ("incoming keywords", ""),
    ("incoming list", ""),
    ("webhooks list", ""),
    ("doors list", "Shop"),
    ("keys list", ""),
    ("keys channels", "Shop"),
    ("keys review list", "Shop"),
    ("limits list", ""),
    ("limits pumping", ""),
    ("limits unlock", "22000009"),  # no wrong code counts for it
    ("limits usual", ""),
    ("messages list", ""),
    ("messages show", "{waiting}"),
    ("opt-outs list", ""),
    ("contacts list", ""),
    ("prices list", ""),
    ("providers kinds", ""),
    ("providers list", ""),
    ("routes explain", "38089336"),
    ("routes list", ""),
    ("sandbox inbox", "38089336"),
    ("status", ""),
    ("usage", ""),
    ("users list", ""),
    # Of the machine, not of what the gateway keeps: files of the home folder, copies, and the version of the tables.
    ("init", ""),
    ("migrate", ""),
    ("backup", "{folder}/copy.db"),
    ("upgrade", "--check"),
    ("upgrade", ""),
    ("secrets export", "{folder}/secrets.json --passphrase-stdin"),  # also works when no database answers
    ("secrets import", "{folder}/secrets.json --passphrase-stdin"),
    ("secrets accept", ""),  # they fit already
)
NOT_RUN = {
    "contract-test": "calls another server by HTTP; what it sends stands in the log of messages there",
    "dev clients": "for developers: files of the code alone",
    "dev seed": "for developers, and refused where real messages are: the log of messages shows what it made",
    "openapi": "writes a file of the source code",
    "relay": "becomes a process of the gateway",
    "restart": "of the processes of the machine alone",
    "restore": "into an empty database: the log is the backup's, and `audit accept` records that it was put back",
    "run": "starts the processes; who uses the link that it prints leaves the entry sign_in.set_up",
    "worker": "becomes a process of the gateway",
}

HOOK = {"url": "https://shop.example.org/hooks"}
EVERYTHING = {"since": "2026-01-01T00:00:00Z"}
TEXT = {"phoneNumber": PHONE, "message": "Bonjour"}
# A call, with its body and the act of its entry, in this order.
CALLS: tuple[tuple[str, str, dict[str, Any], str], ...] = (
    ("POST", "/webhooks", HOOK, "webhooks.create"),
    ("PATCH", "/webhooks/{hook}", {"description": "Orders"}, "webhooks.change"),
    ("POST", "/webhooks/{hook}/test", {}, "webhooks.test"),
    ("POST", "/webhooks/{hook}/replay", EVERYTHING, "webhooks.replay"),
    ("POST", "/webhooks/{hook}/rotate", {}, "webhooks.rotate"),
    ("DELETE", "/webhooks/{hook}", {}, "webhooks.delete"),
)
# What apps send: the log of messages is the record of it, with the key that sent.
SENT: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/messages/send", TEXT),
    ("/messages/batch", {"messages": [TEXT]}),
    ("/api/v2/notify", TEXT),
    ("/api/v2/bulk/send", {"recipients": [{"phone": PHONE, "message": "Bonjour"}]}),
    ("/otp/send", {"phoneNumber": PHONE}),
    ("/api/v2/code", {"phoneNumber": PHONE}),
    ("/otp/verify", {"phoneNumber": PHONE, "code": "000000"}),
)
OTHER_DOORS = {
    "callbacks.call_back": "carriers tell what became of messages, and bring texts: both logs show it",
    "chinguisoft.send_validation": "sends a code: the log of messages shows it",
    "supabase.send_sms": "sends a code: the log of messages shows it",
    "docs.diagnose": "works out the hash of an app from what is pasted, and keeps nothing",
}


@dataclass
class Gateway:
    """One whose secrets are its own, with something of everything; `ids` are what arguments name in braces."""

    sessions: Sessions
    folder: Path
    ids: dict[str, str] = field(default_factory=dict)
    printed: str = ""

    def run(self, command: str, arguments: str, typed: str = PASSWORD) -> list[ChainEntry]:
        """Run a command; return the entries that are new."""
        before = len(self.entries())
        words = shlex.split(arguments.format(**self.ids))
        result = CliRunner().invoke(main, [*command.split(), *words], input=f"{typed}\n")
        self.printed += result.output
        expected = {1} if command in NOBODY_SENDS | WRONG else {0}
        assert result.exit_code in expected, f"{command} {words}: {result.output} {result.exception!r}"
        return self.entries()[before:]

    def entries(self) -> list[ChainEntry]:
        with self.sessions() as session:
            return list(trail.entries(session))


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    home = tmp_path / "home"
    prepare_home(home)
    monkeypatch.setenv("CHINQIT_HOME", str(home))
    monkeypatch.setenv("DATABASE_URL", tables.sqlite(home))
    monkeypatch.setenv("REDIS_URL", f"unix://{home / 'no-valkey.sock'}")
    monkeypatch.setattr(carriers, "TRIAL_SECONDS", 0.0)
    made = Gateway(make_sessions(Settings.from_env().database_url), tmp_path)
    furnish(made)
    yield made
    made.sessions.kw["bind"].dispose()


def furnish(gateway: Gateway) -> None:
    """What commands need before them and no command makes."""
    with gateway.sessions.begin() as session:
        key, _ = keys.create(session, keys.NewKey("Shop"))
        session.flush()
        caller, now = Caller.from_row(key), utcnow()
        _, gateway.ids["waiting"] = outbox.submit(session, caller, Draft.text("+22236000001", "Bonjour"))
        row_id, gateway.ids["failed"] = outbox.submit(session, caller, Draft.text("+22236000002", "Bonjour"))
        session.execute(update(Message).where(Message.id == row_id).values(status="failed", due_at=None))
        incidents.observe(session, [Alert(AlertCode.NO_RELAY)], now)
        wrong_codes.record(session, [(PHONE, key.id)], now)
        held = PumpedRange(key_id=key.id, digits="+22238089", step="stop", sent=40, verified=1, numbers=30)
        held.is_sequential, held.refused, held.began_at, held.until = True, 0, now, now + timedelta(hours=1)
        hook = WebhookEndpoint(
            id=str(uuid.uuid4()), key_id=key.id, url="https://shop.example.org/", events=["message.sent"]
        )
        session.add_all([held, hook])
        gateway.ids["hook"] = hook.id
    campaign_id = some_campaigns.run(gateway.sessions, caller, some_campaigns.phones(3))
    with gateway.sessions() as session:
        gateway.ids["campaign"] = session.get_one(Campaign, campaign_id).uuid
    (gateway.folder / "numbers.csv").write_text("22000002\n22000003\n")
    (gateway.folder / "bill.csv").write_text("date,number\n2026-10-05,22000002\n")
    gateway.ids["folder"] = str(gateway.folder)


def prepare(gateway: Gateway, command: str) -> None:
    """What has to be so just before some commands."""
    with gateway.sessions.begin() as session:
        if command == "users reset-2fa":
            user = session.scalars(select(User).where(User.email == "sidi@example.org")).one()
            user.totp_sealed, user.totp_at = b"x", utcnow()
        if command == "secrets accept":
            session.merge(Setting(name=secret_keys.ROW, value={"OTP_SECRET": "another"}, changed_at=utcnow()))


def commands(group: click.Group, path: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{path}{name} ")
        else:
            yield f"{path}{name}"


def test_each_command_is_walked_or_said_to_change_nothing() -> None:
    changing = {command for command, _, _ in CHANGES}
    reading = {command for command, _ in CHANGES_NOTHING}
    assert changing | reading | set(NOT_RUN) == set(commands(main))
    assert not set(NOT_RUN) & (changing | reading)


def test_every_command_that_changes_something_leaves_one_entry(gateway: Gateway) -> None:
    left: list[ChainEntry] = []
    for command, arguments, act in CHANGES:
        prepare(gateway, command)
        new = gateway.run(command, arguments)
        assert [entry.act for entry in new] == [act], f"{command} {arguments}"
        left += new
    assert {entry.actor.partition(" ")[0] for entry in left} == {"command"}
    assert {entry.act for entry in left} <= set(labels.ACTS)
    written = " ".join(map(str, left))
    shown_once = re.findall(SHOWN_ONCE, gateway.printed)
    assert len(shown_once) == 7  # three links, two secrets of a key, one of an alert channel, one of a door
    for secret in (PASSWORD, "730914", "38089336", "argon2", *shown_once):
        assert secret not in written, secret
    with gateway.sessions() as session:
        assert trail.verify(session, gateway.folder / "home") == []


def test_commands_that_change_nothing_leave_no_entry(gateway: Gateway) -> None:
    for command, arguments in CHANGES_NOTHING:
        assert gateway.run(command, arguments, PASSPHRASE) == [], command


def test_every_call_that_changes_something_leaves_one_entry(app: Flask, services: Services) -> None:
    with services.sessions.begin() as session:
        key, secret = keys.create(session, keys.NewKey("Shop", ("webhooks", "send", "otp", "read")))
        session.flush()
        key_id = key.id
    client, adapter, passed, hook = app.test_client(), app.url_map.bind("localhost"), set(OTHER_DOORS), ""

    def call(method: str, path: str, body: dict[str, Any]) -> tuple[list[ChainEntry], Any]:
        with services.sessions() as session:
            before = len(list(trail.entries(session)))
        answer = client.open(path, method=method, json=body, headers={"X-API-Key": secret})
        is_wrong_code = path == "/otp/verify"
        assert answer.status_code < 300 or is_wrong_code, f"{path}: {answer.text}"
        passed.add(adapter.match(path, method)[0])
        with services.sessions() as session:
            return list(trail.entries(session))[before:], answer.json

    for method, path, body, act in CALLS:
        new, answer = call(method, path.format(hook=hook), body)
        hook = hook or answer["webhookId"]
        assert [(entry.act, entry.actor) for entry in new] == [(act, f"key {key_id}")], path
    for path, body in SENT:
        assert call("POST", path, body)[0] == [], path
    changing = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if not rule.endpoint.startswith("pages.") and set(doors.methods(rule)) - {"GET"}
    }
    assert passed == changing
