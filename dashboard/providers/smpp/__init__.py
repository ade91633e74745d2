"""SMPP 3.4: a bind to an operator's SMSC, held open in the background."""

from dashboard.providers.smpp.provider import Smpp
from dashboard.providers.smpp.settings import SmppSettings

__all__ = ["Smpp", "SmppSettings"]
