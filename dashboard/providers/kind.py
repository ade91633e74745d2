"""What a kind of carrier declares of itself; `registry.py` lists the kinds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dashboard.providers.base import Host, Provider
from dashboard.providers.codes import CodeBook
from dashboard.providers.settings import CarrierSettings
from dashboard.vocabulary import Channel


@dataclass(frozen=True)
class CarrierKind:
    """A kind of carrier. `title` and `about` are marked for translation."""

    name: str
    title: str
    about: str
    channels: tuple[Channel, ...]
    settings: type[CarrierSettings]
    make: Callable[[str, Any, Host], Provider]  # from a carrier's name and its settings
    codes: CodeBook  # what its carriers raise, with a sentence for each
    calls_back: bool = True  # its carriers are a delivery_reports.ReportListener
    receipt_words: str = ""  # the setting that says what the words of its receipts mean, where it has one
    has_session: bool = False  # its carriers know by themselves whether they are ready
