from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp
import pytest

from billing import access, passkeys, passwords, second_factors, secrets_kept, sessions, settings
from billing.errors import FactorRefused
from billing.history import Actor
from database import transaction
from environ import Environ
from models import History, Letter, RecoveryCode, Staff
from tests.authenticator import ORIGIN, Authenticator
from tests.cast import Cast

SECONDS = 1_800_000_015.0  # in the middle of a step; the wall clock, whatever `now` is
ROOT_FROM = Actor("staff", 1, "203.0.113.9")


@pytest.fixture
def root(cast: Cast, env: Environ) -> Staff:
    return cast.root


def code(secret: str, seconds: float = SECONDS) -> str:
    return pyotp.TOTP(secret.replace(" ", "")).generate_otp(int(seconds // 30))


def set_up(root: Staff, now: datetime, seconds: float = SECONDS - 300) -> str:
    offer = second_factors.offer(root, site="Hartwell", now=now)
    second_factors.set_totp(root, offer.sealed, code(offer.secret, seconds), seconds=seconds, by=root, now=now)
    return offer.secret


def check(root: Staff, typed: str, now: datetime, seconds: float = SECONDS) -> str:
    return second_factors.check(root, typed, seconds=seconds, by=ROOT_FROM, now=now, settings=settings.load())


def refused(root: Staff, typed: str, now: datetime, seconds: float = SECONDS) -> None:
    with pytest.raises(FactorRefused) as caught:
        check(root, typed, now, seconds)
    assert caught.value.code == "factor_refused"


def events() -> list[str]:
    return [row.event for row in History.select().where(History.subject_kind == "staff").order_by(History.id)]


def told() -> list[str]:
    return [row.details["what"] for row in Letter.select().where(Letter.kind == "factor_changed").order_by(Letter.id)]


# --- Setting it up ----------------------------------------------------------------------------------------------------


def test_an_app_counts_once_a_code_of_it_was_given(root: Staff, now: datetime) -> None:
    offer = second_factors.offer(root, site="Hartwell", now=now)
    assert not second_factors.has_factor(root)
    with pytest.raises(FactorRefused, match="factor_refused"):
        second_factors.set_totp(root, offer.sealed, "000000", seconds=SECONDS, by=root, now=now)
    assert not second_factors.is_owed(root)
    second_factors.set_totp(root, offer.sealed, code(offer.secret), seconds=SECONDS, by=root, now=now)
    assert second_factors.is_owed(root)
    assert events() == ["totp_set"]
    assert told() == ["totp_set"]


def test_the_app_takes_in_who_and_where(root: Staff, now: datetime) -> None:
    offer = second_factors.offer(root, site="Hartwell & Söhne", now=now)
    address = urlsplit(offer.address)
    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    assert unquote(address.path) == "/Hartwell & Söhne:root@hartwell.example"
    assert parse_qs(address.query)["secret"] == [offer.secret.replace(" ", "")]
    assert len(offer.secret.replace(" ", "")) == 32  # 160 bits


def test_the_secret_is_kept_sealed_and_for_its_owner(root: Staff, now: datetime) -> None:
    secret = set_up(root, now).replace(" ", "")
    kept = Staff.get_by_id(root.id).totp_secret
    assert secret not in kept
    assert secrets_kept.unseal("totp", kept) == f"{root.id} {secret}"
    other = Staff.create(email="second@hartwell.example", name="Second", created_at=now, totp_secret=kept)
    refused(other, code(secret), now)


def test_an_offer_is_for_one_and_for_a_quarter_of_an_hour(root: Staff, now: datetime) -> None:
    other = Staff.create(email="second@hartwell.example", name="Second", created_at=now)
    offer = second_factors.offer(root, site="Hartwell", now=now)
    assert second_factors.offered(root, offer.sealed, site="Hartwell", now=now) == offer
    late = now + second_factors.OFFER_LIFE
    for who, sealed, at in ((other, offer.sealed, now), (root, offer.sealed, late), (root, "made up", now)):
        with pytest.raises(FactorRefused, match="offer_over"):
            second_factors.set_totp(who, sealed, code(offer.secret), seconds=SECONDS, by=who, now=at)
    assert not second_factors.has_factor(root)


def test_other_browsers_are_signed_out_when_the_app_changes(root: Staff, now: datetime) -> None:
    elsewhere = sessions.begin(root, now=now)
    here = sessions.begin(root, now=now)
    offer = second_factors.offer(root, site="Hartwell", now=now)
    second_factors.set_totp(
        root, offer.sealed, code(offer.secret), seconds=SECONDS, by=root, now=now, but=sessions.find(here, now)
    )
    assert sessions.find(elsewhere, now) is None
    assert sessions.find(here, now) is not None
    second_factors.remove_totp(root, by=root, now=now)
    assert sessions.find(here, now) is None


# --- Asked for --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [-30, 0, 30])
def test_a_code_of_about_now_is_right(root: Staff, now: datetime, late: int) -> None:
    secret = set_up(root, now)
    assert check(root, code(secret, SECONDS + late), now) == "totp"
    assert events()[-1] == "factor_accepted"


@pytest.mark.parametrize("late", [-60, 60, -3600, 86400])
def test_a_code_of_another_time_is_wrong(root: Staff, now: datetime, late: int) -> None:
    secret = set_up(root, now)
    refused(root, code(secret, SECONDS + late), now)


def test_the_portals_own_time_moves_no_code(root: Staff, now: datetime) -> None:
    secret = set_up(root, now)
    assert check(root, code(secret), now + timedelta(days=400)) == "totp"


def test_a_code_is_good_once_and_takes_the_older_ones_with_it(root: Staff, now: datetime) -> None:
    secret = set_up(root, now)
    check(root, code(secret), now)
    refused(root, code(secret), now)
    refused(root, code(secret, SECONDS - 30), now)
    assert check(root, code(secret, SECONDS + 30), now, SECONDS + 30) == "totp"


def test_the_code_that_confirmed_the_app_signs_nobody_in(root: Staff, now: datetime) -> None:
    secret = set_up(root, now, SECONDS)
    refused(root, code(secret), now)


def test_a_code_may_be_typed_as_it_is_shown(root: Staff, now: datetime) -> None:
    digits = code(set_up(root, now))
    assert check(root, f" {digits[:3]} {digits[3:]} ", now) == "totp"


@pytest.mark.parametrize("typed", ["", " ", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "\x00", "0" * 10_000, "-"])
def test_whatever_else_is_typed_is_wrong(root: Staff, now: datetime, typed: str) -> None:
    set_up(root, now)
    second_factors.make_codes(root, by=root, now=now)
    refused(root, typed, now)


def test_wrong_ones_count_towards_the_lock(root: Staff, now: datetime) -> None:
    secret = set_up(root, now)
    for _ in range(10):
        refused(root, "000000", now)
    assert Staff.get_by_id(root.id).locked_at is not None
    refused(root, code(secret), now)


def test_a_right_code_comes_too_late_after_the_tenth_wrong_one(
    root: Staff, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = set_up(root, now)
    judge = access.is_locked

    def locked_right_after(who: Staff, *given: Any) -> bool:
        found = judge(who, *given)
        Staff.update(locked_at=now).where(Staff.id == who.id).execute()  # by guesses made at the same time
        return found

    monkeypatch.setattr(access, "is_locked", locked_right_after)
    refused(root, code(secret), now)


def test_a_right_password_in_between_does_not_end_the_count(root: Staff, now: datetime) -> None:
    set_up(root, now)
    passwords.choose(root, "correct horse battery staple", by=root, now=now)
    for _ in range(9):
        refused(root, "000000", now)
    typed: Any = {"by": ROOT_FROM, "now": now, "settings": settings.load()}
    passwords.check_staff(root.email, "correct horse battery staple", **typed)
    assert Staff.get_by_id(root.id).failed_sign_ins == 9
    refused(root, "000000", now)
    assert Staff.get_by_id(root.id).locked_at is not None


def test_a_right_one_ends_the_count(root: Staff, now: datetime) -> None:
    secret = set_up(root, now)
    refused(root, "000000", now)
    check(root, code(secret), now)
    assert Staff.get_by_id(root.id).failed_sign_ins == 0


def test_without_an_app_no_code_is_right(root: Staff, now: datetime) -> None:
    secret = set_up(root, now)
    second_factors.remove_totp(root, by=root, now=now)
    refused(root, code(secret), now)
    assert not second_factors.has_factor(root)
    assert told() == ["totp_set", "totp_removed"]


def test_removing_what_is_not_there_says_nothing(root: Staff, now: datetime) -> None:
    second_factors.remove_totp(root, by=root, now=now)
    assert (events(), told()) == ([], [])


# --- Recovery codes ---------------------------------------------------------------------------------------------------


def test_each_recovery_code_is_good_once(root: Staff, now: datetime) -> None:
    set_up(root, now)
    codes = second_factors.make_codes(root, by=root, now=now)
    assert len(set(codes)) == 10
    assert check(root, codes[3], now) == "recovery"
    refused(root, codes[3], now)
    assert second_factors.codes_left(root) == 9
    assert check(root, codes[4].lower().replace("-", " "), now) == "recovery"
    assert told()[-2:] == ["code_used", "code_used"]


def test_misread_letters_are_read_as_what_they_look_like(
    root: Staff, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_factors, "ALPHABET", "01")
    set_up(root, now)
    first = second_factors.make_codes(root, by=root, now=now)[0]
    assert check(root, first.replace("0", "o").replace("1", "l"), now) == "recovery"


def test_recovery_codes_are_kept_as_marks(root: Staff, now: datetime) -> None:
    codes = second_factors.make_codes(root, by=root, now=now)
    kept = " ".join(row.code_hash for row in RecoveryCode.select())
    assert not any(code.replace("-", "").lower() in kept for code in codes)
    assert all(len(code.replace("-", "")) == 24 for code in codes)  # 120 bits


def test_new_ones_end_the_old_ones(root: Staff, now: datetime) -> None:
    set_up(root, now)
    old = second_factors.make_codes(root, by=root, now=now)
    new = second_factors.make_codes(root, by=root, now=now + timedelta(minutes=1))
    refused(root, old[0], now)
    assert check(root, new[0], now) == "recovery"


def test_each_use_is_told_after_new_ones_too(root: Staff, now: datetime) -> None:
    set_up(root, now)
    for minute in range(2):
        codes = second_factors.make_codes(root, by=root, now=now + timedelta(minutes=minute))
        check(root, codes[0], now + timedelta(minutes=minute))
    assert told()[1:] == ["codes_made", "code_used"] * 2


def test_a_colleagues_code_is_wrong(root: Staff, now: datetime) -> None:
    other = Staff.create(email="second@hartwell.example", name="Second", created_at=now)
    codes = second_factors.make_codes(other, by=other, now=now)
    set_up(root, now)
    refused(root, codes[0], now)


def test_they_go_with_the_app_unless_a_passkey_is_left(root: Staff, now: datetime) -> None:
    set_up(root, now)
    options = passkeys.registration_options(root, host="localhost", token="a" * 43, site="", now=now)
    row = passkeys.register(
        root,
        Authenticator().create(options),
        host="localhost",
        origin=ORIGIN,
        token="a" * 43,
        name="",
        by=root,
        now=now,
    )
    second_factors.make_codes(root, by=root, now=now)
    second_factors.remove_totp(root, by=root, now=now)
    assert (second_factors.has_factor(root), second_factors.codes_left(root)) == (True, 10)
    passkeys.remove(row, by=root, now=now)
    assert (second_factors.has_factor(root), second_factors.codes_left(root)) == (False, 0)


# --- The way back -----------------------------------------------------------------------------------------------------


def test_a_reset_leaves_nothing_of_it_and_is_told(root: Staff, now: datetime) -> None:
    set_up(root, now)
    second_factors.make_codes(root, by=root, now=now)
    with transaction():
        assert second_factors.forget(root, by=Actor("command"), now=now) is not None
    assert (second_factors.has_factor(root), second_factors.codes_left(root)) == (False, 0)
    assert told()[-1] == "totp_removed"
    with transaction():
        assert second_factors.forget(root, by=Actor("command"), now=now) is None
