"""Lists of numbers as people have them."""

from __future__ import annotations

import pytest

from dashboard.gateway.opt_outs import lists
from dashboard.gateway.opt_outs.lists import BadLine


def test_a_list_is_read_in_any_spelling() -> None:
    text = '\ufeffphone,key\n38089336\n+222 47 00 00 00;Shop\n\n"0022226112233",x\n\'22238089336\n'
    assert lists.read(text) == ["+22238089336", "+22247000000", "+22226112233", "+22238089336"]


@pytest.mark.parametrize("line", ["12345678", "numéro", "+33612345678", "3808933"])
def test_one_bad_line_refuses_the_list(line: str) -> None:
    with pytest.raises(BadLine) as refused:
        lists.read(f"38089336\n{line}\n47000000")
    assert (refused.value.line, refused.value.text) == (2, line)
