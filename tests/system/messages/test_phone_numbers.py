"""One phone under all the forms of its number."""

from __future__ import annotations

from random import Random

import pytest

from tests.support.stack import Client, digits


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # it never sees the other forms
@pytest.mark.parametrize("form", ["+222{}", "222{}", "{}"])
@pytest.mark.parametrize("first", ["2", "3", "4", "25", "35", "45", "22", "222"])
def test_every_accepted_form_reaches_the_same_phone(client: Client, form: str, first: str) -> None:
    rest = 8 - len(first)
    local = first + f"{Random(f'{first} {form}').randrange(10**rest):0{rest}d}"
    sent = client.send(form.format(local), "Bonjour")
    assert sent.status_code == 200, sent.text
    assert client.stack.arrived("+222" + local, sent.json()["messageId"]).text == "Bonjour"


def test_a_code_is_known_under_all_forms(client: Client, phone: str) -> None:
    local = phone.removeprefix("+222")
    for sent, typed in ((f"222{local}", local), (local, phone), (phone, f"222{local}")):
        message_id = client.otp(sent).json()["messageId"]
        code = digits(client.stack.arrived(phone, message_id).text)
        assert client.verify(typed, code).status_code == 200
