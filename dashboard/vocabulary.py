"""The words that the database, the API and the pages share. They are written here and nowhere else.

Every value stands in databases and in answers of the API: add members, never change one.
"""

from __future__ import annotations

from enum import StrEnum

COMMAND_LINE = "command line"  # who did it, when nobody was signed in
SANDBOX = "sandbox"  # the carrier of messages that no carrier takes: of test keys, and of all while there is none


class Status(StrEnum):
    """Of a message. It never goes back: `queued → sending → sent → delivered`, or `failed`, or `expired`."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"  # the carrier has taken it
    DELIVERED = "delivered"  # it is on the phone
    FAILED = "failed"
    EXPIRED = "expired"  # its validity passed before it could be sent


ENDS = (Status.DELIVERED, Status.FAILED, Status.EXPIRED)


class Stage(StrEnum):
    """How far a message came, whatever became of it then."""

    SENT = "sent"  # a carrier has taken it
    VERIFIED = "verified"  # its code was typed in right


class Kind(StrEnum):
    """Of a message."""

    OTP = "otp"
    MESSAGE = "message"


class Channel(StrEnum):
    """How a message travels."""

    SMS = "sms"
    WHATSAPP = "whatsapp"
    EMAIL = "email"  # codes alone


BY_PHONE = (Channel.SMS, Channel.WHATSAPP)  # channels whose recipients are numbers


class CodeChannel(StrEnum):
    """How a code is asked for: by one channel, or by those of its key's order in turn."""

    SMS = "sms"
    WHATSAPP = "whatsapp"
    EMAIL = "email"
    AUTO = "auto"


class CampaignState(StrEnum):
    """Of a campaign. `done` and `cancelled` are its ends."""

    DRAFT = "draft"  # its recipients or its text are not complete
    SCHEDULED = "scheduled"  # it begins at its time
    RUNNING = "running"  # its texts are handed to the outbox
    PAUSED = "paused"
    DONE = "done"  # every text has left, or never will
    CANCELLED = "cancelled"


class Keyword(StrEnum):
    """What a word means that a phone sends alone."""

    STOP = "stop"  # no texts any more
    START = "start"  # texts again
    HELP = "help"  # what this number is
    REPLY = "reply"  # a word of a rule that somebody added, which does nothing but answer


class ConsentState(StrEnum):
    """Whether a person agreed to be written to."""

    UNKNOWN = "unknown"  # nothing is noted
    GIVEN = "given"
    WITHDRAWN = "withdrawn"


class Direction(StrEnum):
    """Which way a message went, as we see it."""

    OUT = "out"
    IN = "in"


class Lane(StrEnum):
    """A queue with workers of its own."""

    SMS = "sms"
    WHATSAPP = "whatsapp"
    EMAIL = "email"
    WEBHOOKS = "webhooks"


class Language(StrEnum):
    """Of the text of a code, and of the pages."""

    FRENCH = "fr"
    ENGLISH = "en"
    ARABIC = "ar"


class Role(StrEnum):
    """Of a person in the dashboard, from the least to the most allowed."""

    VIEWER = "viewer"
    DESK = "desk"  # talks to callers: reads whole numbers, may lift a limit for an hour
    OPERATOR = "operator"
    OWNER = "owner"


class LinkKind(StrEnum):
    """What a one-time link for a person is for."""

    INVITATION = "invitation"  # to make an account
    RESET = "reset"  # to choose another password


class KeyMode(StrEnum):
    """A test key's messages never leave the sandbox."""

    LIVE = "live"
    TEST = "test"


class KeyState(StrEnum):
    """Of an API key."""

    ACTIVE = "active"
    EXPIRED = "expired"  # its end has passed
    REVOKED = "revoked"


class Scope(StrEnum):
    """What an API key may do."""

    SEND = "send"
    OTP = "otp"
    READ = "read"
    WEBHOOKS = "webhooks"


class PumpingStep(StrEnum):
    """What is done about a range of numbers where SMS pumping is suspected, from the least to the most."""

    WATCH = "watch"  # people are told, all codes go
    SLOW = "slow"  # one code a minute
    STOP = "stop"
    RELEASED = "released"  # somebody let it through


class LogColumn(StrEnum):
    """Of the message log, as each person chooses; state, recipient and time are always there."""

    TEXT = "text"
    CHANNEL = "channel"
    CARRIER = "carrier"
    SEGMENTS = "segments"
    KEY = "key"
    REASON = "reason"


class EndpointState(StrEnum):
    """Of a webhook endpoint."""

    ACTIVE = "active"
    FAILING = "failing"  # the last call failed; it is tried again
    DISABLED = "disabled"


class Envelope(StrEnum):
    """What an endpoint's events are wrapped in."""

    STANDARD = "standard"  # `type`, `timestamp` and `data`, as Standard Webhooks has it
    V2 = "v2"  # `id`, `type`, `createdAt` and `data`, as the hosted service's second generation has it


class Dialect(StrEnum):
    """Of a door: whose clients call."""

    SUPABASE = "supabase"  # the "Send SMS" hook of Supabase Auth
    CHINGUISOFT = "chinguisoft"


class DisabledReason(StrEnum):
    """Why a webhook endpoint is disabled."""

    ASKED = "asked"  # somebody wanted it
    GONE = "gone"  # it answered 410
    FAILING = "failing"  # nothing but failures for days


class Window(StrEnum):
    """A period over which codes to one number are counted."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


class BudgetPeriod(StrEnum):
    """For how long a budget is meant."""

    DAY = "day"
    MONTH = "month"


class BudgetAction(StrEnum):
    """What becomes of messages that a budget has no room for."""

    STOP = "stop"  # they are refused
    SLOW = "slow"  # a few a minute pass


class Operator(StrEnum):
    """Mauritania's mobile networks; the value is the first digit of their numbers, and no number is ported."""

    CHINGUITEL = "2"
    MATTEL = "3"
    MAURITEL = "4"


class Blame(StrEnum):
    """Whose fault it is that a text was not sent. Only the carrier's counts against the carrier."""

    TEXT = "text"
    NUMBER = "number"
    CARRIER = "carrier"


class NextStep(StrEnum):
    """What becomes of a text that a carrier did not take; administrators write these words into settings."""

    AGAIN = "again"  # to the same carrier, later
    NEXT_CARRIER = "next"  # of its route; without one it has failed
    FINAL = "final"  # it has failed


class AttemptOutcome(StrEnum):
    """Of an attempt that failed, or whose answer is kept for people to read."""

    REFUSED = "refused"
    NOT_SENT = "again"  # surely not taken; it may be tried again
    UNKNOWN = "unknown"  # perhaps taken
    DIVERTED = "diverted"  # given to another channel
    TAKEN = "taken"  # kept for its answer: a test, or one that speaks of an error although it counts as taken


class ReceiptState(StrEnum):
    """What a carrier says of a text that it took."""

    PENDING = "pending"  # not final
    SENT = "sent"  # not final
    DELIVERED = "delivered"
    READ = "read"  # so delivered too
    FAILED = "failed"
    EXPIRED = "expired"
    UNKNOWN = "unknown"  # in words that nobody has mapped yet


class Severity(StrEnum):
    """Of something to act on."""

    GRAVE = "grave"  # messages do not arrive
    WARNING = "warning"  # they will not, if nobody acts
    NOTICE = "notice"  # good to know


class AlertChannelKind(StrEnum):
    """How alerts leave the gateway."""

    EMAIL = "email"
    WEBHOOK = "webhook"
    SERVICE = "service"  # Telegram, Slack and their like
    SMS = "sms"  # by a carrier of the gateway


class Trend(StrEnum):
    """How the last minutes went, of a carrier or of the codes to an operator."""

    CUT_OFF = "cut_off"  # nothing got through
    WEAK = "weak"  # far less than usual got through
    AS_USUAL = "as_usual"
    QUIET = "quiet"  # too little was tried to tell


class ConnectionState(StrEnum):
    """Of one process's connection to a carrier."""

    READY = "ready"
    OPENING = "opening"
    WAITING = "waiting"  # for a free bind
    BROKEN = "broken"


class CandidateState(StrEnum):
    """Of a carrier in the rule that a message goes by."""

    NOW = "now"  # it takes the message
    NEXT = "next"  # when those before it fail
    DOWN = "down"
    OFF = "off"


class Proof(StrEnum):
    """What proved that a message arrived."""

    RECEIPT = "receipt"
    OTP = "otp"  # its code was typed in


class CarrierState(StrEnum):
    """Of a carrier, over all processes."""

    OPERATIONAL = "operational"
    SLOW = "slow"
    WEAK = "weak"  # in the last minutes it took far less than it was given
    REFUSING = "refusing"  # in the last minutes it took nothing of what it was given
    OPENING = "opening"
    WAITING = "waiting"  # for a free bind
    UNOPENED = "unopened"  # no worker has it yet
    OFF = "off"
    DOWN = "down"  # left alone for a while
    TRYING = "trying"  # a try is due or under way
    BROKEN = "broken"  # no connection comes about
    CREDENTIALS = "credentials"  # they are refused
    UNREADABLE = "unreadable"  # its settings were encrypted with another DATA_SECRET


class Side(StrEnum):
    """Whose turn it is when somebody got no code, as “Why no code?” begins its sentence."""

    US = "us"
    OPERATOR = "operator"
    PHONE = "phone"
    WAIT = "wait"
    NOTHING = "nothing"  # no app has asked for a code
    NUMBER = "number"
    WELL = "well"
