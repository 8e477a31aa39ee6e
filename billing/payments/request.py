"""The first step of the road: claim and record in one transaction, then enqueue."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from peewee import IntegrityError

from billing import connections, history, ledger, links
from billing.errors import GuestRefused, MethodUnusable, NotAllowed, NotFree, NothingToPay, PaidJustNow, TokenReused
from billing.payments import claims
from billing.settings import Settings
from database import retried, transaction
from gateways.contract import Capability, Initiator, MethodKind
from models import Allocation, Attempt, BillingGroup, Connection, Invoice, Payment, PaymentMethod, Person
from money import Money
from workers import queue

ASK_AGAIN_WITHIN = timedelta(minutes=10)
LOOK_UP_EVERY = timedelta(seconds=5)
REPLAY_ASKED = 2  # look-ups enough for the next one to repeat the call where it finds nothing
# Crockford's base 32: read aloud without mistakes, no I, L, O or U
SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def request(
    chosen: Sequence[Invoice],
    *,
    amount: Money | None,
    method: PaymentMethod | None,
    keep: bool,
    token: str,
    by: Person,
    settings: Settings,
    now: datetime,
    again: bool = False,
) -> Payment:
    """A customer pressed Pay: claim what is free on the invoices, record the payment, nudge the worker.

    `amount` is what the page showed; None takes whatever is free. The same `token` with the same form gives the same
    payment again, whatever its state. Raises TokenReused, NotAllowed, NothingToPay, NotFree, PaidJustNow and
    MethodUnusable.
    """
    press = Press(
        owner=f"person {by.id}",
        token=token,
        form_hash=hash_of(
            sorted(invoice.id for invoice in chosen),
            amount.minor if amount else None,
            method.public_id if method else "new",
            keep,
        ),
        by=by,
        person=by,
    )

    def record() -> Payment:
        return _claim_and_record(chosen, amount, method, keep, press, now, again=again)

    return once(press, record, settings=settings)


@dataclass(frozen=True)
class Press:
    """Who pressed Pay on which form. The same token of the same owner with the same form is the same press."""

    owner: str
    token: str
    form_hash: str
    by: Person | history.Actor
    person: Person | None = None
    came_by: str = Payment.PORTAL
    guest_name: str = ""
    guest_email: str | None = None
    guest_enrols: bool = False
    reference: str = ""


def once(press: Press, record: Callable[[], Payment], *, settings: Settings) -> Payment:
    """What an earlier press of the same form made, else what `record` makes, whose job is then nudged."""
    if earlier := _earlier(press):
        return earlier
    if not settings.allow_pay:
        raise NotAllowed("allow_pay_off")
    try:
        payment = record()
    except (NotFree, NothingToPay, IntegrityError, PaidJustNow, GuestRefused):
        # the same form may have been quicker in another thread, and have taken what this one wanted
        if earlier := _earlier(press):
            return earlier
        raise
    queue.enqueue("workers.payments.capture", payment.id)
    return payment


def hash_of(*form: object) -> str:
    """What a form says, as it is kept beside its token."""
    return hashlib.sha256(json.dumps(form).encode()).hexdigest()


@retried
def _claim_and_record(
    chosen: Sequence[Invoice],
    amount: Money | None,
    method: PaymentMethod | None,
    keep: bool,
    press: Press,
    now: datetime,
    again: bool,
) -> Payment:
    with transaction():
        return claim_and_record(chosen, amount, method, keep, press, now, again=again)


def claim_and_record(
    chosen: Sequence[Invoice],
    amount: Money | None,
    method: PaymentMethod | None,
    keep: bool,
    press: Press,
    now: datetime,
    *,
    again: bool,
) -> Payment:
    """Take what is free of the invoices for a new payment, in the caller's transaction."""
    connection = taking()
    ids = sorted(invoice.id for invoice in chosen)
    for group in sorted({invoice.group_id for invoice in chosen}):
        ledger.locked(BillingGroup, group)  # before its invoices, as everybody does
    # read again inside the transaction: what is free now is what gets claimed, by conditional UPDATE below
    rows = list(Invoice.select().where(Invoice.id.in_(ids)).order_by(Invoice.id)) if ids else []
    group, currency = _one_group(rows)
    _check_method(method, group, connection.id)
    wanted = {row.id: row.free for row in rows if row.free and not row.pays_itself and row.kind == Invoice.INVOICE}
    total = sum(wanted.values())
    if not again and (twin := _just_now(group, ids, amount.minor if amount else total, now)):
        raise PaidJustNow(payment=twin)
    if not wanted:
        raise NothingToPay(invoices=_free_now(ids))
    if amount is not None and (amount.currency != currency or amount.minor != total):
        raise NotFree(invoices=_free_now(ids), total=Money(total, currency))
    check_amount(connections.gateway(connection).capabilities().items, method, total, currency)
    for invoice, share in wanted.items():
        if not claims.take(invoice, share):
            raise NotFree(invoices=_free_now(ids), total=None)
    payment = record_payment(
        press, Money(total, currency), group=group, connection=connection, method=method, keep=keep, now=now
    )
    Allocation.insert_many(
        [{"payment": payment.id, "invoice": invoice, "amount": share} for invoice, share in wanted.items()]
    ).execute()
    return payment


def record_payment(
    press: Press,
    amount: Money,
    *,
    group: int | None,
    connection: Connection,
    method: PaymentMethod | None = None,
    keep: bool = False,
    now: datetime,
) -> Payment:
    """The row that is the job, with its line of history, in the caller's transaction."""
    payment: Payment = Payment.create(
        public_id=new_reference(),
        secret=secrets.token_hex(16),
        group=group,
        connection=connection,
        amount=amount.minor,
        currency=amount.currency,
        initiator=Initiator.CUSTOMER,
        person=press.person,
        method=method,
        keep_method=keep and method is None,
        form_owner=press.owner,
        form_token=press.token,
        form_hash=press.form_hash,
        came_by=press.came_by,
        guest_name=press.guest_name,
        guest_email=press.guest_email,
        guest_enrols=press.guest_enrols,
        reference=press.reference,
        created_at=now,
    )
    history.record(payment, "requested", by=press.by, now=now, amount=amount.minor, currency=amount.currency)
    return payment


def taking() -> Connection:
    """The connection new payments take. Raises NoGateway."""
    connection = connections.current()
    if connection is None:
        raise connections.NoGateway()
    return connection


def cancel(payment: Payment, *, by: Person | history.Actor, now: datetime) -> bool:
    """Cancel a payment that nobody sent yet: one conditional UPDATE decides between us and the worker."""
    with transaction():
        changed = (
            Payment.update(state=Payment.CANCELLED, rank=Payment.RANK[Payment.CANCELLED], ended_at=now)
            .where(Payment.id == payment.id, Payment.state == Payment.QUEUED)
            .execute()
        )
        if changed:
            claims.release(payment)
            _end_attempt(payment, now)
            history.record(payment, "cancelled", by=by, now=now)
        return bool(changed)


def cancel_later(payment: Payment, *, by: Person | history.Actor, now: datetime) -> None:
    """ "Pay another way": cancel what is queued at once; an open page is closed at the provider by a job."""
    if cancel(payment, by=by, now=now):
        return
    with transaction():
        asked = (
            Payment.update(cancel_asked_at=now)
            .where(Payment.id == payment.id, Payment.state == Payment.NEEDS_CUSTOMER)
            .execute()
        )
        if asked:
            Attempt.update(ask_at=None).where(Attempt.payment == payment.id, Attempt.state == Attempt.OPEN).execute()
    if asked:
        queue.enqueue("workers.payments.close_page", payment.id)


def look_up_later(payment: Payment, *, now: datetime) -> None:
    """Somebody came back from the provider's page: ask what became of it, at most every five seconds."""
    changed = (
        Payment.update(looked_at=now)
        .where(
            Payment.id == payment.id,
            Payment.state.in_((Payment.NEEDS_CUSTOMER, Payment.PROCESSING, Payment.UNKNOWN)),
            Payment.looked_at.is_null()
            | (Payment.looked_at < now - LOOK_UP_EVERY)
            | (Payment.looked_at > now),  # written before the clock went back
        )
        .execute()
    )
    if changed:
        queue.enqueue("workers.payments.look_up", payment.id)


def try_again(payment: Payment, *, by: Person | history.Actor, now: datetime) -> None:
    """The customer asks for the same payment again: the same attempt under the same key, so never a second charge."""
    with transaction():
        asked = (
            Payment.update(again_asked_at=now)
            .where(Payment.id == payment.id, Payment.state == Payment.UNKNOWN)
            .execute()
        )
        if asked:
            Attempt.update(ask_at=now, asked=REPLAY_ASKED).where(
                Attempt.payment == payment.id,
                Attempt.live == True,  # noqa: E712
            ).execute()
            history.record(payment, "asked_again", by=by, now=now)
    if asked:
        attempt = Attempt.select(Attempt.id).where(Attempt.payment == payment.id).order_by(Attempt.id.desc()).get()
        queue.enqueue("workers.payments.ask", attempt.id)


def new_reference() -> str:
    """A payment's reference: P-7K3M-92. Unique by the table; of a billion, one that nobody has."""
    while True:
        mark = "".join(secrets.choice(SYMBOLS) for _ in range(6))
        reference = f"P-{mark[:4]}-{mark[4:]}"
        if not Payment.select().where(Payment.public_id == reference).exists():
            return reference


def stopped(settings: Settings) -> str:
    """Why nobody can pay here just now: "allow_pay_off", "no_gateway"; empty where they can."""
    if not settings.allow_pay:
        return "allow_pay_off"
    try:
        connections.gateway(taking())
    except connections.NoGateway:
        return "no_gateway"
    return ""


def page_of(payment: Payment) -> str:
    """Where its payer looks at a payment: the portal's page, or one of their own for who has no account."""
    if payment.came_by == Payment.FORM:
        return links.form_payment(payment.id)
    if payment.came_by == Payment.GUEST:
        return links.guest_payment(claims.of(payment)[0].invoice_id, payment.public_id)
    return links.payment(payment.public_id)


def return_address(payment: Payment) -> str:
    """Where a provider's page sends the payer back to."""
    return f"{page_of(payment)}?returned=1"


def _end_attempt(payment: Payment, now: datetime) -> None:
    """A queued payment may carry a try that provably never reached the provider: it is final now."""
    Attempt.update(live=None, ended_at=now).where(Attempt.payment == payment.id, Attempt.live == True).execute()  # noqa: E712


def _earlier(press: Press) -> Payment | None:
    """What an earlier press of the same form made. Raises TokenReused where the form said something else then."""
    earlier: Payment | None = Payment.get_or_none(Payment.form_owner == press.owner, Payment.form_token == press.token)
    if earlier and earlier.form_hash != press.form_hash:
        raise TokenReused(payment=earlier)
    return earlier


def _one_group(rows: Sequence[Invoice]) -> tuple[int, str]:
    found = {(row.group_id, row.currency) for row in rows}
    if len(found) > 1:
        raise NotAllowed("several_companies")
    if not found:
        raise NothingToPay(invoices=[])
    return found.pop()


def _check_method(method: PaymentMethod | None, group: int, connection: int) -> None:
    if method is not None and (
        method.group_id != group
        or method.connection_id != connection
        or method.removed_at is not None
        or method.refused_at is not None
    ):
        raise MethodUnusable()


def check_amount(items: Sequence[Capability], method: PaymentMethod | None, total: int, currency: str) -> None:
    """Hold an amount to what the method can take; without a stored one any kind of it will do."""
    kinds = [MethodKind(method.kind)] if method else list(MethodKind)
    able = [item for item in items if item.kind in kinds and item.currency == currency]
    if not able:
        raise NotAllowed("currency_not_taken", currency=currency)
    least, most = min(i.minimum for i in able), max(i.maximum for i in able)
    if not least <= total <= most:
        code = "below_minimum" if total < least else "above_maximum"
        raise NotAllowed(code, limit=Money(least if total < least else most, currency))


def _just_now(group: int, ids: list[int], amount: int, now: datetime) -> Payment | None:
    """A payment of the same invoices and amount within ten minutes that was not refused."""
    recent = Payment.select().where(
        Payment.group == group,
        Payment.created_at > now - ASK_AGAIN_WITHIN,
        Payment.amount == amount,
        Payment.state.in_((*Payment.LIVE, Payment.PAID)),
    )
    for payment in recent:
        if [allocation.invoice_id for allocation in claims.of(payment)] == ids:
            return payment
    return None


def _free_now(ids: list[int]) -> list[tuple[str, str, Money]]:
    rows = Invoice.select().where(Invoice.id.in_(ids)).order_by(Invoice.id) if ids else []
    return [(row.number, row.address, Money(row.free, row.currency)) for row in rows]
