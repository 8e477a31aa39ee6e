from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from billing import links
from models import Attention, Connection, Invoice, Payment
from tests.bills import bill, books_agree
from tests.blueprints.conftest import Clock
from tests.blueprints.pay.conftest import GUS, hidden, path_of, pay, with_card
from tests.browser import Browser
from tests.cast import Cast
from tests.gateways.running import RunningSandbox
from tests.synchronous import Queue

pytestmark = pytest.mark.usefixtures("guests_on")


def test_a_guest_pays_and_is_led_to_their_payments_page(
    visitor: Browser, cast: Cast, invoice: Invoice, queue: Queue
) -> None:
    path = path_of(invoice)
    answer = pay(visitor, path)

    payment = Payment.get()
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{path}/payments/{payment.public_id}")
    assert (payment.amount, payment.group, payment.came_by) == (124_000, cast.acme, "guest")
    assert (payment.guest_name, payment.guest_email) == ("Gus Guest", "gus@nowhere.example")
    assert queue.names == ["workers.payments.capture"]
    books_agree()


def test_to_htmx_the_status_takes_the_forms_place(visitor: Browser, invoice: Invoice) -> None:
    path = path_of(invoice)
    answer = pay(visitor, path, htmx=True)

    assert answer.status_code == 200
    assert answer.headers["HX-Push-Url"] == f"{path}/payments/{Payment.get().public_id}"
    assert '<section class="sheet" id="page"' in answer.text
    assert "<html" not in answer.text
    assert "Your payment is on its way" in answer.text


def test_the_same_form_sent_again_gives_the_first_answer_again(
    visitor: Browser, invoice: Invoice, provider: RunningSandbox, clock: Clock, queue: Queue
) -> None:
    path = path_of(invoice)
    fields = hidden(visitor.get(path).text) | GUS
    first = visitor.post(f"{path}/payments", fields)
    assert visitor.post(f"{path}/payments", fields).headers["Location"] == first.headers["Location"]
    with_card(Payment.get(), provider, clock, queue)
    again = visitor.post(f"{path}/payments", fields)
    assert (again.status_code, again.headers["Location"]) == (303, first.headers["Location"])
    assert Payment.select().count() == 1


def test_the_same_form_with_another_address_shows_the_first_payment(visitor: Browser, invoice: Invoice) -> None:
    path = path_of(invoice)
    fields = hidden(visitor.get(path).text) | GUS
    visitor.post(f"{path}/payments", fields)
    again = visitor.post(f"{path}/payments", fields | {"email": "eve@nowhere.example"})
    assert again.status_code == 409
    assert "We already have this payment" in again.text
    assert f'href="{path}/payments/{Payment.get().public_id}"' in again.text
    assert Payment.select().count() == 1


def test_two_tabs_pay_once(visitor: Browser, invoice: Invoice) -> None:
    path = path_of(invoice)
    tabs = [hidden(visitor.get(path).text) | GUS for _ in range(2)]
    assert visitor.post(f"{path}/payments", tabs[0]).status_code == 303

    second = visitor.post(f"{path}/payments", tabs[1])

    assert second.status_code == 409
    assert "Nothing was taken. Nothing is left to pay here." in second.text
    assert "A payment is on its way." in second.text
    assert Payment.select().count() == 1
    books_agree()


def test_paid_already_nothing_more_is_taken(
    visitor: Browser, invoice: Invoice, provider: RunningSandbox, clock: Clock, queue: Queue
) -> None:
    path = path_of(invoice)
    late = hidden(visitor.get(path).text) | GUS
    pay(visitor, path)
    with_card(Payment.get(), provider, clock, queue)

    answer = visitor.post(f"{path}/payments", late)

    assert answer.status_code == 409
    assert "Paid on 22 November 2026" in answer.text
    assert Payment.select().count() == 1


def test_switched_off_a_form_made_by_hand_is_refused_and_told_why(
    visitor: Browser, invoice: Invoice, save: Callable[..., None]
) -> None:
    path = path_of(invoice)
    fields = hidden(visitor.get(path).text) | GUS
    save(allow_guest_payment=False)

    answer = visitor.post(f"{path}/payments", fields)

    assert answer.status_code == 403
    assert "Paying without signing in is switched off here. Nothing was taken." in answer.text
    assert Payment.select().count() == 0


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"email": ""}, "Enter an e-mail address such as name@example.com."),
        ({"email": "gus at nowhere"}, "Enter an e-mail address such as name@example.com."),
        ({"name": "G" * 121}, "Use at most 120 characters."),
        ({"name": "G\u202eus"}, "Use letters, figures and signs only."),
    ],
)
@pytest.mark.parametrize("htmx", [False, True])
def test_what_is_wrong_stands_at_its_field_and_nothing_typed_is_lost(
    visitor: Browser, invoice: Invoice, typed: dict[str, str], words: str, htmx: bool
) -> None:
    answer = pay(visitor, path_of(invoice), htmx=htmx, enrol="y", **typed)
    assert answer.status_code == 422
    assert answer.text.count(words) == 2  # in the summary and at the field
    assert "Error:" in answer.text
    for name, value in (GUS | typed).items():
        assert value == "" or f'value="{value}"' in answer.text, name
    assert re.search(r"<input checked[^>]* name=\"enrol\"", answer.text)
    assert Payment.select().count() == 0


@pytest.mark.parametrize(
    ("made", "status", "words"),
    [
        ({"token": ""}, 422, "The page you sent was not whole."),
        ({"token": "x"}, 422, "The page you sent was not whole."),
        ({"amount": "1.00"}, 409, "There is another sum to pay now."),
        ({"amount": ""}, 422, "We could not read the amount."),
        ({"amount": "-1240.00"}, 409, "There is another sum to pay now."),
        ({"amount": "zwölf"}, 422, "We could not read the amount."),
    ],
)
def test_a_form_made_by_hand_takes_nothing_else_than_what_is_left(
    visitor: Browser, invoice: Invoice, made: dict[str, Any], status: int, words: str
) -> None:
    answer = pay(visitor, path_of(invoice), **made)
    assert answer.status_code == status
    assert words in answer.text
    assert "Nothing was taken" in answer.text
    assert Payment.select().count() == 0


def test_fields_made_up_by_hand_change_nothing(visitor: Browser, cast: Cast, invoice: Invoice, clock: Clock) -> None:
    other = bill(cast.globex, 500, now=clock.now, number="G1")
    made: dict[str, Any] = {
        "invoice": "G1",
        "group": str(cast.globex.id),
        "person": "1",
        "method": "M-1",
        "keep": "1",
        "state": "paid",
    }
    pay(visitor, path_of(invoice), **made)
    payment = Payment.get()
    assert (payment.group, payment.person, payment.method, payment.keep_method) == (cast.acme, None, None, False)
    assert payment.state == "queued"
    assert Invoice.get_by_id(other.id).claimed == 0


def test_a_tampered_link_pays_nothing(visitor: Browser, invoice: Invoice, cast: Cast) -> None:
    path = path_of(invoice)
    fields = hidden(visitor.get(path).text) | GUS
    for made in (path[:-2] + "xx", f"/pay/{links.sign(links.SIGN_IN, [invoice.id, 0])}", "/pay/x"):
        assert visitor.post(f"{made}/payments", fields).status_code == 410
    assert Payment.select().count() == 0


def test_to_htmx_a_link_that_is_no_more_is_opened_as_a_page(visitor: Browser, invoice: Invoice) -> None:
    answer = visitor.post("/pay/x/payments", GUS, htmx=True)
    assert answer.headers["HX-Redirect"] == "/pay/x"


def test_without_a_form_token_nothing_is_taken(visitor: Browser, invoice: Invoice) -> None:
    path = path_of(invoice)
    fields = hidden(visitor.get(path).text) | GUS
    assert visitor.post(f"{path}/payments", fields, token="").status_code == 400
    assert Payment.select().count() == 0


def test_after_three_refusals_a_day_it_says_so(
    visitor: Browser, invoice: Invoice, provider: RunningSandbox, clock: Clock, queue: Queue
) -> None:
    path = path_of(invoice)
    for _ in range(3):
        fields = hidden(visitor.get(path).text) | GUS
        visitor.post(f"{path}/payments", fields)
        with_card(Payment.select().order_by(Payment.id.desc()).get(), provider, clock, queue, "stolen")

    answer = visitor.post(f"{path}/payments", fields | {"token": "t" * 20})

    assert answer.status_code == 429
    assert "Too many tries. Nothing was taken." in answer.text
    assert "Try again tomorrow, or sign in to pay." in answer.text
    assert 'id="press"' not in visitor.get(path).text
    assert Payment.select().count() == 3


def test_closed_for_card_testing_it_says_so(visitor: Browser, invoice: Invoice, clock: Clock) -> None:
    path = path_of(invoice)
    fields = hidden(visitor.get(path).text) | GUS
    Attention.create(kind="card_testing", cause="x", subject_kind="payment", subject_id=1, at=clock.now)
    answer = visitor.post(f"{path}/payments", fields)
    assert answer.status_code == 403
    assert "Paying without signing in is closed just now." in answer.text
    assert Payment.select().count() == 0


def test_one_link_is_not_pressed_without_end(visitor: Browser, invoice: Invoice) -> None:
    path = path_of(invoice)
    fields = hidden(visitor.get(path).text) | GUS | {"email": "no"}
    for _ in range(10):
        assert visitor.post(f"{path}/payments", fields).status_code == 422
    answer = visitor.post(f"{path}/payments", fields)
    assert answer.status_code == 429
    assert "Too many tries. Nothing was taken." in answer.text


def test_with_the_portal_off_a_guest_pays_to_the_end(
    visitor: Browser,
    invoice: Invoice,
    save: Callable[..., None],
    provider: RunningSandbox,
    clock: Clock,
    queue: Queue,
) -> None:
    save(portal_enabled=False)
    pay(visitor, path_of(invoice))
    with_card(Payment.get(), provider, clock, queue)
    assert "Paid. Thank you." in visitor.get(f"{path_of(invoice)}/payments/{Payment.get().public_id}").text


def test_a_pays_twice_mistake_is_not_possible_across_doors(visitor: Browser, ada: Browser, invoice: Invoice) -> None:
    fields = hidden(visitor.get(path_of(invoice)).text) | GUS
    ada.post("/payments", {"invoice": "2026-0142", "method": "new", "token": "t" * 20})
    assert visitor.post(f"{path_of(invoice)}/payments", fields).status_code == 409
    assert Payment.select().count() == 1
    books_agree()


def test_the_asked_for_account_is_noted(visitor: Browser, invoice: Invoice) -> None:
    pay(visitor, path_of(invoice), enrol="y")
    assert Payment.get().guest_enrols


def test_no_other_method_is_answered(visitor: Browser, invoice: Invoice) -> None:
    assert visitor.ask("GET", f"{path_of(invoice)}/payments").status_code == 405


def test_nobody_to_take_payments_says_so(app: Any, visitor: Browser, invoice: Invoice) -> None:
    fields = hidden(visitor.get(path_of(invoice)).text) | GUS
    Connection.update(ended_at=invoice.created_at).execute()
    answer = visitor.post(f"{path_of(invoice)}/payments", fields)
    assert answer.status_code == 422
    assert "Payments cannot be taken here just now." in answer.text
