from __future__ import annotations

from models import Connection
from tests.blueprints.conftest import Clock
from tests.blueprints.payments.test_new import keep
from tests.browser import Browser
from tests.cast import Cast


def test_what_is_kept_stands_by_its_masked_name(
    ada: Browser, vic: Browser, cast: Cast, desk: Connection, clock: Clock
) -> None:
    keep(cast, desk, clock, expires_year=2029, expires_month=8, token="very-secret")
    keep(cast, desk, clock, public_id="M-2", token="t2", last4="9995", is_default=False, refused_at=clock.now)
    page = ada.get("/payment-methods").text
    assert "Visa ending 4242" in page
    assert "08/2029" in page
    assert "Offered first" in page
    assert "Visa ending 9995" in page
    assert "Cannot be used any more" in page
    assert "very-secret" not in page
    assert "Visa ending 4242" in vic.get("/payment-methods").text


def test_a_bank_account_does_not_expire(ada: Browser, cast: Cast, desk: Connection, clock: Clock) -> None:
    keep(cast, desk, clock, kind="bank_debit", brand="", last4="3000")
    page = ada.get("/payment-methods").text
    assert "Bank account ending 3000" in page
    assert "Does not expire" in page
    assert "–" not in page


def test_with_none_kept_the_page_says_how_one_comes(ada: Browser) -> None:
    assert "No card or bank account is kept." in ada.get("/payment-methods").text


def test_mallory_does_not_see_them(mallory: Browser, cast: Cast, desk: Connection, clock: Clock) -> None:
    keep(cast, desk, clock)
    assert "4242" not in mallory.get("/payment-methods").text


def test_a_stranger_signs_in_first(visitor: Browser) -> None:
    assert visitor.get("/payment-methods").status_code == 303


def test_the_page_is_only_read(ada: Browser) -> None:
    assert ada.post("/payment-methods").status_code == 405
