"""Proving again who one is, and going on to where one was going."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing import history, links, passwords, settings, sign_ins
from models import History, Letter, Person, Session, SignIn, Staff
from tests.blueprints.conftest import Clock
from tests.browser import Browser
from tests.cast import Cast

GOOD = "three hedges and a gate"
NEXT = {"next": "/account/sign-in/user-id"}


@pytest.fixture
def later(ada: Browser, root: Browser, cast: Cast, clock: Clock) -> None:
    """An hour after both signed in; both have a password."""
    for who, session in ((cast.ada, Session.person == cast.ada), (cast.root, Session.staff == cast.root)):
        passwords.choose(who, GOOD, by=history.COMMAND, now=clock.now, keep=Session.get(session))
    ada.get("/nowhere")
    root.get("/admin/nowhere")
    clock.forward(hours=1)


def proved_at(person: Person | Staff) -> object:
    theirs = Session.person == person if isinstance(person, Person) else Session.staff == person
    return Session.select().where(theirs).order_by(Session.id.desc()).get().proved_at


def test_the_right_password_leads_on(ada: Browser, cast: Cast, clock: Clock, later: None) -> None:
    page = ada.get("/account/prove?next=/account/sign-in/user-id").text
    assert 'name="next" value="/account/sign-in/user-id"' in page
    answer = ada.post("/account/prove", {"password": GOOD, **NEXT})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/sign-in/user-id")
    assert proved_at(cast.ada) == clock.now
    assert ada.follow().status_code == 200
    assert History.select().where(History.event == "proved_again").count() == 1


def test_a_wrong_password_is_told_and_counted_up_to_the_lock(
    ada: Browser, cast: Cast, clock: Clock, later: None
) -> None:
    answer = ada.post("/account/prove", {"password": "not the right one", **NEXT})
    assert answer.status_code == 422
    assert "That is not right" in answer.text
    assert 'value="/account/sign-in/user-id"' in answer.text
    assert Person.get_by_id(cast.ada.id).failed_sign_ins == 1
    for _ in range(9):
        clock.forward(minutes=1)
        ada.post("/account/prove", {"password": "not the right one"})
    assert Person.get_by_id(cast.ada.id).locked_at == clock.now
    assert ada.get("/account/prove").headers["Location"].startswith("/sign-in")
    assert Letter.select().where(Letter.kind == "locked").count() == 1


@pytest.mark.parametrize("next", ["https://evil.example", "//evil.example", "/sign-out", "/account/prove", "\\evil"])
def test_nobody_is_led_away(ada: Browser, later: None, next: str) -> None:
    answer = ada.post("/account/prove", {"password": GOOD, "next": next})
    assert answer.headers["Location"] == "/account/sign-in"


def test_a_mailed_code_proves_it_without_signing_in_anew(ada: Browser, cast: Cast, clock: Clock, later: None) -> None:
    before = ada.cookie(), Session.select().count()
    assert "Send me a code" in ada.get("/account/prove").text
    answer = ada.post("/account/prove/mail", NEXT)
    assert answer.headers["Location"] == "/account/prove?next=/account/sign-in/user-id&mailed=1"
    assert "a•••@acme.example" in ada.follow().text
    row = SignIn.select().order_by(SignIn.id.desc()).get()
    wrong = ada.post("/account/prove/code", {"code": "12345", **NEXT})
    assert (wrong.status_code, "That code is not right" in wrong.text) == (422, True)
    answer = ada.post("/account/prove/code", {"code": sign_ins.code_of(row), **NEXT})
    assert answer.headers["Location"] == "/account/sign-in/user-id"
    assert proved_at(cast.ada) == clock.now
    assert (ada.cookie(), Session.select().count()) == before
    again = ada.post("/account/prove/code", {"code": sign_ins.code_of(row)})
    assert again.status_code == 422


def test_another_persons_code_proves_nothing(ada: Browser, cast: Cast, clock: Clock, later: None) -> None:
    sign_ins.ask("mallory@globex.example", "", now=clock.now)
    theirs = sign_ins.code_of(SignIn.select().order_by(SignIn.id.desc()).get())
    ada.post("/account/prove/mail")
    if theirs != sign_ins.code_of(SignIn.select().order_by(SignIn.id.desc()).get()):
        assert ada.post("/account/prove/code", {"code": theirs}).status_code == 422
    assert proved_at(cast.ada) == clock.now - timedelta(hours=1)


def test_where_passwords_alone_sign_in_there_is_no_code(ada: Browser, clock: Clock, later: None) -> None:
    settings.save({"sign_in_by": "password"}, by=history.COMMAND, now=clock.now)
    assert "Send me a code" not in ada.get("/account/prove").text
    assert ada.post("/account/prove/mail").status_code == 404
    assert ada.post("/account/prove/code", {"code": "123456"}).status_code == 404


def test_where_mails_alone_sign_in_there_is_no_password(ada: Browser, clock: Clock, later: None) -> None:
    settings.save({"sign_in_by": "mail"}, by=history.COMMAND, now=clock.now)
    assert 'type="password"' not in ada.get("/account/prove").text
    assert ada.post("/account/prove", {"password": GOOD}).status_code == 404


def test_a_made_up_passkey_proves_nothing(ada: Browser, root: Browser, cast: Cast, clock: Clock, later: None) -> None:
    assert ada.post("/account/prove/passkey", {"credential": "{}"}).status_code == 422
    assert root.post("/admin/prove/passkey", {"credential": "{}"}).status_code == 422
    assert proved_at(cast.ada) == clock.now - timedelta(hours=1)


def test_staff_prove_it_by_password(root: Browser, cast: Cast, clock: Clock, later: None) -> None:
    way = root.get("/admin/settings/security/app/new").headers["Location"]
    assert way == "/admin/prove?next=%2Fadmin%2Fsettings%2Fsecurity%2Fapp%2Fnew"
    assert root.post("/admin/prove", {"password": "wrong"}).status_code == 422
    assert Staff.get_by_id(cast.root.id).failed_sign_ins == 1
    answer = root.post("/admin/prove", {"password": GOOD, "next": "/admin/settings/security/app/new"})
    assert answer.headers["Location"] == "/admin/settings/security/app/new"
    assert root.follow().status_code == 200


def test_staff_may_have_a_link_mailed_that_leads_on(root: Browser, cast: Cast, clock: Clock, later: None) -> None:
    answer = root.post("/admin/prove/mail", {"next": "/admin/settings/security/codes/new"})
    assert answer.headers["Location"] == "/admin/prove?next=/admin/settings/security/codes/new&mailed=1"
    assert "r•••@hartwell.example" in root.follow().text
    row = SignIn.select().order_by(SignIn.id.desc()).get()
    assert (row.staff, row.next) == (cast.root, "/admin/settings/security/codes/new")
    link = links.sign_in(row.id).removeprefix(root.url)
    root.get(link)
    assert root.post(link).headers["Location"] == "/admin/settings/security/codes/new"
    assert proved_at(cast.root) == clock.now


@pytest.mark.parametrize("path", ["/account/prove", "/account/prove/mail", "/account/prove/code", "/admin/prove"])
def test_who_is_not_signed_in_is_led_to_sign_in(visitor: Browser, path: str) -> None:
    assert "/sign-in" in visitor.post(path).headers["Location"]
    assert visitor.post(path, token="").status_code == 400
