"""Bodies and responses of /otp."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from dashboard.api.schemas.base import (
    BAD_CHOICE,
    NOT_ASKED,
    Breaks,
    ChannelName,
    EmailAddress,
    LanguageName,
    MessageId,
    OrNotAsked,
    OtpChannel,
    PhoneNumber,
    RequestBody,
    ResponseBody,
    Success,
    is_none,
    one_of_both,
)
from dashboard.api.schemas.costs import Priced
from dashboard.vocabulary import Channel, CodeChannel

APP_HASH = re.compile(r"^[A-Za-z0-9+/]{11}$")
CODE = re.compile(r"[0-9]{6}")


def _app_hash(raw: str) -> str:
    if not APP_HASH.fullmatch(raw):
        raise PydanticCustomError("hash_format", "The hash must be 11 characters of A-Z, a-z, 0-9, + and /")
    return raw


def read_code(raw: str) -> str:
    if not raw:
        raise PydanticCustomError("blank", "The code is empty")
    if not CODE.fullmatch(raw):
        raise PydanticCustomError("otp_format", "The code must be a string of six digits, 0 to 9")
    return raw


def _either(schema: dict[str, Any]) -> None:
    """Which of the two recipients is required follows from the channel."""
    one_of_both(schema)
    by_email = {"properties": {"channel": {"const": str(Channel.EMAIL)}}, "required": ["channel"]}
    schema.update({"if": by_email, "then": {"required": ["email"]}, "else": {"required": ["phoneNumber"]}})


AppHash = Annotated[
    Annotated[str, AfterValidator(_app_hash), WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9+/]{11}$"})]
    | None,
    Breaks({"hash_format": "FA-9qCX9VSu", "invalid_type": 1}),
    Field(
        examples=["FA+9qCX9VSu"],
        description="The 11 characters of an Android app for SMS Retriever; they become the last line of the text. "
        "Ignored for WhatsApp and e-mail.",
    ),
]


class OtpBody(RequestBody):
    """Of a code: whom it is for, and how it travels. By e-mail that is `email`, else `phoneNumber`; what else is given
    is ignored, as a field that nobody knows is. `may_have_both` names the channel whose codes may go to either.
    """

    model_config = ConfigDict(json_schema_extra=_either)

    phone: Annotated[PhoneNumber, OrNotAsked]
    email: Annotated[EmailAddress, OrNotAsked]
    channel: OtpChannel = CodeChannel.SMS
    may_have_both: ClassVar[str] = ""

    @property
    def recipient(self) -> str:
        """The number or the address, as it is kept; of both, the number."""
        return self.phone or self.email

    @model_validator(mode="before")
    @classmethod
    def _one_recipient(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        channel = str(values.get("channel")).lower()
        unasked = {"phoneNumber" if channel == Channel.EMAIL else "email": NOT_ASKED}
        if channel == cls.may_have_both and values.get("email"):
            unasked = {}
        ignored = {"hash"} if channel in (Channel.WHATSAPP, Channel.EMAIL) else set()
        return {name: value for name, value in values.items() if name not in ignored} | unasked


class SendOtp(OtpBody):
    """A code to one phone, or to one e-mail address; with `auto`, to both."""

    may_have_both = CodeChannel.AUTO
    language: Annotated[
        LanguageName | None,
        BAD_CHOICE,
        Field(
            examples=["fr"],
            description="Of the text around the code. Of a locale such as `fr-FR`, what stands in front decides. Left "
            "out: the one that the owner chose, French at first.",
        ),
    ] = None
    hash: AppHash = None


class VerifyOtp(OtpBody):
    """A code that someone typed."""

    otp: Annotated[
        str,
        AfterValidator(read_code),
        Breaks({"blank": "", "otp_format": "12345"}),
        Field(
            examples=["123456"],
            description="The six digits, as a string. Anything else is refused and costs no try.",
            json_schema_extra={"pattern": "^[0-9]{6}$"},
        ),
    ]


class OtpSent(ResponseBody):
    """A new code, valid from now on."""

    success: Success = True
    message_id: MessageId
    expires_in: Annotated[int, Field(examples=[600], description="Seconds for which the code is valid.")]
    sent_by: Annotated[
        ChannelName | None,
        Field(
            examples=["sms"],
            exclude_if=is_none,
            description="There when a code asked for by WhatsApp went by SMS; it verifies under either channel. With "
            "`auto`: the channel that carries it first.",
        ),
    ] = None


class PricedOtpSent(Priced, OtpSent):
    """A new code, valid from now on, and what its text is expected to cost."""


class OtpVerified(ResponseBody):
    """The code was right; it is used up."""

    success: Success = True
    message: Annotated[Literal["OTP verified successfully"], Field(description="For people.")] = (
        "OTP verified successfully"
    )
    verified: Annotated[Literal[True], Field(description="The code was right.")] = True
