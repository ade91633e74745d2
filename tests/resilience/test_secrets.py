"""Codes, keys, passwords, seeds and recovery codes are found nowhere: not in files, in Valkey or in what is printed."""

from __future__ import annotations

import stat
import time
from contextlib import suppress
from pathlib import Path

import pyotp
import pytest
import redis
from flask import Flask
from sqlalchemy import select, text

from dashboard.gateway.accounts import second_factor, user_sessions, users
from dashboard.gateway.accounts.users import NewPerson
from dashboard.models.accounts import User
from tests.support.dashboard_client import session_cookie
from tests.support.phones import new_phone
from tests.support.stack import Client, Stack, digits, other_than, until

pytestmark = pytest.mark.usefixtures("healed")
EMAIL = "canary@example.test"
PASSWORD = "Canary-7391-hors-de-vue"
TEXT = "Texte-canari-5521 à ne pas répéter"


def files_under(*folders: Path) -> dict[str, bytes]:
    contents = {}
    for path in (path for folder in folders for path in (folder, *folder.rglob("*")) if path.is_file()):
        with suppress(FileNotFoundError):  # a running server removes files
            contents[str(path)] = path.read_bytes()
    return contents


def valkey_holds(stack: Stack) -> bytes:
    """Every key and every value, as Valkey would write them down."""
    with redis.Redis.from_url(stack.settings.redis_url) as client:
        names = client.keys("*")
        return b"\n".join(names + [client.dump(name) or b"" for name in names])


def shown(stack: Stack) -> str:
    """What an owner's pages, exports and errors show of it all."""
    with stack.sessions.begin() as session:
        user = session.scalars(select(User).where(User.email == EMAIL)).one()
        token = user_sessions.start_session(session, user, "127.0.0.1", "test")
    app = Flask("cookies")
    app.secret_key = stack.settings.secret_key
    cookie = {"Cookie": f"chinqit_session={session_cookie(app, token)}"}
    audit = ("audit/", "audit/export.csv", "audit/export.jsonl")
    pages = (*audit, "messages/", "messages/export.csv", "keys/", "account/", "team/", "no-such-page")
    answers = [stack.call("GET", f"/dashboard/{page}", key=None, headers=cookie) for page in pages]
    assert [answer.status_code for answer in answers] == [200] * (len(pages) - 1) + [404]
    return " ".join(answer.text for answer in answers)


def live_through(client: Client) -> tuple[list[str], list[str]]:
    """Use the gateway in every way; return the secrets, and the texts that may rest in the database alone."""
    stack, secrets = client.stack, [client.key, PASSWORD]
    with stack.sessions.begin() as session:
        user = users.add(session, NewPerson(EMAIL, "owner", PASSWORD))
        box, seed = second_factor.cipher(stack.settings), pyotp.random_base32()
        recovery = second_factor.turn_on(session, box, user, seed, pyotp.TOTP(seed).now())
        secrets += [seed, *recovery, *(code.replace("-", "") for code in recovery)]
    for channel in ("sms", "whatsapp"):
        phone = new_phone()
        sent = client.otp(phone, channel=channel)
        arrived = stack.arrived(phone, sent.json()["messageId"]).text
        code = digits(arrived)
        client.verify(phone, other_than(code), channel=channel)
        client.verify(phone, code, channel=channel)
        secrets.append(arrived)  # six digits alone occur by chance; the sentence with them does not
    phone = new_phone()
    sent = client.send(phone, TEXT)
    stack.arrived(phone, sent.json()["messageId"])
    client.raw("/messages/send", b'{"message": "' + TEXT.encode() + b'", "phoneNumber": ')
    client.send("12345678", TEXT)
    stack.call("POST", f"/nope?key={client.key}", key=client.key[:-1])
    return secrets, [TEXT]


@pytest.fixture
def folders(stack: Stack, database: str, request: pytest.FixtureRequest) -> list[Path]:
    """Everything that the gateway and its database write, Valkey and the output apart."""
    if database == "sqlite":
        return [stack.home]
    data: Path = request.getfixturevalue("postgres").data
    with stack.sessions() as session:
        own = session.scalar(text("SELECT oid FROM pg_database WHERE datname = current_database()"))
    return [stack.home, data / "base" / str(own), *(path for path in data.iterdir() if path.name != "base")]


def test_no_secret_is_left_anywhere(stack: Stack, folders: list[Path]) -> None:
    client = stack.client()
    stack.freeze("sms-1")  # with work left in Valkey
    secrets, texts = live_through(client)
    in_valkey = valkey_holds(stack)
    stack.kill("sms-2", "valkey")  # error paths write logs too
    live_phone = new_phone()
    assert client.send(live_phone, TEXT).status_code == 200
    stack.thaw("sms-1")
    stack.start("valkey", "sms-2")
    stack.wait_ready()
    time.sleep(1)  # PostgreSQL writes its log ahead of time, but not at once here
    on_disk = files_under(*folders)
    printed = files_under(stack.output)
    printed["pages"] = shown(stack).encode()
    for secret in secrets:
        needle = secret.encode()
        assert needle not in in_valkey
        assert [name for name, content in (on_disk | printed).items() if needle in content] == []
    for words in texts:
        assert words.encode() not in in_valkey
        assert [name for name, content in printed.items() if name != "pages" and words.encode() in content] == []


def test_the_canary_can_be_found(stack: Stack, folders: list[Path]) -> None:
    """The search works: what may be kept is found by it."""
    client, phone = stack.client(), new_phone()
    sent = client.send(phone, "Texte-visible-8812")
    stack.arrived(phone, sent.json()["messageId"])
    visible = b"Texte-visible-8812"
    until(lambda: any(visible in content for content in files_under(*folders).values()), 5)
    with redis.Redis.from_url(stack.settings.redis_url) as valkey:
        valkey.set("canary", "Texte-visible-8813")
        assert b"Texte-visible-8813" in valkey_holds(stack)
        valkey.delete("canary")


def test_six_digits_of_a_code_are_not_printed(stack: Stack) -> None:
    client, phone = stack.client(), new_phone()
    code = client.code(phone)
    client.verify(phone, other_than(code))
    assert code not in stack.printed()


def test_what_is_written_is_for_its_user_alone(stack: Stack) -> None:
    client = stack.client()
    client.code(new_phone())
    written = [stack.home, *stack.home.rglob("*")]
    assert len(written) > 5
    opened = [path for path in written if not path.is_socket() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]
    assert opened == []
