"""The merchant's people, among themselves."""

from __future__ import annotations

from datetime import datetime

import pytest
from flask import Flask

from billing import people
from models import Letter, Session, Staff
from tests.blueprints.conftest import Clock
from tests.browser import Browser
from tests.cast import Cast

HOME = "/admin/settings/people"
DEEDS = ("links", "unlock", "sessions/end", "second-factor/delete", "delete")


@pytest.fixture
def sue(cast: Cast, app: Flask, now: datetime) -> Staff:
    return people.make_staff("sue@hartwell.example", name="Sue", by=cast.root, now=now)


def test_somebody_is_added_and_mailed_a_link(root: Browser, cast: Cast) -> None:
    root.get(HOME)
    answer = root.post(HOME, {"email": "Sue@hartwell.example", "name": "Sue", "password_hash": "x", "id": "1"})
    assert answer.headers["Location"] == HOME
    sue = Staff.get(Staff.email == "sue@hartwell.example")
    assert (sue.name, sue.password_hash) == ("Sue", None)
    assert (Letter.get().kind, Letter.get().staff) == ("sign_in", sue)
    assert "sue@hartwell.example" in root.follow().text


@pytest.mark.parametrize(
    ("typed", "said"), [("root@hartwell.example", "They are in the list already."), ("sue", "Enter an e-mail")]
)
def test_who_cannot_be_added_is_said(root: Browser, typed: str, said: str) -> None:
    answer = root.post(HOME, {"email": typed})
    assert (answer.status_code, said in answer.text) == (422, True)
    assert Staff.select().count() == 1


def test_customers_and_visitors_see_nothing_of_it(visitor: Browser, ada: Browser, sue: Staff) -> None:
    for browser in (visitor, ada):
        for path in ("", f"/{sue.id}", f"/{sue.id}/delete", f"/{sue.id}/second-factor/delete"):
            assert browser.get(HOME + path).headers["Location"].startswith("/admin/sign-in")
        for path in ("", *(f"/{sue.id}/{deed}" for deed in DEEDS)):
            answer = browser.post(HOME + path, {"email": "evil@evil.example"})
            assert answer.headers["Location"].startswith("/admin/sign-in")
    assert len(people.all_staff()) == 2


def test_who_proved_it_long_ago_proves_it_again(root: Browser, sue: Staff, clock: Clock) -> None:
    root.get("/admin")
    clock.forward(minutes=31)
    for path in ("", *(f"/{sue.id}/{deed}" for deed in DEEDS)):
        assert root.post(HOME + path, {"email": "x@y.example"}).headers["Location"].startswith("/admin/prove")
    assert len(people.all_staff()) == 2


def test_no_form_goes_without_its_token(root: Browser, sue: Staff) -> None:
    for path in ("", *(f"/{sue.id}/{deed}" for deed in DEEDS)):
        assert root.post(HOME + path, {"email": "x@y.example"}, token="").status_code == 400


def test_somebody_is_removed_and_out_at_once(root: Browser, app: Flask, sue: Staff) -> None:
    hers = Browser(app).sign_in(sue)
    assert hers.get("/admin").status_code == 200
    assert "Remove Sue?" in root.get(f"{HOME}/{sue.id}/delete").text

    assert root.post(f"{HOME}/{sue.id}/delete").headers["Location"] == HOME

    assert hers.get("/admin").headers["Location"].startswith("/admin/sign-in")
    assert root.get(f"{HOME}/{sue.id}").status_code == 404


def test_nobody_removes_or_resets_themself(root: Browser, cast: Cast, sue: Staff) -> None:
    for path in ("delete", "second-factor/delete"):
        assert root.get(f"{HOME}/{cast.root.id}/{path}").status_code == 403
        assert root.post(f"{HOME}/{cast.root.id}/{path}").status_code == 403
    assert len(people.all_staff()) == 2


def test_somebody_locked_out_is_unlocked(root: Browser, sue: Staff, now: datetime) -> None:
    Staff.update(locked_at=now, failed_sign_ins=10).where(Staff.id == sue.id).execute()
    assert "locked out" in root.get(HOME).text
    root.post(f"{HOME}/{sue.id}/unlock")
    assert Staff.get_by_id(sue.id).locked_at is None


def test_a_lost_second_factor_is_reset(root: Browser, app: Flask, sue: Staff, now: datetime) -> None:
    Browser(app).sign_in(sue)
    Staff.update(totp_secret="sealed").where(Staff.id == sue.id).execute()
    assert "Reset their second factor" in root.get(f"{HOME}/{sue.id}").text

    root.post(f"{HOME}/{sue.id}/second-factor/delete")

    assert Staff.get_by_id(sue.id).totp_secret is None
    assert Session.get(Session.staff == sue).ended_at == now
    assert Letter.get().kind == "factor_changed"


def test_somebody_is_signed_out_everywhere(root: Browser, app: Flask, cast: Cast, sue: Staff) -> None:
    hers = Browser(app).sign_in(sue)
    root.post(f"{HOME}/{sue.id}/sessions/end")
    assert hers.get("/admin").headers["Location"].startswith("/admin/sign-in")
    root.post(f"{HOME}/{cast.root.id}/sessions/end")
    assert root.get("/admin").status_code == 200  # this browser stays


def test_nobody_is_not_there(root: Browser) -> None:
    for id in ("99", "99999999999999999999", "x"):
        assert root.get(f"{HOME}/{id}").status_code == 404
        assert root.post(f"{HOME}/{id}/delete").status_code == 404
