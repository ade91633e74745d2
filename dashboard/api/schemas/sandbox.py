"""Query and response of /sandbox/inbox."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from dashboard.api.schemas.base import (
    BAD_PHONES,
    EMPTY,
    MOST_IN_PAGE,
    PHONE_FORM,
    At,
    Breaks,
    ChannelName,
    MessageId,
    Query,
    ResponseBody,
    Success,
    page_size,
    read_phone,
    with_plus,
)


class ReadInbox(Query):
    """Which number, and how many texts."""

    phone: Annotated[
        str,
        BeforeValidator(with_plus),
        AfterValidator(read_phone),
        WithJsonSchema(PHONE_FORM),
        EMPTY,
        BAD_PHONES,
        Field(alias="phoneNumber", examples=["38089336"], description="The number, in any form."),
    ]
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


class Received(ResponseBody):
    """A text on the sandbox phone."""

    message_id: MessageId
    channel: Annotated[ChannelName, Field(examples=["sms"], description="How it came.")]
    text: Annotated[
        str, Field(examples=["Your verification code is 482913."], description="As the phone shows it, codes in full.")
    ]
    received_at: At


class ReceivedTexts(ResponseBody):
    """What a number received, the newest last."""

    success: Success = True
    messages: Annotated[list[Received], Field(examples=[[]], description="At most `limit` of them.")]
