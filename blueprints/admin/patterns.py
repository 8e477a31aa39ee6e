"""The pattern page: every shared piece with awkward content, for whoever changes the look or writes a theme."""

from __future__ import annotations

from datetime import date, timedelta

from flask import Blueprint, Response
from wtforms import BooleanField, Form, RadioField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice

from blueprints import guards, respond
from money import Money
from records import (
    BadgeView,
    FileView,
    InvoiceRow,
    MethodView,
    PartyView,
)

bp = Blueprint("admin_patterns", __name__, url_prefix="/admin/patterns")

DAY = date(2026, 11, 22)
STATES = (
    BadgeView("due", "due", 9),
    BadgeView("due", "due_today"),
    BadgeView("due", "not_due"),
    BadgeView("overdue", "overdue", 1),
    BadgeView("overdue", "overdue", 1119),
    BadgeView("overdue", "part_overdue", 19),
    BadgeView("part", "part"),
    BadgeView("moving", "moving"),
    BadgeView("moving", "unknown"),
    BadgeView("moving", "itself"),
    BadgeView("moving", "action_required"),
    BadgeView("paid", "paid"),
    BadgeView("paid", "settled"),
    BadgeView("asked", "asked"),
    BadgeView("failed", "failed"),
    BadgeView("failed", "declined"),
    BadgeView("closed", "void"),
)
AMOUNTS = (
    Money(124000, "EUR"),
    Money(8650, "EUR"),
    Money(1250000000, "EUR"),
    Money(-22514, "EUR"),
    Money(0, "EUR"),
    Money(1234567, "JPY"),
    Money(1, "USD"),
    Money(98765432, "KWD"),
)
LONG_NUMBER = "RE/2026-000000142-Nachtragsrechnung-Freianlagen-Los-17b"
LONG_NAME = (
    "Donaudampfschifffahrtsgesellschaftskapitänsversorgungsanstalt der Vereinigten Ufergemeinden GmbH & Co. KGaA"
)


REASONS = [SelectChoice("amount", "The amount"), SelectChoice("paid", "I have paid already")]


class PatternForm(Form):
    amount = StringField("Amount in EUR")
    email = StringField("E-mail")
    code = StringField("Code")
    why = RadioField("What is not right?", choices=REASONS)
    keep = BooleanField("Keep this card for later")
    words = TextAreaField("What happened?")


@bp.get("")
@guards.require_staff
def index() -> Response:
    """Every piece, with what it must bear."""
    wrong = PatternForm(data={"amount": "5", "email": LONG_NAME, "words": "<script>alert(1)</script>"}, prefix="wrong")
    wrong.amount.errors = ["Enter an amount of €10.00 or more"]
    wrong.why.errors = ["Choose what is not right"]
    return respond.page(
        "admin/patterns/index.html",
        current="patterns",
        states=STATES,
        amounts=AMOUNTS,
        lists=[("fifty", rows(50)), ("one", rows(1)), ("none", ())],
        form=PatternForm(prefix="right", data={"email": "ada@acme.example", "why": "paid"}),
        wrong=wrong,
        party=PartyView(LONG_NAME, ("Uferstraße 1", "1010 Wien", "Austria"), "ATU12345678", "FN 12345 a"),
        files=(
            FileView(1, "Invoice 2026-0142.pdf", "application/pdf", 48213, "#files"),
            FileView(2, f"{LONG_NUMBER}.xml", "application/xml", 1834022, "#files"),
        ),
        methods=(
            MethodView("m1", "card", "Visa", "4242", (2027, 8), is_default=True),
            MethodView("m2", "bank_debit", "", "3000"),
            MethodView("m3", "card", "", ""),
        ),
        day=DAY,
    )


def rows(count: int) -> tuple[InvoiceRow, ...]:
    """Invoices that are hard to set: every status, amounts from nothing to millions, no and three decimals."""
    found = []
    for n in range(count):
        badge = STATES[n % len(STATES)]
        amount = AMOUNTS[n % len(AMOUNTS)]
        number = LONG_NUMBER if n == 2 else f"2026-{n + 118:04d}"
        found.append(
            InvoiceRow(
                number=number,
                address=f"pattern-{n}",
                issued_on=DAY - timedelta(days=40 + n),
                due_on=DAY - timedelta(days=10 - n),
                total=amount,
                open=amount,
                free=amount,
                badge=badge,
                can_pay=badge.shape in ("due", "overdue", "part") and amount.minor > 0,
                settled_on=DAY if badge.shape == "paid" else None,
                customer=LONG_NAME if n == 2 else "Acme Ltd",
                url=f"#pattern-{n}",
            )
        )
    return tuple(found)
