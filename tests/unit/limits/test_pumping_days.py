"""What pumping looks like, and what a shop's day looks like, judged as the gateway does: code by code, hour by hour."""

from __future__ import annotations

import random
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter

import pytest

from dashboard.gateway.limits import pumping
from dashboard.gateway.limits.pumping import Evidence
from dashboard.gateway.site_settings import Preferences
from dashboard.vocabulary import PumpingStep

MOST = Preferences().pumping_numbers
HOUR, DAY = 3_600.0, 86_400.0
NEVER = float("inf")
# Of the codes of a day that are asked for in each hour, from midnight: people buy at noon and in the evening.
HOURS = (1, 1, 0, 0, 0, 1, 2, 4, 6, 7, 8, 8, 7, 5, 4, 5, 6, 7, 8, 8, 6, 4, 2, 1)
LAUNCH = (0, 0, 0, 0, 0, 0, 1, 2, 5, 30, 28, 12, 6, 3, 2, 2, 2, 2, 2, 1, 1, 1, 0, 0)


@dataclass(frozen=True)
class Code:
    """One that was sent; times are seconds of the day."""

    at: float
    phone: str
    verified_at: float = NEVER


def people(dice: random.Random, count: int) -> list[str]:
    """Numbers as a shop's users have them: in some 3,000 ranges, of which few are much fuller than others."""
    ranges = [f"+222{dice.choice('234')}{dice.randrange(10_000):04d}" for _ in range(3_000)]
    fullness = [dice.lognormvariate(0, 0.8) for _ in ranges]
    return [f"{digits}{dice.randrange(1_000):03d}" for digits in dice.choices(ranges, fullness, k=count)]


def asked(dice: random.Random, phone: str, at: float, verifies: float) -> Iterator[Code]:
    """What one person asks for: a code, and one or two more when it does not come at once."""
    is_patient = dice.random() < 0.85
    times = [at] if is_patient else [at, at + 45, at + 120]
    for time in times[:-1]:
        yield Code(time, phone)
    answers = dice.random() < verifies
    yield Code(times[-1], phone, times[-1] + dice.uniform(6, 90) if answers else NEVER)


def a_day(seed: int, count: int, hours: tuple[int, ...], verifies: float = 0.85) -> list[Code]:
    dice = random.Random(seed)
    begins = dice.choices(range(24), hours, k=count)
    made = [
        code
        for phone, hour in zip(people(dice, count), begins, strict=True)
        for code in asked(dice, phone, hour * HOUR + dice.uniform(0, HOUR), verifies)
    ]
    return sorted(made, key=attrgetter("at"))


def judged(codes: list[Code]) -> list[PumpingStep | None]:
    """The step that each code meets when all before it were sent."""
    lately: dict[str, deque[Code]] = defaultdict(deque)
    steps = []
    for code in codes:
        before = lately[pumping.range_of(code.phone)]
        while before and before[0].at <= code.at - HOUR:
            before.popleft()
        seen = Evidence(verified=sum(one.verified_at <= code.at for one in before))
        for one in before:
            seen.add(one.phone)
        steps.append(seen.step(MOST))
        before.append(code)
    return steps


def company(dice: random.Random, at: float) -> list[Code]:
    """Eighty employees with numbers in a row, who sign up within half an hour."""
    made = [
        code
        for place in range(80)
        for code in asked(dice, f"+22236551{place:03d}", at + place * 22 + dice.uniform(0, 20), 0.95)
    ]
    return sorted(made, key=attrgetter("at"))


@pytest.mark.parametrize("seed", range(3))
def test_a_shops_day_is_not_touched(seed: int) -> None:
    assert set(judged(a_day(seed, 2_000, HOURS))) == {None}


@pytest.mark.parametrize("seed", range(3))
def test_neither_is_the_day_of_a_launch_with_ten_times_as_many(seed: int) -> None:
    codes = a_day(seed, 15_000, LAUNCH)
    assert len(codes) < (Preferences().new_key_codes or 0), "nor do the caps that new keys are offered"
    assert set(judged(codes)) == {None}


def test_nor_a_day_on_which_no_code_arrives() -> None:
    assert set(judged(a_day(7, 2_000, HOURS, verifies=0.0))) == {None}


@pytest.mark.parametrize("seed", range(5))
def test_nor_a_company_that_signs_up_with_numbers_in_a_row(seed: int) -> None:
    assert set(judged(company(random.Random(seed), 9 * HOUR))) <= {None, PumpingStep.WATCH}


@pytest.mark.parametrize("order", ["in a row", "at random"])
def test_codes_over_one_range_are_stopped_before_the_sixtieth(order: str) -> None:
    numbers = range(1_000) if order == "in a row" else random.Random(1).sample(range(1_000), 1_000)
    steps = judged([Code(place * 0.5, f"+22238089{number:03d}") for place, number in enumerate(numbers)])
    met = {step: steps.index(step) for step in PumpingStep if step in steps}
    assert met[PumpingStep.WATCH] < met[PumpingStep.SLOW] < met[PumpingStep.STOP] < 60
    if order == "in a row":
        assert met[PumpingStep.STOP] <= MOST * 2 / 3, "numbers in a row need fewer"


def test_a_few_who_type_theirs_in_do_not_hide_it() -> None:
    codes = [Code(place, f"+22238089{place:03d}", place + 1 if place % 5 == 0 else NEVER) for place in range(60)]
    assert PumpingStep.STOP in judged(codes)
