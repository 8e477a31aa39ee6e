from __future__ import annotations

from datetime import timedelta

from models import Customer, Membership
from tests.blueprints.conftest import Clock
from tests.browser import Browser
from tests.cast import Cast


def test_the_page_says_who_the_customer_is(ada: Browser, cast: Cast) -> None:
    Customer.update(
        address={"lines": ["14 Dock Street"], "postcode": "LS10 1JF", "city": "Leeds", "country": "United Kingdom"},
        email="ap@acme.example",
        phone="0113 496 0000",
        vat_number="GB987654321",
    ).where(Customer.id == cast.acme.customer_id).execute()
    page = ada.get("/account").text
    for said in ("Acme Ltd", "14 Dock Street", "LS10 1JF Leeds", "ap@acme.example", "GB987654321", "EUR"):
        assert said in page


def test_the_page_says_who_may_see_the_account_and_how_far(ada: Browser, cast: Cast) -> None:
    page = ada.get("/account").text
    assert "ada@acme.example" in page
    assert "(you)" in page
    assert "look and pay" in page
    assert "vic@acme.example" in page
    assert "mallory" not in page


def test_whose_access_has_ended_is_not_there(ada: Browser, cast: Cast, clock: Clock) -> None:
    Membership.update(expires_at=clock.now - timedelta(1)).where(Membership.person == cast.vic).execute()
    assert "vic@acme.example" not in ada.get("/account").text


def test_a_viewer_may_look(vic: Browser) -> None:
    assert vic.get("/account").status_code == 200


def test_a_stranger_signs_in_first(visitor: Browser) -> None:
    assert visitor.get("/account").headers["Location"] == "/sign-in?next=%2Faccount"


def test_the_page_is_only_read(ada: Browser) -> None:
    assert ada.post("/account").status_code == 405
