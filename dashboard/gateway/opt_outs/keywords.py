"""What a text means that consists of one known word: STOP and START in the languages of the country."""

from __future__ import annotations

import re
import unicodedata

from dashboard.vocabulary import Keyword

WORDS: dict[Keyword, tuple[str, ...]] = {
    Keyword.STOP: (
        *("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"),  # as the CTIA's handbook and Twilio have them
        *("ARRET", "ARRETER", "DESABONNER", "STOP SMS"),
        *("ايقاف", "قف", "توقف", "الغاء", "الغاء الاشتراك"),
    ),
    Keyword.START: ("START", "UNSTOP", "REPRENDRE", "REABONNER", "ابدا", "اشتراك", "استئناف"),
}
LONGEST = 40  # characters of a text that may be such a word
ALIKE = str.maketrans("أإآٱىؤئة", "اااايويه")  # letters that are written one for the other


def meaning(text: str) -> tuple[Keyword, str] | None:
    """What a text asks for, and the word as it was written; None where it is no such word, or more than one."""
    word = " ".join(text.split())
    keyword = BY_WORD.get(plain(word)) if len(word) <= LONGEST else None
    return (keyword, word) if keyword else None


def plain(text: str) -> str:
    """A word without capitals, accents, vowel signs, marks around it and letters that are mixed up."""
    apart = unicodedata.normalize("NFKD", text.translate(ALIKE).replace("\N{ARABIC TATWEEL}", ""))
    bare = "".join(character for character in apart if not unicodedata.combining(character))
    return " ".join(re.sub(r"[^\w\s]", " ", bare).casefold().split())


BY_WORD = {plain(word): keyword for keyword, words in WORDS.items() for word in words}
