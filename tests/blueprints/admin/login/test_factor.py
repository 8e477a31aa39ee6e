"""The second step of staff: a code of their app, a recovery code, or a passkey, which is both steps at once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pyotp
import pytest
from flask import Flask

from billing import links, passkeys, passwords, second_factors, sessions, settings
from billing.history import COMMAND
from models import History, Letter, Session, SignIn, Staff
from tests.authenticator import ORIGIN, Authenticator
from tests.blueprints.ceremony import Keeper
from tests.blueprints.conftest import Clock
from tests.cast import Cast

DOOR, FACTOR, PASSKEY = "/admin/sign-in", "/admin/sign-in/factor", "/admin/sign-in/passkey"
PASSWORD = "four words nobody guesses"


@pytest.fixture(autouse=True)
def _at_a_name(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_URL", "http://localhost:8000")


@pytest.fixture
def browser(app: Flask, cast: Cast, clock: Clock) -> Keeper:
    passwords.choose(cast.root, PASSWORD, by=cast.root, now=clock.now)
    return Keeper(app)


@pytest.fixture
def secret(browser: Keeper, cast: Cast, clock: Clock) -> str:
    """Root's app, set up a while ago."""
    offer = second_factors.offer(cast.root, site="", now=clock.now)
    before = time.time() - 300
    typed = pyotp.TOTP(offer.secret.replace(" ", "")).generate_otp(int(before // 30))
    second_factors.set_totp(cast.root, offer.sealed, typed, seconds=before, by=cast.root, now=clock.now)
    return offer.secret.replace(" ", "")


@pytest.fixture
def key(browser: Keeper, cast: Cast, clock: Clock) -> Authenticator:
    return added(cast.root, clock)


def added(staff: Staff, clock: Clock) -> Authenticator:
    made, place = Authenticator(), {"host": "localhost:8000", "token": "t" * 43, "now": clock.now}
    asked: Any = place
    options = passkeys.registration_options(staff, site="", **asked)
    passkeys.register(staff, made.create(options), origin=ORIGIN, name="", by=staff, **asked)
    return made


def code(secret: str) -> str:
    return pyotp.TOTP(secret).generate_otp(int(time.time() // 30))


def begin(browser: Keeper, next: str = "") -> str:
    """By password; where it leads."""
    browser.get(DOOR)
    sent = browser.post(DOOR, {"email": "root@hartwell.example", "password": PASSWORD, "by": "password", "next": next})
    assert sent.status_code == 303, sent.text
    browser.get(sent.headers["Location"])  # with the form token of the new cookie
    return sent.headers["Location"]


def is_in(browser: Keeper) -> bool:
    return browser.get("/admin/settings").status_code == 200


def test_without_a_factor_a_password_is_enough(browser: Keeper) -> None:
    assert begin(browser) == "/admin"
    assert is_in(browser)


def test_a_password_alone_opens_nothing_but_the_second_step(browser: Keeper, secret: str) -> None:
    assert begin(browser, "/admin/customers") == f"{FACTOR}?next=%2Fadmin%2Fcustomers"
    for path in ("/admin", "/admin/customers", "/admin/settings/security", "/admin/settings/security/app/new"):
        assert browser.get(path).headers["Location"] == FACTOR
    assert browser.post("/admin/settings/security/app/delete").headers["Location"] == FACTOR
    assert second_factors.has_totp(Staff.get())
    assert browser.get(FACTOR).status_code == 200


def test_the_code_of_the_app_lets_them_in_with_a_new_cookie(browser: Keeper, secret: str) -> None:
    address = begin(browser, "/admin/customers")
    half = browser.cookie("portal_staff")
    browser.get(address)
    done = browser.post(FACTOR, {"code": code(secret), "next": "/admin/customers"})
    assert done.headers["Location"] == "/admin/customers"
    assert browser.cookie("portal_staff") != half
    assert is_in(browser)
    assert sessions.find(half or "", Session.select().order_by(Session.id.desc()).get().created_at) is None
    newest = Session.select().order_by(Session.id.desc()).get()
    assert (newest.way, newest.stage) == ("password", "")


def test_a_code_is_good_once(browser: Keeper, secret: str, app: Flask) -> None:
    typed = code(secret)
    begin(browser)
    browser.post(FACTOR, {"code": typed})
    other = Keeper(app)
    begin(other)
    assert other.post(FACTOR, {"code": typed}).status_code == 422
    assert not is_in(other)


def test_nobody_is_led_to_another_site(browser: Keeper, secret: str) -> None:
    begin(browser)
    done = browser.post(FACTOR, {"code": code(secret), "next": "//evil.example"})
    assert done.headers["Location"] == "/admin"


def test_a_recovery_code_stands_in_once(browser: Keeper, secret: str, cast: Cast, clock: Clock, app: Flask) -> None:
    codes = second_factors.make_codes(cast.root, by=cast.root, now=clock.now)
    begin(browser)
    assert browser.post(FACTOR, {"code": codes[0].lower()}).status_code == 303
    browser.staff_token = ""
    assert "That recovery code is used up. 9 are left." in browser.get("/admin/settings").text
    other = Keeper(app)
    begin(other)
    assert other.post(FACTOR, {"code": codes[0]}).status_code == 422
    assert Letter.select().where(Letter.kind == "factor_changed").order_by(Letter.id.desc()).get().details == {
        "what": "code_used"
    }


def test_ten_wrong_codes_lock_whatever_password_comes_between(browser: Keeper, secret: str, clock: Clock) -> None:
    for _ in range(2):
        begin(browser)
        for _ in range(5):
            assert browser.post(FACTOR, {"code": "000000"}).status_code == 422
        clock.forward(minutes=2)
    assert Staff.get().locked_at is not None
    assert browser.post(FACTOR, {"code": code(secret)}).status_code in (303, 400)
    assert not is_in(browser)
    assert Letter.select().where(Letter.kind == "locked").count() == 1


def test_wrong_codes_are_written_down_with_where_they_came_from(browser: Keeper, secret: str) -> None:
    begin(browser)
    browser.post(FACTOR, {"code": "000000"})
    row = History.get(History.event == "factor_refused")
    assert (row.actor_kind, row.actor_id) == ("staff", Staff.get().id)
    assert "from" in row.details


@pytest.mark.parametrize("typed", ["", "x", "é" * 20, "0" * 101, "\x00" * 6])
def test_whatever_is_typed_is_answered_with_the_form(browser: Keeper, secret: str, typed: str) -> None:
    begin(browser)
    assert browser.post(FACTOR, {"code": typed}).status_code == 422


def test_who_owes_nothing_has_nothing_to_do_there(browser: Keeper, app: Flask) -> None:
    assert browser.get(FACTOR).headers["Location"] == DOOR
    assert browser.post(FACTOR, {"code": "000000"}).headers["Location"] == DOOR
    begin(browser)
    assert browser.get(FACTOR).headers["Location"] == "/admin"


def test_they_may_go_away_again(browser: Keeper, secret: str) -> None:
    begin(browser)
    browser.get(FACTOR)
    assert browser.post("/admin/sign-out").headers["Location"].startswith(DOOR)
    browser.staff_token = ""
    assert browser.get("/admin").headers["Location"].startswith(DOOR)


def test_a_passkey_is_both_steps_at_once(browser: Keeper, key: Authenticator) -> None:
    done = browser.open(browser.get(f"{DOOR}?next=/admin/customers"), PASSKEY, key, next="/admin/customers")
    assert done.headers["Location"] == "/admin/customers"
    assert is_in(browser)
    assert Session.select().order_by(Session.id.desc()).get().way == "passkey"


def test_a_passkey_is_a_second_step(browser: Keeper, key: Authenticator) -> None:
    assert begin(browser) == FACTOR
    assert browser.open(browser.get(FACTOR), PASSKEY, key).headers["Location"] == "/admin"
    assert is_in(browser)


def test_a_colleagues_passkey_is_no_second_step(browser: Keeper, secret: str, clock: Clock) -> None:
    theirs = added(Staff.create(email="second@hartwell.example", name="Second", created_at=clock.now), clock)
    begin(browser)
    page = browser.open(browser.get(FACTOR), PASSKEY, theirs)
    assert page.status_code == 422
    assert "That passkey did not work here." in page.text
    assert not is_in(browser)


def test_a_customers_passkey_opens_nothing_here(browser: Keeper, cast: Cast, clock: Clock) -> None:
    made, asked = Authenticator(), {"host": "localhost:8000", "token": "t" * 43, "now": clock.now}
    given: Any = asked
    options = passkeys.registration_options(cast.ada, site="", **given)
    passkeys.register(cast.ada, made.create(options), origin=ORIGIN, name="", by=cast.ada, **given)
    assert browser.open(browser.get(DOOR), PASSKEY, made).status_code == 422
    assert not is_in(browser)


def test_somebody_locked_out_has_no_passkey(browser: Keeper, key: Authenticator, clock: Clock) -> None:
    Staff.update(locked_at=clock.now).execute()
    assert browser.open(browser.get(DOOR), PASSKEY, key).status_code == 422
    assert not is_in(browser)


def test_a_mails_link_alone_opens_nothing_but_the_second_step(browser: Keeper, secret: str) -> None:
    browser.get(DOOR)
    browser.post(DOOR, {"email": "root@hartwell.example", "by": "link", "next": "/admin/customers"})
    follow_link(browser, SignIn.select().order_by(SignIn.id.desc()).get())
    assert browser.get("/admin").headers["Location"] == FACTOR
    assert browser.post(FACTOR, {"code": code(secret)}).status_code == 303
    assert is_in(browser)
    assert Session.select().order_by(Session.id.desc()).get().way == "link"


def test_a_link_that_a_command_printed_asks_for_nothing_more(browser: Keeper, secret: str, cast: Cast) -> None:
    browser.sign_in(cast.root)
    assert is_in(browser)


def follow_link(browser: Keeper, row: SignIn) -> None:
    path = links.sign_in(row.id).removeprefix(browser.url)
    browser.get(path)
    assert browser.post(path).status_code == 303
    browser.get(FACTOR)


def test_where_everybody_must_have_one_they_are_led_to_set_one_up(browser: Keeper, clock: Clock) -> None:
    settings.save({"require_second_factor": True}, by=COMMAND, now=clock.now)
    begin(browser)
    assert browser.get("/admin/customers").headers["Location"] == "/admin/settings/security"
    text = browser.get("/admin/settings/security").text
    assert "Set up a second factor to go on." in text
    assert browser.get("/admin/settings/security/app/new").status_code == 200
