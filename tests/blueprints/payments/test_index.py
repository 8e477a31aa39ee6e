from __future__ import annotations

import pytest

from models import Connection, Payment
from tests.bills import bill
from tests.blueprints.conftest import Clock
from tests.blueprints.pressing import pay, row_of
from tests.browser import Browser
from tests.cast import Cast
from tests.gateways.running import RunningSandbox
from tests.synchronous import Queue


@pytest.fixture
def payments(ada: Browser, mallory: Browser, cast: Cast, clock: Clock, desk: Connection, queue: Queue) -> list[str]:
    """References of Ada's two, the older one first; Mallory has one too."""
    for group, number, amount in ((cast.acme, "A1", 124_000), (cast.acme, "A2", 8650), (cast.globex, "G1", 500)):
        bill(group, amount, now=clock.now, number=number)
        pay(mallory if number == "G1" else ada, number)
        clock.forward(minutes=1)
    return [payment.public_id for payment in Payment.select().order_by(Payment.id)][:2]


def found(page: str) -> list[str]:
    return [part.split("<bdi>")[1].split("<")[0] for part in page.split('scope="row">')[1:]]


def test_payments_stand_newest_first_and_only_ones_own(ada: Browser, payments: list[str]) -> None:
    page = ada.get("/payments").text
    assert found(page) == payments[::-1]
    assert "€1,240.00" in page
    assert "<bdi>A1</bdi>" in page
    assert ">G1<" not in page  # two letters alone may stand in a form token


def test_a_viewer_sees_them_too(vic: Browser, payments: list[str]) -> None:
    assert found(vic.get("/payments").text) == payments[::-1]


@pytest.mark.parametrize(("q", "which"), [("A2", 1), ("1240", 0), ("€86.50", 1)])
def test_a_search_finds_reference_invoice_and_amount(ada: Browser, payments: list[str], q: str, which: int) -> None:
    assert found(ada.get(f"/payments?q={q}").text) == [payments[which]]
    assert found(ada.get(f"/payments?q={payments[which].lower()}").text) == [payments[which]]


@pytest.mark.parametrize("q", ["%00", "%", "x" * 5000, "%FF"])
def test_nothing_that_is_typed_breaks_the_search(ada: Browser, payments: list[str], q: str) -> None:
    answer = ada.get(f"/payments?q={q}&after={q}&before={q}")
    assert answer.status_code == 200


def test_a_search_that_finds_nothing_says_so(ada: Browser, payments: list[str]) -> None:
    assert "No payment with '4711'." in ada.get("/payments?q=4711").text


def test_before_the_first_payment_the_page_says_so(ada: Browser) -> None:
    assert "Nothing was paid here yet." in ada.get("/payments").text


def test_one_that_waits_for_the_customer_opens_without_being_sent_on(
    ada: Browser, cast: Cast, clock: Clock, provider: RunningSandbox, queue: Queue
) -> None:
    bill(cast.acme, 500, now=clock.now, number="A1")
    pay(ada, "A1")
    queue.run()
    payment = Payment.get()
    page = ada.get("/payments").text
    assert row_of(payment).url
    assert "Waiting for you" in page
    assert f'href="/payments/{payment.public_id}?returned=1"' in page


def test_htmx_gets_the_list_alone(ada: Browser, payments: list[str]) -> None:
    answer = ada.get("/payments?q=A1", htmx=True, headers={"HX-Target": "div#payments"}).text
    assert answer.lstrip().startswith("<title>Payments · Hartwell</title>")
    assert "<html" not in answer


def test_a_stranger_signs_in_first(visitor: Browser) -> None:
    assert visitor.get("/payments").headers["Location"] == "/sign-in?next=%2Fpayments"
