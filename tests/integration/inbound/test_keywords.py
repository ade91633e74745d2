"""Which texts of a phone mean something, what is answered, and that answers never run away."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from dashboard.db import Sessions, utcnow
from dashboard.gateway.api_keys import authentication, keys
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.inbound import inbox, keywords
from dashboard.gateway.inbound.keywords import (
    AnswerIsKeyword,
    AnswerTooLong,
    NotAWord,
    TooManyRules,
    WordRule,
    Words,
    WordTaken,
)
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.outbox import Draft
from dashboard.models.carriers import Carrier
from dashboard.models.inbound import IncomingMessage, KeywordRule
from dashboard.models.messages import Message
from dashboard.providers.base import Incoming
from dashboard.vocabulary import Keyword, Lane, Language
from tests.support.fixtures.databases import on_sqlite

PHONE = "+22238089336"
FR, EN, AR = Language.FRENCH, Language.ENGLISH, Language.ARABIC
STOP, HELP = keywords.DEFAULTS[Keyword.STOP], keywords.DEFAULTS[Keyword.HELP]
HELLO = "Boutique Sahel, 45 25 00 00."


def understood(sessions: Sessions, text: str) -> tuple[str, str, str] | None:
    with sessions() as session:
        found = keywords.meaning(session, text)
        return (found.rule.keyword, found.language, found.word) if found else None


def save(sessions: Sessions, *rules: WordRule) -> list[WordRule]:
    with sessions.begin() as session:
        return [keywords.save(session, rule, "owner@example.org") for rule in rules]


def answering(keyword: Keyword = Keyword.HELP, words: Words = HELP, **answers: str) -> WordRule:
    return WordRule(keyword, words, {Language(language): text for language, text in answers.items()})


def write(sessions: Sessions, words: str, sender: str = PHONE, carrier: str = "smsc") -> set[Lane]:
    return inbox.receive(sessions, carrier, [Incoming(sender, "3601", words, utcnow())])


def answers(sessions: Sessions) -> list[tuple[str, str | None, str | None]]:
    with sessions() as session:
        rows = session.scalars(select(Message).order_by(Message.id)).all()
        return [(row.phone, row.body, row.sender) for row in rows]


def make_key(sessions: Sessions, **more: int | str) -> Caller:
    with sessions.begin() as session:
        key, secret = keys.create(session, NewKey("Shop", **more))  # type: ignore[arg-type]
        session.flush()
        return authentication.Caller.from_row(key, authentication.digest(secret))


@on_sqlite
@pytest.mark.parametrize(
    "text",
    ["STOP", "stop", " Stop. ", "«STOP»", "Arrêt", "ARRET!", "إيقاف", "ايقاف", "إيقــاف", "قِف", "قف.", "stop  sms"],
)
def test_stop_is_understood_however_it_is_written(sessions: Sessions, text: str) -> None:
    found = understood(sessions, text)
    assert found is not None and found[0] == "stop"


@on_sqlite
@pytest.mark.parametrize("text", ["START", "start", "Unstop", "إبدأ", "ابدأ", "استئناف"])
def test_start_is_understood(sessions: Sessions, text: str) -> None:
    found = understood(sessions, text)
    assert found is not None and found[0] == "start"


@on_sqlite
@pytest.mark.parametrize(("text", "language"), [("Help?", "en"), ("aide", "fr"), ("مساعده", "ar")])
def test_help_is_understood_in_its_language(sessions: Sessions, text: str, language: str) -> None:
    assert understood(sessions, text) == ("help", language, text)


@on_sqlite
@pytest.mark.parametrize("text", ["", "Stop it please", "Ne vous arrêtez pas", "OK", "1", "STOP" * 20, "…", "قفص"])
def test_other_texts_are_no_keywords(sessions: Sessions, text: str) -> None:
    assert understood(sessions, text) is None


def test_the_word_is_kept_as_it_was_written(sessions: Sessions) -> None:
    assert understood(sessions, "  Arrêt \n") == ("stop", "fr", "Arrêt")


def test_by_default_nothing_is_answered(sessions: Sessions) -> None:
    for word in ("STOP", "START", "HELP", "AIDE", "مساعدة"):
        assert write(sessions, word) == set()
    assert answers(sessions) == []


def test_words_and_answers_are_changed_and_go_back(sessions: Sessions) -> None:
    (rule,) = save(sessions, WordRule(Keyword.STOP, {FR: ("FIN",)}, {FR: "Entendu."}))
    assert understood(sessions, "fin") == ("stop", "fr", "fin") and understood(sessions, "STOP") is None
    with sessions.begin() as session:
        assert keywords.remove(session, rule)
    assert understood(sessions, "fin") is None and understood(sessions, "STOP") == ("stop", "fr", "STOP")
    with sessions() as session:
        assert [rule.id for rule in keywords.rules(session)] == [None, None, None]


def test_a_rule_of_ones_own_answers_and_does_nothing_else(sessions: Sessions) -> None:
    (rule,) = save(sessions, WordRule(Keyword.REPLY, {FR: ("HORAIRES",)}, {FR: "8 h à 18 h."}))
    assert write(sessions, "Horaires ?") == {Lane.SMS}
    assert answers(sessions) == [(PHONE, "8 h à 18 h.", "3601")]
    with sessions.begin() as session:
        (came,) = inbox.page(session)
        assert (came.keyword, came.rule_id) == ("reply", rule.id)
        assert came.answer == session.scalar(select(Message.uuid))
        assert keywords.remove(session, rule) and not keywords.remove(session, rule)
    assert understood(sessions, "HORAIRES") is None


def test_the_answer_is_in_the_language_of_the_word(sessions: Sessions) -> None:
    save(sessions, answering(fr=HELLO, ar="متجر الساحل"))
    for word, phone in (("AIDE", PHONE), ("مساعدة", "+22247000000"), ("HELP", "+22222000000")):
        write(sessions, word, phone)
    assert [(phone, body) for phone, body, _sender in answers(sessions)] == [
        (PHONE, HELLO),
        ("+22247000000", "متجر الساحل"),
    ]


def test_a_number_is_answered_once_a_day_a_keyword(sessions: Sessions) -> None:
    save(sessions, answering(fr=HELLO), answering(Keyword.STOP, STOP, fr="Vous ne recevrez plus de messages."))
    for word in ("AIDE", "Aide", "aide !", "STOP", "ARRET"):
        write(sessions, word)
    assert [body for _phone, body, _sender in answers(sessions)] == [HELLO, "Vous ne recevrez plus de messages."]
    write(sessions, "AIDE.", "+22247000000")
    assert len(answers(sessions)) == 3
    with sessions.begin() as session:
        session.execute(update(IncomingMessage).values(completed_at=utcnow() - timedelta(hours=25)))
    write(sessions, "AIDE !!")
    assert len(answers(sessions)) == 4


def test_texts_at_once_by_several_carriers_are_answered_once(sessions: Sessions) -> None:
    save(sessions, answering(fr=HELLO))
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: write(sessions, "AIDE", carrier=f"smsc{number}"), range(6)))
    assert len(answers(sessions)) == 1


@on_sqlite
@pytest.mark.parametrize("sender", ["3601", "Mauritel", "+33612345678", "+22225251234", ""])
def test_short_codes_names_foreign_numbers_and_fixed_lines_get_no_answer(sessions: Sessions, sender: str) -> None:
    save(sessions, answering(fr=HELLO))
    write(sessions, "AIDE", sender)
    assert answers(sessions) == []


def test_the_answer_to_stop_leaves_though_texts_that_wait_are_taken_back(sessions: Sessions) -> None:
    caller = make_key(sessions)
    with sessions.begin() as session:
        outbox.submit(session, caller, Draft.text(PHONE, "Soldes"))
    save(sessions, answering(Keyword.STOP, STOP, fr="Entendu."))
    write(sessions, "STOP")
    with sessions() as session:
        rows = session.scalars(select(Message).order_by(Message.id)).all()
        assert [(row.body, row.status, row.key_id == caller.id) for row in rows] == [
            ("Soldes", "expired", True),
            ("Entendu.", "queued", True),
        ]


def test_an_answer_goes_by_the_carrier_that_the_text_came_by(sessions: Sessions) -> None:
    with sessions.begin() as session:
        session.add(Carrier(id=7, name="smsc", kind="http", sealed=b"", hook="x"))
    save(sessions, answering(fr=HELLO))
    write(sessions, "AIDE")
    with sessions.begin() as session:
        session.execute(update(Carrier).values(enabled=False))
    write(sessions, "AIDE", "+22247000000")
    with sessions() as session:
        assert list(session.scalars(select(Message.carrier_id).order_by(Message.id))) == [7, None]


def test_answers_end_where_the_key_s_day_ends(sessions: Sessions) -> None:
    caller = make_key(sessions, message_cap=2)
    phones = [f"+2224700000{number}" for number in range(3)]
    with sessions.begin() as session:
        outbox.submit_all(session, [(caller, Draft.text(phone, "Bonjour")) for phone in phones])
    save(sessions, answering(fr=HELLO))
    for phone in phones:
        write(sessions, "AIDE", phone)
    assert [body for _phone, body, _sender in answers(sessions)].count(HELLO) == 2


def test_a_test_key_is_no_reason_to_keep_the_answer_from_the_phone(sessions: Sessions) -> None:
    caller = make_key(sessions, mode="test")
    with sessions.begin() as session:
        outbox.submit(session, caller, Draft.text(PHONE, "Bonjour"))
    save(sessions, answering(fr=HELLO))
    write(sessions, "AIDE")
    with sessions() as session:
        newest = session.scalars(select(Message).order_by(Message.id.desc())).first()
        assert newest is not None and (newest.key_id, newest.carrier_id) == (keys.OWN_ID, None)


BAD: list[tuple[WordRule, type[Exception]]] = [
    (WordRule(Keyword.REPLY, {FR: ("…",)}), NotAWord),
    (WordRule(Keyword.REPLY, {FR: ("x" * 41,)}), NotAWord),
    (WordRule(Keyword.REPLY, {FR: ("arrêt",)}), WordTaken),
    (WordRule(Keyword.REPLY, {FR: ("PRIX",), AR: ("prix",)}), WordTaken),
    (WordRule(Keyword.REPLY, {FR: ("PRIX",)}, {FR: "Stop!"}), AnswerIsKeyword),
    (WordRule(Keyword.REPLY, {FR: ("PRIX",)}, {FR: "prix"}), AnswerIsKeyword),
    (WordRule(Keyword.REPLY, {AR: ("سعر",)}, {AR: "س" * 202}), AnswerTooLong),
]


@on_sqlite
@pytest.mark.parametrize(("rule", "fault"), BAD)
def test_what_cannot_be_a_rule_is_refused(sessions: Sessions, rule: WordRule, fault: type[Exception]) -> None:
    with pytest.raises(fault):
        save(sessions, rule)
    with sessions() as session:
        assert session.scalar(select(KeywordRule.id)) is None


def test_a_rule_may_keep_its_own_words(sessions: Sessions) -> None:
    (rule,) = save(sessions, WordRule(Keyword.REPLY, {FR: ("PRIX",)}, {FR: "10 MRU"}))
    (again,) = save(sessions, WordRule(Keyword.REPLY, {FR: ("PRIX", "TARIF")}, {FR: "12 MRU"}, rule.id))
    assert again.id == rule.id and understood(sessions, "tarif") == ("reply", "fr", "tarif")


def test_there_are_not_too_many(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keywords, "MOST_RULES", 4)
    save(sessions, WordRule(Keyword.REPLY, {FR: ("UN",)}))
    with pytest.raises(TooManyRules):
        save(sessions, WordRule(Keyword.REPLY, {FR: ("DEUX",)}))


def test_two_people_who_save_at_once_leave_one_rule_a_keyword(sessions: Sessions) -> None:
    def change(word: str) -> None:
        save(sessions, WordRule(Keyword.HELP, {FR: (word,)}))

    work: Callable[[str], None] = change
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, ("UN", "DEUX", "TROIS", "QUATRE")))
    with sessions() as session:
        assert len(session.scalars(select(KeywordRule)).all()) == 1
