"""What GoCardless says, in our words: statuses, causes, schemes and their limits, events. No request is made here.

https://developer.gocardless.com/api-reference/ (version 2015-07-06). Limits are those of a new account
(https://support.gocardless.com/hc/en-gb/articles/115000309245-Transaction-limits); they can be raised for a merchant.
Of US dollars only the least was found published; the most is set like that of other dollars.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateways.contract import (
    Attempt,
    Capability,
    Decline,
    Event,
    EventKind,
    Method,
    MethodKind,
    Outcome,
    SetupState,
    Severity,
)

OURS, USE = "tillhouse", "for"  # keys in their metadata: our reference, and on a page what it is for

KEY_WINDOW = 24 * 3600  # how long keys are kept is not published: a day is sure to be less
RETRIES, RETRY_DAYS = 3, 30  # its own tries again stay off; as many of ours


@dataclass(frozen=True)
class Scheme:
    """A direct debit scheme. Amounts in minor units; days as `Capability` names them."""

    name: str
    label: str  # shown where a bank's name is not known
    minimum: int
    maximum: int
    notice_days: int
    return_days: int


# Notice is written by GoCardless, which puts the charge date behind it; a merchant has to ask to send it himself.
# Days to come back: SEPA 8 weeks; ACH 60; PAD 90; Bacs and both BECS know no end, a year stands for that.
SCHEMES = {
    "EUR": Scheme("sepa_core", "SEPA", 100, 500_000, 3, 56),
    "GBP": Scheme("bacs", "Bacs", 100, 500_000, 3, 365),
    "USD": Scheme("ach", "ACH", 200, 1_000_000, 10, 60),
    "CAD": Scheme("pad", "PAD", 200, 500_000, 10, 90),
    "AUD": Scheme("becs", "BECS", 200, 1_000_000, 3, 365),
    "NZD": Scheme("becs_nz", "BECS NZ", 200, 1_000_000, 10, 365),
    "SEK": Scheme("autogiro", "Autogiro", 1_000, 5_000_000, 8, 56),
    "DKK": Scheme("betalingsservice", "Betalingsservice", 1_000, 5_000_000, 8, 56),
}
PAYABLE_ON_PAGE = frozenset({"EUR", "GBP"})  # payment_request of a billing request: these two only

LANGUAGES = frozenset({"da", "de", "en", "es", "fr", "it", "nb", "nl", "pt", "sl", "sv"})

PAYMENTS = {
    "pending_customer_approval": Outcome.PROCESSING,
    "pending_submission": Outcome.PROCESSING,
    "submitted": Outcome.PROCESSING,
    "confirmed": Outcome.SUCCEEDED,
    "paid_out": Outcome.SUCCEEDED,
    "cancelled": Outcome.CANCELLED,
    "customer_approval_denied": Outcome.DECLINED,
    "failed": Outcome.DECLINED,
    "charged_back": Outcome.SUCCEEDED,
}
CAPTURED = frozenset({"confirmed", "paid_out", "charged_back", "late_failure_settled", "chargeback_settled"})
WENT_BACK = frozenset({"failed", "charged_back", "late_failure_settled", "chargeback_settled"})
RETURNS = frozenset({"charged_back", "late_failure_settled", "chargeback_settled"})

REFUNDS = {
    "created": Outcome.PROCESSING,
    "pending_submission": Outcome.PROCESSING,
    "submitted": Outcome.PROCESSING,
    "paid": Outcome.SUCCEEDED,
    "cancelled": Outcome.CANCELLED,
    "bounced": Outcome.DECLINED,
    "funds_returned": Outcome.DECLINED,
    "failed": Outcome.DECLINED,
}
# Why a refund was not accepted: all definite, one for want of money that may be there tomorrow.
REFUND_REFUSALS = {
    "refund_payment_invalid_state": Severity.HARD,
    "number_of_refunds_exceeded": Severity.HARD,
    "available_refund_amount_insufficient": Severity.SOFT,
}

SETUPS = {
    "pending": SetupState.OPEN,
    "ready_to_fulfil": SetupState.OPEN,
    "fulfilling": SetupState.OPEN,
    "fulfilled": SetupState.STORED,
    "cancelled": SetupState.EXPIRED,
}
USELESS_MANDATES = frozenset({"failed", "cancelled", "expired", "consumed", "blocked", "suspended_by_payer"})

CAUSES = {
    "insufficient_funds": ("insufficient_funds", Severity.SOFT),
    "refer_to_payer": ("returned", Severity.SOFT),  # banks say so mostly for want of funds, and when they may not say
    "bank_account_closed": ("account_closed", Severity.HARD),
    "bank_account_transferred": ("account_closed", Severity.HARD),
    "invalid_bank_details": ("account_closed", Severity.HARD),
    "authorisation_disputed": ("not_authorised", Severity.HARD),
    "mandate_cancelled": ("not_authorised", Severity.HARD),
    "mandate_expired": ("not_authorised", Severity.HARD),
    "mandate_suspended": ("not_authorised", Severity.HARD),
    "direct_debit_not_enabled": ("not_authorised", Severity.HARD),
    "payment_stopped": ("not_authorised", Severity.HARD),
    "refund_requested": ("not_authorised", Severity.HARD),
    "customer_approval_denied": ("not_authorised", Severity.HARD),
}

# Of several things that carry the same reference of ours, the one that says most about the money.
WEIGHT = (
    Outcome.SUCCEEDED, Outcome.PROCESSING, Outcome.ACTION_REQUIRED, Outcome.UNKNOWN, Outcome.DECLINED,
    Outcome.CANCELLED, Outcome.NOT_SUBMITTED,
)  # fmt: skip

SHOWN_TO_STAFF = ("status", "scheme", "charge_date", "created_at")


def abilities(maxima: Mapping[str, int]) -> tuple[Capability, ...]:
    return tuple(
        Capability(MethodKind.BANK_DEBIT, currency, off_session=True, refund=True, cancel=True, lookup_by_ours=True,
                   minimum=scheme.minimum, maximum=maxima.get(currency, scheme.maximum), step=1, key_window=KEY_WINDOW,
                   notice_days=scheme.notice_days, notice_by="provider", retries=RETRIES, retry_days=RETRY_DAYS,
                   return_days=scheme.return_days, on_page=currency in PAYABLE_ON_PAGE, tells_fee=False)
        for currency, scheme in SCHEMES.items()
    )  # fmt: skip


def payment(made: Mapping[str, Any], history: Sequence[Mapping[str, Any]]) -> Attempt:
    """A payment as it stands. `history`: its events, newest first, needed where it failed or was charged back.

    One that failed after it had been confirmed was captured, and went back since: the return is told in `raw`.
    """
    status = made["status"]
    outcome, decline, raw = PAYMENTS[status], None, _shown(made)
    if status == "customer_approval_denied":
        decline = _decline(status)
    if status in ("failed", "charged_back"):
        decline = _decline(next((_cause(each) for each in history if each.get("action") in WENT_BACK), None))
        if status == "charged_back" or any(each.get("action") in CAPTURED for each in history):
            raw |= {"returned": amount_of(made) - amount_of(made, "amount_refunded"), "returned_code": decline.code}
            outcome, decline = Outcome.SUCCEEDED, None
    if refunded := amount_of(made, "amount_refunded"):
        raw["refunded"] = refunded
    return Attempt(outcome, made["id"], ours_in(made), amount_of(made), made["currency"], decline=decline, raw=raw)


def refund(made: Mapping[str, Any]) -> Attempt:
    outcome = REFUNDS[made["status"]]
    decline = Decline("refused", Severity.HARD) if outcome is Outcome.DECLINED else None
    return Attempt(outcome, made["id"], ours_in(made), amount_of(made), made["currency"], decline=decline,
                   raw=_shown(made))  # fmt: skip


def method(mandate: Mapping[str, Any], account: Mapping[str, Any]) -> Method:
    """A mandate as a stored method. Of most accounts GoCardless tells the last two digits, of some four."""
    labels = {scheme.name: scheme.label for scheme in SCHEMES.values()}
    return Method(
        token=mandate["id"],
        kind=MethodKind.BANK_DEBIT,
        brand=account.get("bank_name") or labels.get(mandate.get("scheme") or "", "Bank account"),
        last4=account.get("account_number_ending") or "",
        profile=(mandate.get("links") or {}).get("customer"),
        mandate=mandate.get("reference") or mandate["id"],
    )


def event(told: Mapping[str, Any], account: str, live: bool) -> Event:
    """An event as sent or listed. Raises KeyError, TypeError or ValueError for one that cannot be read."""
    kind, named = _about(told)
    return Event(str(told["id"]), kind, (told.get("links") or {}).get(named), _ours(told.get("resource_metadata")),
                 instant(told["created_at"]), account, live,
                 {"type": f"{told['resource_type']}.{told['action']}", "cause": _cause(told) or ""})  # fmt: skip


def amount_of(made: Mapping[str, Any], name: str = "amount") -> int:
    """Minor units; they are published as numbers and as strings."""
    return int(made.get(name) or 0)


def ours_in(made: Mapping[str, Any]) -> str | None:
    return _ours(made.get("metadata"))


def instant(text: str) -> datetime:
    """An instant with its zone. Raises ValueError for one without."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("no zone")
    return found


def _about(told: Mapping[str, Any]) -> tuple[EventKind, str]:
    """What an event is about, and which of its links names that."""
    resource, action = told["resource_type"], told["action"]
    if resource == "payments":
        return (EventKind.RETURN if action in RETURNS else EventKind.PAYMENT), "payment"
    if resource == "billing_requests":
        use = (told.get("resource_metadata") or {}).get(USE)
        pays = use == "payment" or bool((told.get("links") or {}).get("payment_request_payment"))
        return (EventKind.PAYMENT if pays else EventKind.SETUP), "billing_request"
    kinds = {
        "refunds": (EventKind.REFUND, "refund"),
        "mandates": (EventKind.METHOD, "mandate"),
        "payouts": (EventKind.PAYOUT, "payout"),
    }
    return kinds.get(resource, (EventKind.OTHER, ""))


def _cause(told: Mapping[str, Any]) -> str | None:
    return (told.get("details") or {}).get("cause")


def _decline(cause: str | None) -> Decline:
    code, severity = CAUSES.get(cause or "", ("refused", Severity.HARD))
    return Decline(code, severity, tell=code != "refused")


def _ours(metadata: Any) -> str | None:
    found = metadata.get(OURS) if isinstance(metadata, dict) else None
    return found if isinstance(found, str) else None


def _shown(made: Mapping[str, Any]) -> dict[str, Any]:
    return {name: made[name] for name in SHOWN_TO_STAFF if made.get(name) is not None}
