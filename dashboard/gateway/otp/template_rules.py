"""The wording of one-time codes: the built-in texts, and the rules that every wording keeps.

With an app hash the text must fit one segment and 140 UTF-8 bytes, the hash alone on its last line, or Android's
SMS Retriever does not hand it to the app. In French only é è à ù are used: ê ç â î ô make the SMS UCS-2 and double
its cost.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from dashboard.sms.encoding import GSM, Shape, shape
from dashboard.vocabulary import Language

TEXTS: dict[str, str] = {
    Language.FRENCH: "Votre code de vérification est {code}. Valable {minutes} minutes. Ne le communiquez à personne.",
    Language.ENGLISH: "Your verification code is {code}. It is valid for {minutes} minutes. Do not share it.",
    Language.ARABIC: "رمز التحقق: {code}. صالح {minutes} دقائق. لا تشاركه مع أحد.",
}
MINUTES = "10"
MASK = "••••••"
SAMPLE_CODE = "482913"
SAMPLE_HASH = "FA+9qCX9VSu"
MOST_BYTES = 140  # with the hash: what SMS Retriever reads
LONGEST_BODY = 400  # characters; more is never one segment, so it is not looked at
LONGEST_BRAND = 40
VARIABLE = re.compile(r"\{([^{}]*)\}")
KNOWN = ("code", "minutes", "brand")
# WebOTP and the autofill of Safari: "@host #code" alone on the last line (WICG, "Origin-bound one-time codes delivered
# via SMS").
HOST = re.compile(r"(?=.{1,60}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")
HOST_LINE = re.compile(r"\n@(\S+) #\{code\}$")
# SMS Retriever and apps look for the code as a number that stands alone.
LONE_NUMBER = re.compile(r"(?<![0-9A-Za-z])[0-9]{4,10}(?![0-9A-Za-z])")
HIDDEN = "\u200b\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"


@dataclass(frozen=True)
class Measure:
    """How a wording travels, for people to see. `flips` are the characters that make it UCS-2."""

    text: str
    shape: Shape
    flips: tuple[str, ...]
    bytes_with_hash: int
    shape_with_hash: Shape


def render(language: str, code: str, app_hash: str | None = None) -> str:
    """The built-in text as it is sent."""
    return fill(TEXTS[language], "", code, app_hash)


def fill(body: str, brand: str, code: str, app_hash: str | None = None) -> str:
    """A wording as it is sent. No format strings: a wording is text from outside.

    With a hash there is no line for a host: each of the two has to be the last.
    """
    body = HOST_LINE.sub("", body) if app_hash else body
    values = {"code": code, "minutes": MINUTES, "brand": brand}
    filled = VARIABLE.sub(lambda match: values.get(match[1], match[0]), body)
    return f"{filled}\n{app_hash}" if app_hash else filled


def tidy(body: str) -> str:
    """As it is kept: line ends of one kind, no blanks at the ends."""
    return body.replace("\r\n", "\n").replace("\r", "\n").strip()


def with_host(body: str, host: str) -> str:
    """A wording whose last line names the host of the web page that may read the code."""
    return f"{body}\n@{host} #{{code}}" if host else body


def split_host(body: str) -> tuple[str, str]:
    """A wording without that line, and the host; an empty one where it names none."""
    line = HOST_LINE.search(body)
    return (body[: line.start()], line[1]) if line else (body, "")


def measure(body: str, brand: str) -> Measure:
    plain, hashed = fill(body, brand, SAMPLE_CODE), fill(body, brand, SAMPLE_CODE, SAMPLE_HASH)
    flips = dict.fromkeys(c for c in plain if c not in GSM)
    size = len(hashed.encode("utf-8", "replace"))
    return Measure(plain, shape(plain), tuple(flips), size, shape(hashed))


def faults(body: str, brand: str) -> list[str]:
    """Which rules a wording breaks, by code; none: it may be saved."""
    codes = _faults_of_form(body, brand)
    if codes:
        return codes
    measured = measure(body, brand)
    if measured.shape.segments > 1:
        codes.append("two_segments")
    elif measured.shape_with_hash.segments > 1:
        codes.append("two_segments_with_hash")
    if measured.bytes_with_hash > MOST_BYTES:
        codes.append("too_many_bytes")
    if LONE_NUMBER.findall(fill(split_host(body)[0], brand, SAMPLE_CODE)) != [SAMPLE_CODE]:
        codes.append("code_not_findable")
    return codes


def _faults_of_form(body: str, brand: str) -> list[str]:
    text, host = split_host(body)
    names = VARIABLE.findall(text)
    rules = {
        "blank": not text.strip(),
        "too_long": len(body) > LONGEST_BODY or len(brand) > LONGEST_BRAND,
        "control_characters": any(_is_hidden(c) for c in body.replace("\n", "") + brand),
        "no_code": names.count("code") == 0,
        "two_codes": names.count("code") > 1,
        "unknown_variable": bool(set(names) - set(KNOWN)) or bool(re.search(r"[{}]", VARIABLE.sub("", text))),
        "bad_host": bool(host) and not HOST.fullmatch(host),
        "brand_with_braces": bool(re.search(r"[{}]", brand)),
        "no_brand": "brand" in names and not brand.strip(),
    }
    return [name for name, broken in rules.items() if broken]


def _is_hidden(character: str) -> bool:
    """A control character, half a pair, or one that turns or hides what follows."""
    return character in HIDDEN or unicodedata.category(character) in ("Cc", "Cs", "Co", "Cn")
