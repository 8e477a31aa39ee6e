"""How staff set up a second factor: an app, passkeys, recovery codes. One's own, after a proof."""

from __future__ import annotations

import html
import re
import time
from pathlib import Path
from urllib.parse import unquote

import pyotp
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from billing import second_factors, sessions
from models import Letter, Passkey, RecoveryCode, Staff
from tests.authenticator import Authenticator
from tests.blueprints.ceremony import Keeper
from tests.blueprints.conftest import Clock
from tests.browser import Browser
from tests.cast import Cast

HOME = "/admin/settings/security"
APP, PASSKEYS, CODES = f"{HOME}/app", f"{HOME}/passkeys", f"{HOME}/codes"
SECRET = re.compile(r'<bdi id="secret">([A-Z2-7 ]+)</bdi>')
OFFER = re.compile(r'name="offer" value="([^"]+)"')
CODE = re.compile(r"<li><bdi>([0-9A-Z-]{27})</bdi></li>")


@pytest.fixture(autouse=True)
def _at_a_name(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_URL", "http://localhost:8000")


@pytest.fixture
def root(app: Flask, cast: Cast) -> Keeper:
    keeper = Keeper(app)
    keeper.sign_in(cast.root)
    return keeper


def shown(page: TestResponse) -> tuple[str, str]:
    """The secret and the offer of the page that sets an app up."""
    secret, offer = SECRET.search(page.text), OFFER.search(page.text)
    assert secret and offer
    return secret[1].replace(" ", ""), offer[1]


def code(secret: str, late: int = 0) -> str:
    return pyotp.TOTP(secret).generate_otp(int(time.time() // 30) + late)


def set_up(root: Keeper) -> tuple[str, TestResponse]:
    secret, offer = shown(root.get(f"{APP}/new"))
    return secret, root.post(APP, {"offer": offer, "code": code(secret)})


# --- The app ----------------------------------------------------------------------------------------------------------


def test_an_app_is_set_up_and_recovery_codes_come_with_it(root: Keeper, cast: Cast) -> None:
    assert "Your mailbox alone opens this portal." in root.get(HOME).text
    _, done = set_up(root)
    assert done.status_code == 200
    assert len(set(CODE.findall(done.text))) == 10
    assert second_factors.has_totp(cast.root)
    text = root.get(HOME).text
    assert "10 codes are left." in text
    assert "You have one second factor." in text


def test_the_picture_holds_what_the_letters_say(root: Keeper) -> None:
    page = root.get(f"{APP}/new")
    secret, _ = shown(page)
    picture = re.search(r'<img src="(data:image/svg\+xml[^"]+)"', page.text)
    assert picture
    drawn = unquote(html.unescape(picture[1]))
    assert "<svg" in drawn and "style" not in drawn and "script" not in drawn
    assert len(secret) == 32
    assert page.headers["Cache-Control"] == "no-store"


def test_a_wrong_code_keeps_what_the_app_took_in(root: Keeper, cast: Cast) -> None:
    secret, offer = shown(root.get(f"{APP}/new"))
    for typed in ("000000", "", "x" * 50):
        page = root.post(APP, {"offer": offer, "code": typed})
        assert page.status_code == 422
        assert shown(page) == (secret, offer)
    assert not second_factors.has_totp(cast.root)
    assert root.post(APP, {"offer": offer, "code": code(secret)}).status_code == 200


def test_every_page_shows_another_secret(root: Keeper) -> None:
    assert shown(root.get(f"{APP}/new")) != shown(root.get(f"{APP}/new"))


def test_an_offer_that_is_over_or_made_up_is_replaced(root: Keeper, clock: Clock, cast: Cast) -> None:
    secret, offer = shown(root.get(f"{APP}/new"))
    clock.forward(minutes=15)
    for given in (offer, "made up", ""):
        assert root.post(APP, {"offer": given, "code": code(secret)}).headers["Location"] == f"{APP}/new"
    assert not second_factors.has_totp(cast.root)


def test_other_browsers_are_signed_out_and_this_one_stays(root: Keeper, app: Flask, cast: Cast) -> None:
    elsewhere = Browser(app, root.url).sign_in(cast.root)
    set_up(root)
    assert elsewhere.get(HOME).status_code == 303
    assert root.get(HOME).status_code == 200


def test_turning_the_app_off_asks_first(root: Keeper, cast: Cast) -> None:
    assert root.get(f"{APP}/delete").status_code == 404
    set_up(root)
    assert "your recovery codes go with it" in root.get(f"{APP}/delete").text
    assert second_factors.has_totp(cast.root)
    assert root.post(f"{APP}/delete").headers["Location"] == HOME
    assert not second_factors.has_totp(cast.root)
    assert RecoveryCode.select().count() == 0
    assert [row.details["what"] for row in Letter.select().where(Letter.kind == "factor_changed")] == [
        "totp_set",
        "codes_made",
        "totp_removed",
    ]


# --- Passkeys ---------------------------------------------------------------------------------------------------------


def test_a_passkey_is_added_renamed_and_removed(root: Keeper, cast: Cast) -> None:
    added = root.add(PASSKEYS, Authenticator(), name="Laptop")
    assert len(CODE.findall(added.text)) == 10
    row = Passkey.get()
    assert (row.staff, row.person) == (cast.root, None)
    assert "Laptop" in root.get(HOME).text
    path = f"{PASSKEYS}/{row.public_id}"
    assert root.post(f"{path}/edit", {"name": "Old laptop"}).headers["Location"] == HOME
    assert root.post(f"{path}/edit", {"name": " "}).status_code == 422
    assert Passkey.get().name == "Old laptop"
    assert "your recovery codes go with it" in root.get(f"{path}/delete").text
    assert root.post(f"{path}/delete").headers["Location"] == HOME
    assert (Passkey.select().count(), RecoveryCode.select().count()) == (0, 0)


def test_a_second_factor_leaves_the_codes_as_they_are(root: Keeper) -> None:
    set_up(root)
    assert root.add(PASSKEYS, Authenticator()).headers["Location"] == HOME
    assert RecoveryCode.select().count() == 10
    assert "You have one second factor." not in root.get(HOME).text


def test_a_colleague_finds_none_of_them(root: Keeper, app: Flask, clock: Clock) -> None:
    root.add(PASSKEYS, Authenticator())
    colleague = Keeper(app)
    colleague.sign_in(Staff.create(email="second@hartwell.example", name="Second", created_at=clock.now))
    path = f"{PASSKEYS}/{Passkey.get().public_id}"
    for verb in ("edit", "delete"):
        assert colleague.get(f"{path}/{verb}").status_code == 404
        assert colleague.post(f"{path}/{verb}", {"name": "Mine"}).status_code == 404
    assert Passkey.get().name == "Phone"
    assert "Phone" not in colleague.get(HOME).text


def test_what_was_not_made_here_is_said(root: Keeper) -> None:
    page = root.post(PASSKEYS, {"credential": "[]", "name": "Laptop"})
    assert page.status_code == 422
    assert "The passkey was not added." in page.text
    assert root.post(PASSKEYS, {"credential": "[]", "name": "x" * 81}).status_code == 422
    assert Passkey.select().count() == 0


# --- Recovery codes ---------------------------------------------------------------------------------------------------


def test_new_codes_end_the_old_ones_and_are_shown_once(root: Keeper, cast: Cast) -> None:
    _, done = set_up(root)
    old = CODE.findall(done.text)
    assert "The 10 codes that are left are good no more." in root.get(f"{CODES}/new").text
    new = CODE.findall(root.post(CODES).text)
    assert not set(old) & set(new)
    assert RecoveryCode.select().count() == 10
    assert not any(shown in root.get(HOME).text for shown in new)


def test_without_a_factor_there_are_no_codes(root: Keeper) -> None:
    assert root.get(f"{CODES}/new").status_code == 404
    assert root.post(CODES).status_code == 404
    assert RecoveryCode.select().count() == 0


# --- The door ---------------------------------------------------------------------------------------------------------

PAGES = (HOME, f"{APP}/new", f"{APP}/delete", f"{PASSKEYS}/new", f"{PASSKEYS}/abc/edit", f"{CODES}/new")
FORMS = (APP, f"{APP}/delete", PASSKEYS, f"{PASSKEYS}/abc/edit", f"{PASSKEYS}/abc/delete", CODES)


@pytest.mark.parametrize("path", PAGES)
def test_nobody_else_comes_in(app: Flask, cast: Cast, path: str) -> None:
    for browser in (Keeper(app), Browser(app, "http://localhost:8000").sign_in(cast.ada)):
        assert browser.get(path).headers["Location"].startswith("/admin/sign-in")


@pytest.mark.parametrize("path", FORMS)
def test_nobody_elses_form_changes_anything(app: Flask, cast: Cast, path: str) -> None:
    browser = Browser(app, "http://localhost:8000").sign_in(cast.ada)
    assert browser.post(path, {"name": "x"}).headers["Location"].startswith("/admin/sign-in")
    assert browser.post(path, token="").status_code == 400


@pytest.mark.parametrize("path", [path for path in PAGES if path != HOME])
def test_after_a_while_one_proves_again_who_one_is(root: Keeper, clock: Clock, path: str) -> None:
    clock.forward(minutes=16)
    assert root.get(path).headers["Location"].startswith("/admin/prove?next=")
    assert root.get(HOME).status_code == 200


@pytest.mark.parametrize("path", FORMS)
def test_a_form_of_who_proved_nothing_lately_changes_nothing(root: Keeper, clock: Clock, path: str) -> None:
    set_up(root)
    clock.forward(minutes=31)
    assert root.post(path, {"name": "x"}).headers["Location"].startswith("/admin/prove")
    assert (RecoveryCode.select().count(), Passkey.select().count()) == (10, 0)
    assert second_factors.has_totp(Staff.get())


def test_a_session_of_staff_ends_with_its_factor_elsewhere(root: Keeper, cast: Cast, clock: Clock) -> None:
    token = sessions.begin(cast.root, now=clock.now)
    set_up(root)
    assert sessions.find(token, clock.now) is None
