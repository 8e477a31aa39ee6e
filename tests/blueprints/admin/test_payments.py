"""The merchant's payments: every state with its evidence, and what staff may say about an unknown one."""

from __future__ import annotations

from datetime import datetime

import pytest

from billing import attention
from models import Attention, History, Invoice, Payment
from tests.bills import bill
from tests.blueprints.admin.conftest import MakePayment
from tests.browser import Browser
from tests.cast import Cast
from tests.synchronous import Queue

DECISION = "/admin/payments/P-TEST-01/decision"


@pytest.fixture
def unknown(make_payment: MakePayment, invoice: Invoice, now: datetime) -> Payment:
    payment = make_payment(invoice, "unknown", unknown_since=now)
    attention.tell("unknown_payment", payment, now=now)
    return payment


@pytest.mark.parametrize("state", Payment.RANK)
def test_every_state_has_its_page(root: Browser, invoice: Invoice, make_payment: MakePayment, state: str) -> None:
    make_payment(invoice, state)
    page = root.get("/admin/payments/P-TEST-01")
    assert page.status_code == 200
    assert "as they said" in page.text
    assert "0000000000…" in page.text  # the key's beginning, not the key
    assert "0" * 63 not in page.text
    assert "2026-0142" in page.text
    assert "P-TEST-01" in root.get("/admin/payments").text


def test_the_ledgers_lines_stand_there(root: Browser, invoice: Invoice, make_payment: MakePayment) -> None:
    make_payment(invoice)
    page = root.get("/admin/payments/P-TEST-01").text
    assert "With the card company" in page
    assert "Owed on invoices" in page


def test_the_list_is_filtered_and_searched(
    root: Browser, cast: Cast, invoice: Invoice, make_payment: MakePayment, now: datetime
) -> None:
    make_payment(invoice)
    make_payment(bill(cast.globex, 100, now=now, number="G-1"), "declined", person=cast.mallory)
    assert "P-TEST-02" not in root.get("/admin/payments?show=paid").text
    assert "P-TEST-01" not in root.get("/admin/payments?show=not-paid").text
    assert "P-TEST-02" in root.get("/admin/payments?q=G-1").text
    assert "P-TEST-01" not in root.get("/admin/payments?customer=C-GLOBEX").text
    assert "No payment with “zzz”." in root.get("/admin/payments?q=zzz").text


def test_htmx_gets_the_list_alone(root: Browser, invoice: Invoice, make_payment: MakePayment) -> None:
    make_payment(invoice)
    answer = root.get("/admin/payments", htmx=True, headers={"HX-Target": "div#payments"})
    assert "<h1>" not in answer.text
    assert "P-TEST-01" in answer.text


def test_a_receipt_only_where_money_moved(
    root: Browser, cast: Cast, invoice: Invoice, make_payment: MakePayment, now: datetime
) -> None:
    make_payment(invoice)
    make_payment(bill(cast.acme, 100, now=now), "declined")
    assert root.get("/admin/payments/P-TEST-01.pdf").data.startswith(b"%PDF-")
    assert root.get("/admin/payments/P-TEST-02.pdf").status_code == 404


def test_the_gateway_is_asked_again_once_for_two_presses(root: Browser, unknown: Payment, queue: Queue) -> None:
    queue.jobs.clear()
    root.get("/admin/payments/P-TEST-01")
    for _ in range(2):
        assert root.post("/admin/payments/P-TEST-01/lookups").status_code == 303
    assert queue.names == ["workers.payments.look_up"]


def test_taken_is_said_with_what_was_seen_and_books_the_money(root: Browser, unknown: Payment) -> None:
    page = root.get(f"{DECISION}?taken=yes").text
    assert "Was €1,240.00 taken?" in page
    answer = root.post(DECISION, {"taken": "yes", "evidence": "Dashboard, 22 November: pi_1 captured"})
    assert answer.status_code == 303
    payment = Payment.get()
    assert (payment.state, payment.captured) == ("paid", 124000)
    assert Invoice.get().open == 0
    line = History.get(History.event == "decided")
    assert line.actor_kind == "staff"
    assert "pi_1 captured" in line.details["evidence"]
    assert Attention.select().where(Attention.settled_at.is_null()).count() == 0


def test_not_taken_frees_the_invoice(root: Browser, unknown: Payment) -> None:
    root.get(f"{DECISION}?taken=no")
    root.post(DECISION, {"taken": "no", "evidence": "Dashboard shows nothing for this day"})
    assert Payment.get().state == "cancelled"
    assert (Invoice.get().open, Invoice.get().claimed) == (124000, 0)


def test_without_evidence_nothing_is_decided(root: Browser, unknown: Payment) -> None:
    for evidence in ("", "   ", "yes"):
        answer = root.post(DECISION, {"taken": "yes", "evidence": evidence})
        assert answer.status_code == 422
        assert "<title>Error:" in answer.text
    assert root.post(DECISION, {"taken": "yes"}, htmx=True).text.lstrip().startswith('<section id="decision">')
    assert root.post(DECISION, {"taken": "maybe", "evidence": "long enough"}).status_code == 400
    assert root.get(DECISION).status_code == 404
    assert Payment.get().state == "unknown"


def test_what_is_still_asked_about_is_not_decided_by_staff(
    root: Browser, invoice: Invoice, make_payment: MakePayment, now: datetime
) -> None:
    make_payment(invoice, "unknown", unknown_since=now)
    assert root.get(f"{DECISION}?taken=yes").status_code == 409
    assert root.post(DECISION, {"taken": "yes", "evidence": "I believe it was"}).status_code == 409
    assert Payment.get().state == "unknown"
