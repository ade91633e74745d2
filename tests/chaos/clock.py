"""The clock of all processes jumps under load, by a library that is loaded before theirs."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select

from dashboard.gateway.monitoring import outages
from dashboard.models.messages import Message
from dashboard.vocabulary import Status
from tests.chaos.drill import Drill, Outcome, Skipped, at_least, gateway, together
from tests.support.phones import new_phone
from tests.support.processes import execute
from tests.support.stack import Stack
from tests.support.traffic import Traffic, traffic

SOURCE = Path(__file__).with_name("clock.c")
HOUR, DAY = 3600, 86400
WITHIN_SECONDS = 50.0  # of the first code: then a fourth one in the same minute is refused, wherever the clock stands
LATEST_SECONDS = 90
CROWD = 1_000
JUMPS = (HOUR, 0, -HOUR, 0, DAY, 0, -DAY, 0)


class Clock:
    """The clock of a gateway's processes, `shift` seconds off. Their programs have to be started anew for it."""

    def __init__(self, folder: Path, shift: int = 0) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            raise Skipped("there is no C compiler to build the shifted clock with")
        self.file, library = folder / "shift", folder / "clock.so"
        self.move(shift)
        subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, SOURCE], check=True)
        self.environ = {"LD_PRELOAD": str(library), "CLOCK_SHIFT": str(self.file)}

    def move(self, shift: int) -> None:
        self.file.write_text(str(shift))


@contextmanager
def clock(shift: int = 0) -> Iterator[Clock]:
    with tempfile.TemporaryDirectory(prefix="chinqit-chaos-") as folder:
        yield Clock(Path(folder), shift)


def clock_jumps(_length: float) -> Outcome:
    with clock() as shifted, gateway(None, execute, environ=shifted.environ) as stack:
        client, phone = stack.client(), new_phone()
        began = time.monotonic()
        taken = [client.otp(phone).status_code for _ in range(4)]
        with traffic(stack) as flowed:
            for jump in JUMPS:
                shifted.move(jump)
                time.sleep(3)
                flowed.more()
                if jump <= 0 and time.monotonic() - began < WITHIN_SECONDS:
                    taken.append(client.otp(phone).status_code)
        return _came(stack, flowed, taken)


def clock_is_wrong_at_start(_length: float) -> Outcome:
    """As on a machine whose battery is empty: it starts with a wrong time, and a time server puts it right."""
    return together({"a day behind": _wrong_at_start(-DAY), "a day ahead": _wrong_at_start(DAY)})


def _wrong_at_start(shift: int) -> Outcome:
    with clock() as shifted, gateway(None, execute, environ=shifted.environ) as stack:
        with traffic(stack) as flowed:
            flowed.more(50)
            stack.kill(*stack.names)
            flowed.over.set()
        shifted.move(shift)
        stack.start()
        stack.wait_ready()
        client, phone = stack.client(), new_phone()
        began = time.monotonic()
        taken = [client.otp(phone).status_code for _ in range(4)]
        with traffic(stack) as while_wrong:
            while_wrong.more(50)
            shifted.move(0)
            while_wrong.more(50)
            if shift > 0 and time.monotonic() - began < WITHIN_SECONDS:  # a clock that goes forward opens windows
                taken.append(client.otp(phone).status_code)
        flowed.accepted |= while_wrong.accepted
        flowed.refused += while_wrong.refused
        came = _came(stack, flowed, taken)
        with stack.sessions() as session:
            outage = outages.latest(session)
        told = outage.clock_off if outage else 0
        figure = f"{came.figure}, the report says that the clock was {told} s behind"
        return Outcome(figure, came.is_met and (shift > 0 or abs(told + shift) < 60))


def _came(stack: Stack, flowed: Traffic, taken: list[int]) -> Outcome:
    """Judge what flowed, and that of the codes for one phone within a minute three were taken."""
    end = time.monotonic() + LATEST_SECONDS
    while _lost(stack, flowed) and time.monotonic() < end:
        time.sleep(1)
    lost = len(_lost(stack, flowed))
    doubles, errors = flowed.doubles(), Counter(answer.status_code for answer in flowed.refused)
    figure = f"{len(flowed.accepted)} accepted, {lost} lost, {doubles} doubled, {taken.count(200)} codes taken"
    return Outcome(f"{figure}, errors {dict(errors)}", lost == 0 and taken.count(200) == 3 and not errors)


def windows_of_a_phone(length: float) -> Outcome:
    """Crowds ask for codes for one number; the clock is moved over the minute, the hour and the day between them."""
    crowd, taken = at_least(length, CROWD, 60), []
    with clock() as shifted, gateway(None, execute, environ=shifted.environ) as stack, stack.for_a_crowd():
        client, phone = stack.client(), new_phone()
        for moved in (0, 61, 122, 183, HOUR + 184, HOUR + 245, HOUR + 306, HOUR + 367, 2 * HOUR + 368, DAY + HOUR):
            shifted.move(moved)
            with ThreadPoolExecutor(100) as pool:
                answers = [answer.status_code for answer in pool.map(lambda _: client.otp(phone), range(crowd))]
            taken.append(answers.count(200))
            assert set(answers) <= {200, 429}, Counter(answers)
    minutes, hours, next_day = taken[:4], (sum(taken[:4]), sum(taken[4:8])), taken[9]
    is_met = minutes == [3, 3, 3, 1] and hours == (10, 10) and taken[8] == 0 and next_day == 3
    return Outcome(f"of {crowd} each time were taken: {taken}", is_met)


def _lost(stack: Stack, flowed: Traffic) -> list[str]:
    """Those that did not arrive. A text that waited while its clock was a day ahead has rightly expired."""
    missing = flowed.missing()
    ids = {flowed.accepted[phone] for phone in missing}
    with stack.sessions() as session:
        expired = set(session.scalars(select(Message.uuid).where(Message.status == Status.EXPIRED.value)))
    return [phone for phone in missing if flowed.accepted[phone] in ids - expired]


DRILLS = (
    Drill(
        "F11",
        f"{CROWD:,} codes for one phone at once, over the windows",
        "exactly 3, 10, 20",
        windows_of_a_phone,
        25,
        40,
    ),
    Drill("F12", "the clock jumps by an hour and a day, both ways", "lost 0, limits never looser", clock_jumps, 60),
    Drill("clock", "the clock is wrong at the start", "lost 0, limits never looser, told", clock_is_wrong_at_start, 60),
)
