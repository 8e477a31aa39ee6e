from __future__ import annotations

from datetime import timedelta

from models import Connection, Invoice, Membership, Payment
from tests.bills import bill
from tests.blueprints.conftest import Clock
from tests.blueprints.pressing import pay, row_of
from tests.browser import Browser
from tests.cast import Cast, make_group
from tests.gateways.running import RunningSandbox
from tests.synchronous import Queue


def test_home_leads_a_stranger_to_sign_in(visitor: Browser) -> None:
    answer = visitor.get("/")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")


def test_home_says_what_is_to_pay_now_and_pays_all_of_it(
    ada: Browser, cast: Cast, clock: Clock, desk: Connection
) -> None:
    for number, days in (("LATE", -9), ("TODAY", 0), ("LATER", 9)):
        bill(cast.acme, 10_000, now=clock.now, number=number, due_on=clock.now.date() + timedelta(days))
    page = ada.get("/").text
    assert "To pay now" in page
    assert "€200.00" in page
    assert 'href="/payments/new?all=due">Pay all that is due (2)' in page
    assert "Overdue by 9 days" in page
    assert "<dt>Outstanding balance</dt><dd>€300.00</dd>" in page


def test_home_shows_five_open_invoices_and_the_way_to_all(ada: Browser, cast: Cast, clock: Clock) -> None:
    for number in range(7):
        bill(cast.acme, 1000, now=clock.now, number=f"N{number}", due_on=clock.now.date() + timedelta(number))
    page = ada.get("/").text
    assert page.count('href="/invoices/N') == 5
    assert "N4" in page
    assert "N5" not in page
    assert '<a href="/invoices">All invoices</a>' in page


def test_with_nothing_to_pay_home_says_so(ada: Browser, cast: Cast, clock: Clock) -> None:
    page = ada.get("/").text
    assert "Nothing to pay today" in page
    assert "See past invoices" in page
    bill(cast.acme, 1000, now=clock.now, due_on=clock.now.date() + timedelta(9))
    assert "The next invoice is to pay by 1 December." in ada.get("/").text


def test_a_viewer_sees_what_is_due_and_whom_to_call_instead_of_the_button(
    vic: Browser, cast: Cast, clock: Clock, desk: Connection
) -> None:
    bill(cast.acme, 1000, now=clock.now, due_on=clock.now.date())
    page = vic.get("/").text
    assert "Pay all" not in page
    assert "You may look at this account, but not pay for it." in page
    assert "Call Hartwell on 01234 567890." in page


def test_home_shows_the_current_company_alone_and_adds_nothing_up(
    ada: Browser, cast: Cast, clock: Clock, desk: Connection
) -> None:
    other = make_group("Zweite GmbH", "C-TWO", clock.now)
    Membership.create(person=cast.ada, group=other, role="pay", created_at=clock.now)
    bill(cast.acme, 1000, now=clock.now, due_on=clock.now.date())
    bill(other, 5000, now=clock.now, due_on=clock.now.date())
    page = ada.get("/").text
    assert "€10.00" in page
    assert "€50.00" not in page
    assert "€60.00" not in page


def test_nothing_of_another_customer_is_on_home(mallory: Browser, cast: Cast, clock: Clock) -> None:
    bill(cast.acme, 123_400, now=clock.now, number="SECRET")
    page = mallory.get("/").text
    assert "SECRET" not in page
    assert "1,234" not in page
    assert "Acme" not in page


def test_a_refused_payment_is_the_first_thing_on_home(
    ada: Browser, cast: Cast, clock: Clock, provider: RunningSandbox, queue: Queue
) -> None:
    bill(cast.acme, 1000, now=clock.now, number="A1")
    pay(ada, "A1")
    queue.run()
    payment = Payment.get()
    assert f'<a href="/payments/{payment.public_id}?returned=1">' in ada.get("/").text
    provider.press(row_of(payment).url, instrument="no_funds")
    ada.get(f"/payments/{payment.public_id}?returned=1")
    queue.run()
    page = ada.get("/").text
    assert "Not paid. No money was taken." in page
    assert page.index('id="notes"') < page.index('id="to-pay"')
    Invoice.update(status=Invoice.VOID).execute()  # nothing left to try
    assert "was refused" not in ada.get("/").text


def test_home_shows_the_last_three_payments(
    ada: Browser, cast: Cast, clock: Clock, desk: Connection, queue: Queue
) -> None:
    for number in range(4):
        bill(cast.acme, 1000 + number, now=clock.now, number=f"A{number}")
        pay(ada, f"A{number}")
        clock.forward(minutes=1)
    page = ada.get("/").text
    assert page.count('<a href="/payments/P-') == 3
    assert "€10.00" not in page.split('id="last"')[1].split('id="summary"')[0]


def test_home_is_only_read(ada: Browser) -> None:
    assert ada.ask("DELETE", "/").status_code == 405


def test_staff_are_nobody_here(root: Browser) -> None:
    assert root.get("/").status_code == 303
