"""Acts of the audit log in words."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from dashboard.gateway.audit.chain import ChainFault

AREAS = {  # the first word of an act
    "account": _l("Own account"),
    "api_keys": _l("API keys"),
    "audit": _l("Audit log"),
    "carriers": _l("Carriers"),
    "limits": _l("Limits"),
    "notes": _l("Notes on numbers"),
    "messages": _l("Messages"),
    "otp_templates": _l("Texts of codes"),
    "routing": _l("Routes"),
    "sandbox": _l("Sandbox phone"),
    "settings": _l("Settings"),
    "sign_in": _l("Sign-in"),
    "team": _l("Team"),
    "webhooks": _l("Webhooks"),
}
ACTS = {
    "account.change": _l("Account changed"),
    "account.email": _l("E-mail address changed"),
    "account.end_session": _l("Session ended"),
    "account.end_sessions": _l("Sessions ended"),
    "account.join": _l("Invitation accepted"),
    "account.password": _l("Password changed"),
    "account.reset_password": _l("Password chosen with a link"),
    "api_keys.add_review_number": _l("Review number added"),
    "api_keys.change": _l("Key changed"),
    "api_keys.create": _l("Key created"),
    "api_keys.remove_review_number": _l("Review number removed"),
    "api_keys.revoke": _l("Key revoked"),
    "api_keys.rotate": _l("New secret of a key"),
    "audit.note_anew": _l("Newest entry noted anew"),
    "carriers.change": _l("Carrier changed"),
    "carriers.create": _l("Carrier set up"),
    "carriers.disable": _l("Carrier disabled"),
    "carriers.enable": _l("Carrier enabled"),
    "carriers.remove": _l("Carrier removed"),
    "carriers.test": _l("Carrier tested"),
    "limits.change": _l("Override changed"),
    "limits.create": _l("Override made"),
    "limits.end_lift": _l("Lifted limit ended"),
    "limits.lift": _l("Limit lifted for an hour"),
    "limits.remove": _l("Override removed"),
    "limits.reset": _l("Counted codes forgotten"),
    "limits.unlock": _l("Wrong codes of a number forgotten"),
    "messages.send_again": _l("Message sent again"),
    "notes.add": _l("Note added"),
    "notes.remove": _l("Note removed"),
    "notes.restore": _l("Note restored"),
    "otp_templates.reset": _l("General text in force again"),
    "otp_templates.restore": _l("Text restored"),
    "otp_templates.save": _l("Text changed"),
    "routing.fallback": _l("Fallback to SMS switched"),
    "routing.remove": _l("Rule removed"),
    "routing.save": _l("Rule saved"),
    "sandbox.clear": _l("Sandbox phone cleared"),
    "sandbox.send": _l("Sent to the sandbox phone"),
    "settings.change": _l("Settings changed"),
    "sign_in.enter": _l("Signed in"),
    "sign_in.leave": _l("Signed out"),
    "sign_in.set_up": _l("Gateway set up"),
    "team.create": _l("Person added"),
    "team.disable": _l("Access withdrawn"),
    "team.enable": _l("Access given back"),
    "team.invite": _l("Person invited"),
    "team.renew": _l("Invitation renewed"),
    "team.reset": _l("Link for another password made"),
    "team.role": _l("Role changed"),
    "team.unlock": _l("Sign-in unlocked"),
    "team.withdraw": _l("Invitation withdrawn"),
    "webhooks.change": _l("Webhook changed"),
    "webhooks.create": _l("Webhook created"),
    "webhooks.delete": _l("Webhook deleted"),
    "webhooks.disable": _l("Webhook disabled"),
    "webhooks.enable": _l("Webhook enabled"),
    "webhooks.replay": _l("Events replayed"),
    "webhooks.rotate": _l("New secret of a webhook"),
    "webhooks.test": _l("Test event sent"),
}
# What changed: columns of the rows that the log tells of, settings, and the facts of single acts.
FIELDS = {
    "body": _l("Text"),
    "brand": _l("Brand"),
    "carrier_id": _l("Carrier"),
    "carriers": _l("Carriers"),
    "codes": _l("Codes"),
    "day": _l("Codes a day"),
    "deleted_at": _l("Deleted"),
    "description": _l("Description"),
    "disabled_at": _l("Disabled"),
    "email": _l("E-mail address"),
    "enabled": _l("Enabled"),
    "ends_at": _l("Last day"),
    "events": _l("Events"),
    "expires_at": _l("Last day"),
    "grace": _l("Seconds in which both secrets work"),
    "hint": _l("Last digits of the secret"),
    "hour": _l("Codes an hour"),
    "key": _l("API key"),
    "kind": _l("Kind"),
    "language": _l("Language"),
    "message": _l("Message"),
    "message_cap": _l("Messages a day"),
    "minute": _l("Codes a minute"),
    "mode": _l("Kind"),
    "name": _l("Name"),
    "networks": _l("Allowed networks"),
    "number": _l("Number"),
    "numbers_days": _l("Phone numbers, in days"),
    "organisation": _l("Organisation"),
    "otp_cap": _l("Codes a day"),
    "otp_language": _l("Language of codes"),
    "password_changed_at": _l("Password changed"),
    "position": _l("Place in the order"),
    "reason": _l("Reason"),
    "revoked_at": _l("Revoked"),
    "role": _l("Role"),
    "sandbox_days": _l("Messages on the sandbox phone, in days"),
    "scopes": _l("Permissions"),
    "sender": _l("Sender"),
    "sms_fallback": _l("Send codes by SMS when WhatsApp does not accept them"),
    "texts": _l("Messages"),
    "texts_days": _l("Texts of messages, in days"),
    "timezone": _l("Time zone"),
    "until": _l("Until"),
    "url": _l("Address"),
    "version": _l("Version of the settings"),
    "weight": _l("Weight"),
    "which": _l("Sessions"),
}
FAULTS = {
    "changed": _l("Entry %(id)s was changed."),
    "missing": _l("Entries before %(id)s are missing."),
    "rewired": _l("Entry %(id)s follows another one than it did."),
    "cut_off": _l("The entries from %(id)s on were cut off."),
}


def fault_sentence(fault: ChainFault) -> str:
    return str(FAULTS[fault.code]) % {"id": fault.id}


def field(name: str) -> str:
    """What changed, in words; one that is not known here, by its name."""
    return str(FIELDS.get(name, name))


def act(name: str) -> str:
    """An act in words; one that is not known here, by its name."""
    return str(ACTS.get(name, name))
