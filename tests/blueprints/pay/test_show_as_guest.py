from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from models import Attention, Invoice, Letter, Payment, SignIn
from tests.bills import bill
from tests.blueprints.conftest import Clock
from tests.blueprints.pay.conftest import path_of, pay, with_card
from tests.blueprints.test_bytes import NEXT_PAGE, packed
from tests.browser import Browser
from tests.cast import Cast
from tests.gateways.running import RunningSandbox
from tests.synchronous import Queue

pytestmark = pytest.mark.usefixtures("guests_on")


def test_a_guest_sees_that_invoice_alone(visitor: Browser, cast: Cast, invoice: Invoice, clock: Clock) -> None:
    bill(cast.acme, 777, now=clock.now, number="2026-0001")

    page = visitor.get(path_of(invoice, cast.ada.id)).text

    assert "<h1" in page
    assert ">Pay invoice 2026-0142</h1>" in page
    assert ">Pay €1,240.00</button>" in page
    assert "To pay by 6 December 2026" in page
    assert "Hartwell" in page
    for hidden_thing in ("Acme", "Ada", "ada@acme", "2026-0001", "7.77", "Hedge", ".pdf", 'href="/payments', "Visa"):
        assert hidden_thing not in page
    assert packed(page) <= NEXT_PAGE


def test_it_offers_to_sign_in_and_comes_back(visitor: Browser, cast: Cast, invoice: Invoice) -> None:
    path = path_of(invoice, cast.ada.id)
    page = visitor.get(path).text
    assert "We send a sign-in link to a•••@acme.example." in page
    for door in ("/sign-in", "/forgot-password", "/create-account"):
        assert f'href="{door}?next=/invoices/2026-0142&amp;invoice={path[5:]}"' in page

    visitor.post(path)

    assert SignIn.get().next == "/invoices/2026-0142"
    assert Letter.get().to == "ada@acme.example"


def test_nobody_known_is_offered_the_sign_in_page(visitor: Browser, invoice: Invoice) -> None:
    path = path_of(invoice)
    page = visitor.get(path).text
    assert ">Pay €1,240.00</button>" in page
    assert f'<a href="/sign-in?next=/invoices/2026-0142&amp;invoice={path[5:]}">Sign in</a>' in page
    assert "We send a sign-in link" not in page


def test_who_is_signed_in_and_allowed_goes_straight_to_the_invoice(ada: Browser, invoice: Invoice) -> None:
    assert ada.get(path_of(invoice)).headers["Location"] == "/invoices/2026-0142"


def test_somebody_elses_customer_is_a_guest_like_any_other(mallory: Browser, invoice: Invoice) -> None:
    page = mallory.get(path_of(invoice)).text
    assert ">Pay €1,240.00</button>" in page
    assert "Acme" not in page


def test_an_account_is_offered_unless_only_invited_people_sign_in(
    visitor: Browser, invoice: Invoice, save: Callable[..., None]
) -> None:
    assert "Make me an account too" in visitor.get(path_of(invoice)).text
    save(enrolment="invited")
    assert "Make me an account too" not in visitor.get(path_of(invoice)).text


def test_paid_it_says_only_when(
    visitor: Browser, invoice: Invoice, provider: RunningSandbox, clock: Clock, queue: Queue
) -> None:
    path = path_of(invoice)
    pay(visitor, path)
    with_card(Payment.get(), provider, clock, queue)

    page = visitor.get(path).text

    assert "Paid on 22 November 2026" in page
    assert "1,240" not in page
    assert "To pay by" not in page
    assert 'id="press"' not in page
    assert Payment.get().public_id not in page
    assert "gus@" not in page


def test_while_it_moves_who_began_finds_it_again_and_others_do_not(
    visitor: Browser, cast: Cast, invoice: Invoice, queue: Queue
) -> None:
    path = path_of(invoice)
    pay(visitor, path)

    page = visitor.get(path).text
    assert "A payment is on its way." in page
    assert f'href="{path}/payments/{Payment.get().public_id}"' in page
    assert 'id="press"' not in page

    other = visitor.get(path_of(invoice, cast.ada.id)).text
    assert "A payment is on its way." in other
    assert Payment.get().public_id not in other


def test_a_customers_own_payment_is_not_shown_to_a_guest(visitor: Browser, ada: Browser, invoice: Invoice) -> None:
    ada.post("/payments", {"invoice": "2026-0142", "method": "new", "token": "t" * 20})
    page = visitor.get(path_of(invoice)).text
    assert "A payment is on its way." in page
    assert Payment.get().public_id not in page


def test_a_cancelled_invoice_says_so(visitor: Browser, invoice: Invoice) -> None:
    Invoice.update(status=Invoice.VOID).execute()
    assert "This invoice was cancelled." in visitor.get(path_of(invoice)).text


def test_what_is_taken_elsewhere_is_not_payable(visitor: Browser, invoice: Invoice) -> None:
    Invoice.update(pays_itself=True).execute()
    page = visitor.get(path_of(invoice)).text
    assert "Taken automatically. You need do nothing." in page
    assert 'id="press"' not in page


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"allow_pay": False}, "Hartwell does not take payments here."),
        ({}, "Paying without signing in is closed just now."),
    ],
)
def test_a_way_that_is_closed_says_whom_to_ask(
    visitor: Browser, invoice: Invoice, save: Callable[..., None], clock: Clock, changes: dict[str, bool], words: str
) -> None:
    if changes:
        save(**changes)
    else:
        Attention.create(kind="card_testing", cause="x", subject_kind="payment", subject_id=1, at=clock.now)
    page = visitor.get(path_of(invoice)).text
    assert words in page
    assert "Call Hartwell on 01234 567890." in page
    assert 'id="press"' not in page
    assert "Have an account?" in page


def test_a_year_after_it_was_paid_the_link_has_expired_and_a_new_one_is_mailed(
    visitor: Browser, cast: Cast, invoice: Invoice, clock: Clock
) -> None:
    path = path_of(invoice, cast.ada.id)
    Invoice.update(open=0, settled_on=clock.now.date()).execute()
    clock.forward(days=365)
    assert visitor.get(path).status_code == 200

    clock.forward(days=1)
    answer = visitor.get(path)
    assert answer.status_code == 410
    assert "This link no longer works" in answer.text
    assert "a•••@acme.example" in answer.text
    assert "2026-0142" not in answer.text

    assert visitor.post(path).status_code == 303
    assert Letter.get().to == "ada@acme.example"
    assert visitor.post(f"{path}/payments", {"email": "gus@nowhere.example", "token": "t" * 20}).status_code == 410


def test_an_open_invoices_link_never_expires(visitor: Browser, invoice: Invoice, clock: Clock) -> None:
    clock.forward(days=900)
    page = visitor.get(path_of(invoice)).text
    assert "Was to be paid by 6 December 2026" in page
    assert ">Pay €1,240.00</button>" in page


def test_with_the_portal_off_guests_follow_their_own_switch(
    visitor: Browser, ada: Browser, cast: Cast, invoice: Invoice, save: Callable[..., None]
) -> None:
    save(portal_enabled=False)
    path = path_of(invoice, cast.ada.id)
    for browser in (visitor, ada):
        page = browser.get(path)
        assert page.status_code == 200
        assert ">Pay €1,240.00</button>" in page.text
        assert "Have an account?" not in page.text
        assert "Make me an account" not in page.text
    assert visitor.post(path).status_code == 503
    assert Letter.select().count() == 0

    save(allow_guest_payment=False)
    assert visitor.get(path).status_code == 503
    assert visitor.post(f"{path}/payments", {}).status_code == 503


def test_where_customers_sign_in_by_password_no_link_is_offered(
    visitor: Browser, cast: Cast, invoice: Invoice, save: Callable[..., None]
) -> None:
    save(sign_in_by="password")
    path = path_of(invoice, cast.ada.id)
    page = visitor.get(path).text
    assert "We send a sign-in link" not in page
    assert f'<a href="/sign-in?next=/invoices/2026-0142&amp;invoice={path[5:]}">Sign in</a>' in page


def test_an_invoice_that_may_not_be_seen_yet_is_not_even_named(visitor: Browser, cast: Cast, clock: Clock) -> None:
    hidden = bill(cast.acme, 100, now=clock.now, number="F-1", issued_on=clock.now.date() + timedelta(days=1))
    answer = visitor.get(path_of(hidden))
    assert answer.status_code == 410
    assert "F-1" not in answer.text


def test_looking_changes_nothing(visitor: Browser, cast: Cast, invoice: Invoice) -> None:
    for _ in range(3):
        visitor.get(path_of(invoice, cast.ada.id))
    assert Letter.select().count() == SignIn.select().count() == Payment.select().count() == 0
    assert Invoice.get_by_id(invoice.id).viewed_at is None
