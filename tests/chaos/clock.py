"""The clock of all processes jumps under load, by a library that is loaded before theirs."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

from sqlalchemy import select

from dashboard.models.messages import Message
from dashboard.vocabulary import Status
from tests.chaos.drill import Drill, Outcome, Skipped, gateway
from tests.support.phones import new_phone
from tests.support.processes import execute
from tests.support.stack import Stack
from tests.support.traffic import Traffic, traffic

SOURCE = Path(__file__).with_name("clock.c")
HOUR, DAY = 3600, 86400
WITHIN_SECONDS = 50.0  # of the first code: then a fourth one in the same minute is refused, wherever the clock stands
JUMPS = (HOUR, 0, -HOUR, 0, DAY, 0, -DAY, 0)


def clock_jumps() -> Outcome:
    compiler = shutil.which("cc")
    if compiler is None:
        raise Skipped("there is no C compiler to build the shifted clock with")
    with tempfile.TemporaryDirectory(prefix="chinqit-chaos-") as folder:
        shift, library = Path(folder) / "shift", Path(folder) / "clock.so"
        shift.write_text("0")
        subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, SOURCE], check=True)
        with gateway(None, execute, LD_PRELOAD=str(library), CLOCK_SHIFT=str(shift)) as stack:
            client, phone = stack.client(), new_phone()
            began = time.monotonic()
            taken = [client.otp(phone).status_code for _ in range(4)]
            with traffic(stack) as flowed:
                for jump in JUMPS:
                    shift.write_text(str(jump))
                    time.sleep(3)
                    flowed.more()
                    if jump <= 0 and time.monotonic() - began < WITHIN_SECONDS:
                        taken.append(client.otp(phone).status_code)
            end = time.monotonic() + 90
            while _lost(stack, flowed) and time.monotonic() < end:
                time.sleep(1)
            lost = len(_lost(stack, flowed))
            doubles, errors = flowed.doubles(), Counter(answer.status_code for answer in flowed.refused)
    figure = f"{len(flowed.accepted)} accepted, {lost} lost, {doubles} doubled, {taken.count(200)} codes taken"
    return Outcome(f"{figure}, errors {dict(errors)}", lost == 0 and taken.count(200) == 3 and not errors)


def _lost(stack: Stack, flowed: Traffic) -> list[str]:
    """Those that did not arrive. A text that waited while its clock was a day ahead has rightly expired."""
    missing = flowed.missing()
    ids = {flowed.accepted[phone] for phone in missing}
    with stack.sessions() as session:
        expired = set(session.scalars(select(Message.uuid).where(Message.status == Status.EXPIRED.value)))
    return [phone for phone in missing if flowed.accepted[phone] in ids - expired]


DRILLS = (Drill("F12", "the clock jumps by an hour and a day, both ways", "lost 0, limits never looser", clock_jumps),)
