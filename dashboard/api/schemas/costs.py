"""What the answers of /api/v2 say of a text and its cost, as the hosted service's do."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from dashboard.api.schemas.base import ResponseBody
from dashboard.gateway.costs import prices
from dashboard.gateway.costs.estimates import Quote


class Priced(ResponseBody):
    """The shape of a text, and what it is expected to cost."""

    parts: Annotated[int, Field(examples=[1], description="How many SMS the text takes.")]
    encoding: Annotated[
        Literal["gsm7", "ucs2"], Field(examples=["gsm7"], description="Of the text; `ucs2` holds fewer characters.")
    ]
    length: Annotated[
        int, Field(examples=[24], description="Septets of the GSM alphabet, or UTF-16 units, by its `encoding`.")
    ]
    price_per_message: Annotated[
        float | None,
        Field(examples=[0.32], description="Of one SMS in MRU, to four digits; null where no price is set."),
    ]
    cost: Annotated[
        float | None,
        Field(
            examples=[0.32],
            description="Of all `parts` in MRU, by the price of now; null where no price is set, 0 on the sandbox. "
            "What is charged follows from the carrier that accepts the message.",
        ),
    ]


def priced(quote: Quote) -> dict[str, Any]:
    """The fields of Priced."""
    return {
        "parts": quote.parts,
        "encoding": quote.encoding,
        "length": quote.length,
        "price_per_message": _number(quote.price),
        "cost": _number(quote.cost),
    }


def _number(amount: int | None) -> float | None:
    return None if amount is None else prices.number(amount)
