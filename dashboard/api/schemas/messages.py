"""Bodies, queries and responses of /messages."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from dashboard.api.schemas.base import (
    A_TIME,
    AN_ID,
    BAD_CHOICE,
    BAD_EMAILS,
    BAD_MOMENT,
    BAD_PHONES,
    EMAIL_FORM,
    MOST_IN_PAGE,
    PHONE_FORM,
    UNKNOWN_CURSOR,
    UNPRINTABLE,
    At,
    Breaks,
    ChannelName,
    KindName,
    MessageId,
    Moment,
    PhoneNumber,
    Problem,
    Query,
    RequestBody,
    ResponseBody,
    StatusName,
    Success,
    choice_of,
    is_blank,
    is_none,
    page_size,
    read_email,
    read_id,
    read_phone,
    schema_of,
    with_plus,
)
from dashboard.api.schemas.costs import Priced
from dashboard.api.schemas.otp import AppHash
from dashboard.gateway.messages.outbox import Draft
from dashboard.sms import encoding
from dashboard.sms.encoding import Shape
from dashboard.vocabulary import Channel, Direction, Keyword, Kind

MOST_SEGMENTS = 10
MOST_IN_BATCH = 1_000


class MeasuredText(str):
    """A text that was measured when it was checked, so that it need not be measured again when it is written down."""

    shape: Shape


def _message(raw: str, info: ValidationInfo) -> MeasuredText:
    if UNPRINTABLE.search(raw):
        raise PydanticCustomError("invalid_characters", "The message holds control characters")
    if is_blank(raw):
        raise PydanticCustomError("blank", "The message is blank")
    lines = raw.replace("\r\n", "\n").replace("\r", "\n")  # phones show CR LF as two line ends
    app_hash = info.data.get("hash")
    text = MeasuredText(f"{lines}\n{app_hash}" if app_hash else lines)
    text.shape = encoding.shape(text)
    if text.shape.segments > MOST_SEGMENTS:
        raise PydanticCustomError("too_long", "The message is longer than 10 SMS segments")
    return text


def _batch(items: list[Any]) -> list[Any]:
    if not 1 <= len(items) <= MOST_IN_BATCH:
        raise PydanticCustomError("batch_size", "Give 1 to 1,000 messages")
    return items


def _message_id(raw: str) -> str:
    reference = read_id(raw)
    if reference is None:
        raise PydanticCustomError("unknown_cursor", UNKNOWN_CURSOR)
    return reference


MessageText = Annotated[
    str,
    AfterValidator(_message),
    Breaks({"blank": " ", "too_long": "a" * 1531, "invalid_characters": "\x07"}),
    Field(
        examples=["Votre colis est arrivé."],
        description="The text, 1 to 10 SMS segments, delivered as given, but that CR LF becomes LF: up to 1,530 "
        "characters of the GSM alphabet, or 670 UTF-16 units with any other character. No control characters but "
        "tab and line ends.",
        json_schema_extra={
            "minLength": 1,
            "maxLength": 1530,
            "pattern": "^[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f]*$",
        },
    ),
]


class SendMessage(RequestBody):
    """A text to one phone."""

    phone: PhoneNumber
    hash: AppHash = None
    message: MessageText

    @property
    def draft(self) -> Draft:
        """The message to be."""
        assert isinstance(self.message, MeasuredText)  # noqa: S101  what `_message` gives
        return Draft(Kind.MESSAGE, Channel.SMS, self.phone, str(self.message), self.message.shape)


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
        Field(examples=[[{"phoneNumber": "+22238089336", "message": "Votre colis est arrivé."}]]),
    ]


class ListMessages(Query):
    """Which messages, and how many."""

    limit: Annotated[
        int,
        BeforeValidator(page_size),
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
    direction: Annotated[
        Annotated[Direction, choice_of(Direction), schema_of(Direction)],
        BAD_CHOICE,
        Field(
            examples=["in"],
            description="`out`: what you sent. `in`: texts of phones that you wrote to last; then `status`, `kind` and "
            "`channel` are not taken, `phoneNumber` is who wrote, and each has `messageId`, `phoneNumber`, `to`, "
            "`text`, `segments`, `keyword` and `receivedAt`.",
        ),
    ] = Direction.OUT
    status: Annotated[
        StatusName | None, BAD_CHOICE, Field(examples=["delivered"], description="Only messages in this state.")
    ] = None
    channel: Annotated[
        ChannelName | None, BAD_CHOICE, Field(examples=["sms"], description="Only messages on this channel.")
    ] = None
    kind: Annotated[
        KindName | None, BAD_CHOICE, Field(examples=["message"], description="Only texts, or only codes.")
    ] = None
    phone: Annotated[
        Annotated[str, BeforeValidator(with_plus), AfterValidator(read_phone), WithJsonSchema(PHONE_FORM)] | None,
        BAD_PHONES,
        Field(alias="phoneNumber", examples=["38089336"], description="Only messages to this number, in any form."),
    ] = None
    email: Annotated[
        Annotated[str, AfterValidator(read_email), WithJsonSchema(EMAIL_FORM)] | None,
        BAD_EMAILS,
        Field(examples=["aminata@example.mr"], description="Only codes to this e-mail address, in place of a number."),
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


class Queued(ResponseBody):
    """Written down durably; delivery follows."""

    success: Success = True
    message_id: MessageId
    queued: Annotated[Literal[True], Field(description="It waits for delivery.")] = True


class PricedQueued(Priced, Queued):
    """Written down durably; delivery follows. What it is expected to cost."""


class NotQueued(ResponseBody):
    """This message of the batch broke a rule; nothing was sent."""

    success: Annotated[Literal[False], Field(description="This message was refused.")] = False
    errors: Annotated[
        list[Problem],
        Field(
            examples=[[{"path": ["phoneNumber"], "message": "This field is required", "code": "required"}]],
            description="What is wrong with it.",
        ),
    ]


class BatchTaken(ResponseBody):
    """What became of each message of the batch, in the order sent."""

    success: Success = True
    results: Annotated[
        list[Queued | NotQueued],
        Field(
            examples=[[{"success": True, "messageId": AN_ID, "queued": True}]],
            description="One for each message, in the same order.",
        ),
    ]


SENT_AT, ARRIVED_AT = "2026-11-22T06:24:49.135Z", "2026-11-22T06:24:51.016Z"  # of the message that the examples show
HISTORY = [
    {"status": "queued", "at": A_TIME},
    {"status": "sent", "at": SENT_AT},
    {"status": "delivered", "at": ARRIVED_AT},
]


def _moment_of(what: str, shown: str | None) -> Any:
    return Field(examples=[shown], description=f"{what} at this time, in UTC; null: it did not.")


class Moved(ResponseBody):
    """A state that the message reached."""

    status: Annotated[StatusName, Field(examples=["queued"], description="The state.")]
    at: At


class InTurn(ResponseBody):
    """One of the messages that carry a code in turn."""

    message_id: MessageId
    channel: Annotated[ChannelName, Field(examples=["whatsapp"], description="How it travels.")]
    status: Annotated[StatusName, Field(examples=["sent"], description="Its state.")]
    due_at: Annotated[str | None, Field(examples=[None], description="While it waits: when its turn comes, in UTC.")]
    sent_at: Annotated[str | None, _moment_of("The carrier took it", SENT_AT)]
    error_code: Annotated[
        str | None,
        Field(
            examples=[None],
            description="Why it was not sent: what the carrier said, `code_verified`, `code_locked` or `superseded` "
            "where it was not needed any more, `budget_exhausted` where a budget had no room for it.",
        ),
    ]


class Described(ResponseBody):
    """A message, but for its text."""

    message_id: MessageId
    kind: Annotated[KindName, Field(examples=["message"], description="A text or a code.")]
    channel: Annotated[ChannelName, Field(examples=["sms"], description="How it travels.")]
    phone_number: Annotated[
        str | None,
        Field(
            examples=["+22238089336"],
            description="The number in full; null of a code by e-mail.",
            json_schema_extra={"pattern": "^\\+222[234][0-9]{7}$"},
        ),
    ]
    email: Annotated[
        str | None,
        Field(
            examples=["aminata@example.mr"], exclude_if=is_none, description="Of a code by e-mail: the address in full."
        ),
    ] = None
    status: Annotated[
        StatusName,
        Field(
            examples=["delivered"],
            description="`queued`, `sending`, `sent`, `delivered`; or it ended as `failed`, or as `expired` because "
            "its time passed before it could be sent. It never goes back.",
        ),
    ]
    encoding: Annotated[Literal["gsm7", "ucs2"], Field(examples=["gsm7"], description="Of the SMS.")]
    segments: Annotated[int, Field(examples=[1], description="How many SMS it takes.")]
    sender: Annotated[
        str | None,
        Field(
            examples=["Boutique"],
            description="What phones show as its sender: that of the key, where the carrier allows it, else the "
            "carrier's own. null where neither has one.",
        ),
    ]
    created_at: At
    sent_at: Annotated[str | None, _moment_of("The carrier took it", SENT_AT)]
    delivered_at: Annotated[str | None, _moment_of("It arrived", ARRIVED_AT)]
    failed_at: Annotated[str | None, _moment_of("It was given up", None)]
    expired_at: Annotated[str | None, _moment_of("Its time had passed", None)]
    sent_by: Annotated[
        ChannelName | None,
        Field(
            examples=["sms"],
            description="The channel that the carrier took it on; `sms` also for a code by WhatsApp that went by SMS. "
            "Of a code by `auto`: the last channel that carried it.",
        ),
    ]
    error_code: Annotated[str | None, Field(examples=[None], description="Why the last try to send it failed.")]
    confirmed_by: Annotated[
        str | None,
        Field(
            examples=["receipt"], description="What proved delivery: the carrier's `receipt`, or the verified `otp`."
        ),
    ]
    status_history: Annotated[
        list[Moved],
        Field(
            examples=[HISTORY],
            description="The states it went through, in order.",
        ),
    ]
    steps: Annotated[
        list[InTurn] | None,
        Field(
            examples=[None],
            exclude_if=is_none,
            description="Of a code by `auto`: the messages that carry it, in the order of its key; this message is one "
            "of them.",
        ),
    ] = None


class IncomingText(ResponseBody):
    """A text that a phone sent."""

    message_id: MessageId
    phone_number: Annotated[
        str,
        Field(examples=["+22238089336"], description="Who wrote; a foreign number as its carrier gives it."),
    ]
    to: Annotated[str | None, Field(examples=["3601"], description="Your number; null where the carrier does not say.")]
    text: Annotated[
        str | None, Field(examples=["Merci, bien reçu"], description="Its words, as long as texts are kept; then null.")
    ]
    segments: Annotated[int, Field(examples=[1], description="How many SMS it came in.")]
    keyword: Annotated[
        Annotated[Keyword, schema_of(Keyword)] | None,
        Field(examples=[None], description="What it was understood as, where it was a known word alone: see opt-outs."),
    ]
    received_at: At


class Followed(Described):
    """What became of a message. Never its text."""

    success: Success = True


class MessagePage(ResponseBody):
    """Messages of this API key, the newest first."""

    success: Success = True
    messages: Annotated[list[Described | IncomingText], Field(examples=[[]], description="At most `limit` of them.")]
    next: Annotated[
        str | None,
        Field(examples=[AN_ID], description="Give it as `after` to get the next page; null on the last one."),
    ]
