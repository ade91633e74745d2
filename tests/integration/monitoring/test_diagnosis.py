"""“Why no code?”: a verdict for each cause, told to the caller in three languages, and what the desk does beside it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import update

from dashboard.db import utcnow
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.limits import overrides, rejections
from dashboard.gateway.limits.overrides import NewOverride
from dashboard.gateway.limits.rejections import Rejection
from dashboard.gateway.maintenance import retention
from dashboard.gateway.monitoring import diagnosis, lookups
from dashboard.gateway.monitoring.diagnosis import CauseCode
from dashboard.models.diagnosis import NumberNote
from dashboard.models.limits import LimitOverride
from dashboard.models.messages import Message
from dashboard.pages.diagnosis.sentences import SENTENCES
from dashboard.vocabulary import Side
from tests.support import callers
from tests.support.callers import ADDRESS, CAUSES, PHONE
from tests.support.dashboard_client import PARTIAL, Browser, World
from tests.support.http_carriers import HTTP

DESK = "/dashboard/lookup/"
PAGE = DESK + "?phone=38089336"
JARGON = re.compile(r"HTTP|\bkey\b|\bclé\b|مفتاح|\d\d:\d\d:\d\d|webhook|SMSC|sandbox|UTC", re.IGNORECASE)


def verdict(world: World, phone: str = PHONE) -> str:
    with world.services.sessions() as session:
        return diagnosis.of_phone(session, phone).verdict.code


@pytest.mark.parametrize("cause", [CauseCode.UNCONFIRMED, CauseCode.EXPIRED_UNCONFIRMED])
@pytest.mark.parametrize(("callbacks", "is_told"), [("none", True), ("json", False)])
def test_a_carrier_that_can_confirm_nothing_is_named_as_such_to_the_agent(
    desk: Browser, world: World, cause: CauseCode, callbacks: str, is_told: bool
) -> None:
    services = world.services
    with services.sessions.begin() as session:
        wanted = NewCarrier("http", "remote", {**HTTP, "url": "http://127.0.0.1/", "callback_format": callbacks})
        carriers.add(session, carriers.cipher(services.settings), wanted)
    CAUSES[cause](world, world.key())
    with services.sessions.begin() as session:
        session.execute(update(Message).values(carrier="remote"))
    assert ("This carrier sends no receipts" in desk.get(PAGE).text) is is_told


OPENINGS = {  # whose turn it is, before anything else is said
    Side.US: ("It is us: ", "It was us: "),
    Side.OPERATOR: ("It is your operator: ", "It is WhatsApp: "),
    Side.PHONE: ("It is your phone: ", "It is on your phone: "),
    Side.WAIT: ("Wait ",),
    Side.NOTHING: ("Nothing was asked: ",),
    Side.NUMBER: ("It is the number: ", "It is the e-mail address: "),
    Side.WELL: ("All is well: ",),
}


NEVER_BY_EMAIL = {
    *(CauseCode.FIXED_LINE, CauseCode.CUT_OFF, CauseCode.NOTHING_LEAVES, CauseCode.WHATSAPP_REFUSED),
    *(CauseCode.UNCONFIRMED, CauseCode.EXPIRED_UNCONFIRMED, CauseCode.RANGE_HELD),
}


def said(page: str) -> dict[str, str]:
    """What is to be read out, by language."""
    found = re.findall(r'<p id="said-(..)"[^>]*>(.*?)</p>', page, re.DOTALL)
    return {language: re.sub(r"<[^>]+>", "", text).strip() for language, text in found}


@pytest.mark.parametrize("cause", CAUSES)
def test_each_cause_is_told_in_plain_words_that_begin_with_whose_turn_it_is(
    desk: Browser, world: World, cause: CauseCode
) -> None:
    phone = {CauseCode.FIXED_LINE: "+22225112233", CauseCode.MAIL_RETURNED: ADDRESS}.get(cause, PHONE)
    CAUSES[cause](world, world.key("Guichet – réel « été », x"), phone)
    assert verdict(world, phone) == cause
    page = desk.get(DESK, query_string={"phone": phone}).text
    told = said(page)
    assert set(told) == {"fr", "ar", "en"}
    assert told["en"].startswith(OPENINGS[diagnosis.SIDES.get(cause, Side.US)])
    for sentence in told.values():
        assert "%(" not in sentence and not JARGON.search(sentence) and "Guichet" not in sentence


def test_every_sentence_is_reached_by_a_test() -> None:
    assert {*SENTENCES} - {"cut_off_all_day", "nothing_leaves_all_day"} == {*CAUSES} == {*CauseCode}


BY_EMAIL: dict[CauseCode, callers.Maker] = {cause: CAUSES[cause] for cause in CAUSES if cause not in NEVER_BY_EMAIL}
BY_EMAIL |= {
    CauseCode.NUMBER_REFUSED: lambda world, key, phone=ADDRESS: callers.failed(world, key, "mailbox_unknown", phone),
    CauseCode.REFUSED: lambda world, key, phone=ADDRESS: callers.failed(world, key, "smtp_5_6_0", phone),
    CauseCode.PHONE_OFF: lambda world, key, phone=ADDRESS: callers.returned(world, key, "mailbox_full", phone),
    CauseCode.OUR_FAULT: lambda world, key, phone=ADDRESS: callers.failed(world, key, "mail_policy", phone),
}
OF_PHONES = {
    "en": r"\bphone|SMS|\boperator|\bnumber|\bline\b",
    "fr": r"téléphone|SMS|\bopérateur|\bnuméro|\bligne\b",
    "ar": r"هاتف|رسالة نصية|SMS|مشغّل|الرقم|رقمك",
}


@pytest.mark.parametrize("cause", BY_EMAIL)
def test_each_cause_of_an_address_is_told_in_words_of_mail(desk: Browser, world: World, cause: CauseCode) -> None:
    BY_EMAIL[cause](world, world.key("Guichet"), ADDRESS)
    assert verdict(world, ADDRESS) == cause
    page = desk.get(DESK, query_string={"phone": " Aminata@Example.MR "}).text
    told = said(page)
    assert set(told) == set(OF_PHONES)
    for language, sentence in told.items():
        assert "%(" not in sentence and not JARGON.search(sentence), sentence
        assert not re.search(OF_PHONES[language], sentence, re.IGNORECASE), sentence
    assert "Mail server" in page and "Mailbox" in page and "Mobile operator" not in page


def test_what_a_person_looked_up_says_whose_turn_it_is_by_mail(desk: Browser, world: World) -> None:
    BY_EMAIL[CauseCode.PHONE_OFF](world, world.key(), ADDRESS)
    page = desk.get(DESK, query_string={"phone": "aminata@example.mr"}).text
    (link,) = re.findall(r'href="(/dashboard/lookup/[^"]+)"\s+aria-current="true"', page)
    assert said(desk.get(link).text) == said(page) != {}
    assert re.search(r'whose-phone">\s*mailbox\s*<', page) and "Notes on this address" in page


def test_the_limit_of_an_address_is_lifted_and_a_note_is_kept_on_it(operator: Browser, world: World) -> None:
    key = world.key()
    callers.limited("minute")(world, key, ADDRESS)
    lifted = operator.post(DESK + "lift", {"phone": ADDRESS, "key": key.id}, headers=PARTIAL)
    assert lifted.status_code == 200 and verdict(world, ADDRESS) == CauseCode.LIMIT_LIFTED
    assert operator.post(DESK + "notes", {"phone": ADDRESS, "note": "Reads mail at night"}).status_code == 303
    assert "Reads mail at night" in operator.get(DESK, query_string={"phone": "aminata@example.mr"}).text


def test_others_whose_mail_was_refused_are_listed_by_channel(desk: Browser, world: World) -> None:
    for n in range(6):
        callers.failed(world, world.key(), "smtp_5_6_0", f"mailto:client{n}@example.mr")
    callers.failed(world, world.key(), "smtp_5_6_0", ADDRESS)
    page = desk.get(DESK, query_string={"phone": "aminata@example.mr"}).text
    assert "channel=email" in page and "operator=" not in page.partition("widespread")[2].partition(">")[0]


def test_a_test_key_is_seen_whatever_else_is_wrong(world: World) -> None:
    for make in (callers.limited("minute"), CAUSES[CauseCode.REFUSED], callers.ended):
        make(world, world.key(mode="test"))
        assert verdict(world) == CauseCode.TEST_KEY


def test_a_fixed_line_gets_no_code_whatever_its_carrier_says(world: World) -> None:
    world.code(world.key(), "+22225112233", **world.sent(carrier="smsc"))
    assert verdict(world, "+22225112233") == verdict(world, "+22235112233") == CauseCode.FIXED_LINE


def test_a_route_that_refuses_everything_is_told_before_a_limit_that_could_be_lifted(world: World) -> None:
    key = world.key()
    callers.cut_off(world, key)
    callers.failed(world, key, "http_400"), callers.failed(world, key, "http_400")
    callers.refuse(world, key)
    assert verdict(world) == CauseCode.CUT_OFF


def test_more_than_five_others_with_the_same_cause_are_counted_with_the_time(desk: Browser, world: World) -> None:
    key = world.key()
    for n in range(5):
        callers.failed(world, key, "absent_subscriber", f"+2223800000{n}")
        callers.failed(world, key, "http_500", f"+2223800001{n}")
    callers.failed(world, key, "http_500")
    page = desk.get(PAGE).text
    assert re.search(r"<b>\s*6 numbers touched since \d\d:\d\d", page)
    assert "status=failed" in page and "operator=mattel" in page
    callers.failed(world, key, "http_502")
    assert "numbers touched since" not in desk.get(PAGE).text


def test_a_wait_counts_down_to_what_the_server_says(desk: Browser, world: World) -> None:
    callers.limited("minute")(world, world.key())
    page = desk.get(PAGE).text
    assert 'role="timer"' in page and "data-until=" in page and 'hx-trigger="due"' in page
    assert re.search(r"Wait <b data-left>(60|5\d) seconds</b>: too many codes", page)


def test_the_sentence_is_read_in_the_language_of_the_last_code(desk: Browser, world: World) -> None:
    world.code(world.key(), language="ar", **world.sent(carrier="smsc"))
    assert re.search(r'id="say-ar" name="say" value="ar" checked', desk.get(PAGE).text)


def test_the_limit_is_lifted_at_one_press_and_taken_back(operator: Browser, viewer: Browser, world: World) -> None:
    key = world.key()
    callers.limited("minute")(world, key)
    assert viewer.get(PAGE).status_code == 403
    assert "Lift the limit for an hour" in operator.get(PAGE).text
    subject = {"phone": PHONE, "key": key.id}
    assert viewer.post(DESK + "lift", subject).status_code == 403
    assert operator.post(DESK + "lift", {"phone": PHONE, "key": "none"}).status_code == 404
    changed = operator.post(DESK + "lift", subject, headers=PARTIAL).text
    undo = re.search(r'hx-post="(/dashboard/lookup/lift/\d+/end)"', changed)
    assert "Limit lifted for an hour" in changed and undo
    assert verdict(world) == CauseCode.LIMIT_LIFTED
    assert "Back to the usual limits" in operator.get(PAGE).text
    with world.services.sessions() as session:
        row = overrides.find_for(session, key.id, PHONE)
        assert row and row.created_by == "operator@example.org" and row.reason == "Caller on the phone"
        assert row.until and timedelta(minutes=59) < row.until - utcnow() <= timedelta(hours=1)
    assert operator.post(DESK + "lift", subject, headers=PARTIAL).status_code == 409
    assert "The usual limits hold again" in operator.post(undo[1], {"phone": PHONE}, headers=PARTIAL).text
    assert verdict(world) == CauseCode.LIMIT_MINUTE
    with world.services.sessions() as session:
        assert session.query(LimitOverride).filter_by(phone=PHONE).count() == 1  # who lifted it stays written down
    assert operator.post(undo[1], {"phone": PHONE}, headers=PARTIAL).status_code == 409


def test_a_lift_never_lowers_what_a_key_allows_and_opens_no_block(operator: Browser, world: World) -> None:
    key = world.key()
    with world.services.sessions.begin() as session:
        overrides.save(session, NewOverride(key.id, None, minute=50, hour=-1))
    operator.post(DESK + "lift", {"phone": PHONE, "key": key.id})
    with world.services.sessions() as session:
        row = overrides.find_for(session, key.id, PHONE)
        assert row and (row.minute, row.hour, row.day) == (150, -1, 60)
    callers.blocked(world, world.key("Other"))
    assert "Lift the limit for an hour" not in operator.get(PAGE).text


def test_the_last_ten_numbers_are_one_s_own(operator: Browser, desk: Browser, world: World) -> None:
    for n in range(12):
        operator.get(f"{DESK}?phone=380893{n:02}")
    operator.get(f"{DESK}?phone=38089305")
    desk.get(PAGE)
    with world.services.sessions() as session:
        mine = [row.phone[-2:] for row in lookups.latest(session, "operator@example.org")]
        assert [row.phone for row in lookups.latest(session, "desk@example.org")] == [PHONE]
    assert mine == ["05", "11", "10", "09", "08", "07", "06", "04", "03", "02"]
    page = operator.get(DESK).text
    assert page.count("nothing asked") == 10 and "+222 38 08 93 11" in page


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("  ", "Write the note first."),
        ("x" * 281, "Use at most 280 characters."),
        ("his code is 123456", "six digits in a row"),
        ("الرمز ١٢٣٤٥٦", "six digits in a row"),
        ("12\u200b34\u202c56", "six digits in a row"),
    ],
)
def test_a_note_that_may_hold_a_code_is_refused_and_not_lost(operator: Browser, text: str, fault: str) -> None:
    answer = operator.post(DESK + "notes", {"phone": PHONE, "note": text}, headers=PARTIAL)
    assert answer.status_code == 422 and fault in answer.text
    assert text.strip() in answer.text


def test_a_note_is_shown_to_all_removed_and_brought_back(operator: Browser, desk: Browser) -> None:
    added = operator.post(
        DESK + "notes", {"phone": PHONE, "note": "Trader <b>,\ncalls from 38 08 93 36"}, headers=PARTIAL
    )
    assert "Trader &lt;b&gt;, calls from 38 08 93 36" in desk.get(PAGE).text
    assert "Trader" not in desk.get(DESK + "?phone=38089337").text
    remove = re.search(r'hx-post="(/dashboard/lookup/notes/\d+/remove)"', added.text)
    assert remove
    removed = operator.post(remove[1], {"phone": PHONE}, headers=PARTIAL).text
    restore = re.search(r'hx-post="(/dashboard/lookup/notes/\d+/restore)"', removed)
    assert restore and "Trader" not in desk.get(PAGE).text
    operator.post(restore[1], {"phone": PHONE})
    assert "Trader" in desk.get(PAGE).text
    assert operator.post(restore[1], {"phone": PHONE}).status_code == 404


def test_notes_and_lookups_are_erased_with_the_numbers(operator: Browser, world: World) -> None:
    operator.post(DESK + "notes", {"phone": PHONE, "note": "Prefers Arabic"})
    operator.get(PAGE)
    with world.services.sessions.begin() as session:
        session.execute(update(NumberNote).values(created_at=utcnow() - timedelta(days=91)))
    for name in ("notes", "lookups"):
        with world.services.sessions.begin() as session:
            retention.step(session, name)
    page = operator.get(PAGE).text
    assert "Prefers Arabic" not in page and "nothing asked" in page


def test_the_story_spans_all_keys(operator: Browser, world: World) -> None:
    callers.limited("minute")(world, world.key("Shop"))
    world.text(world.key("Bank"), body="Bonjour")
    page = operator.get(PAGE).text
    assert "Shop" in page and "Bank" in page and "3 / 3" in page


def test_four_digits_list_the_numbers_that_begin_so(operator: Browser, world: World) -> None:
    key = world.key()
    for phone in ("+22238089336", "+22238080000", "+22238089336", "+22247000000"):
        world.text(key, phone)
    with world.services.sessions.begin() as session:
        rejections.record(session, Rejection(key.id, "+22238085555", "sms", "minute", 3))
    page = operator.get(DESK + "?phone=3808").text
    assert re.findall(r"lookup/\?phone=%2B(\d+)", page) == ["22238080000", "22238085555", "22238089336"]
    assert "No number that begins so" in operator.get(DESK + "?phone=4999").text


def test_a_number_that_is_none_is_refused_politely(desk: Browser) -> None:
    answer = desk.get("/dashboard/lookup/?phone=12")
    assert answer.status_code == 200 and "eight digits" in answer.text
