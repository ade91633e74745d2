"""Lies about the gateway's answers, each with the rules of `chinqit contract-test` that are needed to notice it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

NO_KEY = "a call without a key is 401"
BAD_KEY = "a call with an unknown key is 403"
TEXT = "a text is taken: success, messageId, queued"
NUMBERS = "a number that breaks a rule is 400"
MISSING = "a missing field is 400"
UNKNOWN_PATH = "an unknown path is 404 in the common shape"
CODE = "a code is sent: success, messageId, expiresIn 600"
NO_TRY = "a code that is not six digits is 400 and costs no try"
WRONG = "wrong codes are 400, retriesLeft 2, 1, 0"
EXHAUSTED = "after three wrong codes nothing is judged"
AFRESH = "a new code starts the tries afresh"
RIGHT = "a right code is verified, once"
LIMIT = "a code past the limit is 429, in whatever form the number is"
NEVER_SENT = "a check where no code was sent is 404"
WHICH_RULE = "every refusal says which rule, for programs"
ODD_NUMBERS = "a number with a line break, or as a JSON number, is 400"
TOO_LONG = "a text of more than ten SMS is 400"
TOO_LARGE = "a body over 32 KiB is 413"
METHOD = "another method is 405"
REQUEST_ID = "answers bear X-Request-Id, the caller's own where it sent one"
STANDINGS = "a code that is taken tells the limits, and what is left of the tightest"
WHICH_LIMIT = "a 429 says which limit, and when to come back"
ME = "GET /me tells name, mode, scopes, limits and caps"
FOLLOW = "a message is followed by its id"
UNKNOWN_ID = "an unknown or malformed id is 404, told alike"
FILTERS = "the list is filtered, and a filter that breaks a rule is 400"
BATCH = "a batch is taken, and a bad message in it holds no other back"
IDEMPOTENT = "the same Idempotency-Key makes one message and one answer"
OPENAPI = "/openapi.json describes every call"
NO_DOOR = "an address without a door is 401, told as its service tells it"
DOOR_TELLS = "the door of Chinguisoft's clients tells the code that it sends, and the balance"
DOOR_LIMITS = "the door of Chinguisoft's clients keeps the limits of the key, with 429 and Retry-After"
HOOK_REFUSES = "the hook of Supabase tells a refusal with 200 and an error"
HOOK_ONCE = "the hook of Supabase sends what is signed, and once"

SAME_ID = str(uuid.uuid4())
INVALID = {"success": False, "message": "Validation failed", "errors": []}
TAKEN = {"success": True, "messageId": SAME_ID, "queued": True}
VERIFIED = {"success": True, "message": "OTP verified successfully", "verified": True}


@dataclass
class Answer:
    """What the gateway said to a call; a lie changes it in place."""

    method: str
    path: str
    status: int
    sent: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    garbage: bytes = b""  # behind the body

    @property
    def order(self) -> dict[str, Any]:
        """What was sent, where it is a JSON object."""
        try:
            order = json.loads(self.sent)
        except ValueError:
            return {}
        return order if isinstance(order, dict) else {}

    @property
    def items(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.body.get("errors", [])
        return items

    @property
    def is_text(self) -> bool:
        return self.path == "/messages/send" and self.status == 200

    @property
    def is_code(self) -> bool:
        return self.path == "/otp/send" and self.status == 200

    def becomes(self, status: int, body: dict[str, Any]) -> None:
        self.status, self.body = status, dict(body)


Lie = Callable[[Answer], None]
LIES: dict[str, tuple[tuple[str, ...], Callable[[], Lie]]] = {}


def lie(*rules: str) -> Callable[[Lie], Lie]:
    """The last of the rules has to notice the decorated lie; those before it lead there."""

    def add(tell: Lie) -> Lie:
        LIES[tell.__name__] = (rules, lambda: tell)
        return tell

    return add


def swap(name: str, rules: tuple[str, ...], where: Callable[[Answer], bool], **fields: Any) -> None:
    """The lie of that name: these fields of the body are others, None is for those that are not there."""

    def tell(answer: Answer) -> None:
        if where(answer):
            answer.body |= {field: value for field, value in fields.items() if value is not None}
            for field in [field for field, value in fields.items() if value is None]:
                answer.body.pop(field, None)

    LIES[name] = (rules, lambda: tell)


def turn(
    name: str, rules: tuple[str, ...], where: Callable[[Answer], bool], status: int, body: dict[str, Any] | None = None
) -> None:
    """The lie of that name: another status, and perhaps another body."""

    def tell(answer: Answer) -> None:
        if where(answer):
            answer.becomes(status, answer.body if body is None else body)

    LIES[name] = (rules, lambda: tell)


def without(name: str, rules: tuple[str, ...], header: str, status: int | None = None) -> None:
    """The lie of that name: a header is missing, of all answers or of those with that status."""

    def tell(answer: Answer) -> None:
        if status in (None, answer.status):
            answer.headers.pop(header, None)

    LIES[name] = (rules, lambda: tell)


def as_page(name: str, rules: tuple[str, ...], status: int) -> None:
    """The lie of that name: a refusal is a page of HTML."""

    def tell(answer: Answer) -> None:
        if answer.status == status:
            answer.headers["content-type"], answer.body = "text/html", "<h1>No</h1>"

    LIES[name] = (rules, lambda: tell)


def status_is(status: int) -> Callable[[Answer], bool]:
    return lambda answer: answer.status == status


def is_text(answer: Answer) -> bool:
    return answer.is_text


def is_code(answer: Answer) -> bool:
    return answer.is_code


def is_fault(answer: Answer) -> bool:
    return bool(answer.body.get("message") == "Validation failed")


def is_used(answer: Answer) -> bool:
    return answer.status == 404 and [item["code"] for item in answer.items] == ["otp_used"]


def is_exhausted(answer: Answer) -> bool:
    return answer.status == 400 and [item["code"] for item in answer.items] == ["otp_exhausted"]


def number_holds(part: str) -> Callable[[Answer], bool]:
    return lambda answer: answer.path == "/messages/send" and part in str(answer.order.get("phoneNumber"))


swap("401_with_another_field", (NO_KEY,), status_is(401), errors=[])
swap("403_with_another_field", (BAD_KEY,), status_is(403), errors=[])
turn("401_for_a_wrong_key", (BAD_KEY,), status_is(403), 401)
as_page("404_as_a_page", (UNKNOWN_PATH,), 404)
as_page("405_as_a_page", (METHOD,), 405)
as_page("413_as_a_page", (TOO_LARGE,), 413)
turn("500_for_an_unknown_path", (UNKNOWN_PATH,), status_is(404), 500)
swap("expires_in_300", (CODE,), is_code, expiresIn=300)
swap("expires_in_as_text", (CODE,), is_code, expiresIn="600")
swap("expires_in_a_fraction", (CODE,), is_code, expiresIn=600.0)
swap("a_code_with_an_id_of_its_own", (CODE,), is_code, messageId="code-1")
swap("an_id_that_is_no_uuid", (TEXT,), is_text, messageId="text-1")
swap("an_id_that_is_a_uuid1", (TEXT,), is_text, messageId=str(uuid.uuid1()))
swap("one_id_for_all", (TEXT, FOLLOW), is_text, messageId=SAME_ID)
swap("queued_false", (TEXT,), is_text, queued=False)
swap("queued_one", (TEXT,), is_text, queued=1)
swap("success_as_text", (TEXT,), is_text, success="true")
swap("another_field_on_send", (TEXT,), is_text, segments=1)
turn("202_for_200", (TEXT,), is_text, 202)
turn("429_as_400", (LIMIT,), status_is(429), 400)
swap("429_without_errors", (LIMIT,), status_is(429), errors=None)
swap("429_without_a_message", (LIMIT,), status_is(429), message="")
without("429_without_retry_after", (LIMIT, WHICH_LIMIT), "retry-after", 429)
without("405_without_allow", (METHOD,), "allow")
without("no_request_id", (REQUEST_ID,), "x-request-id")
without("no_limits_in_the_headers", (STANDINGS,), "ratelimit-policy")
without("a_replay_that_is_not_told", (IDEMPOTENT,), "idempotent-replayed")
swap("verified_missing", (AFRESH, RIGHT), lambda answer: "verified" in answer.body, verified=None)
swap("verified_in_other_words", (AFRESH, RIGHT), lambda answer: "verified" in answer.body, message="Verified")
turn("verified_twice", (AFRESH, RIGHT), is_used, 200, VERIFIED)
swap("a_used_code_in_other_words", (AFRESH, RIGHT), is_used, message="This code was used")
turn("an_exhausted_code_as_404", (WRONG, EXHAUSTED), is_exhausted, 404)
swap("an_exhausted_code_without_retries_left", (WRONG, EXHAUSTED), is_exhausted, retriesLeft=None)
turn("verified_under_the_other_channel", (NEVER_SENT,), lambda a: a.order.get("channel") == "whatsapp", 200, VERIFIED)
swap("faults_without_errors", (MISSING,), is_fault, errors=[])
swap("faults_in_other_words", (MISSING,), is_fault, message="Bad request")
turn("faults_as_422", (MISSING,), is_fault, 422)
swap("success_true_on_errors", (MISSING,), is_fault, success=True)
turn("a_number_with_blanks_taken", (NUMBERS,), number_holds(" "), 200, TAKEN)
turn("a_number_with_arabic_digits_taken", (NUMBERS,), number_holds("٢"), 200, TAKEN)
turn("a_number_with_a_line_break_taken", (ODD_NUMBERS,), number_holds("\n"), 200, TAKEN)
turn("a_json_number_taken", (ODD_NUMBERS,), lambda a: isinstance(a.order.get("phoneNumber"), int), 200, TAKEN)
turn("a_text_of_ten_sms_refused", (TOO_LONG,), lambda a: len(a.order.get("message", "")) == 1_530, 400, INVALID)
turn("a_text_over_160_refused", (TOO_LONG,), lambda a: a.is_text and len(a.order["message"]) > 160, 400, INVALID)
turn("english_refused", (AFRESH,), lambda answer: answer.order.get("language") == "en", 400, INVALID)
turn("no_language_refused", (CODE,), lambda answer: answer.is_code and "language" not in answer.order, 400, INVALID)
turn("a_wrong_filter_taken", (FILTERS,), lambda a: "status=lost" in a.path, 200, {"success": True, "messages": []})
swap("a_state_of_another_name", (TEXT, FOLLOW), lambda a: "statusHistory" in a.body, status="accepted")
swap("no_history", (TEXT, FOLLOW), lambda answer: "statusHistory" in answer.body, statusHistory=None)
swap("no_segments", (TEXT, FOLLOW), lambda answer: "statusHistory" in answer.body, segments=None)
swap("me_without_limits", (ME,), lambda answer: answer.path == "/me", limits=None)
swap("old_openapi", (OPENAPI,), lambda answer: answer.path == "/openapi.json", openapi="3.0.3")
swap("a_malformed_id_in_other_words", (UNKNOWN_ID,), lambda a: a.path == "/messages/x", message="Malformed")


@lie(NO_KEY)
def html_for_refusals(answer: Answer) -> None:
    if answer.status == 401:
        answer.headers["content-type"] = "text/html"


@lie(TEXT)
def html_for_all(answer: Answer) -> None:
    answer.headers["content-type"] = "text/html; charset=utf-8"


@lie(TEXT)
def garbage_behind_the_body(answer: Answer) -> None:
    answer.garbage = b"}"


@lie(LIMIT, WHICH_LIMIT)
def a_date_to_wait_for(answer: Answer) -> None:
    if answer.status == 429:
        answer.headers["retry-after"] = "Sun, 22 Nov 2026 06:24:49 GMT"


@lie(LIMIT, WHICH_LIMIT)
def a_day_to_wait(answer: Answer) -> None:
    if answer.status == 429:
        answer.headers["retry-after"] = "100000"
        answer.items[0]["retryAfter"] = 100_000


@lie(STANDINGS)
def no_time_left(answer: Answer) -> None:
    if "ratelimit" in answer.headers:
        answer.headers["ratelimit"] = answer.headers["ratelimit"].partition("t=")[0] + "t=0"


@lie(STANDINGS)
def one_more_left(answer: Answer) -> None:
    if "ratelimit" in answer.headers:
        answer.headers["ratelimit"] = answer.headers["ratelimit"].replace("r=2", "r=3")


@lie(MISSING)
def errors_without_words(answer: Answer) -> None:
    for item in answer.items:
        item.pop("message", None)


@lie(WHICH_RULE)
def errors_without_a_place(answer: Answer) -> None:
    for item in answer.items:
        item["path"] = []


@lie(WHICH_RULE)
def codes_of_errors_in_camel_case(answer: Answer) -> None:
    for item in answer.items:
        item["code"] = item["code"].title().replace("_", "")


@lie(BATCH)
def a_batch_turned_round(answer: Answer) -> None:
    if answer.path == "/messages/batch" and answer.status == 200:
        answer.body["results"].reverse()


@lie(BATCH)
def a_batch_without_errors(answer: Answer) -> None:
    for result in answer.body.get("results", []):
        result.pop("errors", None)


@lie(BATCH)
def small_batches(answer: Answer) -> None:
    if answer.path == "/messages/batch" and len(answer.body.get("results", [])) > 50:
        answer.becomes(400, INVALID)


@lie(ME)
def other_limits(answer: Answer) -> None:
    if answer.path == "/me" and answer.status == 200:
        answer.body["limits"]["day"] = 30


@lie(WRONG)
def one_try_more(answer: Answer) -> None:
    if "retriesLeft" in answer.body:
        answer.body["retriesLeft"] += 1


def _a_number_costs_a_try() -> Lie:
    spent: list[Answer] = []

    def tell(answer: Answer) -> None:
        if isinstance(answer.order.get("otp"), int):
            spent.append(answer)
        elif "retriesLeft" in answer.body:
            answer.body["retriesLeft"] = max(0, answer.body["retriesLeft"] - len(spent))

    return tell


LIES["a_number_costs_a_try"] = ((NO_TRY, WRONG), _a_number_costs_a_try)


def is_door(answer: Answer) -> bool:
    return answer.path.startswith("/api/sms/validation/")


def is_hook(answer: Answer) -> bool:
    return answer.path.startswith("/doors/supabase/")


turn("an_unknown_door_is_open", (NO_DOOR,), is_door, 200, {"code": "123456", "balance": None})
turn("an_unknown_hook_is_open", (NO_DOOR,), is_hook, 200, {})
swap("a_door_tells_another_code", (DOOR_TELLS,), is_door, code="111111")
swap("a_door_without_a_balance", (DOOR_TELLS,), is_door, balance=None)
without("a_door_does_not_say_when_to_come_back", (DOOR_LIMITS,), "retry-after", 429)
turn("a_hook_refuses_with_its_status", (HOOK_REFUSES,), is_hook, 422)
turn("a_hook_says_that_all_is_well", (HOOK_ONCE,), is_hook, 200, {})
