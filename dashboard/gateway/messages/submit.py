"""Write texts down for delivery, those of many callers in one step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from operator import attrgetter
from typing import Any, cast

from sqlalchemy.orm import Session

from dashboard.gateway.api_keys import authentication, quotas
from dashboard.gateway.api_keys.authentication import Caller, UnknownKey
from dashboard.gateway.api_keys.quotas import CapReached
from dashboard.gateway.costs import budgets, estimates, reservations
from dashboard.gateway.costs.budgets import Refusal
from dashboard.gateway.costs.estimates import Quote, Text
from dashboard.gateway.costs.reservations import Wanted
from dashboard.gateway.messages import idempotency, outbox
from dashboard.gateway.messages.idempotency import AnsweredBefore, IdempotentCall, Mismatch, StoredResult
from dashboard.gateway.messages.outbox import Draft
from dashboard.gateway.opt_outs import opt_outs
from dashboard.gateway.opt_outs.opt_outs import OptedOut
from dashboard.group_commit import by_turns
from dashboard.vocabulary import KeyMode, Kind


@dataclass(frozen=True)
class SubmitOrder:
    """Texts of one call. Those past the key's daily cap or a budget, and those to numbers that want none, are left out
    of a batch; a single one is refused. `is_priced`: the answer to a single one bears what it is expected to cost.
    """

    caller: Caller
    drafts: tuple[Draft, ...]
    call: IdempotentCall | None = None
    is_batch: bool = False
    is_priced: bool = False


@dataclass(frozen=True)
class Submitted:
    """The ids of the texts that were written down, in order, and the cap or budget that the ones after them are past.

    `opted_out` are the places of texts that were left out because their numbers want none.
    """

    message_ids: list[str]
    cap: CapReached | None = None
    budget: Refusal | None = None
    opted_out: tuple[int, ...] = ()
    is_replay: bool = False
    quote: Quote | None = None  # of a single text, where it was asked for


def submit(session: Session, orders: list[SubmitOrder]) -> Sequence[Submitted | Exception]:
    """Handler of GroupCommit. For each order what was written down, or UnknownKey, Mismatch, AnsweredBefore,
    OptedOut, CapReached, BudgetExhausted or BudgetSlowed.
    """
    if not any(order.call for order in orders):
        return _submit_turn(session, orders)
    return by_turns(orders, lambda order: order.call.tokens if order.call else [], partial(_submit_turn, session))


def _submit_turn(session: Session, orders: list[SubmitOrder]) -> Sequence[Submitted | Exception]:
    live = authentication.live_digests(session, (order.caller for order in orders))
    stored = idempotency.find_all(session, (order.call for order in orders))
    results: dict[int, Submitted | Exception] = {}
    for place, order in enumerate(orders):
        if order.caller.digest not in live:
            results[place] = UnknownKey()
        elif order.call and order.call.token in stored:
            results[place] = _replay(stored[order.call.token])
    fresh = {place: order for place, order in enumerate(orders) if place not in results}
    results |= zip(fresh, _write(session, list(fresh.values())), strict=True)
    for place, order in fresh.items():
        result = results[place]
        if order.is_priced and isinstance(result, Submitted):
            result = results[place] = replace(result, quote=_quote(session, order))
        if order.call and isinstance(result, Submitted):
            idempotency.keep(session, order.call, _stored(result))
    return [results[place] for place in range(len(orders))]


def _quote(session: Session, order: SubmitOrder) -> Quote:
    (draft,) = order.drafts
    return estimates.quote(session, order.caller, (draft.channel, draft.phone, draft.shape))


def _stored(result: Submitted) -> StoredResult:
    cap = [result.cap.cap, result.cap.retry_after] if result.cap else None
    told: dict[str, Any] = {"message_ids": result.message_ids, "cap": cap, "opted_out": result.opted_out}
    told |= {"budget": budgets.told(result.budget)} if result.budget else {}
    return StoredResult.of(told | ({"quote": asdict(result.quote)} if result.quote else {}))


def _replay(stored: StoredResult | Mismatch) -> Submitted | Exception:
    if isinstance(stored, Mismatch):
        return stored
    try:
        result = stored.result
    except AnsweredBefore as answered:
        return answered
    cap = CapReached(*result["cap"]) if result["cap"] else None
    budget = budgets.of_told(result["budget"]) if "budget" in result else None
    quote = Quote(**result["quote"]) if "quote" in result else None
    opted_out = tuple(result.get("opted_out", ()))
    return Submitted(result["message_ids"], cap, budget, opted_out, is_replay=True, quote=quote)


def _write(session: Session, orders: list[SubmitOrder]) -> list[Submitted | OptedOut | CapReached | Refusal]:
    """Write the texts down, but for those to numbers that want none."""
    listed = opt_outs.among(session, {(order.caller.id, draft.phone) for order in orders for draft in order.drafts})
    if not listed:
        return list(_write_allowed(session, orders))
    is_out = [[(order.caller.id, draft.phone) in listed for draft in order.drafts] for order in orders]
    kept = [
        replace(order, drafts=tuple(draft for draft, out in zip(order.drafts, outs, strict=True) if not out))
        for order, outs in zip(orders, is_out, strict=True)
    ]
    results: list[Submitted | OptedOut | CapReached | Refusal] = []
    for result, order, outs in zip(_write_allowed(session, kept), orders, is_out, strict=True):
        if any(outs) and not order.is_batch:
            results.append(OptedOut())
        elif any(outs) and isinstance(result, Submitted):
            results.append(replace(result, opted_out=tuple(place for place, out in enumerate(outs) if out)))
        else:
            results.append(result)
    return results


def _write_allowed(session: Session, orders: list[SubmitOrder]) -> list[Submitted | CapReached | Refusal]:
    """Write the texts down, as many as the keys' caps and budgets allow."""
    callers = {order.caller.digest: order.caller for order in orders}
    wanted: Counter[str] = Counter()
    for order in orders:
        wanted[order.caller.digest] += len(order.drafts)
    left = {
        # In one order, so that no two transactions wait for each other's keys.
        caller.digest: quotas.spend_cap_upto(session, caller, Kind.MESSAGE, wanted[caller.digest])
        for caller in sorted(callers.values(), key=attrgetter("id", "digest"))
    }
    allowed = []
    for order in orders:
        most = min(len(order.drafts), left[order.caller.digest])
        left[order.caller.digest] -= most
        allowed.append(replace(order, drafts=order.drafts[:most]) if most < len(order.drafts) else order)
    allowed, refusals = _reserve(session, allowed) if budgets.current(session) else (allowed, [None] * len(orders))
    ids = iter(outbox.submit_all(session, [(order.caller, draft) for order in allowed for draft in order.drafts]))
    return [
        _result(order, list(islice(ids, len(kept.drafts))), refusal)
        for order, kept, refusal in zip(orders, allowed, refusals, strict=True)
    ]


def _reserve(session: Session, orders: list[SubmitOrder]) -> tuple[list[SubmitOrder], list[Refusal | None]]:
    """The orders with the texts that budgets have room for, and for each why those after them may not go."""
    live = [order for order in orders if order.caller.mode == KeyMode.LIVE]
    wanted = [
        Wanted(
            order.caller.id,
            Kind.MESSAGE,
            [Text(draft.channel, draft.phone, draft.shape.segments) for draft in order.drafts],
        )
        for order in live
    ]
    granted = iter(reservations.reserve(session, wanted))
    kept: list[SubmitOrder] = []
    refusals: list[Refusal | None] = []
    for order in orders:
        grant = next(granted) if order.caller.mode == KeyMode.LIVE else None
        if grant is not None:
            if len(grant.costs) < len(order.drafts):
                quotas.give_back(session, order.caller.id, Kind.MESSAGE, len(order.drafts) - len(grant.costs))
            drafts = zip(order.drafts, grant.costs, strict=False)  # as many as may go
            order = replace(order, drafts=tuple(replace(draft, reserved=cost) for draft, cost in drafts))
        kept.append(order)
        refusals.append(grant.refusal if grant else None)
    return kept, refusals


def _result(order: SubmitOrder, message_ids: list[str], budget: Refusal | None) -> Submitted | CapReached | Refusal:
    if len(message_ids) == len(order.drafts):
        return Submitted(message_ids)
    cap = None if budget else quotas.cap_reached(order.caller, Kind.MESSAGE)
    return Submitted(message_ids, cap, budget) if order.is_batch else cast("CapReached | Refusal", budget or cap)
