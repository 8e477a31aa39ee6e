"""Invoices for tests: real rows with real content and ledger entries, made in one line."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

from accounting.contract import Document, Kind, Line, Party, Tax
from billing import documents_shown, ledger, refunds, suspense
from billing.payments import claims
from database import transaction
from models import BillingGroup, Invoice, InvoiceVersion

_numbers = count(1)


def bill(
    group: BillingGroup,
    amount: int,
    *,
    now: datetime,
    number: str | None = None,
    issued_on: date | None = None,
    due_on: date | None = None,
    prepaid: int = 0,
    **columns: Any,
) -> Invoice:
    """An open invoice of `amount` minor units, 20 % of it tax, due in two weeks if nothing else is said."""
    number = number or f"T-{next(_numbers):04d}"
    issued_on = issued_on or now.date()
    tax = amount // 6
    document = Document(
        number=number,
        kind=Kind.INVOICE,
        type_code="380",
        issued_on=issued_on,
        currency=group.currency,
        seller=Party("Hartwell Garden Services"),
        buyer=Party(group.name),
        lines=(Line("1", "Hedge cutting", amount - tax, quantity="1"),),
        net=amount - tax,
        tax=tax,
        total=amount,
        payable=amount - prepaid,
        prepaid=prepaid,
        line_total=amount - tax,
        taxes=(Tax("S", "20", amount - tax, tax),),
        due_on=due_on or issued_on + timedelta(days=14),
    )
    with transaction():
        invoice: Invoice = Invoice.create(
            address=number,
            number=number,
            group=group,
            issued_on=issued_on,
            due_on=document.due_on,
            currency=group.currency,
            total=amount,
            payable=amount - prepaid,
            source="file",
            identity=f"test {number}",
            created_at=now,
            **columns,
        )
        InvoiceVersion.create(
            invoice=invoice,
            version=1,
            content=documents_shown.pack(document),
            content_hash=number,
            total=amount,
            payable=amount - prepaid,
            arrived_at=now,
        )
        sums = ledger.Sums(net=amount - tax, tax=tax, prepaid=prepaid)
        ledger.invoice_arrived(invoice, sums, now=now, today=now.date())
    return Invoice.get_by_id(invoice.id)  # type: ignore[no-any-return]


def books_agree() -> None:
    """Every entry sums to zero and every column says what the lines and live payments say."""
    assert ledger.unbalanced_entries() == []
    assert ledger.wrong_open() == []
    assert ledger.wrong_credit() == []
    assert claims.wrong() == []
    assert suspense.wrong() == []
    assert refunds.wrong() == []
    assert refunds.wrong_due() == []
