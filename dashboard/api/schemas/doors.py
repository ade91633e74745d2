"""What comes through doors, in the words of the services that calls were written for."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from dashboard.api.schemas.base import (
    PHONE_FORM,
    LanguageName,
    Query,
    RequestBody,
    ResponseBody,
    is_none,
    read_phone,
)
from dashboard.api.schemas.otp import read_code
from dashboard.vocabulary import Language

A_USER = {"phone": "22238089336", "user_metadata": {"language": "fr"}}
A_FAULT = {"http_code": 429, "message": "At most 3 codes for one number or address per minute; try again in 41 s"}
CODE_FORM: dict[str, Any] = {"pattern": "^[0-9]{6}$"}
Words = Annotated[str, Field(examples=["Rate limit exceeded"], description="For people; it may change.")]


def _digits(raw: object) -> object:
    """Some clients send numbers."""
    return str(raw) if isinstance(raw, int) and not isinstance(raw, bool) else raw


class ValidationRequest(RequestBody):
    """A code to one phone."""

    phone: Annotated[
        str,
        AfterValidator(read_phone),
        BeforeValidator(_digits),
        Field(
            examples=["38089336"],
            description="A Mauritanian number, with or without 222 or +222 in front; as a JSON number too.",
            json_schema_extra=PHONE_FORM,
        ),
    ]
    lang: Annotated[LanguageName, Field(examples=["fr"], description="The language of the text.")] = Language.ARABIC
    code: Annotated[
        Annotated[str, AfterValidator(read_code), BeforeValidator(_digits)] | None,
        Field(examples=[None], description="A code of your own, six digits; without it one is made."),
    ] = None


class Validated(ResponseBody):
    """The code is on its way."""

    code: Annotated[
        str,
        Field(
            examples=["480215"], description="The code that was sent; who calls judges it.", json_schema_extra=CODE_FORM
        ),
    ]
    balance: Annotated[
        float | None,
        Field(examples=[118.4], description="What is left of the key's budget, in MRU; null without a budget."),
    ]


class ValidationRefused(ResponseBody):
    """Nothing was sent."""

    message: Words
    errors: Annotated[
        dict[str, list[str]] | None,
        Field(
            examples=[{"phone": ["A Mauritanian number begins with 2, 3 or 4"]}],
            exclude_if=is_none,
            description="With 422: what is wrong, by field.",
        ),
    ] = None
    balance: Annotated[
        float | None,
        Field(examples=[0.3], exclude_if=is_none, description="With 402: what is left of the key's budget, in MRU."),
    ] = None


class HookUser(RequestBody):
    """Who signs in."""

    phone: Annotated[
        str,
        AfterValidator(read_phone),
        Field(
            examples=["22238089336"],
            description="A Mauritanian number, with or without 222 or +222 in front.",
            json_schema_extra=PHONE_FORM,
        ),
    ]
    user_metadata: Annotated[
        dict[str, Any],
        Field(
            examples=[{"language": "fr"}],
            description="The text is in the `language`, `lang` or `locale` that stands here.",
        ),
    ] = Field(default_factory=dict)


class HookSms(RequestBody):
    """What is to be sent."""

    otp: Annotated[
        str,
        AfterValidator(read_code),
        Field(
            examples=["480215"],
            description="The six digits that Supabase made and checks.",
            json_schema_extra=CODE_FORM,
        ),
    ]


class SendSmsHook(RequestBody):
    """The hook's body, as far as it matters here."""

    user: Annotated[HookUser, Field(examples=[A_USER], description="Whom the code is for.")]
    sms: Annotated[HookSms, Field(examples=[{"otp": "480215"}], description="The code.")]


class SendSmsQuery(Query):
    """What may stand behind the hook's address."""

    language: Annotated[
        str | None,
        Field(examples=["ar"], description="The language of every text, whatever the user's metadata say."),
    ] = None


class HookFault(ResponseBody):
    """Why nothing was sent, as Supabase passes it on to its caller."""

    http_code: Annotated[
        int,
        Field(examples=[429], serialization_alias="http_code", description="The status that Supabase answers with."),
    ]
    message: Words


class HookAnswered(ResponseBody):
    """Nothing when the code is on its way; an `error` when it is refused."""

    error: Annotated[
        HookFault | None,
        Field(examples=[A_FAULT], exclude_if=is_none, description="There when nothing was sent: why."),
    ] = None
