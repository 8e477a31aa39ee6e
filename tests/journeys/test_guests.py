"""Without an account, from an invoice's link or the payment form to the receipt: without JavaScript, and by htmx."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from billing import dates, history, links, settings
from models import Payment
from tests.journeys.conftest import CHROMIUM, House
from tests.journeys.test_paying import (  # noqa: F401
    DESK,
    PHONE,
    assert_nothing_sticks_out,
    assert_paid,
    choose_at_the_provider,
    pages,
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="BROWSER TESTS SKIPPED: there is no /usr/bin/chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(autouse=True)
def switched_on(house: House) -> None:
    settings.save({"allow_guest_payment": True, "allow_payment_form": True}, by=history.COMMAND, now=dates.now())


@pytest.mark.parametrize("scripts", [False, True])
def test_a_guest_pays_an_invoice_by_its_link(house: House, pages: Any, scripts: bool) -> None:  # noqa: F811
    invoice = house.bill(124_000)
    page = pages(viewport=PHONE, java_script_enabled=scripts)
    page.goto(links.pay(invoice.id))
    if scripts:
        assert_nothing_sticks_out(page)
    page.get_by_label("Your e-mail address").fill("gus")
    page.get_by_role("button", name="Pay €1,240.00").click()
    expect(page.locator("#errors")).to_contain_text("Enter an e-mail address such as name@example.com.")
    page.get_by_label("Your e-mail address").fill("gus@nowhere.example")
    page.get_by_role("button", name="Pay €1,240.00").click()
    choose_at_the_provider(page)
    assert_paid(page, invoice)
    assert page.url.startswith(f"{links.pay(invoice.id)}/payments/P-")
    assert "Acme" not in page.content()
    page.goto(links.pay(invoice.id))
    expect(page.locator("main")).to_contain_text("Paid on")


@pytest.mark.parametrize("scripts", [False, True])
def test_anybody_pays_by_the_form(house: House, pages: Any, scripts: bool) -> None:  # noqa: F811
    page = pages(viewport=DESK, java_script_enabled=scripts)
    page.goto(f"{house.url}/pay")
    page.get_by_label("Reference").fill(f"the hedge {scripts}")
    page.get_by_label("Amount in EUR").fill("3")
    page.get_by_label("Your name").fill("Gus Guest")
    page.get_by_label("Your e-mail address").fill("gus@nowhere.example")
    page.get_by_role("button", name="Go on to pay").click()
    expect(page.locator("#errors")).to_contain_text("That is less than can be paid here.")
    expect(page.get_by_label("Reference")).to_have_value(f"the hedge {scripts}")
    page.get_by_label("Amount in EUR").fill("30")
    page.get_by_role("button", name="Go on to pay").click()
    choose_at_the_provider(page)
    expect(page.locator("h1")).to_have_text("Paid. Thank you.")
    payment = Payment.get(Payment.reference == f"the hedge {scripts}")
    assert (payment.state, payment.captured, payment.suspense, payment.group) == ("paid", 3000, 3000, None)
