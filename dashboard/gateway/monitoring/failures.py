"""Whose turn it is when a text failed: what the code of a failure means to the person who waits for it."""

from __future__ import annotations

from dashboard.providers import registry
from dashboard.vocabulary import Side

NUMBER = frozenset(
    {
        "invalid_number",
        "barred",
        "mailbox_unknown",
        "mailbox_disabled",
        "mail_domain_unknown",
        "mail_unicode_unsupported",
        "not_on_whatsapp",
        "sandbox_refused",
        "smpp_invalid_destination",
        "whatsapp_131021",
        "whatsapp_131050",
    }
)
PHONE = frozenset({"absent_subscriber", "smpp_expired", "expired", "mailbox_full"})
NETWORK = frozenset(  # what an operator says of a text that it was given, or could have been given
    {
        "failed",
        "throttled",
        "carrier_busy",
        "carrier_refused",
        "carrier_again",
        "carrier_failed",
        "sandbox_undelivered",
        "smpp_submit_failed",
        "smpp_delivery_failed",
        "smpp_system_error",
        "smpp_throttled",
        "smpp_queue_full",
        "smpp_deleted",
        "smpp_undelivered",
        "smpp_rejected",
        "smpp_skipped",
        "smpp_no_route",
        "smpp_unknown_state",
        "smpp_failed",
        "whatsapp_withheld",
        "whatsapp_failed",
    }
)
OURS = frozenset({"carrier_down"})
OWN_WORDS = (
    "smpp_",
    "http_",
    "carrier_",
    "whatsapp_",
    "smtp_",
)  # what follows is a word of the network's own


def side_of(code: str) -> Side:
    """The number's, the phone's, the operator's, or ours: the carrier's account, our settings, the way to the carrier.

    Codes with a network's own number or word (`http_400`, `smpp_error_88`) are the operator's, unless they say that it
    refuses who we are.
    """
    if code in NUMBER:
        return Side.NUMBER
    if code in PHONE:
        return Side.PHONE
    is_listed = code in registry.CODES or code in OURS or registry.is_credentials(code)
    if code in NETWORK or (code.startswith(OWN_WORDS) and not is_listed):
        return Side.OPERATOR
    return Side.US
