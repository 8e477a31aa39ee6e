"""Stripe's objects, events and errors in the contract's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import stripe

from gateways.contract import (
    Attempt,
    ClientStep,
    Decline,
    EventKind,
    Method,
    MethodKind,
    Outcome,
    Setup,
    SetupState,
    Severity,
)
from gateways.stripe.amounts import CARD, SEPA, TERMS, received
from gateways.stripe.declines import Found, decline, told_by
from gateways.stripe.wire import NeverLeft

PAGE_OPEN = timedelta(minutes=30)  # Checkout keeps a page for 24 hours: after this we close it ourselves
APPROVAL_OPEN = timedelta(hours=24)


# The events an endpoint has to be told of; `types` of a list takes twenty at most.
EVENTS = (
    "checkout.session.completed", "checkout.session.expired", "checkout.session.async_payment_failed",
    "checkout.session.async_payment_succeeded", "payment_intent.succeeded", "payment_intent.payment_failed",
    "payment_intent.processing", "payment_intent.canceled", "setup_intent.succeeded", "setup_intent.setup_failed",
    "refund.created", "refund.updated", "refund.failed", "charge.dispute.created", "charge.dispute.closed",
    "payment_method.detached", "payment_method.automatically_updated", "mandate.updated", "payout.paid",
    "payout.failed",
)  # fmt: skip

RETURNED = {"bank_cannot_process", "customer_initiated", "debit_not_authorized", "incorrect_account_details",
            "insufficient_funds"}  # fmt: skip
BRANDS = {
    "amex": "American Express", "cartes_bancaires": "Cartes Bancaires", "diners": "Diners Club",
    "discover": "Discover", "eftpos_au": "eftpos", "interac": "Interac", "jcb": "JCB", "mastercard": "Mastercard",
    "unionpay": "UnionPay", "visa": "Visa",
}  # fmt: skip


def attempt(found: Found) -> Attempt:
    match found["object"]:
        case "checkout.session":
            return page(found)
        case "payment_intent":
            return payment(found)
        case _:
            return refund(found)


def page(session: Found) -> Attempt:
    """What became of a page. Once money moves its intent decides; until then it is open, whatever was refused on it."""
    try:
        theirs, ours, state = session["id"], (session.get("metadata") or {}).get("ours"), session["status"]
        if session["mode"] == "setup":
            outcome = {"open": Outcome.ACTION_REQUIRED, "expired": Outcome.CANCELLED}.get(state, Outcome.SUCCEEDED)
            return Attempt(outcome, theirs=theirs, ours=ours, setup=theirs, raw={"status": state},
                           client_step=_page_step(session))  # fmt: skip
        intent = intent_of(session)
        if intent is not None and (state == "complete" or intent["status"] in ("succeeded", "processing")):
            paid = payment(intent)
            keep = theirs if intent.get("setup_future_usage") == "off_session" else None
            return replace(paid, theirs=theirs, ours=ours or paid.ours, setup=keep)
        outcome = {"open": Outcome.ACTION_REQUIRED, "expired": Outcome.CANCELLED}.get(state, Outcome.UNKNOWN)
        amount, currency = received(session["amount_total"], session["currency"])
        return Attempt(outcome, theirs=theirs, ours=ours, amount=amount, currency=currency,
                       client_step=_page_step(session),
                       raw={"status": state, **told_by((intent or {}).get("last_payment_error"))})  # fmt: skip
    except (KeyError, TypeError, AttributeError, ValueError):
        return unreadable()


def intent_of(found: Found) -> Found | None:
    intent = found if found["object"] == "payment_intent" else found.get("payment_intent")
    return intent if isinstance(intent, Mapping) else None


def _page_step(session: Found) -> ClientStep | None:
    if session["status"] != "open":
        return None
    made = datetime.fromtimestamp(session["created"], UTC)
    ends = datetime.fromtimestamp(session["expires_at"], UTC)
    return ClientStep(session["id"], str(session["url"]), min(made + PAGE_OPEN, ends))


def payment(intent: Found) -> Attempt:
    """What an intent says. One that was made and not confirmed says nothing: a confirmation may be on its way."""
    try:
        charge = intent.get("latest_charge")
        charge = charge if isinstance(charge, Mapping) else {}
        error = intent.get("last_payment_error")
        outcome = {
            "succeeded": Outcome.SUCCEEDED,
            "processing": Outcome.PROCESSING,
            "requires_action": Outcome.ACTION_REQUIRED,
            "canceled": Outcome.CANCELLED,
        }.get(intent["status"], Outcome.UNKNOWN)
        if intent["status"] == "requires_payment_method" and error:
            outcome = Outcome.DECLINED
        taken = intent["amount_received"] if outcome is Outcome.SUCCEEDED else intent["amount"]
        amount, currency = received(taken, intent["currency"])
        return Attempt(
            outcome,
            theirs=intent["id"],
            ours=(intent.get("metadata") or {}).get("ours"),
            amount=amount,
            currency=currency,
            fee=_fee(charge, intent["currency"]) if outcome is Outcome.SUCCEEDED else None,
            decline=decline(error, charge.get("failure_code")) if outcome is Outcome.DECLINED else None,
            client_step=_approval(intent) if outcome is Outcome.ACTION_REQUIRED else None,
            raw={"status": intent["status"], **_shown(charge), **told_by(error)},
        )
    except (KeyError, TypeError, AttributeError, ValueError):
        return unreadable()


def _approval(intent: Found) -> ClientStep | None:
    """Where the customer approves: 3-D Secure, or the amounts of two small credits to a bank account."""
    step = intent.get("next_action") or {}
    url = (step.get("redirect_to_url") or {}).get("url") or (step.get("verify_with_microdeposits") or {}).get(
        "hosted_verification_url"
    )
    if not url:
        return None
    return ClientStep(intent["id"], url, datetime.fromtimestamp(intent["created"], UTC) + APPROVAL_OPEN)


def _fee(charge: Found, currency: str) -> int | None:
    """Known once the money is in Stripe's books, and told only where it was taken in the payment's own currency."""
    booked = charge.get("balance_transaction")
    if not isinstance(booked, Mapping) or booked.get("currency") != currency:
        return None
    return received(booked["fee"], currency)[0]


def refund(found: Found) -> Attempt:
    try:
        outcome = {
            "succeeded": Outcome.SUCCEEDED,
            "pending": Outcome.PROCESSING,
            "requires_action": Outcome.PROCESSING,  # Stripe asks the customer for a bank account
            "failed": Outcome.DECLINED,
            "canceled": Outcome.CANCELLED,
        }.get(found["status"], Outcome.UNKNOWN)
        amount, currency = received(found["amount"], found["currency"])
        return Attempt(
            outcome,
            theirs=found["id"],
            ours=(found.get("metadata") or {}).get("ours"),
            amount=amount,
            currency=currency,
            decline=Decline("refused", Severity.HARD) if outcome is Outcome.DECLINED else None,
            raw={name: found[name] for name in ("status", "failure_reason") if found.get(name)},
        )
    except (KeyError, TypeError, AttributeError, ValueError):
        return unreadable()


def setup(session: Found) -> Setup | None:
    """What became of storing a method on a page, a page of its own or that of a payment."""
    theirs, ours = session["id"], (session.get("metadata") or {}).get("ours")
    if session["status"] == "open":
        return Setup(SetupState.OPEN, theirs, ours, client_step=_page_step(session))
    if session["status"] == "expired":
        return Setup(SetupState.EXPIRED, theirs, ours)
    if session["mode"] == "setup":
        intent = session.get("setup_intent")
        return replace(setup_intent(intent), theirs=theirs, ours=ours) if isinstance(intent, Mapping) else None
    paid = intent_of(session)
    if paid is None or paid["status"] not in ("succeeded", "processing") or not paid.get("setup_future_usage"):
        return None
    charge = paid.get("latest_charge")
    details = (charge.get("payment_method_details") or {}) if isinstance(charge, Mapping) else {}
    mandate = (details.get(details.get("type")) or {}).get("mandate")
    method = _method(paid.get("payment_method"), mandate)
    return Setup(SetupState.STORED, theirs, ours, method) if method and method.profile else None  # not attached yet


def setup_intent(intent: Found) -> Setup:
    theirs, ours = intent["id"], (intent.get("metadata") or {}).get("ours")
    match intent["status"]:
        case "succeeded":
            method = _method(intent.get("payment_method"), intent.get("mandate"))
            return Setup(SetupState.STORED if method else SetupState.REFUSED, theirs, ours, method)
        case "canceled":
            return Setup(SetupState.EXPIRED, theirs, ours)
        case "requires_payment_method" if intent.get("last_setup_error"):
            return Setup(SetupState.REFUSED, theirs, ours, decline=decline(intent["last_setup_error"]))
        case _:
            return Setup(SetupState.OPEN, theirs, ours, client_step=_approval(intent))


def _method(found: Any, mandate: str | None) -> Method | None:
    if not isinstance(found, Mapping) or found.get("type") not in TERMS:
        return None
    told = found[found["type"]]
    profile = found.get("customer")
    return Method(
        token=_token(found["id"], profile),
        kind=MethodKind.CARD if found["type"] == CARD else MethodKind.BANK_DEBIT,
        brand=_brand(found["type"], told),
        last4=told.get("last4") or "",
        expires_year=told.get("exp_year"),
        expires_month=told.get("exp_month"),
        profile=profile,
        mandate=mandate,
    )


def _token(method: str, customer: str | None) -> str:
    """Stripe charges a stored method only together with the customer it belongs to: ours names both."""
    return f"{customer}/{method}" if customer else method


def _brand(name: str, told: Found) -> str:
    if name == CARD:
        brand = told.get("display_brand") or told.get("brand") or ""
        return BRANDS.get(brand, brand.replace("_", " ").title())
    return told.get("bank_name") or ("SEPA" if name == SEPA else "ACH")


def speaks_of(name: str, item: Found, before: Found | None) -> tuple[EventKind, str | None, str | None]:
    """Kind, their reference and ours of what an event is about."""
    ours = (item.get("metadata") or {}).get("ours")
    family = name.rpartition(".")[0]
    if name not in EVENTS:
        return EventKind.OTHER, None, None
    match family:
        case "checkout.session":
            return EventKind.SETUP if item["mode"] == "setup" else EventKind.PAYMENT, item["id"], ours
        case "payment_intent":
            return EventKind.PAYMENT, item["id"], ours
        case "setup_intent":
            return EventKind.SETUP, item["id"], ours
        case "refund":  # one made at Stripe and not here is told of by its payment
            return EventKind.REFUND, item["id"] if ours else item.get("payment_intent") or item["id"], ours
        case "charge.dispute":
            # Bank debits that come back after they arrived are disputes there, and cannot be contested. Their
            # charges are called py_….
            back = item.get("reason") in RETURNED or str(item.get("charge")).startswith("py_")
            return EventKind.RETURN if back else EventKind.DISPUTE, item.get("payment_intent"), None
        case "payment_method":
            customer = item.get("customer") or (before or {}).get("customer")
            return EventKind.METHOD, _token(item["id"], customer), None
        case "mandate":
            return EventKind.METHOD, item["id"], None
        case _:
            return EventKind.PAYOUT, item["id"], None


def refusal(error: stripe.StripeError, ours: str | None, theirs: str | None = None) -> Attempt:
    """What an error proves. Stripe keeps a 500 and repeats it under its key: that too says nothing."""
    outcome, our_fault, why = Outcome.UNKNOWN, False, None
    match error:
        case NeverLeft():
            outcome = Outcome.NOT_SUBMITTED
        case stripe.CardError():
            body = error.json_body if isinstance(error.json_body, Mapping) else {}
            outcome, why = Outcome.DECLINED, decline(body.get("error"))
        case stripe.IdempotencyError():
            our_fault = error.http_status != 409  # the key was used for another order, which may have moved money
        case stripe.RateLimitError():
            # locked: another request has the object in hand, maybe an earlier one of ours
            outcome = Outcome.UNKNOWN if _code(error) == "lock_timeout" else Outcome.NOT_SUBMITTED
        case stripe.InvalidRequestError() if error.param == "payment_method" and error.code in (
            "resource_missing", "payment_method_unexpected_state", "payment_method_not_available", None,
        ):  # fmt: skip
            outcome, why = Outcome.DECLINED, Decline("method_removed", Severity.HARD, tell=True)
        case stripe.InvalidRequestError() | stripe.AuthenticationError() | stripe.PermissionError():
            outcome, our_fault = Outcome.NOT_SUBMITTED, True
    return Attempt(outcome, theirs=theirs, ours=ours, our_fault=our_fault, decline=why, raw=said(error))


def unanswered(error: stripe.StripeError, ours: str | None, theirs: str | None) -> Attempt:
    """A question, or the closing of something, that failed: it says nothing about the payment."""
    return replace(refusal(error, ours, theirs), outcome=Outcome.UNKNOWN, decline=None)


def _code(error: stripe.StripeError) -> str | None:
    """The library gives some errors no code although they have one."""
    body = error.json_body if isinstance(error.json_body, Mapping) else {}
    told = body.get("error")
    return error.code or (told.get("code") if isinstance(told, Mapping) else None)


def said(error: stripe.StripeError) -> dict[str, Any]:
    """What staff may read: no message, since it may quote what we sent."""
    body = error.json_body if isinstance(error.json_body, Mapping) else {}
    told = body.get("error")
    known = {
        "error": type(error).__name__,
        "http": error.http_status,
        "code": _code(error),
        "param": getattr(error, "param", None),
    }
    return {k: v for k, v in known.items() if v} | told_by(told if isinstance(told, Mapping) else None)


def _shown(charge: Found) -> dict[str, Any]:
    details = charge.get("payment_method_details") or {}
    told = details.get(details.get("type")) or {}
    booked = charge.get("balance_transaction")
    fee = {"fee": booked["fee"], "fee_currency": booked["currency"]} if isinstance(booked, Mapping) else {}
    shown = {"brand": told.get("brand"), "last4": told.get("last4"), "failure_code": charge.get("failure_code"),
             "refunded": charge.get("amount_refunded"), "disputed": charge.get("disputed"), **fee}  # fmt: skip
    return {name: value for name, value in shown.items() if value}


def mistake(ours: str | None, why: str, theirs: str | None = None) -> Attempt:
    """Nothing was sent: it could not have been carried out."""
    return Attempt(Outcome.NOT_SUBMITTED, theirs=theirs, ours=ours, our_fault=True, raw={"error": why})


def unreadable(ours: str | None = None, theirs: str | None = None) -> Attempt:
    return Attempt(Outcome.UNKNOWN, theirs=theirs, ours=ours, raw={"error": "unreadable answer"})
