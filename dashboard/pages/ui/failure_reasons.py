"""Why a carrier did not take or deliver a text, in the reader's words; no code stands alone on a page."""

from __future__ import annotations

import re

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

REASONS = {
    # the sandbox phone
    "sandbox_refused": _l("The sandbox phone refused it, as its number asks for."),
    "sandbox_busy": _l("The sandbox phone was busy, as its number asks for."),
    "sandbox_undelivered": _l("The sandbox phone took it and then reported it undelivered, as its number asks for."),
    "sandbox_silent": _l("The sandbox phone did not answer, as its number asks for."),
    # the gateway itself
    "otp_secret_gone": _l("The secret that this code was made from is gone, so the code cannot be made again."),
    "otp_secret_unknown": _l("This worker does not know the secret that the code was made from; another one may."),
    "no_route": _l("No route leads to a carrier for it."),
    "carrier_down": _l("All carriers of its route are down."),
    "carrier_busy": _l("The carrier is busy: too many texts were on their way to it."),
    "carrier_failed": _l("The carrier failed without saying why."),
    "not_begun": _l("It waited too long for its turn and is tried again."),
    "slow": _l("Its answers took longer than 5 seconds, several times on end."),
    "no_session": _l("No worker has had a session with it for 10 seconds."),
    # on the way to the carrier
    "unreachable": _l("The carrier could not be reached."),
    "no_answer": _l("The carrier did not answer in time."),
    "connection_lost": _l("The connection broke before the carrier answered."),
    "name_not_found": _l("The name of the carrier’s server has no address."),
    "address_refused": _l("The carrier’s address is private or not https, and its settings do not allow that."),
    "certificate_refused": _l("The certificate of the carrier’s server is not valid."),
    "request_malformed": _l("The request that its settings make is not valid HTTP."),
    "throttled": _l("The carrier asked to be sent less for a while."),
    # WhatsApp
    "not_on_whatsapp": _l("The number cannot be reached by WhatsApp."),
    "whatsapp_withheld": _l("Meta held it back from this person, who was sent much already; an SMS may still arrive."),
    "whatsapp_takes_codes_only": _l("This WhatsApp carrier sends one-time codes only."),
    "whatsapp_bad_answer": _l("Meta’s answer could not be read."),
    "whatsapp_failed": _l("Meta reported a failure without a number."),
    "whatsapp_0": _l("Meta refuses the access token."),
    "whatsapp_190": _l("Meta’s access token has expired or was withdrawn."),
    "whatsapp_10": _l("Meta’s access token lacks the permission to send messages."),
    "whatsapp_100": _l("Meta does not accept the request; check phone number ID and templates."),
    "whatsapp_368": _l("Meta has blocked the account for a breach of its rules."),
    "whatsapp_130429": _l("Meta asked to be sent less for a while."),
    "whatsapp_131056": _l("Meta was asked to send too much to this number at once."),
    "whatsapp_131031": _l("Meta has locked the account."),
    "whatsapp_131042": _l("Meta has no valid means of payment for the account."),
    "whatsapp_132000": _l("The template has other placeholders than a code needs."),
    "whatsapp_132001": _l("Meta knows no approved template of this name in this language."),
    "whatsapp_132015": _l("Meta has paused the template because people rated it low."),
    "whatsapp_132016": _l("Meta has disabled the template for good."),
    "whatsapp_133010": _l("The phone number is not registered with the Cloud API."),
    # an Android phone
    "phone_failed": _l("The phone could not send it."),
    "phone_generic_failure": _l("The phone could not send it; its SIM may have no credit."),
    "phone_radio_off": _l("The phone is in flight mode."),
    "phone_no_service": _l("The phone has no network."),
    "phone_limit_exceeded": _l("The phone has sent as many texts as Android allows for now."),
    "phone_short_code_not_allowed": _l("Android does not let the app send to this short code."),
    # SMPP
    "smpp_no_answer": _l("The SMSC did not answer in time."),
    "smpp_no_free_bind": _l("All binds that the operator allows are taken by other workers."),
    "smpp_already_bound": _l("The SMSC has as many sessions of ours as it allows."),
    "smpp_bind_failed": _l("The SMSC refused the session."),
    "smpp_invalid_password": _l("The SMSC refuses the password."),
    "smpp_invalid_system_id": _l("The SMSC does not know the system ID."),
    "smpp_invalid_system_type": _l("The SMSC refuses the system type."),
    "smpp_invalid_source": _l("The SMSC refuses the sender. Agree on it with the operator."),
    "smpp_invalid_destination": _l("The SMSC says that the number is not valid."),
    "smpp_invalid_text": _l("The text cannot be sent over SMPP."),
    "smpp_throttled": _l("The SMSC asked to be sent less for a while."),
    "smpp_queue_full": _l("The SMSC’s queue was full."),
    "smpp_expired": _l("The operator could not reach the phone while the text was valid."),
    "smpp_deleted": _l("The operator deleted the text before it arrived."),
    "smpp_undelivered": _l("The operator could not deliver the text."),
    "smpp_rejected": _l("The operator refused the text."),
    "smpp_skipped": _l("The operator skipped the text."),
    "smpp_broken": _l("There is no session with the SMSC."),
    "smpp_unreachable": _l("The SMSC cannot be reached; check address, port and the way there."),
    "smpp_unknown_host": _l("The name of the SMSC has no address."),
    "smpp_address_not_allowed": _l("The address of the SMSC is private, and its settings do not allow that."),
    "smpp_tls_failed": _l("TLS with the SMSC failed; check its certificates."),
    "smpp_disconnected": _l("The SMSC ended the connection."),
    "smpp_unbound": _l("The SMSC ended the session."),
    "smpp_not_bound": _l("The SMSC did not answer the bind."),
    "smpp_silent": _l("The SMSC went silent; the connection is made anew."),
    "smpp_garbage": _l("What the SMSC sent is not SMPP."),
    "smpp_failed": _l("The SMSC failed without saying why."),
    "smpp_unknown_state": _l("The operator does not know what became of the text."),
    # as carriers often report
    "absent_subscriber": _l("The phone is switched off or out of reach."),
    "barred": _l("The number may not be sent texts."),
    "invalid_number": _l("The number is not in service."),
    "failed": _l("The carrier reported that it did not arrive."),
    "expired": _l("The carrier gave up before it arrived."),
}
NUMBERED = re.compile(r"(http|whatsapp|phone|smpp|carrier)_([a-z0-9_]+)")


def reason(code: str) -> str:
    """A sentence for a code; those that carry a number or a word of the carrier's own are told with it."""
    known = REASONS.get(code)
    if known is not None:
        return str(known)
    found = NUMBERED.fullmatch(code)
    kind, detail = found.groups() if found else ("", code)
    if kind == "http":
        return str(_("The carrier answered with the HTTP status %(status)s.", status=detail))
    if kind == "whatsapp":
        return str(_("Meta answered with the error %(number)s.", number=detail))
    detail = detail.replace("_", " ")
    if kind == "phone":
        return str(_("The phone reported “%(detail)s”.", detail=detail))
    if kind == "smpp":
        return str(_("The SMSC reported “%(detail)s”.", detail=detail))
    return str(_("The carrier gave the reason “%(code)s”.", code=detail if kind else code))
