"""Feed campaigns to the outbox: recipients become ordinary messages, each exactly once, and only a few at a time.

A recipient and its message are written in one transaction: whoever is killed leaves both or neither. The lane holds no
more of campaigns than leaves within about two seconds, so that a pause takes hold as soon; what is in it, everything
else overtakes (`outbox.BULK`).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, null, select, update
from sqlalchemy.orm import Session

from dashboard.db import Sessions, core_table, read_session, utcnow
from dashboard.driver import ExecuteMany
from dashboard.gateway import site_settings
from dashboard.gateway.api_keys import authentication, keys, quotas
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.campaigns import campaigns, progress
from dashboard.gateway.campaigns.quiet_hours import QuietHours
from dashboard.gateway.contacts import contacts
from dashboard.gateway.costs import reservations
from dashboard.gateway.costs.estimates import Text
from dashboard.gateway.costs.reservations import Wanted
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.outbox import Draft
from dashboard.gateway.opt_outs import opt_outs
from dashboard.models.api_keys import ApiKey
from dashboard.models.campaigns import Campaign, CampaignRecipient
from dashboard.models.carriers import Carrier
from dashboard.models.messages import Message
from dashboard.settings import Settings
from dashboard.sms.encoding import Shape
from dashboard.vocabulary import CampaignState, Channel, KeyMode, KeyState, Kind, Lane

BATCH = 100  # recipients in a transaction, so that a code that comes in meanwhile waits for little
LEAST_WAITING, MOST_WAITING = 20, 2_000  # of campaigns' messages in the lane
BURST_SECONDS = 2.0  # that a pace may be behind its time; what it missed before is not made up for
LOOK_SECONDS = 5.0  # between two looks for what has ended
LOADING = timedelta(hours=1)  # for the rows of a call to be written down; then it was broken off
SWEPT = 2_000  # rows of drafts that are deleted in a transaction
_RECIPIENTS = core_table(CampaignRecipient)
BECOME = ExecuteMany(
    update(_RECIPIENTS)
    .where(_RECIPIENTS.c.id == bindparam("row_id"))
    .values(message_id=bindparam("new_message_id"), body=null())
)


@dataclass(frozen=True)
class Fed:
    """How many messages were made, whether more of it may go now, and whether there are events for webhooks."""

    count: int = 0
    has_more: bool = False
    has_events: bool = False


NOTHING = Fed()


class Feeder:
    """Feeds all campaigns that run. One at a time does: a second one would only wait for the rows of the first."""

    def __init__(self, sessions: Sessions, settings: Settings) -> None:
        self.sessions = sessions
        self.settings = settings
        self.expected = 0  # campaigns' messages in the lane after the last step
        self.looked_at = -LOOK_SECONDS

    def step(self) -> set[Lane]:
        """Begin what is due, feed what runs, end what is over; return the lanes that have work. Commits."""
        now, lanes = utcnow(), set[Lane]()
        with read_session(self.sessions) as session:
            begins = _ids(session, CampaignState.SCHEDULED, Campaign.scheduled_at <= now)
            running = _ids(session, CampaignState.RUNNING)
            if not begins and not running:
                return lanes
            waiting = _in_lane(session)
            preferences = site_settings.read(session)
        if begins:
            with self.sessions.begin() as session:
                _begin(session, begins, now)
        is_quiet = QuietHours.of(preferences, self.settings.timezone).is_quiet(now)
        left = max(self.expected - waiting, 0)  # since the last step
        room = min(max(2 * left, LEAST_WAITING), MOST_WAITING) - waiting
        fed, has_events = self._feed([*running, *begins], max(room, 0), now, is_quiet=is_quiet)
        self.expected = waiting + fed
        if time.monotonic() >= self.looked_at + LOOK_SECONDS:
            self.looked_at = time.monotonic()
            has_events |= self._end(running)
        return lanes | ({Lane.SMS} if fed else set()) | ({Lane.WEBHOOKS} if has_events else set())

    def sweep(self) -> bool:
        """Cancel what is older than numbers are kept, and delete drafts that nobody completes. Commits.

        Return whether there are events for webhooks.
        """
        now, has_events = utcnow(), False
        with read_session(self.sessions) as session:
            preferences = site_settings.read(session)
            oldest = now - timedelta(days=preferences.numbers_days - 1)
            is_old = (Campaign.ended_at.is_(None), Campaign.state != CampaignState.DRAFT, Campaign.created_at < oldest)
            too_old = session.scalars(select(Campaign.id).where(*is_old)).all()
            of_calls = _ids(
                session, CampaignState.DRAFT, Campaign.created_by.is_(None), Campaign.created_at < now - LOADING
            )
            kept = timedelta(days=preferences.texts_days)
            left = _ids(session, CampaignState.DRAFT, Campaign.created_at < now - kept)
        for campaign_id in too_old:
            with self.sessions.begin() as session:
                has_events |= campaigns.cancel(session, campaign_id, campaigns.TOO_OLD)[1]
        for campaign_id in {*of_calls, *left}:
            with self.sessions.begin() as session:
                campaigns.discard(session, campaign_id, SWEPT)
        return has_events

    def _feed(self, ids: Collection[int], room: int, now: datetime, *, is_quiet: bool) -> tuple[int, bool]:
        """Feed campaigns by turns, BATCH at a time.

        Return how many messages were made, and whether there are events for webhooks.
        """
        turns, count, has_events = deque(ids), 0, False
        while turns and count < room:
            campaign_id = turns.popleft()
            with self.sessions.begin() as session:
                fed = feed(session, campaign_id, min(room - count, BATCH), now, is_quiet=is_quiet)
            count += fed.count
            has_events |= fed.has_events
            if fed.has_more:
                turns.append(campaign_id)
        return count, has_events

    def _end(self, ids: Collection[int]) -> bool:
        """Note which campaigns are done; return whether there are events for webhooks."""
        with read_session(self.sessions) as session:
            over = [one for one in ids if progress.is_fed(session, one) and progress.is_over(session, one)]
        has_events = False
        for campaign_id in over:
            with self.sessions.begin() as session:
                has_events |= campaigns.end(session, campaign_id)
        return has_events


def feed(session: Session, campaign_id: int, most: int, now: datetime, *, is_quiet: bool) -> Fed:
    """Make messages of up to `most` recipients, unless the campaign was paused or ended meanwhile. The caller commits.

    Those who want no texts, or have withdrawn their consent, are passed over for good; those past the key's cap wait
    for the next day, and those that budgets have no room for until there is some.
    """
    running = select(Campaign).where(Campaign.id == campaign_id, Campaign.state == CampaignState.RUNNING)
    campaign = session.scalar(running.with_for_update())  # a pause waits for this, and what follows sees it
    if campaign is None or (is_quiet and not campaign.is_urgent):
        return NOTHING
    caller = _caller(session, campaign.key_id, now)
    if caller is None:
        return Fed(has_events=campaigns.cancel(session, campaign_id, campaigns.KEY_ENDED)[1])
    most = min(most, _spend_pace(campaign, most, now))
    waiting = select(CampaignRecipient).where(CampaignRecipient.campaign_id == campaign_id, progress.WAITS)
    rows = session.scalars(waiting.order_by(CampaignRecipient.id).limit(most).with_for_update()).all() if most else []
    listed = opt_outs.among(session, {(caller.id, row.phone) for row in rows})
    withdrawn = contacts.refused(session, (row.phone for row in rows))
    for row in rows:
        code = "opted_out" if (caller.id, row.phone) in listed else withdrawn.get(row.phone)
        if code:
            row.error_code, row.body = code, None
    wanted = [row for row in rows if row.error_code is None]
    kept = wanted[: quotas.spend_cap_upto(session, caller, Kind.MESSAGE, len(wanted))]
    made = _become_messages(session, caller, kept)
    return Fed(made, has_more=len(rows) == most > 0 and made == len(wanted))


def _become_messages(session: Session, caller: Caller, rows: list[CampaignRecipient]) -> int:
    """Write as many messages as budgets have room for, and on each recipient which one is its own; return how many."""
    costs = _reserve(session, caller, rows)
    rows = rows[: len(costs)]
    if not rows:
        return 0
    drafts = [
        Draft(
            Kind.MESSAGE,
            Channel.SMS,
            row.phone,
            row.body,
            Shape(row.encoding, 0, row.segments),
            reserved=cost,
            is_bulk=True,
        )
        for row, cost in zip(rows, costs, strict=True)
    ]
    session.flush()
    uuids = outbox.submit_all(session, [(caller, draft) for draft in drafts])
    made = select(Message.uuid, Message.id).where(Message.uuid.in_(uuids))
    ids = {row.uuid: row.id for row in session.connection().execute(made)}
    pairs = [{"row_id": row.id, "new_message_id": ids[name]} for row, name in zip(rows, uuids, strict=True)]
    BECOME.run(session.connection(), pairs)
    return len(rows)


def _reserve(session: Session, caller: Caller, rows: Sequence[CampaignRecipient]) -> Sequence[int | None]:
    """What budgets count for each text, up to the first that they have no room for."""
    if not rows or caller.mode == KeyMode.TEST:
        return [None] * len(rows)
    wanted = Wanted(caller.id, Kind.MESSAGE, [Text(Channel.SMS, row.phone, row.segments) for row in rows])
    (granted,) = reservations.reserve(session, [wanted])
    if granted is None:
        return [None] * len(rows)
    if len(granted.costs) < len(rows):
        quotas.give_back(session, caller.id, Kind.MESSAGE, len(rows) - len(granted.costs))
    return granted.costs


def _spend_pace(campaign: Campaign, most: int, now: datetime) -> int:
    """How many texts its pace allows now, up to `most`; their time is used up."""
    if campaign.pace is None:
        return most
    since = max(campaign.fed_at or now - timedelta(seconds=1), now - timedelta(seconds=BURST_SECONDS))
    allowed = min(int((now - since).total_seconds() * campaign.pace), most)
    if allowed > 0:
        campaign.fed_at = since + timedelta(seconds=allowed / campaign.pace)
    return max(allowed, 0)


def _caller(session: Session, key_id: str, now: datetime) -> Caller | None:
    """The key, as long as it is live."""
    key = session.get_one(ApiKey, key_id)
    return authentication.Caller.from_row(key) if keys.state(key, now) is KeyState.ACTIVE else None


def _begin(session: Session, ids: Collection[int], now: datetime) -> None:
    due = (Campaign.id.in_(ids), Campaign.state == CampaignState.SCHEDULED)
    session.execute(update(Campaign).where(*due).values(state=CampaignState.RUNNING, started_at=now))


def _ids(session: Session, state: CampaignState, *conditions: object) -> list[int]:
    """The longest unfed first."""
    found = select(Campaign.id).where(Campaign.state == state, Campaign.ended_at.is_(None), *conditions)  # type: ignore[arg-type]
    return list(session.scalars(found.order_by(Campaign.fed_at.asc().nulls_first(), Campaign.id)))


def _in_lane(session: Session) -> int:
    """How many messages of campaigns wait in the lane or are under way, up to MOST_WAITING."""
    bulk = (Message.lane == Lane.SMS, Message.priority == outbox.BULK, Message.due_at.is_not(None))
    carriers = [outbox.SANDBOX_ID, *session.scalars(select(Carrier.id))]
    rows = [
        select(Message.id).where(for_carrier, *bulk).limit(MOST_WAITING).subquery()  # each by an index of its own
        for for_carrier in (Message.carrier_id.is_(None), Message.carrier_id.in_(carriers))
    ]
    return min(sum(session.scalar(select(func.count()).select_from(each)) or 0 for each in rows), MOST_WAITING)
