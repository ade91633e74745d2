"""The second factor: codes of an app, recovery codes, and an owner who requires one of all."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pyotp
import pytest
from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import select

from dashboard.db import Sessions
from dashboard.extensions import Services
from dashboard.gateway.accounts import second_factor
from dashboard.gateway.accounts.second_factor import WrongFactor
from dashboard.models.accounts import RecoveryCode, User
from tests.support.dashboard_client import HASH, PASSWORD, Browser

ACCOUNT = "/dashboard/account/"
FACTOR = f"{ACCOUNT}second-factor/"
CODE = "/dashboard/sign-in/code"
EMAIL = "viewer@example.org"


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the clock of codes, in seconds from now: no test waits half a minute."""
    start = time.time()

    def move(seconds: int) -> None:
        monkeypatch.setattr(time, "time", lambda: start + seconds)

    move(0)
    return move


def seed_of(page: str) -> str:
    found = re.search(r'<code dir="ltr">([A-Z2-7]{32})</code>', page)
    assert found
    return found[1]


def typed(page: str, code: str) -> dict[str, str]:
    sealed = re.search(r'name="sealed"[^>]*value="([^"]+)"', page)
    assert sealed
    return {"sealed": sealed[1], "code": code, "current": PASSWORD}


def set_up(browser: Browser) -> tuple[str, list[str]]:
    """Set a second factor up; return its seed and the recovery codes."""
    page = browser.get(FACTOR).text
    seed = seed_of(page)
    answer = browser.post(FACTOR, typed(page, pyotp.TOTP(seed).now()))
    assert answer.status_code == 200, answer.text
    codes = re.findall(r"<code>([a-z2-7-]{29})</code>", answer.text)
    assert len(set(codes)) == second_factor.RECOVERY_CODES
    return seed, codes


def half_way(app: Flask) -> Browser:
    """A browser in which the password was typed in."""
    browser = Browser(app)
    answer = browser.sign_in(EMAIL)
    assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (303, CODE)
    return browser


def is_in(browser: Browser) -> bool:
    return browser.get(ACCOUNT).status_code == 200


def test_the_picture_holds_the_seed_and_nothing_changes_before_a_code_of_it(
    viewer: Browser, services: Services
) -> None:
    page = viewer.get(FACTOR).text
    assert "<svg" in page and "style=" not in page.partition("<svg")[2].partition("</svg>")[0]
    assert viewer.post(FACTOR, typed(page, "000000")).status_code == 422
    wrong = {**typed(page, pyotp.TOTP(seed_of(page)).now()), "current": "wrong wrong"}
    assert viewer.post(FACTOR, wrong).status_code == 422
    with services.sessions() as session:
        assert session.scalar(select(User.totp_sealed)) is None


def test_the_password_alone_no_longer_lets_in_and_a_code_is_good_once(
    viewer: Browser, app: Flask, steady: Callable[[int], None]
) -> None:
    seed, _ = set_up(viewer)
    steady(60)
    browser = half_way(app)
    assert not is_in(browser)
    assert browser.post(CODE, {"code": "000000"}).status_code == 422
    code = pyotp.TOTP(seed).at(int(time.time()))
    assert browser.post(CODE, {"code": f"{code[:3]} {code[3:]}", "next": ACCOUNT}).headers["Location"] == ACCOUNT
    assert is_in(browser)
    again = half_way(app)
    assert again.post(CODE, {"code": code}).status_code == 422 and not is_in(again)


def test_the_code_that_set_it_up_does_not_sign_in(viewer: Browser, app: Flask, steady: Callable[[int], None]) -> None:
    seed, _ = set_up(viewer)
    assert half_way(app).post(CODE, {"code": pyotp.TOTP(seed).at(int(time.time()))}).status_code == 422


def test_a_recovery_code_lets_in_once_and_what_is_left_is_told(viewer: Browser, app: Flask) -> None:
    _, codes = set_up(viewer)
    browser = half_way(app)
    assert browser.post(CODE, {"code": codes[0].upper().replace("-", " ")}).status_code == 303
    assert "9 recovery codes are left" in browser.get(ACCOUNT).text
    assert half_way(app).post(CODE, {"code": codes[0]}).status_code == 422
    assert half_way(app).post(CODE, {"code": codes[1]}).status_code == 303


def test_seed_and_recovery_codes_are_not_readable_in_the_database(viewer: Browser, services: Services) -> None:
    seed, codes = set_up(viewer)
    with services.sessions() as session:
        sealed = session.scalars(select(User.totp_sealed)).one()
        digests = session.scalars(select(RecoveryCode.digest)).all()
    assert sealed and seed.encode() not in sealed
    assert not {code.replace("-", "") for code in codes} & set(digests) and len(digests) == len(codes)


def test_the_second_step_is_locked_after_ten_wrong_codes_and_takes_no_stranger(viewer: Browser, app: Flask) -> None:
    _, codes = set_up(viewer)
    browser = half_way(app)
    assert [browser.post(CODE, {"code": "000000"}).status_code for _ in range(10)] == [422] * 10
    locked = browser.post(CODE, {"code": codes[0]})
    assert locked.status_code == 429 and int(locked.headers["Retry-After"]) > 0
    stranger = Browser(app)
    assert stranger.get(CODE).headers["Location"] == "/dashboard/sign-in"
    assert stranger.post(CODE, {"code": codes[1]}).headers["Location"] == "/dashboard/sign-in"


def test_it_is_removed_with_password_and_code(viewer: Browser, app: Flask) -> None:
    _, codes = set_up(viewer)
    assert viewer.post(f"{FACTOR}remove", {"current": PASSWORD, "code": "000000"}).status_code == 422
    assert viewer.post(f"{FACTOR}remove", {"current": "wrong wrong", "code": codes[0]}).status_code == 422
    assert viewer.post(f"{FACTOR}remove", {"current": PASSWORD, "code": codes[0]}).status_code == 303
    assert Browser(app).sign_in(EMAIL).headers["Location"] == "/dashboard/"


def test_new_recovery_codes_replace_the_ones_before(viewer: Browser, app: Flask) -> None:
    _, codes = set_up(viewer)
    assert viewer.post(f"{FACTOR}recovery-codes", {"current": "wrong wrong"}).status_code == 422
    assert viewer.post(f"{FACTOR}recovery-codes", {"current": PASSWORD}).status_code == 200
    assert half_way(app).post(CODE, {"code": codes[0]}).status_code == 422


def test_an_owner_resets_what_somebody_lost_and_their_sessions_end(
    owner: Browser, viewer: Browser, services: Services
) -> None:
    with services.sessions() as session:
        (user_id,) = session.scalars(select(User.id).where(User.email == EMAIL))
    assert owner.post(f"/dashboard/team/{user_id}/second-factor/reset").status_code == 404
    set_up(viewer)
    assert "Remove the second factor" in owner.get(f"/dashboard/team/{user_id}").text
    assert owner.post(f"/dashboard/team/{user_id}/second-factor/reset").status_code == 303
    assert not is_in(viewer)
    assert viewer.sign_in(EMAIL).headers["Location"] == "/dashboard/"


def test_an_owner_who_has_one_may_require_it_of_all(owner: Browser, viewer: Browser) -> None:
    settings = {"otp_language": "fr", "texts_days": "7", "numbers_days": "90", "sandbox_days": "7"}
    required = {**settings, "second_factor_required": "1"}
    assert owner.post("/dashboard/settings/", required).status_code == 422
    set_up(owner)
    assert owner.post("/dashboard/settings/", required).status_code == 303
    assert viewer.get("/dashboard/").headers["Location"] == FACTOR
    assert viewer.post("/dashboard/account/", {"name": "Fatimata"}).headers["Location"] == FACTOR
    set_up(viewer)
    assert viewer.get("/dashboard/").status_code == 200


def test_of_many_who_type_the_same_code_at_once_one_gets_in(sessions: Sessions) -> None:
    box, seed = Fernet(Fernet.generate_key()), pyotp.random_base32()
    with sessions.begin() as session:
        user = User(email=EMAIL, role="viewer", password_hash=HASH)
        session.add(user)
        session.flush()
        first = pyotp.TOTP(seed).at(int(time.time()), counter_offset=-1)
        recovery = second_factor.turn_on(session, box, user, seed, first)[0]
        user_id = user.id

    def is_taken(code: str) -> bool:
        with sessions() as session:
            try:
                second_factor.prove(session, box, user_id, code)
            except WrongFactor:
                return False
            session.commit()
            return True

    for code in (pyotp.TOTP(seed).at(int(time.time()), counter_offset=1), recovery):
        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(is_taken, [code] * 4)) == 1
