"""The register of carriers, and what forms and commands are told of them."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.providers.registry import KINDS, build, describe, problem_sentence, revise, shown
from dashboard.providers.settings import InvalidSettings
from dashboard.vocabulary import Channel

SAMPLES = {
    "smpp": {"host": "smsc.operator.test", "system_id": "gateway", "password": "secret-password", "rate": "50"},
    "whatsapp": {"phone_number_id": "106540352242922", "access_token": "EAAG-token", "template_fr": "code"},
    "smsgate": {"mode": "cloud", "username": "sms", "password": "secret-password"},
    "http": {"url": "https://h.test/?t={token}", "body": '{"to": "{phone}"}', "token": "secret-token"},
    "email": {"host": "smtp.test", "username": "gw", "password": "secret-password", "sender": "codes@example.mr"},
}
SECRETS = {
    "smpp": {"password", "client_key"},
    "whatsapp": {"access_token", "app_secret", "verify_token"},
    "smsgate": {"password", "signing_key"},
    "http": {"password", "token", "callback_secret"},
    "email": {"password"},
}


def test_every_kind_has_a_sample_here() -> None:
    assert set(KINDS) == set(SAMPLES) == set(SECRETS)


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_kind_is_built_under_its_name(kind: Any) -> None:
    made = build(kind, SAMPLES[kind], "main")
    assert (made.name, callable(made.send), callable(made.hand_over)) == ("main", True, True)
    assert hasattr(made, "called_back") == (kind not in ("smpp", "email"))
    made.close()


@pytest.mark.parametrize("kind", SAMPLES)
def test_every_field_can_be_drawn(kind: Any) -> None:
    fields = describe(kind)
    assert KINDS[kind].title and KINDS[kind].about and set(KINDS[kind].channels) <= set(Channel)
    for field in fields:
        assert field.title != field.name
        assert field.type in ("text", "lines", "secret", "switch", "choice", "number")
        assert (field.type == "choice") == bool(field.choices)
        assert bool(field.rows) or field.type != "lines"
        assert field.type in ("lines", "secret") or not field.rows
        assert not (field.type == "secret" and field.default)
    assert {field.name for field in fields if field.type == "secret"} == SECRETS[kind]
    assert {field.name for field in fields if field.required} <= set(SAMPLES[kind])


@pytest.mark.parametrize("kind", SAMPLES)
def test_what_is_stored_builds_the_same_again(kind: Any) -> None:
    stored = revise(kind, {}, SAMPLES[kind])
    assert revise(kind, {}, stored) == stored
    build(kind, stored).close()


@pytest.mark.parametrize("kind", SAMPLES)
def test_secrets_are_only_ever_written(kind: Any) -> None:
    stored = revise(kind, {}, SAMPLES[kind])
    seen = shown(kind, stored)
    for name in SECRETS[kind]:
        assert seen[name] is (name in SAMPLES[kind])
    assert "secret-" not in str(seen).replace("secret_", "") and "EAAG" not in str(seen)


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_secret_that_is_left_empty_stays(kind: Any) -> None:
    stored = revise(kind, {}, SAMPLES[kind])
    name = next(iter(SECRETS[kind] & set(SAMPLES[kind])))
    given = {key: value for key, value in SAMPLES[kind].items() if key != name}
    assert revise(kind, stored, given | {name: ""})[name] == SAMPLES[kind][name]
    assert revise(kind, stored, given | {name: "  new-value "})[name] == "new-value"


def test_what_is_missing_is_told_by_field() -> None:
    with pytest.raises(InvalidSettings) as refusal:
        build("whatsapp", {"template_fr": "code"})
    assert [(error.field, error.code) for error in refusal.value.errors] == [
        ("phone_number_id", "missing"),
        ("access_token", "missing"),
    ]


def test_whatsapp_needs_a_template() -> None:
    with pytest.raises(InvalidSettings, match="template_fr"):
        build("whatsapp", SAMPLES["whatsapp"] | {"template_fr": " "})


def test_there_is_no_other_kind() -> None:
    with pytest.raises(InvalidSettings) as refusal:
        build("pigeon", {})
    assert problem_sentence("pigeon", refusal.value.errors[0]) == (
        "There is no such kind; kinds are smpp, whatsapp, smsgate, http, email"
    )
