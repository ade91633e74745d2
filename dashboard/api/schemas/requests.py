"""What the endpoints take and give. Field rules live here once; the documentation is made from the same classes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from dashboard.sms import encoding, numbers

MOST_SEGMENTS = 10
MOST_IN_BATCH = 1_000
MOST_IN_PAGE = 100
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # C0 but \t \n \r
APP_HASH = re.compile(r"[A-Za-z0-9+/]{11}")
CODE = re.compile(r"[0-9]{6}")
MESSAGE_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
UNKNOWN_CURSOR: Final = "Must be the id of one of your messages, as `next` gave it"
AN_ID = "c1faed86-1216-4a88-9784-9e3ad774d0d7"


@dataclass(frozen=True)
class Breaks:
    """Values that break a field's rules, by the code of the refusal. The documentation shows what comes of them."""

    values: dict[str, Any]


def _phone(raw: str) -> str:
    try:
        return numbers.parse(raw)
    except numbers.InvalidPhone as error:
        raise PydanticCustomError(error.code, "{reason}", {"reason": str(error)}) from None


def _message(raw: str) -> str:
    if UNPRINTABLE.search(raw):
        raise PydanticCustomError("invalid_characters", "The message holds control characters")
    if not raw.strip():
        raise PydanticCustomError("blank", "The message is blank")
    if encoding.shape(raw).segments > MOST_SEGMENTS:
        raise PydanticCustomError("too_long", "The message is longer than 10 SMS segments")
    return raw


def _app_hash(raw: str) -> str:
    if not APP_HASH.fullmatch(raw):
        raise PydanticCustomError("hash_format", "The hash must be 11 characters of A-Z, a-z, 0-9, + and /")
    return raw


def _code(raw: str) -> str:
    if not CODE.fullmatch(raw):
        raise PydanticCustomError("otp_format", "The code must be a string of six digits, 0 to 9")
    return raw


def _batch(items: list[Any]) -> list[Any]:
    if not 1 <= len(items) <= MOST_IN_BATCH:
        raise PydanticCustomError("batch_size", "Give 1 to 1,000 messages")
    return items


def _page_size(raw: str | int) -> int:
    if not re.fullmatch(r"[0-9]{1,3}", str(raw)) or not 1 <= int(raw) <= MOST_IN_PAGE:
        raise PydanticCustomError("out_of_range", "Must be a whole number from 1 to 100")
    return int(raw)


def _message_id(raw: str) -> str:
    if not MESSAGE_ID.fullmatch(raw):
        raise PydanticCustomError("unknown_cursor", UNKNOWN_CURSOR)
    return raw


def _moment(raw: object) -> datetime:
    text = _with_plus(raw) if isinstance(raw, str) else ""
    try:
        return datetime.fromisoformat(text if MOMENT.fullmatch(text) else "").astimezone(UTC)
    except (ValueError, OverflowError):
        raise PydanticCustomError("time_format", "Must be a time with its zone, as in 2026-11-22T06:00:00Z") from None


def _with_plus(raw: str) -> str:
    """A plus sign in an address is read as a blank, unless the caller wrote it as %2B; most do not."""
    return raw.replace(" ", "+")


PHONE_FORM = {"type": "string", "pattern": "^(\\+?222)?[234][0-9]{7}$", "minLength": 8, "maxLength": 12}
BAD_PHONES = Breaks(
    {
        "phone_prefix": "12345678",
        "phone_length": "3808933",
        "phone_format": "+222 38 08 93 36",
        "phone_country": "+1234567890",
    }
)
PhoneNumber = Annotated[
    str,
    AfterValidator(_phone),
    BAD_PHONES,
    Field(
        alias="phoneNumber",
        examples=["+22238089336", "22238089336", "38089336"],
        description="A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or +222 in "
        "front. No blanks, no dashes.",
        json_schema_extra=PHONE_FORM,
    ),
]
Moment = Annotated[datetime, BeforeValidator(_moment)]
BAD_MOMENT = Breaks({"time_format": "yesterday"})
Channel = Literal["sms", "whatsapp"]
Language = Literal["fr", "en", "ar"]
Kind = Literal["message", "otp"]
Status = Literal["queued", "sending", "sent", "delivered", "failed", "expired"]
ChannelWanted = Annotated[Channel, Field(examples=["sms"], description="How the code travels.")]


class RequestBody(BaseModel):
    """Unknown fields are ignored; types are not bent."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class SendMessage(RequestBody):
    """A text to one phone."""

    phone: PhoneNumber
    message: Annotated[
        str,
        AfterValidator(_message),
        Breaks({"blank": " ", "too_long": "a" * 1531, "invalid_characters": "\x07"}),
        Field(
            examples=["Votre commande est prête."],
            description="The text, 1 to 10 SMS segments, delivered exactly as given: up to 1,530 characters of the "
            "GSM alphabet, or 670 with any other character. No control characters but tab and line ends.",
            json_schema_extra={
                "minLength": 1,
                "maxLength": 1530,
                "pattern": "^[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f]*$",
            },
        ),
    ]


class SendBatch(RequestBody):
    """Texts to many phones. Each is judged by itself."""

    messages: Annotated[
        list[Any],
        AfterValidator(_batch),
        Breaks({"batch_size": [], "invalid_type": "Bonjour"}),
        WithJsonSchema(
            {
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_IN_BATCH,
                "items": {"$ref": "#/components/schemas/SendMessage"},
                "description": "1 to 1,000 messages. One that breaks a rule does not hold back the others.",
            }
        ),
        Field(examples=[[{"phoneNumber": "+22238089336", "message": "Votre commande est prête."}]]),
    ]


class SendOtp(RequestBody):
    """A code to one phone."""

    phone: PhoneNumber
    language: Annotated[Language, Field(examples=["fr"], description="Of the text around the code.")] = "fr"
    channel: ChannelWanted = "sms"
    hash: Annotated[
        str,
        AfterValidator(_app_hash),
        Breaks({"hash_format": "FA-9qCX9VSu"}),
        Field(
            examples=["FA+9qCX9VSu"],
            description="The 11 characters of an Android app for SMS Retriever; they become the last line of the "
            "text. Ignored for WhatsApp.",
            json_schema_extra={"pattern": "^[A-Za-z0-9+/]{11}$"},
        ),
    ] = ""

    @model_validator(mode="before")
    @classmethod
    def _whatsapp_has_no_hash(cls, values: dict[str, Any]) -> dict[str, Any]:
        if values.get("channel") == "whatsapp":
            return {name: value for name, value in values.items() if name != "hash"}
        return values


class VerifyOtp(RequestBody):
    """A code that someone typed."""

    phone: PhoneNumber
    otp: Annotated[
        str,
        AfterValidator(_code),
        Breaks({"otp_format": "12345"}),
        Field(
            examples=["123456"],
            description="The six digits, as a string. Anything else is refused and costs no try.",
            json_schema_extra={"pattern": "^[0-9]{6}$"},
        ),
    ]
    channel: ChannelWanted = "sms"


class Query(BaseModel):
    """What comes behind the question mark: everything is a string, and unknown names are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ListMessages(Query):
    """Which messages, and how many."""

    limit: Annotated[
        int,
        BeforeValidator(_page_size),
        Breaks({"out_of_range": "1000"}),
        Field(
            examples=[50],
            description="How many at most.",
            json_schema_extra={"minimum": 1, "maximum": MOST_IN_PAGE},
        ),
    ] = 50
    after: Annotated[
        Annotated[str, AfterValidator(_message_id), WithJsonSchema({"type": "string", "format": "uuid"})] | None,
        Breaks({"unknown_cursor": "1"}),
        Field(examples=[AN_ID], description="`next` of the page before."),
    ] = None
    status: Annotated[Status | None, Field(examples=["delivered"], description="Only messages in this state.")] = None
    channel: Annotated[Channel | None, Field(examples=["sms"], description="Only messages on this channel.")] = None
    kind: Annotated[Kind | None, Field(examples=["message"], description="Only texts, or only codes.")] = None
    phone: Annotated[
        Annotated[str, BeforeValidator(_with_plus), AfterValidator(_phone), WithJsonSchema(PHONE_FORM)] | None,
        BAD_PHONES,
        Field(alias="phoneNumber", examples=["38089336"], description="Only messages to this number, in any form."),
    ] = None
    from_: Annotated[
        Moment | None,
        BAD_MOMENT,
        Field(alias="from", examples=["2026-11-22T00:00:00Z"], description="Accepted at this time or later."),
    ] = None
    to: Annotated[
        Moment | None,
        BAD_MOMENT,
        Field(examples=["2026-11-23T00:00:00Z"], description="Accepted before this time."),
    ] = None
