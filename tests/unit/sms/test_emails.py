"""E-mail addresses: what is taken, and how it is kept."""

from __future__ import annotations

import pytest

from dashboard.sms import emails, numbers


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Aminata@Example.MR", "mailto:aminata@example.mr"),
        ("a.b+codes@sub.example.mr", "mailto:a.b+codes@sub.example.mr"),
        ("x@xn--mnchen-3ya.de", "mailto:x@münchen.de"),
        ("x@MÜNCHEN.de", "mailto:x@münchen.de"),
        ("Jose\u0301@example.mr", "mailto:josé@example.mr"),  # composed, as NFC has it
        ("x@مثال.موريتانيا", "mailto:x@مثال.موريتانيا"),
    ],
)
def test_ways_to_write_one_mailbox_are_one_recipient(typed: str, kept: str) -> None:
    assert emails.parse(typed) == kept
    assert emails.parse(emails.plain(kept)) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "aminata",
        "a@b",
        "a@localhost",
        "a@[127.0.0.1]",
        '"a b"@example.mr',
        "Aminata <a@example.mr>",
        "a@example.mr, b@example.mr",
        " a@example.mr",
        "a@example.mr\n",
        "a@example.mr\r\nBcc: b@example.mr",
        "a\x00@example.mr",
        "a\ud800@example.mr",
        "a@exam\udfffple.mr",
        "a\u202e@example.mr",
        "a\u200b@example.mr",
        "a..b@example.mr",
        "a@-example.mr",
    ],
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(emails.InvalidEmail) as refused:
        emails.parse(typed)
    assert refused.value.code == "email_format"
    str(refused.value).encode()


@pytest.mark.parametrize("typed", ["a@" + "b" * 63 + ("." + "c" * 62) * 3 + ".mr", "é" * 200 + "@" + "m" * 50 + ".mr"])
def test_one_that_is_too_long_is_refused(typed: str) -> None:
    with pytest.raises(emails.InvalidEmail):
        emails.parse(typed)
    with pytest.raises(emails.InvalidEmail) as refused:
        emails.parse("a" * (emails.LONGEST + 1))
    assert refused.value.code == "email_length"


def test_a_mail_server_gets_the_domain_in_ascii_and_is_told_where_that_is_not_enough() -> None:
    assert emails.for_smtp("mailto:x@münchen.de") == ("x@xn--mnchen-3ya.de", False)
    assert emails.for_smtp("mailto:josé@example.mr") == ("josé@example.mr", True)


def test_what_is_said_of_numbers_can_be_asked_of_addresses() -> None:
    address = "mailto:aminata@example.mr"
    assert (numbers.operator(address), numbers.is_fixed(address)) == ("", False)
    assert (numbers.spaced(address), numbers.masked(address)) == ("aminata@example.mr", "a•••@example.mr")
    assert numbers.as_fields(address) == {"phoneNumber": None, "email": "aminata@example.mr"}
    assert numbers.as_fields("+22238089336") == {"phoneNumber": "+22238089336"}
    assert numbers.masked("mailto:xxxxxx") == "•••"  # as retention leaves it
    assert (numbers.written(address), numbers.written("+22238089336")) == ("aminata@example.mr", "38089336")


def test_every_address_counts_under_one_place_and_no_operator_does() -> None:
    assert emails.parse("a@example.mr")[4] == emails.parse("zoe@other.mr")[4] == emails.PLACE_OF_OPERATOR
    assert numbers.operator_name(emails.PLACE_OF_OPERATOR) == ""
    assert emails.PLACE_OF_OPERATOR not in numbers.OPERATORS
