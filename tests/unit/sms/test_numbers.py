"""Mauritanian numbers."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.sms import numbers

LOCAL = st.integers(20_000_000, 49_999_999).map(str)


@given(LOCAL, st.sampled_from(["", "222", "+222"]))
def test_every_accepted_form_becomes_one(local: str, prefix: str) -> None:
    assert numbers.parse(prefix + local) == "+222" + local


@given(st.text(alphabet=string.digits + "+ -\n٢２²", max_size=16))
def test_whatever_comes_is_normal_or_refused_with_a_code(raw: str) -> None:
    try:
        assert re.fullmatch(r"\+222[234][0-9]{7}", numbers.parse(raw))
        assert raw.isascii()
    except numbers.InvalidPhone as error:
        assert re.fullmatch(r"phone_[a-z]+", error.code)
        assert str(error)


@given(st.text())
def test_no_text_breaks_it(raw: str) -> None:
    try:
        numbers.parse(raw)
    except numbers.InvalidPhone as error:
        assert error.code in ("phone_format", "phone_length", "phone_country", "phone_prefix")


@pytest.mark.parametrize(
    ("number", "operator"), [("+22227635642", "Chinguitel"), ("+22238089336", "Mattel"), ("+22246000000", "Mauritel")]
)
def test_the_first_digit_tells_the_operator(number: str, operator: str) -> None:
    assert numbers.operator(number) == operator


@pytest.mark.parametrize(("local", "fixed"), [("25", True), ("35", True), ("45", True), ("22", False), ("46", False)])
def test_fixed_lines_are_known(local: str, fixed: bool) -> None:
    assert numbers.is_fixed(f"+222{local}000000") is fixed


def test_numbers_are_shown_in_pairs() -> None:
    assert numbers.spaced("+22238089336") == "+222 38 08 93 36"
