"""Errors of the domain as the API answers them."""

from __future__ import annotations

from dashboard.api import error_kinds, errors
from dashboard.gateway.limits.wrong_codes import TooManyWrongCodes, WrongCodeCount
from dashboard.vocabulary import Window


def test_a_number_with_too_many_wrong_codes_is_answered_in_the_shape_of_a_dead_code() -> None:
    """Clients of the hosted service know the message and `retriesLeft`; the item says what is new."""
    refusal = TooManyWrongCodes(WrongCodeCount(10, 10, Window.HOUR, 10, 1_380))
    body = errors.body(errors.described(refusal))
    item = body["errors"][0]
    assert (body["success"], body["message"], body["retriesLeft"]) == (False, error_kinds.EXHAUSTED, 0)
    assert (item["code"], item["path"], item["window"], item["limit"]) == ("too_many_wrong_codes", ["otp"], "hour", 10)
    assert (error_kinds.ERRORS["too_many_wrong_codes"].status, item["retryAfter"]) == (400, 1_380)
