"""Paying without an account: one invoice by its link, or a sum by the payment form. It makes no customer.

Stolen cards are tried out where nobody asks who pays. So the tries of an invoice and of an address are counted, by
rows, and a burst of refusals anywhere closes both ways until staff open them again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from billing import attention, connections, dates, history, invoices, ledger, letters, links, sign_ins
from billing import settings as settings_of
from billing.errors import GuestRefused, NotAllowed, NotFree, NothingToPay, PaidJustNow
from billing.payments.request import (
    ASK_AGAIN_WITHIN,
    Press,
    check_amount,
    claim_and_record,
    hash_of,
    once,
    record_payment,
    stopped,
    taking,
)
from billing.settings import INVITED, Settings
from database import retried, transaction
from gateways.contract import Capability
from models import Allocation, Attention, BillingGroup, Connection, Invoice, Payment, Person, Staff
from money import Money

MOST_TRIES, MOST_DECLINES, A_DAY = 5, 3, timedelta(days=1)  # of an invoice; of an address on the payment form
BURST, BURST_WITHIN = 10, timedelta(hours=1)  # refusals in the whole portal
LONGEST_LIFE = timedelta(days=2)  # of a payment that may still be refused on the spot: then the sweep has ended it
CARD_TESTING = "card_testing"
LINK_LIVES = timedelta(days=365)  # after there was nothing left to pay


@dataclass(frozen=True)
class Guest:
    """Who pays without an account, as they wrote it; the e-mail folded. `enrols`: they also ask for an account."""

    name: str
    email: str
    enrols: bool = False


# --- One invoice by its link ------------------------------------------------------------------------------------------


def request(
    invoice: Invoice,
    *,
    amount: Money,
    link: str,
    token: str,
    guest: Guest,
    by: Person | history.Actor,
    settings: Settings,
    now: datetime,
) -> Payment:
    """A guest pressed Pay: the whole rest of the one invoice whose link they hold. The caller has read the link.

    Takes the same road as everybody's payment, and belongs to the invoice's group. Raises what payments.request does,
    and GuestRefused.
    """
    press = Press(
        owner=f"guest {links.digest('guest', link)}",
        token=token,
        form_hash=hash_of(invoice.id, amount.minor, amount.currency, guest.name, guest.email, guest.enrols),
        by=by,
        came_by=Payment.GUEST,
        guest_name=guest.name,
        guest_email=guest.email,
        guest_enrols=guest.enrols and may_ask_for_account(settings),
    )

    def record() -> Payment:
        if not settings.allow_guest_payment:
            raise GuestRefused("guest_off")
        return _claim(invoice, amount, press, now)

    return once(press, record, settings=settings)


@retried
def _claim(invoice: Invoice, amount: Money, press: Press, now: datetime) -> Payment:
    with transaction():
        if is_closed():
            raise GuestRefused("closed")
        ledger.locked(BillingGroup, invoice.group_id)
        ledger.locked(Invoice, invoice.id)  # of tries at once each counts those before it
        if code := _too_many(_of_invoice(invoice), now):
            raise GuestRefused(code)
        # Who pays the rest pays it once: what another payment holds is not free, so nobody need be asked.
        return claim_and_record([invoice], amount, None, False, press, now, again=True)


def hindrance(invoice: Invoice, *, now: datetime, settings: Settings) -> str:
    """Why a guest cannot pay an invoice just now: GuestRefused's codes, "allow_pay_off", "no_gateway"; or empty."""
    if not settings.allow_guest_payment:
        return "guest_off"
    if code := stopped(settings):
        return code
    return "closed" if is_closed() else _too_many(_of_invoice(invoice), now)


def of_invoice(invoice: Invoice, reference: str) -> Payment | None:
    """A guest's payment of that very invoice; whatever else a reference names is None."""
    found: Payment | None = (
        Payment.select()
        .join(Allocation)
        .where(
            Payment.public_id == reference.upper(),
            Payment.came_by == Payment.GUEST,
            Allocation.invoice == invoice.id,
        )
        .first()
    )
    return found


def under_way(invoice: Invoice, link: str) -> Payment | None:
    """The payment that holders of this link have begun and that still moves or waits for them."""
    found: Payment | None = (
        Payment.select()
        .join(Allocation)
        .where(
            Payment.state.in_(Payment.LIVE),
            Payment.form_owner == f"guest {links.digest('guest', link)}",
            Allocation.invoice == invoice.id,
        )
        .order_by(Payment.id.desc())
        .first()
    )
    return found


def has_expired(invoice: Invoice, now: datetime, settings: Settings) -> bool:
    """Whether an invoice's link is too old: a year after there was nothing left to pay. While there is, it never is."""
    if invoice.status == Invoice.VOID:
        return invoice.voided_at is not None and invoice.voided_at < now - LINK_LIVES
    if invoice.open > 0 or invoice.settled_on is None:
        return False
    return bool(invoice.settled_on < dates.day(now, settings.timezone) - LINK_LIVES)


# --- The payment form -------------------------------------------------------------------------------------------------


def request_by_form(
    amount: Money,
    reference: str,
    *,
    token: str,
    guest: Guest,
    by: Person | history.Actor,
    settings: Settings,
    now: datetime,
    again: bool = False,
) -> Payment:
    """Somebody pays a sum and says what for. It pays the open invoice of exactly that number and amount; any other
    money is of no group, and waits to be matched. Nothing that is answered tells which.

    Raises NotAllowed, TokenReused, PaidJustNow, GuestRefused and NoGateway.
    """
    press = Press(
        owner="form",
        token=token,
        form_hash=hash_of(amount.minor, amount.currency, reference, guest.name, guest.email, guest.enrols),
        by=by,
        came_by=Payment.FORM,
        guest_name=guest.name,
        guest_email=guest.email,
        guest_enrols=guest.enrols and may_ask_for_account(settings),
        reference=reference,
    )

    def record() -> Payment:
        if not settings.allow_payment_form:
            raise GuestRefused("form_off")
        return _record_form(amount, press, again, settings, now)

    return once(press, record, settings=settings)


def form_hindrance(settings: Settings) -> str:
    """Why nobody can pay by the form just now: form_off, closed, allow_pay_off, no_gateway, currency_not_taken."""
    if not settings.allow_payment_form:
        return "form_off"
    if code := stopped(settings):
        return code
    if not [item for item in _able() if item.currency == settings.currency]:
        return "currency_not_taken"
    return "closed" if is_closed() else ""


def form_minimum(settings: Settings) -> Money:
    """The least the form takes: what the merchant says, and no less than the provider can."""
    least = [] if stopped(settings) else [item.minimum for item in _able() if item.currency == settings.currency]
    return Money(max(settings.payment_form_minimum, min(least, default=0)), settings.currency)


@retried
def _record_form(amount: Money, press: Press, again: bool, settings: Settings, now: datetime) -> Payment:
    with transaction():
        if is_closed():
            raise GuestRefused("closed")
        if amount < (least := form_minimum(settings)):
            raise NotAllowed("below_minimum", limit=least)
        invoice = _exactly(amount, press.reference, settings, now)
        if invoice is not None:
            ledger.locked(BillingGroup, invoice.group_id)
            ledger.locked(Invoice, invoice.id)
        connection = ledger.locked(Connection, taking().id)  # of presses at once each counts those before it
        theirs = (Payment.came_by == Payment.FORM) & (Payment.guest_email == press.guest_email)
        if code := _too_many(Payment.select().where(theirs), now):
            raise GuestRefused(code)
        if not again and (twin := _just_now(theirs, amount, press.reference, now)):
            raise PaidJustNow(payment=twin)
        check_amount(_able(), None, amount.minor, amount.currency)
        if invoice is not None and not _too_many(_of_invoice(invoice), now):
            try:
                return claim_and_record([invoice], amount, None, False, press, now, again=True)
            except (NotFree, NothingToPay):
                pass  # somebody else was quicker; nothing is written yet
        return record_payment(press, amount, group=None, connection=connection, now=now)


def _exactly(amount: Money, reference: str, settings: Settings, now: datetime) -> Invoice | None:
    """The one open invoice that customers may see with exactly this number and so much left to pay."""
    today = dates.day(now, settings.timezone)
    found = [
        invoice
        for invoice in Invoice.select().where(
            Invoice.number == reference, Invoice.currency == amount.currency, Invoice.kind == Invoice.INVOICE
        )
        if invoice.free == amount.minor
        and not invoice.pays_itself
        and invoices.visible_to([invoice.group_id], settings=settings, today=today).one(invoice.address) is not None
    ]
    return found[0] if len(found) == 1 else None  # a number may be on several: then staff say which


def _just_now(theirs: Any, amount: Money, reference: str, now: datetime) -> Payment | None:
    """The same person's payment of the same sum for the same thing within ten minutes that was not refused."""
    found: Payment | None = (
        Payment.select()
        .where(
            theirs,
            Payment.created_at > now - ASK_AGAIN_WITHIN,
            Payment.amount == amount.minor,
            Payment.currency == amount.currency,
            Payment.reference == reference,
            Payment.state.in_((*Payment.LIVE, Payment.PAID)),
        )
        .first()
    )
    return found


def _able() -> tuple[Capability, ...]:
    return connections.gateway(taking()).capabilities().items


# --- How often --------------------------------------------------------------------------------------------------------


def is_closed() -> bool:
    """Whether paying without an account is closed since somebody seemed to try out cards."""
    return bool(Attention.select().where(Attention.kind == CARD_TESTING, Attention.settled_at.is_null()).exists())


def open_again(closing: Attention, *, by: Staff | history.Actor, now: datetime) -> bool:
    """Staff open what card testing closed; whether it was closed. Counting begins anew."""
    with transaction():
        opened = attention.settle(closing.id, by=by, now=now)
        if opened:
            history.note(closing.subject_kind, closing.subject_id, "guests_opened", by=by, now=now)
        return opened


def declined(payment: Payment, now: datetime) -> list[int | None]:
    """A payment was refused. Of guests so many within the hour close both ways; the letters to staff that owes.

    In apply_outcome's transaction, after everything else: the lock it takes comes last.
    """
    if payment.came_by == Payment.PORTAL:
        return []
    ledger.locked(Connection, payment.connection_id)  # of two at once the second counts the first
    rounds = list(Attention.select().where(Attention.kind == CARD_TESTING).order_by(Attention.id))
    if rounds and rounds[-1].settled_at is None:
        return []
    # Opened "later" than now: the clock went back since, and what was refused before that counts again.
    since = max([now - BURST_WITHIN, *(last.settled_at for last in rounds[-1:] if last.settled_at <= now)])
    refused = Payment.select().where(
        Payment.came_by != Payment.PORTAL,
        Payment.created_at > now - LONGEST_LIFE,
        Payment.state == Payment.DECLINED,
        Payment.ended_at > since,
    )
    if refused.count() < BURST:
        return []
    cause = f"{CARD_TESTING} {len(rounds) + 1}"
    attention.tell(CARD_TESTING, payment, now=now, cause=cause)
    history.record(payment, "guests_closed", by=history.CLOCK, now=now)
    return [
        letters.queue("guests_closed", cause=f"guests_closed {cause} {one.id}", to=one.email, staff=one, now=now)
        for one in Staff.select().where(Staff.removed_at.is_null()).order_by(Staff.id)
    ]


def _of_invoice(invoice: Invoice) -> Any:
    return Payment.select().join(Allocation).where(Allocation.invoice == invoice.id, Payment.came_by != Payment.PORTAL)


def _too_many(tried: Any, now: datetime) -> str:
    """Which daily limit is used up: too_many_declines, too_many_tries; or empty."""
    rows = list(tried.where(Payment.created_at > now - LONGEST_LIFE))
    refused = [row for row in rows if row.state == Payment.DECLINED and row.ended_at > now - A_DAY]
    if len(refused) >= MOST_DECLINES:
        return "too_many_declines"
    return "too_many_tries" if sum(row.created_at > now - A_DAY for row in rows) >= MOST_TRIES else ""


# --- An account on the way (C5) ---------------------------------------------------------------------------------------


def may_ask_for_account(settings: Settings) -> bool:
    """Whether a guest is offered an account: never where only invited people sign in. It says nothing of an address."""
    return settings.portal_enabled and settings.enrolment != INVITED


def takes_up_wish(payment: Payment) -> bool:
    """Whether the payer of what was just paid asked for an account, told once."""
    return bool(
        Payment.update(guest_enrols=False).where(Payment.id == payment.id, Payment.guest_enrols == True).execute()  # noqa: E712
    )


def ask_for_account(payment: Payment, now: datetime) -> None:
    """Mail who paid the way to an account, by the same rules as if they had asked on the page for it."""
    paid = Invoice.select().join(Allocation).where(Allocation.payment == payment.id).first()
    sign_ins.ask_account(
        name=payment.guest_name,
        email=payment.guest_email or "",
        next=f"/invoices/{paid.address}" if paid and payment.came_by == Payment.GUEST else "/",
        by=history.Actor("visitor"),
        now=now,
        settings=settings_of.load(),
    )
