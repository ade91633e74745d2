"""SMS pumping against the whole gateway: callers at the same time, two web processes, one range of 1,000 numbers."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.support.error_shape import failure
from tests.support.stack import Client

CALLERS = 8
ASKED = 200
MOST_SENT = 100


def test_a_run_over_one_range_is_stopped_while_other_numbers_are_served(client: Client, phone: str) -> None:
    numbers = [f"+22239{client.stack.port % 1_000:03d}{n:03d}" for n in range(ASKED)]
    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(client.otp, numbers))
    assert Counter(answer.status_code for answer in answers)[200] < MOST_SENT
    refused = next(answer for answer in reversed(answers) if answer.status_code != 200)
    (item,) = failure(refused, 429)
    assert item["code"] == "pumping_suspected"
    assert client.otp(phone).status_code == 200
