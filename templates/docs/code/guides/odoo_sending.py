"""Odoo's texts through the gateway; nothing in this file is of Odoo."""

from .chinqit import Chinqit, ChinqitError

STATES = {400: "wrong_number_format", 402: "insufficient_credit", 401: "unregistered", 403: "unregistered"}


def send(url: str, key: str, number: str, text: str, name: str) -> str:
    """Send a text once under its name; return the state that Odoo knows for what became of it."""
    phone = "".join(sign for sign in number if sign.isdigit() or sign == "+")
    try:
        Chinqit(url, key, timeout=10, retries=1).send_message(phone, text, idempotency_key=name)
    except ChinqitError as error:
        return STATES.get(error.status, "server_error")
    return "success"
