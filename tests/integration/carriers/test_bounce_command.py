"""`chinqit email bounce`: mail that comes back, from a mail server's pipe or as a file, whatever it holds."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update

from dashboard.cli.registry import main
from dashboard.models.messages import Message
from dashboard.providers.email.bounces import LARGEST
from dashboard.vocabulary import Status
from tests.support.http_carriers import Office

ADDRESS = "aminata@example.mr"
Give = Callable[..., Result]


@pytest.fixture
def give(office: Office, monkeypatch: pytest.MonkeyPatch) -> Give:
    """Hands a mail to the command by standard input."""
    for name in ("chinqit_home", "database_url", "redis_url", "secret_key", "otp_secret", "data_secret"):
        monkeypatch.setenv(name.upper(), str(getattr(office.settings, name)))
    return lambda raw, *words: CliRunner().invoke(main, ["email", "bounce", *words], input=raw)


@pytest.fixture
def sent(office: Office) -> str:
    """The id of a code that a mail server took."""
    uuid = office.send_code(office.caller(), "email", f"mailto:{ADDRESS}")
    with office.sessions.begin() as session:
        taken = {"status": Status.SENT, "carrier": "mail", "due_at": None}
        session.execute(update(Message).where(Message.uuid == uuid).values(taken))
    return uuid


def report(uuid: str, more: bytes = b"") -> bytes:
    return (
        b"Subject: Undelivered\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n"
        + f"Final-Recipient: rfc822; {ADDRESS}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n".encode()
        + f"--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <{uuid}@example.mr>\r\n\r\n".encode()
        + more
        + b"\r\n--b--\r\n"
    )


def test_a_report_by_the_pipe_fails_its_message_and_a_second_one_changes_nothing(
    office: Office, give: Give, sent: str
) -> None:
    for _ in range(2):
        answer = give(report(sent))
        assert (answer.exit_code, answer.stdout) == (0, "Noted with its message.\n")
        message = office.message(sent)
        assert (message.status, message.error_code) == (Status.FAILED, "mailbox_unknown")


def test_a_report_as_a_file_is_read_too(office: Office, give: Give, sent: str, tmp_path: Path) -> None:
    (tmp_path / "bounce.eml").write_bytes(report(sent))
    assert give(b"", str(tmp_path / "bounce.eml")).exit_code == 0
    assert office.message(sent).status == Status.FAILED
    missing = give(b"", str(tmp_path / "none.eml"))
    assert missing.exit_code == 2 and "No such file" in missing.stderr


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (report("0" * 8 + "-1111-4222-8333-444444444444"), "It names no message that was sent by e-mail from here."),
        (b"Subject: Hello\r\n\r\nI am away until Monday.", "It is no report"),
        (
            b"Subject: \xff\xfe =?x-nope?b?//?=\r\nContent-Type: text/\xff; charset=\xe9\r\n\r\n\x00\xff",
            "It is no report",
        ),
        (
            b"Content-Type: message/delivery-status\r\nContent-Transfer-Encoding: base64\r\n\r\nAction: \xff\xff!",
            "It is no report",
        ),
        (
            b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(3_000)),
            "no report",
        ),
    ],
    ids=["of another", "no report", "bad encoding", "bad transfer encoding", "parts in parts"],
)
def test_any_other_mail_is_let_go_in_words(office: Office, give: Give, sent: str, raw: bytes, told: str) -> None:
    answer = give(raw)
    assert answer.exit_code == 0 and told in answer.stdout, answer.output
    assert office.message(sent).status == Status.SENT


def test_bytes_that_are_no_characters_do_not_hide_what_a_report_says(office: Office, give: Give, sent: str) -> None:
    assert give(b"X-Note: \xff\xfe\r\n" + report(sent, b"\xe9\xff\x00")).stdout == "Noted with its message.\n"
    assert office.message(sent).status == Status.FAILED


def test_of_a_huge_mail_the_beginning_is_read_and_the_rest_is_let_flow(office: Office, give: Give, sent: str) -> None:
    assert give(report(sent, b"x" * 3 * LARGEST)).stdout == "Noted with its message.\n"
    late = b"Content-Type: text/plain\r\n\r\n" + b"x\r\n" * LARGEST + report(sent)
    assert "It is no report" in give(late).stdout


@pytest.mark.parametrize("raw", [b"", b"\r\n \n"])
def test_nothing_at_all_is_told_by_a_code_of_its_own(give: Give, raw: bytes) -> None:
    answer = give(raw)
    assert answer.exit_code == os.EX_NOINPUT and "is empty" in answer.stderr


def test_a_database_that_is_away_has_the_mail_brought_again(
    give: Give, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg://nobody:hidden-word@127.0.0.1:9/none")
    answer = give(report(sent))
    assert answer.exit_code == os.EX_TEMPFAIL and "The database does not answer" in answer.stderr
    assert "hidden-word" not in answer.output and ADDRESS not in answer.output
