"""Why a carrier did not take or deliver a text, in the reader's words; no code stands alone on a page.

What carriers raise is sentenced by their kinds (`providers/registry.py`); here is what the gateway says by itself.
"""

from __future__ import annotations

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from dashboard.providers import registry

GATEWAY = {
    "otp_secret_gone": _l("The secret that this code was made from is gone, so the code cannot be made again."),
    "otp_secret_unknown": _l("This worker does not know the secret that the code was made from; another one may."),
    "cancelled": _l("Cancelled before it was sent."),
    "superseded": _l("A newer code replaced it before it was sent."),
    "code_verified": _l("Not needed any more: the code was typed in before its turn."),
    "code_locked": _l("Not sent: the code had been typed in wrong three times."),
    "budget_exhausted": _l("Left out: a budget had no room for it."),
    "no_route": _l("No carrier is set for this message (Routes page)."),
    "carrier_down": _l("All carriers of its route are down."),
    "slow": _l("Its answers took longer than 5 seconds, several times on end."),
    "no_session": _l("No worker has had a session with it for 10 seconds."),
}
REASONS: dict[str, LazyString] = GATEWAY | {name: _l(code.sentence) for name, code in registry.CODES.items()}


def reason(code: str) -> str:
    """A sentence for a code; those that carry a number or a word of the carrier's own are told with it."""
    if code in GATEWAY:
        return str(GATEWAY[code])
    sentence, detail = registry.code_sentence(code) or (UNKNOWN, code.replace("_", " "))
    return str(_(sentence, detail=detail)) if detail else str(_(sentence))


def advice(code: str) -> str:
    """What an administrator can do about it; empty where there is nothing to do."""
    sentence = registry.code_advice(code)
    return str(_(sentence)) if sentence else ""


UNKNOWN = "The carrier gave the reason “%(detail)s”."  # marked for translation in providers/codes.py
