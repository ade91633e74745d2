"""A state has one colour on every page: what counts as a fault is red, and nothing else of a carrier is."""

from __future__ import annotations

import re

from dashboard.gateway.monitoring.carrier_status import FAULTY
from dashboard.resources import ROOT
from dashboard.vocabulary import CarrierState


def red_states() -> set[str]:
    """Those whose words the style sheet writes in the colour of faults."""
    css = (ROOT / "static/css/components/status.css").read_text()
    rules = re.findall(r"([^{}]+){([^}]*)}", css)
    return {name for names, body in rules if "color: var(--bad)" in body for name in re.findall(r"\.s-(\w+)", names)}


def test_what_the_overview_warns_of_is_red_and_nothing_else() -> None:
    assert set(FAULTY) == {state for state in CarrierState if state in red_states()}
