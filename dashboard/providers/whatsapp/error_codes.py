"""Meta's error codes: what each means for a text, and in words.

https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
https://developers.facebook.com/docs/graph-api/guides/error-handling (0–999)
"""

from __future__ import annotations

import re
from typing import Any

from dashboard.providers.codes import NUMBER_REFUSED, SETUP, TRY_LATER, Code, CodeBook, Rule, _l
from dashboard.vocabulary import Blame, NextStep

# One business number may send one text every 6 s to the same person; the limit is of that pair, never of the carrier.
PAIR_LIMIT = Rule(NextStep.AGAIN, Blame.NUMBER, wait_seconds=6, tries=2)

NOT_ON_WHATSAPP = frozenset({131026})
WITHHELD = frozenset({130472, 131049})  # an experiment of Meta's, or its cap on what a person is sent
SURELY_FINAL = NOT_ON_WHATSAPP | WITHHELD  # even where Meta calls the error transient
RULES: dict[int, Rule] = {
    **dict.fromkeys((2, 4, 613, 80007, 130429, 131000, 131016, 131057, 133004), TRY_LATER),
    131056: PAIR_LIMIT,
    **dict.fromkeys(range(200, 300), SETUP),
    **dict.fromkeys((0, 3, 10, 100, 190, 368), SETUP),
    **dict.fromkeys((130497, 131005, 131008, 131009, 131031, 131037, 131042, 131045, 131048), SETUP),
    **dict.fromkeys((132000, 132001, 132005, 132007, 132012, 132015, 132016, 132018, 133010), SETUP),
    **dict.fromkeys((130472, 131021, 131026, 131047, 131049, 131050), NUMBER_REFUSED),
}

_TOKEN = _l("Make a permanent token for a system user in Meta’s Business settings, and enter it here.")
_TEMPLATE = _l("Open WhatsApp Manager › Message templates, mend the template or make a new one, and name it here.")
_ACCOUNT = _l("Open WhatsApp Manager: it says what Meta asks for.")
_WAIT = _l("Nothing is to be done: it is tried again by itself.")

BOOK = CodeBook(
    {
        "not_on_whatsapp": Code(_l("The number cannot be reached by WhatsApp.")),
        "whatsapp_withheld": Code(
            _l("Meta held it back from this person, who was sent much already; an SMS may still arrive.")
        ),
        "whatsapp_takes_codes_only": Code(_l("This WhatsApp carrier sends one-time codes only.")),
        "whatsapp_bad_answer": Code(_l("Meta’s answer could not be read.")),
        "whatsapp_failed": Code(_l("Meta reported a failure without an error code.")),
        "whatsapp_0": Code(_l("Meta refuses the access token."), _TOKEN, is_credentials=True),
        "whatsapp_3": Code(_l("Meta’s app lacks the right to send messages."), _TOKEN, is_credentials=True),
        "whatsapp_10": Code(
            _l("Meta’s access token lacks the permission to send messages."), _TOKEN, is_credentials=True
        ),
        "whatsapp_190": Code(_l("Meta’s access token has expired or was withdrawn."), _TOKEN, is_credentials=True),
        "whatsapp_131005": Code(
            _l("Meta denies access: the token may not use this phone number."), _TOKEN, is_credentials=True
        ),
        "whatsapp_100": Code(_l("Meta does not accept the request; check phone number ID and templates.")),
        "whatsapp_368": Code(_l("Meta has blocked the account for a breach of its rules."), _ACCOUNT),
        "whatsapp_613": Code(_l("Meta asked to be called less for a while."), _WAIT),
        "whatsapp_130429": Code(_l("Meta asked to be sent less for a while."), _WAIT),
        "whatsapp_130497": Code(_l("Meta does not let this account write to people in this country."), _ACCOUNT),
        "whatsapp_131021": Code(_l("The number is the sender’s own.")),
        "whatsapp_131031": Code(_l("Meta has locked the account."), _ACCOUNT),
        "whatsapp_131037": Code(
            _l("Meta has not approved the display name of the phone number."),
            _l("Ask for its approval in WhatsApp Manager › Phone numbers."),
        ),
        "whatsapp_131042": Code(
            _l("No valid means of payment is registered for the Meta account."),
            _l("Add one in Meta’s Business settings › Billing."),
        ),
        "whatsapp_131045": Code(
            _l("The phone number is not registered with a valid certificate."),
            _l("Register the phone number anew in WhatsApp Manager › Phone numbers."),
        ),
        "whatsapp_131047": Code(_l("Meta wants this person to write first.")),
        "whatsapp_131048": Code(
            _l("Meta holds the account back, because people blocked or reported its messages."), _ACCOUNT
        ),
        "whatsapp_131050": Code(_l("This person wants no messages of this kind.")),
        "whatsapp_131056": Code(_l("Meta was asked to send too much to this number at once.")),
        "whatsapp_131057": Code(_l("Meta is working on the account; it sends nothing meanwhile."), _WAIT),
        "whatsapp_132000": Code(_l("The template has other placeholders than a code needs."), _TEMPLATE),
        "whatsapp_132001": Code(_l("Meta knows no approved template of this name in this language."), _TEMPLATE),
        "whatsapp_132005": Code(_l("The text of the template is too long in this language."), _TEMPLATE),
        "whatsapp_132007": Code(_l("The template breaks a rule of Meta’s."), _TEMPLATE),
        "whatsapp_132012": Code(_l("The template wants its placeholders in another form."), _TEMPLATE),
        "whatsapp_132015": Code(_l("Meta has paused the template because people rated it low."), _TEMPLATE),
        "whatsapp_132016": Code(_l("Meta has disabled the template for good."), _TEMPLATE),
        "whatsapp_template_rejected": Code(_l("Meta has rejected the template."), _TEMPLATE),
        "whatsapp_132018": Code(_l("Meta refuses what is put into the template."), _TEMPLATE),
        "whatsapp_133004": Code(_l("Meta’s server is out of service for the moment."), _WAIT),
        "whatsapp_133010": Code(
            _l("The phone number is not registered with the Cloud API."),
            _l("Register it in WhatsApp Manager › Phone numbers."),
        ),
    },
    prefix="whatsapp_",
    unlisted=_l("Meta answered with the error %(detail)s."),
    credentials=re.compile(r"whatsapp_2[0-9]{2}"),  # Graph: 200–299 are permissions
)


def name(code: Any) -> str:
    """Meta's number as a code of ours: not_on_whatsapp, whatsapp_withheld or whatsapp_<number>."""
    if not isinstance(code, int) or isinstance(code, bool) or not -1 <= code < 10**9:
        return "whatsapp_failed"
    if code in NOT_ON_WHATSAPP:
        return "not_on_whatsapp"
    return "whatsapp_withheld" if code in WITHHELD else f"whatsapp_{code}"
