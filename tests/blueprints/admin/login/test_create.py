from __future__ import annotations

import html

import pytest
from werkzeug.test import TestResponse

from billing import history, passwords, settings
from models import Letter, Session, SignIn, Staff
from tests.blueprints.conftest import Clock
from tests.browser import Browser
from tests.cast import Cast

PASSWORD = "a long enough password"


@pytest.fixture
def staffer(visitor: Browser, cast: Cast, clock: Clock) -> Browser:
    """Root's browser, not signed in; Root has a password."""
    passwords.choose(cast.root, PASSWORD, by=cast.root, now=clock.now)
    visitor.get("/admin/sign-in")
    return visitor


def by_password(
    browser: Browser, email: str = "root@hartwell.example", password: str = PASSWORD, **fields: str
) -> TestResponse:
    return browser.post("/admin/sign-in", {"email": email, "password": password, "by": "password", **fields})


def test_the_page_takes_a_password_or_sends_a_link(visitor: Browser) -> None:
    page = visitor.get("/admin/sign-in?next=/admin/invoices").text

    assert 'autocomplete="current-password"' in page
    assert 'value="link"' in page
    assert 'name="next" value="/admin/invoices"' in page
    assert visitor.cookie("portal_staff")
    assert visitor.cookie() is None


def test_a_password_signs_in(staffer: Browser, cast: Cast) -> None:
    before = staffer.cookie("portal_staff")

    answer = by_password(staffer, next="/admin/invoices")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/invoices")
    assert Session.get().staff == cast.root
    assert staffer.cookie("portal_staff") != before


def test_a_way_back_to_another_host_is_dropped(staffer: Browser) -> None:
    assert by_password(staffer, next="//evil.example").headers["Location"] == "/admin"


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("root@hartwell.example", "not the password"),
        ("nobody@hartwell.example", PASSWORD),
        ("ada@acme.example", PASSWORD),
        ("root@hartwell.example", PASSWORD + " "),
    ],
)
def test_wrong_and_unknown_read_the_same(staffer: Browser, email: str, password: str) -> None:
    answer = by_password(staffer, email, password)

    assert answer.status_code == 422
    assert "The address or the password is not right." in html.unescape(answer.text)
    assert f'value="{email}"' in answer.text
    assert password not in answer.text
    assert Session.select().count() == 0


def test_a_locked_one_reads_the_same(staffer: Browser, clock: Clock) -> None:
    Staff.update(locked_at=clock.now).execute()

    assert by_password(staffer).status_code == 422


def test_no_password_is_said(staffer: Browser) -> None:
    answer = by_password(staffer, password="")

    assert answer.status_code == 422
    assert "Enter your password, or have a link sent." in answer.text


def test_a_link_is_mailed_to_staff_alone(staffer: Browser, cast: Cast) -> None:
    for email in ("root@hartwell.example", "nobody@hartwell.example", "ada@acme.example"):
        answer = staffer.post("/admin/sign-in", {"email": email, "by": "link"})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/sign-in/sent")
    assert "<h1>Look in your mail</h1>" in staffer.follow().text

    assert [letter.to for letter in Letter.select().where(Letter.kind == "sign_in")] == ["root@hartwell.example"]
    assert SignIn.get().staff == cast.root


def test_guessing_is_throttled_and_what_was_typed_stays(staffer: Browser) -> None:
    for _ in range(5):
        by_password(staffer, password="wrong")

    answer = by_password(staffer)

    assert answer.status_code == 429
    assert 'value="root@hartwell.example"' in answer.text
    assert Session.select().count() == 0


def test_it_goes_on_while_the_portal_is_off(staffer: Browser, clock: Clock) -> None:
    settings.save({"portal_enabled": False}, by=history.COMMAND, now=clock.now)

    assert staffer.get("/admin/sign-in").status_code == 200
    assert by_password(staffer).status_code == 303


def test_it_needs_the_form_token(staffer: Browser) -> None:
    answer = staffer.post("/admin/sign-in", {"email": "root@hartwell.example", "password": PASSWORD}, token="")

    assert answer.status_code == 400


def test_who_is_signed_in_goes_on(root: Browser) -> None:
    assert root.get("/admin/sign-in").headers["Location"] == "/admin"


def test_signing_out_ends_the_row(root: Browser, cast: Cast) -> None:
    stolen = root.cookie("portal_staff")

    answer = root.post("/admin/sign-out")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/sign-in?signed_out=1")
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert Session.get(Session.staff == cast.root).ended_at is not None
    assert stolen
    assert root.cookie("portal_staff") is None
    assert "You are signed out." in root.follow().text


def test_no_other_method_is_answered(visitor: Browser) -> None:
    assert visitor.ask("PUT", "/admin/sign-in").status_code == 405
    assert visitor.ask("GET", "/admin/sign-out").status_code == 405


def test_signing_in_again_by_a_link_ends_the_session_before(root: Browser, cast: Cast) -> None:
    before = Session.get(Session.staff == cast.root.id)

    root.sign_in(cast.root)

    assert Session.get_by_id(before.id).ended_at is not None
    assert root.get("/admin").status_code == 200
