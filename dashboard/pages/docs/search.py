"""Search in the sections of the documentation."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

LONGEST_QUERY = 80
MOST_WORDS = 8
MOST_HITS = 12
AROUND = 90  # characters before and after what was found
TITLE_WEIGHT = 8
PAGE_WEIGHT = 12  # the guide to a thing goes before what else names it
ARABIC = str.maketrans({"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ة": "ه", "ـ": ""})
LEVELS = {"h2": 2, "h3": 3, "tr": 4}
UNSAID = ("pre", "fieldset", "button", "svg", "form", "script")


@dataclass
class Section:
    """A piece of a page that an address leads to."""

    id: str
    level: int  # 2 or 3, of its heading; 4 for a row of a table
    title: str = ""
    text: str = ""
    words: str = ""  # others by which people look for it

    # Every query reads every section, and a section stays: it is made plain once, when it is whole.
    @functools.cached_property
    def plain_names(self) -> str:
        return f"{plain(self.title)} {plain(self.words)}"

    @functools.cached_property
    def plain_text(self) -> str:
        return plain(self.text)


@dataclass(frozen=True)
class SearchHit:
    """A section that holds all words, with an excerpt in pieces: (text, whether it was looked for)."""

    page: str
    section: Section
    pieces: list[tuple[str, bool]]


def split(html: str) -> list[Section]:
    """The sections of a rendered page: what follows each heading with an id, and rows with an id."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    for section in reader.sections:
        section.title, section.text = (" ".join(part.split()) for part in (section.title, section.text))
    return reader.sections


def find(pages: Iterable[tuple[str, list[Section]]], query: str) -> list[SearchHit]:
    """The sections that hold all words of the query, the best first."""
    words = list(dict.fromkeys(re.findall(r"\w+", plain(query[:LONGEST_QUERY]))))[:MOST_WORDS]
    if not words:
        return []
    beginnings = [(word, _beginning(word)) for word in words]
    judged = [(_score(page, section, beginnings), page, section) for page, sections in pages for section in sections]
    best = sorted((hit for hit in judged if hit[0]), key=lambda hit: -hit[0])[:MOST_HITS]
    patterns = [beginning for _, beginning in beginnings]
    return [SearchHit(page, section, list(_excerpt(section.text, patterns))) for _, page, section in best]


def plain(text: str) -> str:
    """Without case, accents and the variants of Arabic letters. A character stays one character or goes."""
    return "".join(_plain(char) for char in text)


@functools.lru_cache(4096)  # the pages have a few hundred different characters
def _plain(char: str) -> str:
    kept = "".join(c for c in unicodedata.normalize("NFKD", char) if not unicodedata.combining(c))
    return kept.casefold().translate(ARABIC)


def _score(page: str, section: Section, beginnings: Sequence[tuple[str, re.Pattern[str]]]) -> int:
    """How well a section fits; 0 when it lacks one of the words."""
    score = 0
    for word, beginning in beginnings:
        named = beginning.search(section.plain_names) is not None
        used = len(beginning.findall(section.plain_text))
        if not named and not used:
            return 0
        score += PAGE_WEIGHT * (word in page) + TITLE_WEIGHT * named + min(used, 4)
    return score


def _beginning(word: str) -> re.Pattern[str]:
    """Where a word begins; within others, "ip" would be in "skipped". Arabic joins "the" and "and" to its words."""
    return re.compile((r"(?<![a-z0-9])" if word.isascii() else "") + re.escape(word))


def _excerpt(text: str, beginnings: Sequence[re.Pattern[str]]) -> Iterator[tuple[str, bool]]:
    shown, places = "", []
    for place, char in enumerate(text):
        kept = _plain(char)
        shown += kept
        places += [place] * len(kept)
    marks = sorted((at.start(), at.end()) for beginning in beginnings for at in beginning.finditer(shown))
    spots = [(places[start], places[end - 1] + 1) for start, end in marks]
    begin = text.rfind(" ", 0, max(0, spots[0][0] - AROUND) if spots else 0) + 1  # its words are whole
    end = f"{text} ".find(" ", min(len(text), (spots[0][1] if spots else 0) + 2 * AROUND))
    at = begin
    yield ("… " if begin else ""), False
    for start, stop in spots:
        if at <= start and stop <= end:
            yield text[at:start], False
            yield text[start:stop], True
            at = stop
    yield text[at:end] + (" …" if end < len(text) else ""), False


@dataclass
class _Reader(HTMLParser):
    sections: list[Section] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.heading = False
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in LEVELS and given.get("id"):
            self.sections.append(Section(str(given["id"]), LEVELS[tag], words=given.get("data-search") or ""))
            self.heading = True
        self.silent += tag in UNSAID or (tag == "a" and self.heading)
        if self.sections and not self.silent and tag in ("p", "li", "td", "th", "dt", "dd"):
            self.sections[-1].text += " "

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in UNSAID or (tag == "a" and self.heading)
        if tag in ("h2", "h3", "th"):
            self.heading = False

    def handle_data(self, data: str) -> None:
        if not self.sections or self.silent:
            return
        if self.heading:
            self.sections[-1].title += data
        else:
            self.sections[-1].text += data
