"""Which texts of a phone mean STOP or START."""

from __future__ import annotations

import pytest

from dashboard.gateway.opt_outs import keywords, lists
from dashboard.gateway.opt_outs.lists import BadLine


@pytest.mark.parametrize(
    "text",
    ["STOP", "stop", " Stop. ", "«STOP»", "Arrêt", "ARRET!", "إيقاف", "ايقاف", "إيقــاف", "قِف", "قف.", "stop  sms"],
)
def test_stop_is_understood_however_it_is_written(text: str) -> None:
    found = keywords.meaning(text)
    assert found is not None and found[0] == "stop"


@pytest.mark.parametrize("text", ["START", "start", "Unstop", "إبدأ", "ابدأ", "استئناف"])
def test_start_is_understood(text: str) -> None:
    found = keywords.meaning(text)
    assert found is not None and found[0] == "start"


@pytest.mark.parametrize("text", ["", "Stop it please", "Ne vous arrêtez pas", "OK", "1", "STOP" * 20, "…", "قفص"])
def test_other_texts_are_no_keywords(text: str) -> None:
    assert keywords.meaning(text) is None


def test_the_word_is_kept_as_it_was_written() -> None:
    assert keywords.meaning("  Arrêt \n") == ("stop", "Arrêt")


def test_a_list_is_read_in_any_spelling() -> None:
    text = '\ufeffphone,key\n38089336\n+222 47 00 00 00;Shop\n\n"0022226112233",x\n\'22238089336\n'
    assert lists.read(text) == ["+22238089336", "+22247000000", "+22226112233", "+22238089336"]


@pytest.mark.parametrize("line", ["12345678", "numéro", "+33612345678", "3808933"])
def test_one_bad_line_refuses_the_list(line: str) -> None:
    with pytest.raises(BadLine) as refused:
        lists.read(f"38089336\n{line}\n47000000")
    assert (refused.value.line, refused.value.text) == (2, line)
