"""To do: what is open stands there in words, and leaves when it is done."""

from __future__ import annotations

from datetime import datetime

import pytest

from billing import attention, inbox
from models import Attention, History, Invoice
from tests.blueprints.admin.conftest import MakePayment
from tests.browser import Browser
from tests.cast import Cast

KINDS = ("captured_differs", "paid_late", "gateway_refuses_us", "answer_of_another", "unknown_payment", "not_known_yet")


def test_an_empty_list_says_so(root: Browser) -> None:
    assert "Nothing needs you." in root.get("/admin/attention").text


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_told_in_words(
    root: Browser, make_payment: MakePayment, invoice: Invoice, now: datetime, kind: str
) -> None:
    attention.tell(kind, make_payment(invoice, "declined"), now=now, captured=5, captured_currency="EUR")
    page = root.get("/admin/attention").text
    assert "/admin/payments/P-TEST-01" in page
    assert kind not in page


def test_done_leaves_the_list_and_stays_in_the_record(
    root: Browser, cast: Cast, invoice: Invoice, now: datetime
) -> None:
    attention.tell("invoice_revised", invoice, now=now, version=2)
    root.get("/admin/attention")
    for _ in range(2):
        assert root.post(f"/admin/attention/{Attention.get().id}").status_code == 303
    assert Attention.get().settled_by == cast.root.id
    assert "2026-0142" not in root.get("/admin/attention").text
    assert "Done by Root" in root.get("/admin/attention?show=done").text
    assert root.post("/admin/attention/999").status_code == 404
    assert root.post("/admin/attention/99999999999999999999").status_code == 404


def test_pages_go_on_from_the_last_one(root: Browser, invoice: Invoice, now: datetime) -> None:
    for n in range(60):
        attention.tell("paid_late", invoice, now=now, cause=f"test {n}")
    first = inbox.page()
    assert len(first.items) == 50
    rest = inbox.page(after=first.older)
    assert [len(rest.items), rest.older] == [10, ""]
    assert root.get(f"/admin/attention?after={first.older}").status_code == 200
    assert root.get("/admin/attention?after=x").status_code == 200


@pytest.mark.parametrize("kind", attention.BY_DECISION)
def test_what_waits_for_a_decision_is_not_put_away_as_done(
    root: Browser, invoice: Invoice, now: datetime, kind: str
) -> None:
    attention.tell(kind, invoice, now=now)
    row = Attention.get()
    assert f'action="/admin/attention/{row.id}"' not in root.get("/admin/attention").text
    answer = root.post(f"/admin/attention/{row.id}")
    assert answer.status_code == 409
    assert "This waits for a decision" in answer.text
    assert Attention.get().settled_at is None


def test_opened_again_once_the_history_says_by_whom_and_from_where(
    root: Browser, cast: Cast, make_payment: MakePayment, invoice: Invoice, now: datetime
) -> None:
    attention.tell("card_testing", make_payment(invoice, "declined"), now=now)
    root.get("/admin/attention")
    for _ in range(2):
        assert root.post(f"/admin/attention/{Attention.get().id}").status_code == 303
    assert Attention.get().settled_by == cast.root.id
    line = History.get(History.event == "guests_opened")
    assert (line.actor_kind, line.actor_id) == ("staff", cast.root.id)
    assert "from" in line.details
    page = " ".join(root.get("/admin/history").text.split())
    assert page.count("Payment without an account opened again") == 1
