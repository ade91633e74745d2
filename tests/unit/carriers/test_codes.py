"""The codes of carriers: each has a sentence, and says whose fault it is."""

from __future__ import annotations

import pytest

from dashboard.providers import registry
from dashboard.providers.codes import SETUP, TRY_LATER
from dashboard.providers.smpp import command_status
from dashboard.providers.whatsapp import error_codes
from dashboard.vocabulary import Blame, NextStep

META_SETUP = (131037, 131005, 132005, 132007, 132012, 132018, 131048, 130497, 131045)
META_WAIT = (133004, 131057, 613, 130429, 80007)


@pytest.mark.parametrize("number", META_SETUP)
def test_a_fault_of_set_up_at_meta_is_one_and_is_worded_with_what_to_do(number: int) -> None:
    code = error_codes.name(number)
    assert error_codes.RULES[number] == SETUP
    assert code in registry.CODES and registry.code_advice(code)


@pytest.mark.parametrize("number", META_WAIT)
def test_what_passes_at_meta_is_waited_for(number: int) -> None:
    assert error_codes.RULES[number] == TRY_LATER


def test_a_pair_s_limit_at_meta_is_the_number_s() -> None:
    error = error_codes.RULES[131056].error("whatsapp_131056")
    assert (error.blame, error.retry_after, error.tries, error.configuration) == (Blame.NUMBER, 6, 2, False)


def test_every_code_with_a_rule_of_meta_s_has_a_sentence_of_its_own() -> None:
    plain = {number for number in error_codes.RULES if not 200 <= number < 300}
    generic = {2, 4, 131000, 131008, 131009, 131016, 80007}  # told with their number
    assert {error_codes.name(number) for number in plain - generic} <= registry.CODES.keys()


@pytest.mark.parametrize("code", ["http_401", "whatsapp_190", "whatsapp_250", "smpp_invalid_password"])
def test_refused_credentials_are_known_as_such(code: str) -> None:
    assert registry.is_credentials(code)


@pytest.mark.parametrize("code", [None, "http_500", "whatsapp_131026", "whatsapp_2000", "smpp_throttled", "nonsense"])
def test_other_faults_are_none_of_credentials(code: str | None) -> None:
    assert not registry.is_credentials(code)


@pytest.mark.parametrize(
    ("code", "sentence", "detail"),
    [
        ("whatsapp_131999", "Meta answered with the error %(detail)s.", "131999"),
        ("phone_null_pdu", "The phone reported “%(detail)s”.", "null pdu"),
        ("carrier_no_credit", "The carrier gave the reason “%(detail)s”.", "no credit"),
        ("http_503", "The carrier answered with the HTTP status %(detail)s.", "503"),
    ],
)
def test_a_code_that_is_not_listed_is_told_by_its_kind(code: str, sentence: str, detail: str) -> None:
    assert registry.code_sentence(code) == (sentence, detail)


def test_a_code_of_no_kind_is_of_none() -> None:
    assert registry.code_sentence("nonsense") is None


def test_only_what_is_the_carriers_fault_counts_against_it() -> None:
    theirs = {name for name, rule in command_status.STATUSES.values() if rule.blame is not Blame.CARRIER}
    assert {"submit_failed", "unknown_error", "invalid_parameter_length", "invalid_command"} <= theirs
    assert not {"throttled", "queue_full", "invalid_source", "system_error"} & theirs


def test_what_is_tried_again_at_a_fault_of_one_text_has_an_end() -> None:
    rules = [rule for _, rule in command_status.STATUSES.values() if rule.step is NextStep.AGAIN]
    assert all(rule.tries for rule in rules if rule.blame is not Blame.CARRIER)
