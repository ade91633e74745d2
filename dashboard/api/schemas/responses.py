"""What the endpoints give: bodies of answers, with the examples that the documentation shows."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from dashboard.api.schemas.requests import AN_ID, Channel, Kind, Status


class ResponseBody(BaseModel):
    """The body of an answer."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )


MessageId = Annotated[
    str,
    Field(
        examples=[AN_ID],
        description="Names the message for as long as it is kept.",
        json_schema_extra={"format": "uuid"},
    ),
]
Success = Annotated[Literal[True], Field(description="The call did what it was asked to.")]


class Queued(ResponseBody):
    """Written down durably; delivery follows."""

    success: Success = True
    message_id: MessageId
    queued: Annotated[Literal[True], Field(description="It waits for delivery.")] = True


def _is_none(value: object) -> bool:
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
        Literal["minute", "hour", "day"] | None,
        Field(examples=["minute"], exclude_if=_is_none, description="With `rate_limited`: the window that is full."),
    ] = None
    limit: Annotated[
        int | None,
        Field(
            examples=[3], exclude_if=_is_none, description="With `rate_limited` and `daily_cap`: how many are allowed."
        ),
    ] = None
    retry_after: Annotated[
        int | None,
        Field(examples=[41], exclude_if=_is_none, description="With `rate_limited` and `daily_cap`: seconds to wait."),
    ] = None


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


class OtpSent(ResponseBody):
    """A new code lives from now on."""

    success: Success = True
    message_id: MessageId
    expires_in: Annotated[int, Field(examples=[600], description="Seconds that the code lives.")]


class OtpVerified(ResponseBody):
    """The code was right; it is used up."""

    success: Success = True
    message: Annotated[Literal["OTP verified successfully"], Field(description="For people.")] = (
        "OTP verified successfully"
    )
    verified: Annotated[Literal[True], Field(description="The code was right.")] = True


At = Annotated[
    str,
    Field(
        examples=["2026-11-22T06:24:49.068Z"], description="A time in UTC.", json_schema_extra={"format": "date-time"}
    ),
]


def _moment_of(what: str) -> Any:
    shown = "2026-11-22T06:24:49.068Z"
    return Field(examples=[shown], description=f"{what} at this time, in UTC; null: it did not.")


class Moved(ResponseBody):
    """A state that the message reached."""

    status: Annotated[Status, Field(examples=["queued"], description="The state.")]
    at: At


class Described(ResponseBody):
    """A message, but for its text."""

    message_id: MessageId
    kind: Annotated[Kind, Field(examples=["message"], description="A text or a code.")]
    channel: Annotated[Channel, Field(examples=["sms"], description="How it travels.")]
    phone_number: Annotated[
        str,
        Field(
            examples=["+22238089336"],
            description="The number in full.",
            json_schema_extra={"pattern": "^\\+222[234][0-9]{7}$"},
        ),
    ]
    status: Annotated[
        Status,
        Field(
            examples=["delivered"],
            description="`queued`, `sending`, `sent`, `delivered`; or it ended as `failed`, or as `expired` because "
            "its time passed before it could be sent. It never goes back.",
        ),
    ]
    encoding: Annotated[Literal["gsm7", "ucs2"], Field(examples=["gsm7"], description="Of the SMS.")]
    segments: Annotated[int, Field(examples=[1], description="How many SMS it takes.")]
    created_at: At
    sent_at: Annotated[str | None, _moment_of("The carrier took it")]
    delivered_at: Annotated[str | None, _moment_of("It arrived")]
    failed_at: Annotated[str | None, _moment_of("It was given up")]
    expired_at: Annotated[str | None, _moment_of("Its time had passed")]
    error_code: Annotated[
        str | None, Field(examples=["sandbox_refused"], description="Why the last try to send it failed.")
    ]
    confirmed_by: Annotated[
        str | None,
        Field(
            examples=["receipt"], description="What proved delivery: the carrier's `receipt`, or the verified `otp`."
        ),
    ]
    status_history: Annotated[
        list[Moved],
        Field(
            examples=[[{"status": "queued", "at": "2026-11-22T06:24:49.068Z"}]],
            description="The states it went through, in order.",
        ),
    ]


class Followed(Described):
    """What became of a message. Never its text."""

    success: Success = True


class MessagePage(ResponseBody):
    """Messages of this API key, the newest first."""

    success: Success = True
    messages: Annotated[list[Described], Field(examples=[[]], description="At most `limit` of them.")]
    next: Annotated[
        str | None,
        Field(examples=[AN_ID], description="Give it as `after` to get the next page; null on the last one."),
    ]


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
        Literal["live", "test"], Field(examples=["live"], description="`test` keys reach the sandbox phone only.")
    ]
    scopes: Annotated[
        list[Literal["send", "otp", "read", "webhooks"]],
        Field(examples=[["send", "otp", "read"]], description="What it may do."),
    ]
    limits: Annotated[
        Limits, Field(examples=[{"minute": 3, "hour": 10, "day": 20}], description="On codes for one number.")
    ]
    daily_caps: Annotated[
        Caps, Field(examples=[{"messages": None, "codes": 1_000}], description="On all that it sends in a day.")
    ]


class Alive(ResponseBody):
    """The web server answers."""

    status: Annotated[Literal["ok"], Field(description="It answers.")] = "ok"


Part = Annotated[Literal["ok", "down"], Field(examples=["ok"], description="Whether this part works.")]


class Ready(ResponseBody):
    """Database, Valkey and the processes behind, told apart."""

    ready: Annotated[bool, Field(examples=[True], description="Whether all parts work.")]
    database: Part
    valkey: Part
    relay: Part
    workers: Annotated[
        dict[str, int],
        Field(examples=[{"sms": 2, "whatsapp": 1}], description="How many workers of each lane gave a sign lately."),
    ]
