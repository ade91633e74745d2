"""What a text means that consists of one known word, and what is answered to it.

STOP, START and HELP have words by default, which people may change; further rules do nothing but answer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.db import lock, utcnow
from dashboard.models.inbound import KeywordRule
from dashboard.sms import encoding
from dashboard.vocabulary import Keyword, Language

Words = Mapping[Language, tuple[str, ...]]
Answers = Mapping[Language, str]

DEFAULTS: dict[Keyword, Words] = {
    Keyword.STOP: {
        Language.FRENCH: ("STOP", "STOP SMS", "ARRET", "ARRETER", "DESABONNER"),
        Language.ENGLISH: ("STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"),  # as the CTIA's handbook has them
        Language.ARABIC: ("إيقاف", "قف", "توقف", "إلغاء", "إلغاء الاشتراك"),
    },
    Keyword.START: {
        Language.FRENCH: ("START", "REPRENDRE", "REABONNER"),
        Language.ENGLISH: ("UNSTOP",),
        Language.ARABIC: ("ابدأ", "اشتراك", "استئناف"),
    },
    Keyword.HELP: {
        Language.FRENCH: ("AIDE",),
        Language.ENGLISH: ("HELP",),
        Language.ARABIC: ("مساعدة",),
    },
}
LONGEST = 40  # characters of a text that may be such a word
MOST_WORDS = 20  # of a rule in one language
MOST_SEGMENTS = 3  # of an answer
MOST_RULES = 50
ALIKE = str.maketrans("أإآٱىؤئة", "اااايويه")  # letters that are written one for the other


class NotAWord(ValueError):
    """It holds no letter or digit, or is too long."""

    def __init__(self, language: Language, word: str) -> None:
        super().__init__(word)
        self.language, self.word = language, word


class WordTaken(NotAWord):
    """Another rule has it, or another language of the same one."""


class AnswerIsKeyword(ValueError):
    """An answer that is a keyword itself could be answered by another machine for ever."""

    def __init__(self, language: Language) -> None:
        super().__init__(language)
        self.language = language


class AnswerTooLong(AnswerIsKeyword):
    """It takes more than MOST_SEGMENTS segments."""


class TooManyRules(Exception):
    """There are MOST_RULES already."""


class AlreadyChanged(Exception):
    """Somebody gave the keyword other words meanwhile."""


@dataclass(frozen=True)
class WordRule:
    """Words by language, what they mean, and what is answered in which language. Without `id` it stands by default."""

    keyword: Keyword
    words: Words
    answers: Answers = field(default_factory=dict)
    id: int | None = None

    @property
    def is_own(self) -> bool:
        """Whether it may be removed; the others go back to what they are by default."""
        return self.keyword == Keyword.REPLY

    @property
    def subject(self) -> tuple[Keyword, int | None]:
        """What a stored rule takes the place of another by."""
        return self.keyword, self.id if self.is_own else None

    def all_words(self) -> Iterator[tuple[Language, str]]:
        return ((language, word) for language, words in self.words.items() for word in words)


@dataclass(frozen=True)
class Meaning:
    """The rule that a text falls under, and the word as it was written."""

    rule: WordRule
    language: Language
    word: str

    @property
    def answer(self) -> str:
        """What is answered; empty for nothing."""
        return self.rule.answers.get(self.language, "")


def rules(session: Session) -> list[WordRule]:
    """STOP, START and HELP as they hold now, then the further ones, the oldest first."""
    stored = [_rule(row) for row in session.scalars(select(KeywordRule).order_by(KeywordRule.id))]
    changed = {rule.keyword: rule for rule in stored if not rule.is_own}
    known = [changed.get(keyword) or WordRule(keyword, words) for keyword, words in DEFAULTS.items()]
    return known + [rule for rule in stored if rule.is_own]


def meaning(session: Session, text: str) -> Meaning | None:
    """What a text asks for; None where it is no known word, or more than one."""
    word = " ".join(text.split())
    wanted = plain(word) if len(word) <= LONGEST else ""
    if not wanted:
        return None
    found = ((rule, language) for rule in rules(session) for language, one in rule.all_words() if plain(one) == wanted)
    rule, language = next(found, (None, None))
    return Meaning(rule, language, word) if rule and language else None


def save(session: Session, wanted: WordRule, by: str | None = None) -> WordRule:
    """Let a rule hold from now on, in place of the one with its keyword or id; return it as it is kept.

    Raise NotAWord, WordTaken, AnswerIsKeyword, AnswerTooLong or TooManyRules. The caller commits.
    """
    lock(session, "keywords")
    current = rules(session)
    _check(wanted, [rule for rule in current if rule.subject != wanted.subject])
    row = _row(session, wanted)
    if row is None:
        if len(current) >= MOST_RULES:
            raise TooManyRules
        row = KeywordRule(id=wanted.id if wanted.is_own else None, keyword=wanted.keyword)
        session.add(row)
    row.words = {language: list(words) for language, words in wanted.words.items()}
    row.answers = {language: answer for language, answer in wanted.answers.items() if answer}
    row.changed_at, row.changed_by = utcnow(), by
    session.flush()
    return _rule(row)


def put_back(session: Session, rule: WordRule, by: str | None = None) -> WordRule:
    """Let a removed rule hold again, under its id while that is free; return it as it is kept.

    Raise AlreadyChanged, or what `save` raises. The caller commits.
    """
    lock(session, "keywords")
    if _row(session, rule) is None:
        return save(session, rule, by)
    if not rule.is_own:
        raise AlreadyChanged
    return save(session, replace(rule, id=None), by)


def remove(session: Session, rule: WordRule) -> bool:
    """Forget a rule, or what was changed of one that is there by default; return whether there was something."""
    row = _row(session, rule)
    if row is not None:
        session.delete(row)
        session.flush()
    return row is not None


def plain(text: str) -> str:
    """A word without capitals, accents, vowel signs, marks around it and letters that are mixed up."""
    apart = unicodedata.normalize("NFKD", text.translate(ALIKE).replace("\N{ARABIC TATWEEL}", ""))
    bare = "".join(character for character in apart if not unicodedata.combining(character))
    return " ".join(re.sub(r"[^\w\s]", " ", bare).casefold().split())


def _check(wanted: WordRule, others: list[WordRule]) -> None:
    taken = {plain(word) for rule in others for _language, word in rule.all_words()}
    for language, word in wanted.all_words():
        if not plain(word) or len(word) > LONGEST:
            raise NotAWord(language, word)
        if plain(word) in taken:
            raise WordTaken(language, word)
        taken.add(plain(word))
    for language, answer in wanted.answers.items():
        if plain(answer) in taken:
            raise AnswerIsKeyword(language)
        if encoding.shape(answer).segments > MOST_SEGMENTS:
            raise AnswerTooLong(language)


def _row(session: Session, rule: WordRule) -> KeywordRule | None:
    one = KeywordRule.id == rule.id if rule.is_own else KeywordRule.keyword == rule.keyword
    return session.scalar(select(KeywordRule).where(one))


def _rule(row: KeywordRule) -> WordRule:
    words = {Language(language): tuple(words) for language, words in row.words.items()}
    answers = {Language(language): answer for language, answer in row.answers.items()}
    return WordRule(Keyword(row.keyword), words, answers, row.id)
