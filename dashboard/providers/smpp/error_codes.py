"""What SMPP carriers raise, in words; `command_status` says what each status means for a text."""

from __future__ import annotations

from dashboard.providers.codes import Code, CodeBook, _l

_LOGIN = _l("Compare system ID, password and system type with what the operator gave you.")
_REACH = _l("Check address and port, the VPN, and that the operator lets this machine’s address in.")
_AGREE = _l("Ask the operator, and set its form under Addresses.")

BOOK = CodeBook(
    {
        "smpp_no_answer": Code(_l("The SMSC did not answer in time.")),
        "smpp_no_free_bind": Code(_l("All binds that the operator allows are taken by other workers.")),
        "smpp_already_bound": Code(
            _l("The SMSC has as many sessions of ours as it allows."),
            _l("End what else is bound with this account, or enter under Binds what the operator allows."),
        ),
        "smpp_bind_failed": Code(_l("The SMSC refused the session."), _LOGIN),
        "smpp_transceiver_refused": Code(
            _l("The SMSC does not accept transceiver sessions."),
            _l("Choose transmitter_receiver under “Bind as”; it makes two sessions, one for each direction."),
        ),
        "smpp_invalid_password": Code(_l("The SMSC refuses the password."), _LOGIN, is_credentials=True),
        "smpp_invalid_system_id": Code(_l("The SMSC does not know the system ID."), _LOGIN, is_credentials=True),
        "smpp_invalid_system_type": Code(_l("The SMSC refuses the system type."), _LOGIN, is_credentials=True),
        "smpp_invalid_source": Code(_l("The SMSC refuses the sender. Agree on it with the operator.")),
        "smpp_invalid_source_ton": Code(_l("The SMSC wants another type of number for the sender."), _AGREE),
        "smpp_invalid_source_npi": Code(_l("The SMSC wants another numbering plan for the sender."), _AGREE),
        "smpp_invalid_destination_ton": Code(_l("The SMSC wants another type of number for phones."), _AGREE),
        "smpp_invalid_destination_npi": Code(_l("The SMSC wants another numbering plan for phones."), _AGREE),
        "smpp_invalid_destination": Code(_l("The SMSC says that the number is not valid.")),
        "smpp_invalid_text": Code(_l("The text cannot be sent over SMPP.")),
        "smpp_submit_failed": Code(
            _l("The SMSC could not take it: a barred number, no credit or no route, for instance."),
            _l("If the operator means something else by it, say so under “What statuses mean”."),
        ),
        "smpp_delivery_failed": Code(_l("The SMSC could not deliver it.")),
        "smpp_system_error": Code(_l("The SMSC has a fault of its own, or no route for this number.")),
        "smpp_throttled": Code(_l("The SMSC asked to slow down for a while.")),
        "smpp_queue_full": Code(_l("The SMSC’s queue was full.")),
        "smpp_expired": Code(_l("The operator could not reach the phone while the text was valid.")),
        "smpp_deleted": Code(_l("The operator deleted the text before it arrived.")),
        "smpp_undelivered": Code(_l("The operator could not deliver the text.")),
        "smpp_rejected": Code(_l("The operator refused the text.")),
        "smpp_skipped": Code(_l("The operator skipped the text.")),
        "smpp_no_route": Code(_l("The operator has no route to this number.")),
        "smpp_unknown_state": Code(_l("The operator does not know what became of the text.")),
        "smpp_unknown_word": Code(
            _l("The receipt says what became of the text in a word that is not known here."),
            _l("Enter the word and its meaning under “Words of receipts”."),
        ),
        "smpp_broken": Code(_l("There is no session with the SMSC.")),
        "smpp_unreachable": Code(_l("The SMSC cannot be reached."), _REACH),
        "smpp_unknown_host": Code(_l("Host name not found (DNS): check the address of the SMSC.")),
        "smpp_address_not_allowed": Code(_l("The address of the SMSC is private, and its settings do not allow that.")),
        "smpp_tls_failed": Code(_l("TLS with the SMSC failed; check its certificates.")),
        "smpp_disconnected": Code(_l("The SMSC ended the connection.")),
        "smpp_unbound": Code(_l("The SMSC ended the session.")),
        "smpp_not_bound": Code(
            _l("The SMSC did not answer the bind."),
            _l("It took the connection: the port may be another service’s, or the bind time-out too short."),
        ),
        "smpp_silent": Code(_l("The SMSC does not answer any more; reconnecting.")),
        "smpp_garbage": Code(_l("What the SMSC sent is not SMPP.")),
        "smpp_failed": Code(_l("The SMSC failed without saying why.")),
    },
    prefix="smpp_",
    unlisted=_l("The SMSC reported “%(detail)s”."),
)
