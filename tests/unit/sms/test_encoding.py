"""Encodings and segments, held against a cutter that really cuts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.sms import encoding as text

# 3GPP TS 23.038, 6.2.1, row by row; written out here once more on purpose.
ALPHABET = (
    "@£$¥èéùìòÇ\nØø\rÅå" "Δ_ΦΓΛΩΠΨΣΘΞÆæßÉ" " !\"#¤%&'()*+,-./" "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO" "PQRSTUVWXYZÄÖÑÜ§" "¿abcdefghijklmno" "pqrstuvwxyzäöñüà"
)  # fmt: skip
EXTENSION = "\f^{}\\[~]|€"
GSM = st.text(alphabet=ALPHABET + EXTENSION, max_size=700)
ANY = st.text(alphabet=st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("ع😀a€")), max_size=400)


def cut(message: str, width: dict[str, int], room: int) -> list[str]:
    """The parts as a carrier would get them, no character cut."""
    parts, used = [""], 0
    for character in message:
        size = width.get(character, 1)
        if used + size > room:
            parts.append("")
            used = 0
        parts[-1] += character
        used += size
    return parts


def test_the_alphabet_is_that_of_the_standard() -> None:
    assert set(ALPHABET) == text.GSM - set(EXTENSION)
    assert len(ALPHABET) == 127  # 128 places, one of them the escape
    assert set(EXTENSION) == text.EXTENSION.keys()


@pytest.mark.parametrize("character", "êçâîôœ’«ëïû`áíóú…–🙂ع\t\u00a0")
def test_other_characters_make_it_ucs2(character: str) -> None:
    assert text.shape("a" + character).encoding == "ucs2"


@pytest.mark.parametrize(
    ("message", "encoding", "units", "segments"),
    [
        ("a" * 160, "gsm7", 160, 1),
        ("a" * 161, "gsm7", 161, 2),
        ("a" * 306, "gsm7", 306, 2),
        ("a" * 307, "gsm7", 307, 3),
        ("€" * 80, "gsm7", 160, 1),
        ("a" * 159 + "€", "gsm7", 161, 2),
        ("a" * 152 + "€" + "a" * 153, "gsm7", 307, 3),  # the escape is not cut: 152, 153, 2
        ("a" * 152 + "€" + "a" * 151, "gsm7", 305, 2),
        ("ع" * 70, "ucs2", 70, 1),
        ("ع" * 71, "ucs2", 71, 2),
        ("ع" * 134, "ucs2", 134, 2),
        ("ع" * 135, "ucs2", 135, 3),
        ("😀" * 35, "ucs2", 70, 1),
        ("😀" * 36, "ucs2", 72, 2),
        ("ع" * 66 + "😀" + "ع" * 66, "ucs2", 134, 3),  # the pair is not cut: 66, 67, 1
        ("😀" * 66, "ucs2", 132, 2),
        ("😀" * 67, "ucs2", 134, 3),
        ("", "gsm7", 0, 1),
    ],
)
def test_segments_at_the_boundaries(message: str, encoding: str, units: int, segments: int) -> None:
    assert text.shape(message) == text.Shape(encoding, units, segments)


@given(GSM)
@settings(max_examples=60, deadline=None)
def test_gsm_segments_are_those_of_the_cutter(message: str) -> None:
    found = text.shape(message)
    width = dict.fromkeys(EXTENSION, 2)
    assert found.encoding == "gsm7"
    assert found.units == sum(width.get(character, 1) for character in message)
    assert found.segments == (1 if found.units <= 160 else len(cut(message, width, 153)))


@given(ANY)
@settings(max_examples=60, deadline=None)
def test_ucs2_units_are_those_of_utf16(message: str) -> None:
    found = text.shape("ع" + message)
    assert found.encoding == "ucs2"
    assert found.units == len(("ع" + message).encode("utf-16-le")) // 2
    width = {character: 2 for character in message if ord(character) > 0xFFFF}
    assert found.segments == (1 if found.units <= 70 else len(cut("ع" + message, width, 67)))


@given(ANY, st.characters(exclude_categories=["Cs"]))
@settings(max_examples=60, deadline=None)
def test_a_longer_text_never_has_fewer_segments(message: str, more: str) -> None:
    assert text.shape(message + more).segments >= text.shape(message).segments
