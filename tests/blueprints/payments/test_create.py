from __future__ import annotations

from typing import Any

import pytest

from billing import connections, history, settings
from models import Allocation, Connection, Invoice, Membership, Payment, PaymentMethod
from tests.bills import bill, books_agree
from tests.blueprints.conftest import Clock
from tests.blueprints.payments.test_new import keep
from tests.blueprints.pressing import panel, pay
from tests.browser import Browser
from tests.cast import Cast, make_group
from tests.gateways.running import RunningSandbox
from tests.synchronous import Queue


@pytest.fixture
def bills(cast: Cast, clock: Clock, desk: Connection) -> list[Invoice]:
    return [
        bill(cast.acme, 124_000, now=clock.now, number="A1"),
        bill(cast.acme, 8650, now=clock.now, number="A2"),
        bill(cast.globex, 100, now=clock.now, number="G1"),
    ]


def claimed(invoice: Invoice) -> int:
    return int(Invoice.get_by_id(invoice.id).claimed)


def test_paying_claims_records_and_leads_to_the_payments_page(ada: Browser, bills: list[Invoice], queue: Queue) -> None:
    answer = pay(ada, "A1", "A2")
    payment = Payment.get()
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/payments/{payment.public_id}")
    assert (payment.state, payment.amount, payment.method, payment.keep_method) == ("queued", 132_650, None, False)
    assert [claimed(invoice) for invoice in bills[:2]] == [124_000, 8650]
    assert queue.names == ["workers.payments.capture"]
    books_agree()


def test_keeping_a_new_method_is_asked_for_by_the_tick(ada: Browser, bills: list[Invoice]) -> None:
    pay(ada, "A1", keep="1")
    assert Payment.get().keep_method is True


def test_a_stored_method_is_charged_without_a_page(
    ada: Browser,
    cast: Cast,
    bills: list[Invoice],
    provider: RunningSandbox,
    desk: Connection,
    clock: Clock,
    queue: Queue,
) -> None:
    method = keep(cast, desk, clock, token=provider.keep("visa"))
    pay(ada, "A1")
    queue.run()
    payment = Payment.get()
    assert (payment.state, payment.method_id, payment.captured) == ("paid", method.id, 124_000)
    assert Invoice.get_by_id(bills[0].id).open == 0
    books_agree()


def test_the_same_form_sent_again_gives_the_first_answer_again(ada: Browser, bills: list[Invoice]) -> None:
    fields = panel(ada, "A1")
    first = ada.post("/payments", fields)
    for _ in range(3):
        again = ada.post("/payments", fields)
        assert (again.status_code, again.headers["Location"]) == (303, first.headers["Location"])
    assert Payment.select().count() == 1


def test_the_same_press_with_another_method_charges_nothing_and_shows_the_first(
    ada: Browser, cast: Cast, bills: list[Invoice], desk: Connection, clock: Clock
) -> None:
    keep(cast, desk, clock)
    fields = panel(ada, "A1")
    ada.post("/payments", fields)
    again = ada.post("/payments", fields | {"method": "new"})
    reference = Payment.get().public_id
    assert again.status_code == 409
    assert "We already have this payment" in again.text
    assert "You sent it at 10:00. It is counted once." in again.text
    assert f"See payment {reference}" in again.text
    assert Payment.select().count() == 1


def test_a_fresh_panel_stands_below_the_payment_we_already_have(ada: Browser, bills: list[Invoice]) -> None:
    fields = panel(ada, "A1")
    ada.post("/payments", fields)
    again = ada.post("/payments", panel(ada, "A2") | {"token": fields["token"]})
    assert again.status_code == 409
    assert 'value="A2"' in again.text
    assert ">Pay €86.50</button>" in again.text
    assert fields["token"] not in again.text


def test_paid_from_another_form_just_now_asks_before_paying_again(
    ada: Browser, bills: list[Invoice], queue: Queue, clock: Clock
) -> None:
    fields = panel(ada, "A1")
    pay(ada, "A1")
    Payment.update(state=Payment.PAID, rank=7, ended_at=clock.now).execute()
    Invoice.update(claimed=0).execute()  # the same sum is asked for again
    clock.forward(minutes=2)
    asked = ada.post("/payments", fields)
    assert asked.status_code == 409
    assert "You paid this at 10:00. Pay again?" in asked.text
    assert ">Pay €1,240.00 again</button>" in asked.text
    assert 'name="again" value="1"' in asked.text
    assert fields["token"] in asked.text
    assert Payment.select().count() == 1
    assert ada.post("/payments", fields | {"again": "1"}).status_code == 303
    assert Payment.select().count() == 2


def test_a_twin_that_waits_for_the_customer_is_shown_with_both_ways_on(
    ada: Browser, bills: list[Invoice], provider: RunningSandbox, queue: Queue
) -> None:
    fields = panel(ada, "A1")
    pay(ada, "A1")
    queue.run()
    twin = Payment.get()
    asked = ada.post("/payments", fields)
    assert twin.state == "needs_customer"
    assert asked.status_code == 409
    assert "A payment like this waits for you" in asked.text
    assert f'<a href="/payments/{twin.public_id}">Go on with payment {twin.public_id}</a>' in asked.text
    assert f'action="/payments/{twin.public_id}/cancellation?returned=1"' in asked.text
    assert ">Pay €" not in asked.text  # its claim is still held


def test_who_was_slower_is_told_what_is_free_now_and_nothing_is_taken(
    ada: Browser, bills: list[Invoice], clock: Clock
) -> None:
    fields = panel(ada, "A1", "A2")
    Invoice.update(claimed=24_000).where(Invoice.number == "A1").execute()
    answer = ada.post("/payments", fields)
    assert answer.status_code == 409
    assert "Nothing was taken. There is another sum to pay now." in answer.text
    assert ">Pay €1,086.50</button>" in answer.text
    assert "<title>Error: Review and pay" in answer.text
    assert Payment.select().count() == 0


def test_nothing_left_to_pay_is_said(ada: Browser, bills: list[Invoice]) -> None:
    fields = panel(ada, "A1")
    Invoice.update(claimed=124_000).where(Invoice.number == "A1").execute()
    answer = ada.post("/payments", fields)
    assert answer.status_code == 422
    assert "Nothing was taken. Nothing is left to pay here." in answer.text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"method": ""}, "Choose a way to pay."),
        ({"method": "M-NOBODYS"}, "This way to pay cannot be used any more."),
        ({"method": "\x00"}, "This way to pay cannot be used any more."),
        ({"token": ""}, "The page you sent was not whole."),
        ({"token": "'; DROP"}, "The page you sent was not whole."),
        ({"amount": "many"}, "We could not read the amount."),
        ({"amount": "1240.005"}, "We could not read the amount."),
        ({"amount": "9" * 400}, "We could not read the amount."),
        ({"amount": "1"}, "There is another sum to pay now."),
        ({"amount": "-1240"}, "There is another sum to pay now."),
        ({"invoice": []}, "There is a problem"),
    ],
)
def test_a_wrong_form_comes_back_with_everything_typed_and_nothing_taken(
    ada: Browser, bills: list[Invoice], changes: dict[str, Any], said: str
) -> None:
    answer = pay(ada, "A1", keep="1", **changes)
    assert answer.status_code in (409, 422)
    assert said in answer.text or "invoice" in changes
    if "invoice" not in changes:
        assert 'name="invoice" value="A1"' in answer.text
        assert 'id="keep" checked' in answer.text
    assert 'id="errors"' in answer.text
    assert 'tabindex="-1" autofocus' in answer.text
    assert Payment.select().count() == 0


def test_under_htmx_the_wrong_form_is_the_panel_alone(ada: Browser, bills: list[Invoice]) -> None:
    answer = pay(ada, "A1", htmx=True, method="")
    assert answer.status_code == 422
    assert answer.text.lstrip().startswith("<title>Error: Review and pay")
    assert "<html" not in answer.text


def test_under_htmx_paying_gives_the_status_that_asks_again_at_once(ada: Browser, bills: list[Invoice]) -> None:
    answer = pay(ada, "A1", htmx=True)
    payment = Payment.get()
    assert answer.status_code == 200
    assert answer.headers["HX-Push-Url"] == f"/payments/{payment.public_id}"
    assert f'hx-get="/payments/{payment.public_id}?polls=0&amp;seen=queued" hx-trigger="load"' in answer.text
    assert "<html" not in answer.text


def test_a_method_of_another_customer_does_not_exist(
    mallory: Browser, cast: Cast, bills: list[Invoice], desk: Connection, clock: Clock
) -> None:
    keep(cast, desk, clock)
    assert pay(mallory, "G1", method="M-1").status_code == 422
    assert Payment.select().count() == 0


def test_a_refused_method_cannot_be_used(
    ada: Browser, cast: Cast, bills: list[Invoice], desk: Connection, clock: Clock
) -> None:
    keep(cast, desk, clock, refused_at=clock.now)
    assert "This way to pay cannot be used any more." in pay(ada, "A1", method="M-1").text
    assert PaymentMethod.get().refused_at is not None
    assert Payment.select().count() == 0


def test_less_than_the_least_is_refused_with_the_limit(
    ada: Browser, cast: Cast, provider: RunningSandbox, clock: Clock
) -> None:
    bill(cast.acme, 20, now=clock.now, number="TINY")
    answer = pay(ada, "TINY")
    assert answer.status_code == 422
    assert "The least that can be paid here is €0.50." in answer.text


def test_mallory_cannot_pay_or_name_what_is_not_hers(mallory: Browser, bills: list[Invoice]) -> None:
    fields = panel(mallory, "G1")
    assert mallory.post("/payments", fields | {"invoice": ["A1"]}).status_code == 404
    assert mallory.post("/payments", fields | {"invoice": ["G1", "A1"]}).status_code == 404
    assert Payment.select().count() == 0


def test_a_viewer_cannot_pay(vic: Browser, bills: list[Invoice]) -> None:
    assert vic.post("/payments", {"invoice": "A1", "method": "new", "token": "t" * 24}).status_code == 403
    assert Payment.select().count() == 0


def test_two_companies_are_never_paid_at_once(ada: Browser, cast: Cast, clock: Clock, bills: list[Invoice]) -> None:
    other = make_group("Zweite GmbH", "C-TWO", clock.now)
    Membership.create(person=cast.ada, group=other, role="pay", created_at=clock.now)
    bill(other, 100, now=clock.now, number="Z1")
    answer = ada.post("/payments", panel(ada, "A1") | {"invoice": ["A1", "Z1"], "amount": ""})
    assert answer.status_code == 422
    assert "Pay those of one company at a time." in answer.text
    assert Payment.select().count() == 0


def test_with_paying_switched_off_meanwhile_nothing_is_taken(ada: Browser, bills: list[Invoice], clock: Clock) -> None:
    fields = panel(ada, "A1")
    settings.save({"allow_pay": False}, by=history.COMMAND, now=clock.now)
    answer = ada.post("/payments", fields)
    assert answer.status_code == 422
    assert "Hartwell does not take payments here." in answer.text
    assert Payment.select().count() == 0


def test_without_anybody_to_take_it_nothing_is_taken(ada: Browser, bills: list[Invoice], clock: Clock) -> None:
    fields = panel(ada, "A1")
    Connection.update(ended_at=clock.now).execute()
    answer = ada.post("/payments", fields)
    assert answer.status_code == 422
    assert "Payments cannot be taken here just now." in answer.text
    assert "Call Hartwell on 01234 567890." in answer.text
    assert connections.current() is None


def test_a_form_without_its_form_token_is_refused(ada: Browser, bills: list[Invoice]) -> None:
    assert ada.post("/payments", panel(ada, "A1"), token="").status_code == 400
    assert Payment.select().count() == 0


def test_a_stranger_is_led_to_sign_in_and_back_to_where_they_were(visitor: Browser) -> None:
    assert visitor.post("/payments", {"invoice": "A1"}).headers["Location"].startswith("/sign-in")


def test_the_allocations_are_what_was_shown(ada: Browser, bills: list[Invoice]) -> None:
    pay(ada, "A1", "A2")
    assert [a.amount for a in Allocation.select().order_by(Allocation.id)] == [124_000, 8650]
