"""The named cards and bank accounts of the rehearsal, and how each behaves. The names stand in docs/gateways.md."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Instrument:
    """A pretend card or bank account. `decline`, `debit` and the switches say what happens when it is charged."""

    name: str
    kind: str  # "card" or "bank_debit"
    brand: str
    last4: str
    does: str
    decline: str | None = None  # the provider's code of the refusal
    storable: bool = True
    secure: bool = False  # asks its holder first (3-D Secure)
    slow: bool = False  # answers late
    hangs: bool = False  # takes the money and never answers
    debit: str | None = None  # "settles", "waits" or "comes back"

    @property
    def label(self) -> str:
        return f"{self.brand} ending {self.last4}"


@dataclass(frozen=True)
class Refusal:
    """What the provider says beside a code: whether another try can help, and when."""

    severity: str
    message: str
    retry_after_days: int | None = None


INSTRUMENTS = {
    i.name: i
    for i in (
        Instrument("visa", "card", "Visa", "4242", "Succeeds."),
        Instrument("mastercard", "card", "Mastercard", "4444", "Succeeds too."),
        Instrument("no_funds", "card", "Visa", "9995", "Refused: not enough money. Another try may work.",
                   decline="insufficient_funds"),
        Instrument("stolen", "card", "Visa", "9979", "Refused: reported stolen. No try will ever work.",
                   decline="stolen_card"),
        Instrument("expired", "card", "Mastercard", "0069", "Refused: expired.", decline="expired_card"),
        Instrument("refused", "card", "Visa", "0002", "Refused without a reason, and cannot be stored.",
                   decline="do_not_honor", storable=False),
        Instrument("secure", "card", "Visa", "3220", "Its bank asks you first (3-D Secure).", secure=True),
        Instrument("timeout", "card", "Visa", "5126", "Takes the money, then does not answer.", hangs=True),
        Instrument("slow", "card", "Visa", "5134", "Succeeds after some seconds.", slow=True),
        Instrument("debit", "bank_debit", "Bank account", "3000", "Accepted, arrives a little later.",
                   debit="settles"),
        Instrument("debit_waits", "bank_debit", "Bank account", "3001",
                   "Accepted, then waits until it is settled by hand on the control page.", debit="waits"),
        Instrument("debit_returned", "bank_debit", "Bank account", "3002",
                   "Accepted, then comes back: not enough money.", debit="comes back"),
    )
}  # fmt: skip

REFUSALS = {
    "insufficient_funds": Refusal("soft", "The account lacks the money.", 3),
    "stolen_card": Refusal("hard", "The card was reported stolen."),
    "expired_card": Refusal("hard", "The card has expired."),
    "do_not_honor": Refusal("hard", "The bank gives no reason."),
    "authentication_failed": Refusal("soft", "The holder did not approve the payment."),
    "debit_failed": Refusal("soft", "The bank sent the debit back.", 3),
    "account_closed": Refusal("hard", "The bank account is closed."),
    "debit_not_authorised": Refusal("hard", "The holder took back the permission to debit."),
    "method_removed": Refusal("hard", "This method was removed."),
    "refund_too_large": Refusal("hard", "More than what is left of the payment."),
    "not_refundable": Refusal("hard", "This payment was never taken."),
}
