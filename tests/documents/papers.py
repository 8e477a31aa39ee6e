"""An invoice, a payment and a merchant to print."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from documents import pdf
from money import Money
from records import (
    AllocationView,
    BadgeView,
    InvoiceView,
    LineView,
    MerchantView,
    MethodView,
    PartyView,
    PaymentView,
    TaxView,
)
from tests.documents.reading import Read, read

TODAY = date(2026, 10, 22)
PAY_URL = "https://portal.hartwell.example/pay/eyJpIjoxfQ.aXkq2w"
HARTWELL = MerchantView(
    "Hartwell Garden Services",
    "01234 567890",
    "hello@hartwell.example",
    ("14 Orchard Lane", "Ludlow SY8 1AA"),
    "GB123456789",
    "07654321",
)


def words(text: str) -> str:
    return text


def invoice(*, currency: str = "EUR", **changes: Any) -> InvoiceView:
    def money(minor: int) -> Money:
        return Money(minor, currency)

    fields: dict[str, Any] = {
        "id": 1,
        "number": "2026-0142",
        "address": "2026-0142",
        "kind": "invoice",
        "status": "open",
        "issued_on": date(2026, 10, 20),
        "due_on": date(2026, 11, 3),
        "due_on_receipt": False,
        "currency": currency,
        "net": money(103333),
        "tax": money(20667),
        "total": money(124000),
        "prepaid": money(0),
        "payable": money(124000),
        "open": money(124000),
        "free": money(124000),
        "line_total": money(103333),
        "allowances": money(0),
        "charges": money(0),
        "rounding": money(0),
        "badge": BadgeView("due", "due"),
        "seller": PartyView(HARTWELL.name, HARTWELL.address, HARTWELL.vat_number),
        "buyer": PartyView("Acme Holdings Ltd", ("2 Foundry Road", "Birmingham B1 1AA"), "GB987654321"),
        "delivery": None,
        "lines": (
            LineView(
                "1", "Hedge cutting", money(90000), "Front", quantity="6", unit="h", price="150", tax_rate="20.00"
            ),
            LineView("2", "Green waste removal", money(13333), quantity="1", price="133.33", tax_rate="20.00"),
        ),
        "adjustments": (),
        "taxes": (TaxView("S", "20.00", money(103333), money(20667)),),
        "terms": "14 days net.",
        "notes": ("Thank you for your order.",),
        "po_number": "PO-7781",
        "buyer_reference": "",
        "references": (),
        "period": None,
        "delivered_on": None,
        "payments": (),
        "originals": (),
        "attachments": (),
        "means": (("iban", "GB82WEST12345698765432"),),
    }
    return InvoiceView(**(fields | changes))


def payment(**changes: Any) -> PaymentView:
    paid = Money(150000, "EUR")
    fields: dict[str, Any] = {
        "reference": "P-7K3M-92",
        "url": "/payments/P-7K3M-92",
        "state": "paid",
        "amount": paid,
        "captured": paid,
        "created_at": datetime(2026, 11, 22, 14, 2, tzinfo=UTC),
        "created_on": date(2026, 11, 22),
        "paid_on": date(2026, 11, 22),
        "badge": BadgeView("paid", "paid"),
        "allocations": (
            AllocationView("2026-0142", "2026-0142", Money(124000, "EUR")),
            AllocationView("2026-0143", "2026-0143", Money(20000, "EUR")),
        ),
        "method": MethodView("m", "card", "Visa", "4242"),
        "credited": Money(6000, "EUR"),
        "payer": "Ada Okafor",
        "customer": "Acme Holdings Ltd",
    }
    return PaymentView(**(fields | changes))


def printed(
    shown: InvoiceView | None = None,
    *,
    merchant: MerchantView = HARTWELL,
    language: str = "en",
    pay_url: str | None = PAY_URL,
    files: tuple[pdf.File, ...] = (),
    today: date = TODAY,
) -> Read:
    return read(
        pdf.invoice_pdf(
            shown or invoice(),
            merchant,
            pay_url=pay_url,
            language=language,
            attachments=files,
            words=words,
            today=today,
        )
    )
