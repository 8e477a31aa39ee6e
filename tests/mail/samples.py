"""Letters about nothing in particular, for looking at their words and shape."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from models import Payment
from money import Money
from records import (
    AllocationView,
    BadgeView,
    InvoiceView,
    LetterView,
    LineView,
    MerchantView,
    MethodView,
    PartyView,
    PaymentView,
    RefundView,
)

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
HARTWELL = MerchantView(
    "Hartwell Garden Services",
    phone="01234 567890",
    email="accounts@hartwell.example",
    address=("1 Orchard Lane", "Oxford OX1 1AA"),
)
VISA = MethodView("M1", "card", "Visa", "4242", (2028, 4))
DEBIT = MethodView("M2", "bank_debit", "Bank account", "3000")
ZERO = Money(0, "EUR")
LINK = "https://pay.hartwell.example/sign-in/abc"
DONE: dict[str, Any] = {"at": NOW, "device": "iphone"}
GETTING_IN: dict[str, dict[str, Any]] = {
    "enrol": {"url": LINK, "until": NOW.replace(day=23)},
    "reset": {"url": LINK, "link_minutes": 60},
    "temporary_password": {
        "url": "https://pay.hartwell.example/sign-in",
        "password": "hedge-lawn-4821",
        "until": NOW.replace(day=23),
    },
    "locked": {"at": NOW},
    "password_changed": DONE,
    "email_confirm": {"url": LINK, "until": NOW.replace(day=23)},
    "email_changed": {"masked": "a•••@acme.example"} | DONE,
    "invitation": {"url": LINK, "until": NOW.replace(day=29), "company": "Acme Ltd", "role": "pay"},
    "access_allowed": {"url": "https://pay.hartwell.example/company/G-ACME", "company": "Acme Ltd", "role": "view"},
    "access_refused": {},
    "factor_changed": {"what": "passkey_added"} | DONE,
    "guests_closed": {"url": "https://pay.hartwell.example/admin/attention", "at": NOW, "for_staff": True},
    "refunded": {
        "url": "https://pay.hartwell.example/payments/P-7K3M-92",
        "refund": RefundView("R-2B4C-77", Money(124_000, "EUR"), NOW.date(), "P-7K3M-92"),
    },
}


def letter(kind: str, **changes: Any) -> LetterView:
    """A letter to Ada; `payment` and `invoice` are there where the kind needs one."""
    about: dict[str, Any] = {}
    if kind == "sign_in":
        about = {"url": "https://pay.hartwell.example/sign-in/abc", "code": "482913", "link_minutes": 30}
        about["code_minutes"] = 15
    elif kind == "invoice_issued":
        about = {"invoice": invoice(), "url": "https://pay.hartwell.example/pay/abc"}
    elif kind in GETTING_IN:
        about = GETTING_IN[kind]
    else:
        about = {"payment": payment(kind), "url": "https://pay.hartwell.example/payments/P-7K3M-92"}
    return replace(
        LetterView(
            kind=kind,
            message_id="0f" * 16,
            to="ada@acme.example",
            name="Ada Lane",
            language="en",
            timezone="Europe/London",
            now=NOW,
            today=NOW.date(),
            merchant=HARTWELL,
            host="pay.hartwell.example",
            portal_url="https://pay.hartwell.example/sign-in",
            **about,
        ),
        **changes,
    )


def payment(kind: str = "receipt", **changes: Any) -> PaymentView:
    state = {
        "receipt": Payment.PAID,
        "on_its_way": Payment.PROCESSING,
        "action_needed": Payment.NEEDS_CUSTOMER,
        "declined": Payment.DECLINED,
        "being_checked": Payment.UNKNOWN,
        "not_taken": Payment.CANCELLED,
    }[kind]
    amount = Money(124_000, "EUR")
    return replace(
        PaymentView(
            reference="P-7K3M-92",
            url="/payments/P-7K3M-92",
            state=state,
            amount=amount,
            captured=amount if state == Payment.PAID else ZERO,
            created_at=NOW,
            created_on=NOW.date(),
            paid_on=NOW.date() if state == Payment.PAID else None,
            badge=BadgeView("paid", "paid"),
            allocations=(AllocationView("2026-0142", "2026-0142", amount),),
            method=DEBIT if kind == "on_its_way" else VISA,
            payer="Ada Lane",
            customer="Acme Ltd",
            step_expires_at=NOW.replace(day=23) if kind == "action_needed" else None,
        ),
        **changes,
    )


def invoice(lines: int = 7, **changes: Any) -> InvoiceView:
    words = ("Hedge cutting, front and side", "Lawn, weekly", "Removal of green waste", "Pruning", "Gravel, 2 t")
    total = Money(124_000, "EUR")
    return replace(
        InvoiceView(
            id=1,
            number="2026-0142",
            address="2026-0142",
            kind="invoice",
            status="open",
            issued_on=NOW.date(),
            due_on=date(2026, 12, 6),
            due_on_receipt=False,
            currency="EUR",
            net=Money(103_333, "EUR"),
            tax=Money(20_667, "EUR"),
            total=total,
            prepaid=ZERO,
            payable=total,
            open=total,
            free=total,
            line_total=Money(103_333, "EUR"),
            allowances=ZERO,
            charges=ZERO,
            rounding=ZERO,
            badge=BadgeView("due", "due"),
            seller=PartyView("Hartwell Garden Services"),
            buyer=PartyView("Acme Ltd"),
            delivery=None,
            lines=tuple(LineView(str(n), words[n % 5], Money(14_762, "EUR")) for n in range(lines)),
            adjustments=(),
            taxes=(),
            terms="",
            notes=(),
            po_number="PO-881",
            buyer_reference="",
            references=(),
            period=None,
            delivered_on=None,
            payments=(),
            originals=(),
            attachments=(),
        ),
        **changes,
    )
