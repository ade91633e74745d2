"""Catalogues of the dashboard: whole, with the placeholders of the original, in good typography."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from tests.house.source import ROOT

CATALOGUES = ROOT / "dashboard" / "translations"
LANGUAGES = ("fr", "ar")
WORDED = ("pages", "providers", "gateway")  # packages whose sentences reach a page
KEYWORDS = {"_": None, "_l": None, "gettext": None, "ngettext": (1, 2), "N_": None}
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]")
MISSET = re.compile(r"'|[^\u202f\d][;:!?»](?!//)|«[^\u202f]")


def every_sentence_is_translated() -> Iterator[str]:
    for language in LANGUAGES:
        book = _catalogue(language)
        known = {_id(message): message for message in book if message.id}
        for sentence in sorted(_extracted() ^ known.keys()):
            yield f"{language}: {sentence!r} is in the code alone or in the catalogue alone; run make translations"
        for sentence, message in known.items():
            texts = _texts(message)
            if not all(texts) or message.fuzzy:
                yield f"{language}: {sentence!r} is not translated, or only guessed"
            if len(texts) != (1 if isinstance(message.id, str) else book.num_plurals):
                yield f"{language}: {sentence!r} has {len(texts)} forms"


def translations_keep_their_placeholders() -> Iterator[str]:
    for language in LANGUAGES:
        for message in _catalogue(language):
            if not message.id:
                continue
            plural = not isinstance(message.id, str)
            wanted = set(PLACEHOLDER.findall("".join(message.id)))
            allowed = [wanted, wanted - {"%(num)s", "%(num)d"}] if plural else [wanted]
            if not all(set(PLACEHOLDER.findall(text)) in allowed for text in _texts(message)):
                yield f"{language}: {_id(message)!r} has other placeholders than its original"


def french_follows_its_typography() -> Iterator[str]:
    for message in _catalogue("fr"):
        for text in _texts(message) if message.id else []:
            if MISSET.search(text):
                yield f"fr: {text!r} has a straight apostrophe, or no narrow space at a mark"


@cache
def _catalogue(language: str) -> Catalog:
    with (CATALOGUES / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=language)


@cache
def _extracted() -> set[str]:
    """The sentences of code and templates."""
    with (CATALOGUES / "babel.cfg").open() as file:
        _, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    code = [(f"**/{floor}/**.py", "python") for floor in WORDED]
    drawn = {"**.html": options["templates/**.html"]}
    found = [
        *extract_from_dir(ROOT / "dashboard", code, {}, KEYWORDS),
        *extract_from_dir(ROOT / "templates", [("**.html", "jinja2")], drawn, KEYWORDS),
    ]
    return {message if isinstance(message, str) else message[0] for _, _, message, _, _ in found}


def _id(message: Message) -> str:
    return str(message.id if isinstance(message.id, str) else message.id[0])


def _texts(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string or ())
