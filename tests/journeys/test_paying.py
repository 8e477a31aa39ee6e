"""From the link in a mail to the receipt: on a phone without JavaScript, by htmx, by keyboard, without a sheet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from models import Invoice, Payment
from tests.journeys.conftest import CHROMIUM, House

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="BROWSER TESTS SKIPPED: there is no /usr/bin/chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

PHONE = {"width": 360, "height": 740}
DESK = {"width": 1100, "height": 800}


@pytest.fixture
def pages(chromium: Browser) -> Iterator[Any]:
    """Makes pages, each in a browser of its own: `pages(java_script_enabled=False, viewport=PHONE)`."""
    contexts = []

    def page(**options: Any) -> Page:
        context = chromium.new_context(**options)
        context.set_default_timeout(15_000)
        contexts.append(context)
        return context.new_page()

    yield page
    for context in contexts:
        context.close()


def come_in(page: Page, house: House) -> None:
    page.goto(house.link())
    page.locator("main button").click()
    expect(page.locator("h1")).to_have_text("Home")


def choose_at_the_provider(page: Page, instrument: str = "visa") -> None:
    page.locator(f"input[value={instrument}]").check()
    page.locator("button[value=pay]").click()


def assert_paid(page: Page, *invoices: Invoice) -> None:
    expect(page.locator("h1")).to_have_text("Paid. Thank you.")
    reference = re.findall(r"P-[0-9A-Z]{4}-[0-9A-Z]{2}", page.inner_text("main"))[0]
    payment = Payment.get(Payment.public_id == reference)
    assert (payment.state, payment.captured) == ("paid", sum(invoice.total for invoice in invoices))
    assert [Invoice.get_by_id(invoice.id).open for invoice in invoices] == [0] * len(invoices)


def assert_nothing_sticks_out(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_on_a_phone_without_javascript_from_the_invoice_to_the_receipt(house: House, pages: Any) -> None:
    invoice = house.bill(124_000)
    page = pages(viewport=PHONE, java_script_enabled=False)
    come_in(page, house)
    page.goto(f"{house.url}/invoices/{invoice.number}")
    page.get_by_label("Keep a new card or bank account for next time").check()
    page.get_by_role("button", name="Pay €1,240.00").click()
    choose_at_the_provider(page)
    assert_paid(page, invoice)
    with page.expect_download() as receipt:
        page.get_by_role("link", name=re.compile(r"^Receipt \(PDF, \d+")).click()
    assert receipt.value.path().read_bytes().startswith(b"%PDF-")
    page.goto(f"{house.url}/invoices/{invoice.number}")
    page.get_by_role("link", name="Receipt").click()
    expect(page.locator("h1")).to_have_text("Paid. Thank you.")


def test_with_stylesheets_blocked_one_can_still_pay(house: House, pages: Any) -> None:
    invoice = house.bill(5000)
    page = pages(viewport=PHONE, java_script_enabled=False)
    page.route("**/*.css", lambda route: abort(route))
    come_in(page, house)
    page.goto(f"{house.url}/invoices/{invoice.number}")
    if page.locator("#method-new").count():
        page.locator("#method-new").check()
    page.get_by_role("button", name="Pay €50.00").click()
    choose_at_the_provider(page)
    assert_paid(page, invoice)


def abort(route: Route) -> None:
    route.abort()


def test_by_htmx_from_the_list_to_the_receipt_by_a_stored_method_without_a_reload(house: House, pages: Any) -> None:
    if house.stored() is None:
        store_one(house, pages)
    invoices = [house.bill(1137), house.bill(1274)]
    page = pages(viewport=DESK)
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.on("console", lambda line: broken.append(line.text) if line.type == "error" else None)
    come_in(page, house)
    page.get_by_role("link", name="Invoices", exact=True).click()
    page.evaluate("window.untouched = true")
    for invoice in invoices:
        page.get_by_label(f"Select invoice {invoice.number}").check()
    expect(page.locator("#sum")).to_have_text("· €24.11")
    page.get_by_role("button", name="Review and pay").click()
    expect(page.locator("h1")).to_be_focused()
    page.get_by_role("button", name="Pay €24.11").click()
    assert_paid(page, *invoices)
    assert re.search(r"/payments/P-[0-9A-Z]{4}-[0-9A-Z]{2}$", page.url)
    expect(page).to_have_title("Paid. Thank you. · Hartwell Garden Services")
    expect(page.locator("h1")).to_be_focused()
    expect(page.locator("#live")).to_have_text("Paid. Thank you.")
    assert page.evaluate("window.untouched")
    assert broken == []


def test_by_htmx_a_new_card_opens_the_provider_page_and_comes_back(house: House, pages: Any) -> None:
    invoice = house.bill(2000)
    page = pages(viewport=PHONE)
    come_in(page, house)
    page.goto(f"{house.url}/payments/new?invoice={invoice.number}")
    if page.locator("#method-new").count():
        page.locator("#method-new").check()
    page.get_by_role("button", name="Pay €20.00").click()
    choose_at_the_provider(page)
    assert_paid(page, invoice)


def test_by_keyboard_alone_from_the_list_to_the_receipt(house: House, pages: Any) -> None:
    if house.stored() is None:
        store_one(house, pages)
    invoice = house.bill(3300)
    page = pages(viewport=DESK)
    come_in(page, house)
    page.goto(f"{house.url}/invoices")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, f"input[value='{invoice.number}']")
    page.keyboard.press("Space")
    tab_to(page, "#review")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_be_focused()
    tab_to(page, "#press")
    page.keyboard.press("Enter")
    assert_paid(page, invoice)


def test_a_second_press_while_the_first_is_on_its_way_is_dropped(house: House, pages: Any) -> None:
    invoice = house.bill(4400)
    page = pages(viewport=DESK)
    come_in(page, house)
    page.goto(f"{house.url}/payments/new?invoice={invoice.number}")
    page.evaluate("() => { const b = document.getElementById('press'); b.click(); b.click(); b.click(); }")
    page.wait_for_url(lambda url: "/payments/new" not in url)
    assert Payment.select().where(Payment.amount == 4400).count() == 1


def test_a_refused_card_says_that_no_money_was_taken_and_another_way_pays(house: House, pages: Any) -> None:
    invoice = house.bill(6600)
    page = pages(viewport=PHONE, java_script_enabled=False)
    come_in(page, house)
    page.goto(f"{house.url}/payments/new?invoice={invoice.number}&method=new")
    page.get_by_role("button", name="Pay €66.00").click()
    choose_at_the_provider(page, "stolen")
    expect(page.locator("h1")).to_have_text("Not paid. No money was taken.")
    page.get_by_role("link", name="Try another way to pay").click()
    page.get_by_role("button", name="Pay €66.00").click()
    choose_at_the_provider(page)
    assert_paid(page, invoice)


@pytest.mark.parametrize("width", [320, 360, 1100])
def test_nothing_sticks_out_on_any_page(house: House, pages: Any, width: int) -> None:
    invoice = house.bill(987_654_321, due_in_days=3)
    page = pages(viewport={"width": width, "height": 700})
    come_in(page, house)
    ways = ("/", "/invoices", "/invoices?show=all&q=nothing", f"/invoices/{invoice.number}", "/payments",
            f"/payments/new?invoice={invoice.number}", "/payment-methods", "/account")  # fmt: skip
    for way in ways:
        page.goto(house.url + way)
        assert_nothing_sticks_out(page)


def store_one(house: House, pages: Any) -> None:
    """Pay something with a card that is kept."""
    invoice = house.bill(1000)
    page = pages(java_script_enabled=False)
    come_in(page, house)
    page.goto(f"{house.url}/payments/new?invoice={invoice.number}")
    page.locator("#keep").check()
    page.locator("#press").click()
    choose_at_the_provider(page)
    expect(page.locator("h1")).to_have_text("Paid. Thank you.")


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the element has the focus, as somebody without a pointer does."""
    for _ in range(80):
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} cannot be reached by Tab")
