"""How often one taps from the link in an invoice's mail: twice to have paid where one is signed in, four times to the
pay panel the first time, nothing typed; with JavaScript and without.
"""

from __future__ import annotations

import time
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from billing import links
from models import Invoice, SignIn
from tests.journeys.conftest import CHROMIUM, PATIENCE, House
from tests.journeys.test_paying import PHONE, assert_paid, come_in, pages, store_one  # noqa: F401

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="BROWSER TESTS SKIPPED: there is no /usr/bin/chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


class Thumb:
    """A person who taps and never types."""

    def __init__(self, page: Page) -> None:
        self.page, self.taps = page, 0

    def open_from_mail(self, address: str) -> None:
        self.taps += 1
        self.page.goto(address)

    def tap(self, what: Locator) -> None:
        self.taps += 1
        what.click()


@pytest.mark.parametrize("scripts", [False, True])
def test_signed_in_two_taps_pay_an_invoice_from_its_mail(house: House, pages: Any, scripts: bool) -> None:  # noqa: F811
    if house.stored() is None:
        store_one(house, pages)
    invoice = house.bill(7700)
    page = pages(viewport=PHONE, java_script_enabled=scripts)
    come_in(page, house)
    thumb = Thumb(page)
    thumb.open_from_mail(links.pay(invoice.id, house.cast.ada.id))
    assert_panel(page, invoice)
    thumb.tap(page.get_by_role("button", name="Pay €77.00"))
    assert_paid(page, invoice)
    assert thumb.taps == 2


@pytest.mark.parametrize("scripts", [False, True])
def test_the_first_time_four_taps_lead_to_the_panel(house: House, pages: Any, scripts: bool) -> None:  # noqa: F811
    invoice = house.bill(8800)
    page = pages(viewport=PHONE, java_script_enabled=scripts)
    thumb = Thumb(page)
    thumb.open_from_mail(links.pay(invoice.id, house.cast.ada.id))
    before = newest()
    thumb.tap(page.get_by_role("button", name="Send the link"))
    expect(page.locator("h1")).to_have_text("Look in your mail")
    thumb.open_from_mail(links.sign_in(mailed_after(before)))
    thumb.tap(page.get_by_role("button", name="Sign in", exact=True))
    assert_panel(page, invoice)
    assert thumb.taps == 4


def assert_panel(page: Page, invoice: Invoice) -> None:
    expect(page.locator("#press")).to_be_visible()
    assert page.url.endswith(f"/invoices/{invoice.address}")


def newest() -> int:
    row = SignIn.select().order_by(SignIn.id.desc()).first()
    return int(row.id) if row else 0


def mailed_after(before: int) -> int:
    """The id of the sign-in link that was asked for since."""
    deadline = time.monotonic() + PATIENCE
    while (id := newest()) == before:
        assert time.monotonic() < deadline, "no link was made"
        time.sleep(0.05)
    return id
