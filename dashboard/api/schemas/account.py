"""Response of /me."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from dashboard.api.schemas.base import ResponseBody, Success, schema_of
from dashboard.vocabulary import KeyMode, Scope


def _quota(window: str, example: int) -> Any:
    return Field(examples=[example], description=f"Codes in {window}; null: no limit.")


class Limits(ResponseBody):
    """How many codes this key may send to one number. A number can have limits of its own."""

    minute: Annotated[int | None, _quota("60 seconds", 3)]
    hour: Annotated[int | None, _quota("3,600 seconds", 10)]
    day: Annotated[int | None, _quota("86,400 seconds", 20)]


class Caps(ResponseBody):
    """How much this key may send in a day (UTC), to all numbers together."""

    messages: Annotated[int | None, Field(examples=[5_000], description="Texts; null: no cap.")]
    codes: Annotated[int | None, Field(examples=[1_000], description="Codes; null: no cap.")]


class Me(ResponseBody):
    """The API key that was presented."""

    success: Success = True
    name: Annotated[str, Field(examples=["my-app"], description="As it is called in the dashboard.")]
    mode: Annotated[
        KeyMode, schema_of(KeyMode), Field(examples=["live"], description="`test` keys reach the sandbox phone only.")
    ]
    scopes: Annotated[
        list[Annotated[Scope, schema_of(Scope)]],
        Field(examples=[["send", "otp", "read"]], description="What it may do."),
    ]
    limits: Annotated[
        Limits, Field(examples=[{"minute": 3, "hour": 10, "day": 20}], description="On codes for one number.")
    ]
    daily_caps: Annotated[
        Caps, Field(examples=[{"messages": None, "codes": 1_000}], description="On all that it sends in a day.")
    ]
