from __future__ import annotations

from models import Session
from tests.browser import Browser
from tests.cast import Cast


def test_signing_out_ends_the_row_and_takes_the_cookie(ada: Browser, cast: Cast) -> None:
    answer = ada.post("/sign-out")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in?signed_out=1")
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert Session.get().ended_at is not None
    assert ada.cookie() is None
    assert "You are signed out." in ada.follow().text
    assert ada.name() is None


def test_a_cookie_stolen_before_is_refused_after(ada: Browser, visitor: Browser) -> None:
    stolen = ada.cookie()
    assert stolen
    visitor.client.set_cookie("portal", stolen, domain="127.0.0.1")
    assert visitor.name() == "Ada Acme"

    ada.post("/sign-out")

    assert visitor.name() is None


def test_the_other_phone_stays_signed_in(ada: Browser, cast: Cast) -> None:
    phone = Browser(ada.client.application).sign_in(cast.ada)

    ada.post("/sign-out")

    assert phone.name() == "Ada Acme"


def test_the_merchants_own_session_goes_on(ada: Browser, cast: Cast) -> None:
    ada.sign_in(cast.root)

    ada.post("/sign-out")

    assert Session.get(Session.staff == cast.root).ended_at is None
    assert ada.cookie("portal_staff")


def test_who_is_not_signed_in_is_signed_out_already(visitor: Browser) -> None:
    assert visitor.post("/sign-out").status_code == 303


def test_another_site_cannot_sign_anybody_out(ada: Browser) -> None:
    assert ada.post("/sign-out", token="").status_code == 400
    assert ada.ask("GET", "/sign-out").status_code == 405
    assert Session.get().ended_at is None


def test_htmx_goes_to_the_whole_page(ada: Browser) -> None:
    assert ada.post("/sign-out", htmx=True).headers["HX-Redirect"] == "/sign-in?signed_out=1"
