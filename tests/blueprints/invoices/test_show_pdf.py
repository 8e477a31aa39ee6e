from __future__ import annotations

import pytest

from models import Connection, Invoice
from tests.bills import bill
from tests.blueprints.conftest import Clock
from tests.browser import Browser
from tests.cast import Cast


@pytest.fixture
def invoice(cast: Cast, clock: Clock, desk: Connection) -> Invoice:
    return bill(cast.acme, 124_000, now=clock.now, number="2026-0142")


def test_the_pdf_is_the_right_one_and_is_kept_by_nobody(ada: Browser, invoice: Invoice) -> None:
    answer = ada.get("/invoices/2026-0142.pdf")
    assert answer.data.startswith(b"%PDF-")
    assert answer.mimetype == "application/pdf"
    assert 'filename="invoice-2026-0142.pdf"' in answer.headers["Content-Disposition"]
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_asked_for_again_it_costs_nothing(ada: Browser, invoice: Invoice) -> None:
    tag = ada.get("/invoices/2026-0142.pdf").headers["ETag"]
    again = ada.get("/invoices/2026-0142.pdf", headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")


def test_nobody_else_gets_it(mallory: Browser, visitor: Browser, invoice: Invoice) -> None:
    assert mallory.get("/invoices/2026-0142.pdf").status_code == 404
    assert visitor.get("/invoices/2026-0142.pdf").status_code == 303


def test_a_viewer_may_read_it(vic: Browser, invoice: Invoice) -> None:
    assert vic.get("/invoices/2026-0142.pdf").status_code == 200
