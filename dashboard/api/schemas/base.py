"""What the bodies, queries and responses of all endpoints share: field rules live here once."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from dashboard.sms import emails, numbers
from dashboard.vocabulary import BudgetPeriod, Channel, CodeChannel, Kind, Language, Status, Window

MOST_IN_PAGE = 100
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # C0 but \t \n \r
# RFC 3339, 5.6: any number of decimals, small letters too. What is finer than a microsecond is cut off.
MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d(?:\.\d{1,6})?)\d*([Zz]|[+-]\d\d:\d\d)", re.ASCII)
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
UNKNOWN_CURSOR: Final = "No message of yours has this id; it may have been deleted: begin again without `after`"
AN_ID = "c1faed86-1216-4a88-9784-9e3ad774d0d7"
A_TIME = "2026-11-22T06:24:49.068Z"


@dataclass(frozen=True)
class Breaks:
    """Values that break a field's rules, by the code of the error. The documentation shows what comes of them."""

    values: dict[str, Any]
    beside: dict[str, Any] = field(default_factory=dict)  # what the other fields must be, for the rule to hold


def read_id(raw: str) -> str | None:
    """An id as it is kept, or None: RFC 9562, 4, takes hexadecimal digits in any case."""
    return raw.lower() if UUID.fullmatch(raw.lower()) else None


def is_blank(text: str) -> bool:
    """Whether nobody would see anything of it: white space and invisible characters."""
    return all(c.isspace() or unicodedata.category(c) == "Cf" for c in text)


def read_phone(raw: str) -> str:
    """A number as it is kept; raise PydanticCustomError."""
    if not raw:
        raise PydanticCustomError("blank", "The phone number is empty")
    try:
        return numbers.parse(raw)
    except numbers.InvalidPhone as error:
        raise PydanticCustomError(error.code, "{reason}", {"reason": str(error)}) from None


def read_email(raw: str) -> str:
    """An e-mail address as it is kept; raise PydanticCustomError."""
    if not raw:
        raise PydanticCustomError("blank", "The e-mail address is empty")
    try:
        return emails.parse(raw)
    except emails.InvalidEmail as error:
        raise PydanticCustomError(error.code, "{reason}", {"reason": str(error)}) from None


def one_of_both(schema: dict[str, Any]) -> None:
    """Require neither the number nor the e-mail address in a schema: which of them it is, is said elsewhere."""
    schema["required"] = [name for name in schema.get("required", []) if name not in ("phoneNumber", "email")]


def page_size(raw: str | int) -> int:
    """How many a page holds; raise PydanticCustomError."""
    if not re.fullmatch(r"[0-9]{1,3}", str(raw)) or not 1 <= int(raw) <= MOST_IN_PAGE:
        raise PydanticCustomError("out_of_range", "Must be a whole number from 1 to 100")
    return int(raw)


def with_plus(raw: object) -> object:
    """A plus sign in an address is read as a blank, unless the caller wrote it as %2B; most do not."""
    return raw.replace(" ", "+") if isinstance(raw, str) else raw


def _moment(raw: object) -> datetime:
    match = MOMENT.fullmatch(str(with_plus(raw)))
    try:
        return datetime.fromisoformat("{}T{}{}".format(*match.groups()).upper() if match else "").astimezone(UTC)
    except (ValueError, OverflowError):
        raise PydanticCustomError("time_format", "Must be a time with its zone, as in 2026-11-22T06:00:00Z") from None


def choice_of(kinds: type[StrEnum]) -> Any:
    """Reads a word of the vocabulary, in any case; raise PydanticCustomError."""

    def read(raw: object) -> object:
        if not isinstance(raw, str) or raw.lower() not in tuple(kinds):
            raise PydanticCustomError("invalid_choice", "{text}", {"text": f"Must be one of {listed(kinds)}"})
        return kinds(raw.lower())

    return BeforeValidator(read)


def listed(kinds: type[StrEnum]) -> str:
    """`sms or whatsapp`; `fr, en or ar`."""
    *others, last = kinds
    return f"{', '.join(others)} or {last}"


def schema_of(kinds: type[StrEnum]) -> Any:
    return WithJsonSchema({"type": "string", "enum": [str(kind) for kind in kinds]})


def read_language(raw: object) -> object:
    """A language, also out of a locale: `fr-FR` and `ar_MR` are what phones call theirs."""
    return re.split("[-_]", raw, maxsplit=1)[0] if isinstance(raw, str) else raw


PHONE_FORM = {"type": "string", "pattern": "^(\\+?222)?[234][0-9]{7}$", "minLength": 8, "maxLength": 12}
EMPTY = Breaks({"blank": ""})  # of a field that must be there; in an optional one it is as absent
BAD_PHONES = Breaks(
    {
        "phone_prefix": "12345678",
        "phone_length": "3808933",
        "phone_format": "+222 38 08 93 36",
        "phone_country": "+1234567890",
    }
)
EMAIL_FORM = {"type": "string", "format": "email", "maxLength": emails.LONGEST}
BAD_EMAILS = Breaks({"email_format": "aminata", "email_length": "a" * (emails.LONGEST + 1)})
PhoneNumber = Annotated[
    str,
    AfterValidator(read_phone),
    EMPTY,
    BAD_PHONES,
    Field(
        alias="phoneNumber",
        examples=["+22238089336", "22238089336", "38089336"],
        description="A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or +222 in "
        "front. No blanks, no dashes.",
        json_schema_extra=PHONE_FORM,
    ),
]
EmailAddress = Annotated[
    str,
    AfterValidator(read_email),
    Breaks({"blank": "", **BAD_EMAILS.values}, beside={"channel": str(Channel.EMAIL)}),
    Field(
        examples=["aminata@example.mr"],
        description="With `channel` `email`, instead of the number: one address, without a name. Capital and small "
        "letters are the same. To send with `auto`, beside the number: the code goes there "
        "when the order comes to e-mail.",
        json_schema_extra=EMAIL_FORM,
        exclude_if=lambda _: True,  # an example of the whole shows the number
    ),
]
NOT_ASKED = object()  # stands for the one of two recipients that a call does not give
OrNotAsked = WrapValidator(lambda value, check: "" if value is NOT_ASKED else check(value))
Moment = Annotated[datetime, BeforeValidator(_moment)]
BAD_MOMENT = Breaks({"time_format": "yesterday"})
BAD_CHOICE = Breaks({"invalid_choice": "?"})
ChannelName = Annotated[Channel, choice_of(Channel), schema_of(Channel)]
# The validator that stands last is the first to run.
LanguageName = Annotated[Language, choice_of(Language), BeforeValidator(read_language), schema_of(Language)]
KindName = Annotated[Kind, choice_of(Kind), schema_of(Kind)]
StatusName = Annotated[Status, choice_of(Status), schema_of(Status)]
OtpChannel = Annotated[
    Annotated[CodeChannel, choice_of(CodeChannel), schema_of(CodeChannel)],
    BAD_CHOICE,
    Field(
        examples=["sms"],
        description="How the code travels; in any case of letters. `auto`: by the channels of the key's order, one "
        "after the other, until the code is verified; by SMS where the key has none.",
    ),
]
MessageId = Annotated[
    str,
    Field(
        examples=[AN_ID],
        description="Names the message for as long as it is kept.",
        json_schema_extra={"format": "uuid"},
    ),
]
Success = Annotated[Literal[True], Field(description="The call did what it was asked to.")]
At = Annotated[
    str,
    Field(
        examples=["2026-11-22T06:24:49.068Z"], description="A time in UTC.", json_schema_extra={"format": "date-time"}
    ),
]


class _Input(BaseModel):
    """`null` and `""` in an optional field are as absent: it is what a plug-in gives where a platform has nothing."""

    required: ClassVar[frozenset[str]]  # names of the fields that must be there

    @classmethod
    def __pydantic_init_subclass__(cls, **_options: Any) -> None:
        cls.required = frozenset(each.alias or name for name, each in cls.model_fields.items() if each.is_required())

    @model_validator(mode="before")
    @classmethod
    def _without_the_empty(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {
            name: value for name, value in values.items() if value is not None and (value != "" or name in cls.required)
        }


class RequestBody(_Input):
    """Unknown fields are ignored; types are not bent."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class Query(_Input):
    """What comes behind the question mark: everything is a string. An unknown name is refused, for a filter that does
    nothing would give everything.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


class ResponseBody(BaseModel):
    """The body of a response."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )


def is_none(value: object) -> bool:
    return value is None


class Problem(ResponseBody):
    """A rule that was broken."""

    path: Annotated[
        list[str], Field(examples=[["phoneNumber"]], description="The field; empty when it is about the whole call.")
    ]
    message: Annotated[
        str,
        Field(examples=["The eight-digit number must begin with 2, 3 or 4"], description="For people; it may change."),
    ]
    code: Annotated[str, Field(examples=["phone_prefix"], description="For programs; it does not change.")]
    window: Annotated[
        Annotated[Window, schema_of(Window)] | None,
        Field(examples=["minute"], exclude_if=is_none, description="With `rate_limited`: the window that is full."),
    ] = None
    limit: Annotated[
        int | None,
        Field(
            examples=[3],
            exclude_if=is_none,
            description="With `rate_limited`, `daily_cap` and `budget_slowed`: how many are allowed.",
        ),
    ] = None
    budget: Annotated[
        Literal["key", "gateway"] | None,
        Field(examples=["key"], exclude_if=is_none, description="With `budget_exhausted`: whose budget it is."),
    ] = None
    period: Annotated[
        Annotated[BudgetPeriod, schema_of(BudgetPeriod)] | None,
        Field(examples=["month"], exclude_if=is_none, description="With `budget_exhausted`: what the budget is for."),
    ] = None
    required_amount: Annotated[
        float | None,
        Field(
            examples=[0.64],
            exclude_if=is_none,
            description="With `budget_exhausted`: what all that was refused would have cost, to four digits.",
        ),
    ] = None
    remaining: Annotated[
        float | None,
        Field(examples=[0.3], exclude_if=is_none, description="With `budget_exhausted`: what the budget has left."),
    ] = None
    currency: Annotated[
        str | None,
        Field(examples=["MRU"], exclude_if=is_none, description="With `budget_exhausted`: of both amounts."),
    ] = None
    starts_again_at: Annotated[
        str | None,
        Field(
            examples=["2026-12-01T00:00:00.000Z"],
            exclude_if=is_none,
            description="With `budget_exhausted`: when the budget starts again.",
        ),
    ] = None
    retry_after: Annotated[
        int | None,
        Field(examples=[41], exclude_if=is_none, description="Seconds to wait, where waiting helps."),
    ] = None
    reason: Annotated[
        str | None,
        Field(
            examples=["not_on_whatsapp"],
            exclude_if=is_none,
            description="With `provider_error` and `provider_timeout`: what WhatsApp said.",
        ),
    ] = None
    retryable: Annotated[
        bool | None,
        Field(examples=[False], exclude_if=is_none, description="Whether the same call may succeed later."),
    ] = None
    message_id: Annotated[
        str | None,
        Field(
            examples=[AN_ID],
            exclude_if=is_none,
            description="The message that the call made. With `provider_timeout` its code is valid and may still "
            "arrive.",
        ),
    ] = None
