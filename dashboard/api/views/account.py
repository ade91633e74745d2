"""GET /me."""

from __future__ import annotations

from dashboard.api.auth import caller
from dashboard.api.blueprint import bp
from dashboard.api.contract import Contract, contract
from dashboard.api.schemas.account import Caps, Limits, Me
from dashboard.extensions import session
from dashboard.gateway.limits import rate_limit
from dashboard.vocabulary import Scope


@bp.get("/me")
@contract(Contract(response=Me, scope=Scope.READ, summary="Look at your API key", tag="Account"))
def me() -> Me:
    """Name, mode, scopes, and the limits that hold for this API key now."""
    key = caller()
    quotas = rate_limit.rule_for(session, key.id, phone="").quotas  # those of no number in particular
    return Me.model_validate(
        {
            "name": key.name,
            "mode": key.mode,
            "scopes": list(key.scopes),
            "limits": Limits(**quotas),
            "daily_caps": Caps(messages=key.message_cap, codes=key.otp_cap),
        }
    )
