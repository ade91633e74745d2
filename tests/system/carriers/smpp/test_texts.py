"""Texts, character by character, as the SMSC read them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from dashboard.outbound.errors import Refused
from dashboard.providers.base import Outcome, Outgoing
from dashboard.sms import encoding as gateway_text
from tests.support.fixtures.smpp import both_smscs
from tests.support.smpp.host import Desk
from tests.support.smpp.smsc import Smsc

FRENCH = "Votre code Chinqit est 482913. Ne le partagez à personne, même à un proche."
ARABIC = "رمز التحقق الخاص بك هو 482913. لا تشاركه مع أي شخص."
WAVE = "\N{WAVING HAND SIGN}"
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = "\f^{}\\[~]|€"
TEXTS = [
    "A",
    "0",
    "é è à ù ì ò",
    FRENCH,
    "Votre code : 482913 « ne le partagez pas »",
    "Être à Noël, ça coûte 5\u202f€",
    ARABIC,
    "مرحبا " + WAVE,
    "Code 482913 رمز",
    GSM,
    EXTENSION,
    GSM + EXTENSION,
    "a" * 160,
    "a" * 161,
    "a" * 159 + "€",
    "a" * 158 + "€",
    "a" * 152 + "€" + "b" * 60,  # the escape pair would be cut
    "a" * 153 + "€" + "b" * 60,
    "€" * 200,
    "[{€}]" * 60,
    "ي" * 70,
    "ي" * 71,
    "ي" * 66 + WAVE + "م" * 40,  # the surrogate pair would be cut
    "ي" * 67 + WAVE + "م" * 40,
    WAVE * 35,
    WAVE * 36,
    FAMILY * 30,
    "@" * 153 + "@" * 153,
    "x" * 1530,  # ten segments
    "م" * 670,  # ten segments
    ("ligne 1\nligne 2\r\n\tfin " * 9).strip(),
    "0" * 9 + "\0".join("ab").replace("\0", " ") + "\u00a0!",
]
LATIN = {"gsm7": "gsm", "ucs2": "gsm", "latin1": "latin1", "ascii": "ascii"}  # what the SMSC takes data_coding 0 for
COMMON_TEXTS = TEXTS[:12] + TEXTS[16:18] + TEXTS[22:24] + TEXTS[28:31]


def deliver_all(
    smsc: Smsc, desk: Desk, text: Callable[..., Outgoing], words: Sequence[str]
) -> tuple[list[str], list[Outcome]]:
    """Send each; the texts as the SMSC put them together, in order."""
    outgoings = [text(word) for word in words]
    results = desk.outcomes(*outgoings)
    taken = dict(smsc.taken().keys())
    return [taken[outgoing.phone.removeprefix("+")] for outgoing in outgoings], results


@both_smscs
def test_thirty_texts_arrive_character_by_character(
    start_smsc: Callable[..., Smsc], open_desk: Callable[..., Desk], text: Callable[..., Outgoing]
) -> None:
    smsc = start_smsc(receipts="off")
    seen, results = deliver_all(smsc, open_desk(smsc.port), text, TEXTS)
    assert len(TEXTS) >= 30
    assert seen == TEXTS
    assert [len(result.parts) or 1 for result in results] == [gateway_text.shape(words).segments for words in TEXTS]
    assert not [event["warn"] for event in smsc.events("submit_sm") if "warn" in event]


@both_smscs
@pytest.mark.parametrize("alphabet", ["gsm7", "latin1", "ascii", "ucs2"])
@pytest.mark.parametrize("long_texts", ["udh", "sar", "payload"])
def test_every_way_to_join_parts_and_every_alphabet_arrives_whole(
    start_smsc: Callable[..., Smsc],
    open_desk: Callable[..., Desk],
    text: Callable[..., Outgoing],
    alphabet: str,
    long_texts: str,
) -> None:
    smsc = start_smsc(receipts="off", default_alphabet=LATIN[alphabet])
    desk = open_desk(smsc.port, alphabet=alphabet, long_texts=long_texts)
    seen, _ = deliver_all(smsc, desk, text, COMMON_TEXTS)
    assert seen == COMMON_TEXTS
    warnings = {warning for event in smsc.events("submit_sm") for warning in event.get("warn", [])}
    assert warnings <= ({"more than 140 octets"} if alphabet in ("latin1", "ascii") else set())
    how = {event["concat"]["how"] for event in smsc.events("submit_sm") if event.get("concat")}
    assert how == ({"udh": {"udh8"}, "sar": {"sar"}, "payload": set()}[long_texts])


@both_smscs
def test_a_repeat_bears_the_same_reference_so_that_phones_join_its_parts(
    start_smsc: Callable[..., Smsc], open_desk: Callable[..., Desk], text: Callable[..., Outgoing]
) -> None:
    smsc = start_smsc(receipts="off")
    desk = open_desk(smsc.port)
    long = text("a" * 400)
    desk.results(long)
    desk.results(long)
    references = [event["concat"]["ref"] for event in smsc.events("submit_sm")]
    assert len(references) == 6 and len(set(references)) == 1


@pytest.mark.parametrize(
    ("sender", "source"),
    [
        ("Chinqit", ("Chinqit", 5, 0)),
        ("Banque 1", ("Banque 1", 5, 0)),
        ("+22245000000", ("22245000000", 1, 1)),
        ("22245000000", ("22245000000", 1, 1)),
        ("1234", ("1234", 0, 0)),
        ("", ("", 0, 0)),
    ],
)
def test_a_sender_has_the_type_of_its_kind(
    start_smsc: Callable[..., Smsc],
    open_desk: Callable[..., Desk],
    text: Callable[..., Outgoing],
    sender: str,
    source: tuple[Any, ...],
) -> None:
    smsc = start_smsc(receipts="off")
    desk = open_desk(smsc.port, sender=sender)
    desk.results(text(phone="+22238089336"))
    event = smsc.events("submit_sm")[0]
    assert (event["src"], event["src_ton"], event["src_npi"]) == source
    assert (event["dest"], event["dest_ton"], event["dest_npi"]) == ("22238089336", 1, 1)


def test_a_short_code_may_be_network_specific(
    start_smsc: Callable[..., Smsc], open_desk: Callable[..., Desk], text: Callable[..., Outgoing]
) -> None:
    smsc = start_smsc(receipts="off")
    open_desk(smsc.port, sender="1234", short_code_ton="3").provider.send(text())
    assert smsc.events("submit_sm")[0]["src_ton"] == 3


def test_the_smsc_is_told_how_long_a_text_is_valid_and_whether_a_receipt_is_wanted(
    start_smsc: Callable[..., Smsc], open_desk: Callable[..., Desk], text: Callable[..., Outgoing]
) -> None:
    smsc = start_smsc()
    open_desk(smsc.port).provider.send(text())
    open_desk(smsc.port, validity=False, receipts=False, service_type="OTP").provider.send(text())
    told, untold = smsc.events("submit_sm")
    assert told["validity"][:9] == "000000000" and told["validity"] > "000000000900000R" and told["validity"][-1] == "R"
    assert (told["registered"], told["service_type"]) == (1, "")
    assert (untold["validity"], untold["registered"], untold["service_type"]) == ("", 0, "OTP")


def test_a_text_that_no_alphabet_holds_is_refused_and_is_in_no_message(
    start_smsc: Callable[..., Smsc],
    open_desk: Callable[..., Desk],
    text: Callable[..., Outgoing],
    caplog: pytest.LogCaptureFixture,
) -> None:
    smsc = start_smsc()
    result = open_desk(smsc.port).results(text("code 482913 \ud800"))[0]
    assert isinstance(result, Refused) and result.code == "smpp_invalid_text"
    assert "482913" not in caplog.text and "482913" not in repr(result)
