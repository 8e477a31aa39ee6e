"""One function books what became of a try, whoever learned it: the call, a webhook, a look-up, the clock, staff."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from billing import attention, dates, history, ledger, letters, settings, suspense
from billing.payments import claims, guests
from database import retried, transaction
from gateways.contract import Attempt as Told
from gateways.contract import Outcome, Severity
from models import Attempt, BillingGroup, Connection, Payment, PaymentMethod, Person
from workers import queue

BACK_OFF = (10, 30, 60, 120, 300, 600)  # seconds until a try that never reached the provider is made again
LARGEST = 10**15  # minor units; nobody ever captured more
SETTLING_ASK = timedelta(hours=1)  # how often a debit on its way is asked about, should no webhook come

STATE = {
    Outcome.SUCCEEDED: (Payment.PAID, Attempt.SUCCEEDED),
    Outcome.PROCESSING: (Payment.PROCESSING, Attempt.PROCESSING),
    Outcome.ACTION_REQUIRED: (Payment.NEEDS_CUSTOMER, Attempt.OPEN),
    Outcome.DECLINED: (Payment.DECLINED, Attempt.DECLINED),
    Outcome.CANCELLED: (Payment.CANCELLED, Attempt.CANCELLED),
    Outcome.UNKNOWN: (Payment.UNKNOWN, Attempt.UNKNOWN),
}
FINAL = (Attempt.SUCCEEDED, Attempt.DECLINED, Attempt.CANCELLED)
TRY_RANK = {
    Attempt.SENDING: 1,
    Attempt.NOT_SUBMITTED: 1,
    Attempt.UNKNOWN: 2,
    Attempt.OPEN: 3,
    Attempt.PROCESSING: 4,
    Attempt.DECLINED: 5,
    Attempt.CANCELLED: 5,
    Attempt.SUCCEEDED: 6,
}


@retried
def apply_outcome(
    attempt: Attempt, told: Told, *, by: history.Actor = history.GATEWAY, now: datetime, only: str | None = None
) -> Payment:
    """Move a payment by rank and book what that means, in one transaction; a lower or equal rank changes nothing.

    `only`: the one state it may move from. Returns the payment as it stands afterwards. Letters and the keeping of a
    method are rows of the same transaction.
    """
    owed: list[int | None] = []
    with transaction():
        payment = ledger.locked(Payment, attempt.payment_id)
        if payment.group_id:
            ledger.locked(BillingGroup, payment.group_id)
        attempt = ledger.locked(Attempt, attempt.id)
        moved = wants_account = False
        if told.outcome is Outcome.ACTION_REQUIRED and not told.client_step and not attempt.url:
            told = replace(told, outcome=Outcome.UNKNOWN)  # a step that leads nowhere
        if told.outcome is Outcome.NOT_SUBMITTED:
            moved = _step_back(payment, attempt, told, now)
        elif _may_follow(payment, told, only) and _is_believed(payment, attempt, told, now):
            _note_try(attempt, told, now)
            moved = _move(payment, attempt, told, owed, by, now)
        if moved:
            details = {"decline": told.decline.code} if told.decline else {}
            history.record(payment, str(told.outcome), by=by, now=now, attempt=attempt.number, **details)
            wants_account = told.outcome in (Outcome.SUCCEEDED, Outcome.PROCESSING) and guests.takes_up_wish(payment)
        payment = Payment.get_by_id(payment.id)
    for letter in owed:
        if letter:
            queue.enqueue("workers.letters.send", letter, queue="letters")
    if wants_account:
        guests.ask_for_account(payment, now)
    if moved and payment.state == Payment.UNKNOWN:
        queue.enqueue("workers.payments.ask", attempt.id)
    if told.setup and payment.keep_method and told.outcome in (Outcome.SUCCEEDED, Outcome.PROCESSING):
        queue.enqueue("workers.payments.store_method", attempt.id)
    return payment


def _move(
    payment: Payment, attempt: Attempt, told: Told, owed: list[int | None], by: history.Actor, now: datetime
) -> bool:
    state, _ = STATE[told.outcome]
    held = payment.state in Payment.LIVE
    changed = (
        Payment.update(state=state, rank=Payment.RANK[state])
        .where(Payment.id == payment.id, Payment.rank < Payment.RANK[state])
        .execute()
    )
    if not changed:
        return False
    if state == Payment.PAID:
        _book(payment, attempt, told, held, now)
        owed.append(owe_letter("receipt", payment, now, checked=payment.unknown_told_at is not None))
    elif state == Payment.PROCESSING:
        owed.append(owe_letter("on_its_way", payment, now))
    elif state == Payment.NEEDS_CUSTOMER:
        if attempt.operation == "charge":  # an own page is before the customer's eyes; a stored card's step may not be
            owed.append(owe_letter("action_needed", payment, now))
    elif state == Payment.UNKNOWN:
        Payment.update(unknown_since=now).where(Payment.id == payment.id, Payment.unknown_since.is_null()).execute()
    else:
        claims.release(payment)
        _end(payment, told, now)
        if state == Payment.DECLINED:
            owed.append(owe_letter("declined", payment, now, checked=payment.unknown_told_at is not None))
            owed += guests.declined(payment, now)
        elif payment.unknown_told_at is not None:
            owed.append(owe_letter("not_taken", payment, now))
    if state in (Payment.PAID, Payment.DECLINED, Payment.CANCELLED):
        attention.settle_about(payment, "unknown_payment", now=now)
    return True


def _book(payment: Payment, attempt: Attempt, told: Told, held: bool, now: datetime) -> None:
    """Captured: the ledger entry, the claim's end, and what differs from what was asked for."""
    today = dates.day(now, settings.load().timezone)
    amount = payment.amount if told.amount is None else told.amount
    currency = told.currency or payment.currency
    if currency == payment.currency:
        shares = claims.shares(payment, amount, held=held)
        if held:
            claims.release(payment)
        credited = ledger.captured(payment, shares, amount, now=now, today=today)
    else:
        if held:
            claims.release(payment)
        ledger.captured_otherwise(payment, amount, currency, now=now, today=today)
        credited = 0
    Payment.update(
        captured=amount if currency == payment.currency else 0,
        refundable=amount if currency == payment.currency else 0,
        ended_at=now,
        decline_code=None,
        decline_hard=None,
    ).where(Payment.id == payment.id).execute()
    connection = Connection.get_by_id(payment.connection_id)
    ledger.fee(payment, told.fee or 0, currency, connection, now=now, today=today)
    if (amount, currency) != (payment.amount, payment.currency):
        attention.tell(
            "captured_differs", payment, now=now, asked=payment.amount, captured=amount, captured_currency=currency
        )
    if payment.group_id is None and currency == payment.currency:
        suspense.tell(payment, now=now, amount=amount, currency=currency)
    elif not held:
        attention.tell("paid_late", payment, now=now, credited=credited, was=payment.state)


def _end(payment: Payment, told: Told, now: datetime) -> None:
    hard = bool(told.decline and told.decline.severity is Severity.HARD)
    Payment.update(
        ended_at=now,
        decline_code=told.decline.code if told.decline else None,
        decline_hard=hard if told.decline else None,
        decline_tell=bool(told.decline and told.decline.tell),
    ).where(Payment.id == payment.id).execute()
    if hard and payment.method_id:
        PaymentMethod.update(refused_at=now).where(
            PaymentMethod.id == payment.method_id, PaymentMethod.refused_at.is_null()
        ).execute()


def _note_try(attempt: Attempt, told: Told, now: datetime) -> None:
    """Keep what was learned about the try itself. A look-up that learned less than we know takes nothing back."""
    _, state = STATE[told.outcome]
    known = TRY_RANK[attempt.state]
    if TRY_RANK[state] < known or (attempt.state in FINAL and TRY_RANK[state] == known):
        return
    news = {
        "state": state,
        "raw": dict(told.raw),
        "lease_until": None,
        "theirs": told.theirs or attempt.theirs,
        "fee": told.fee if told.fee is not None else attempt.fee,
        "setup": told.setup or attempt.setup,
    }
    if told.client_step:
        news |= {
            "theirs": told.client_step.theirs,
            "url": told.client_step.url,
            "expires_at": told.client_step.expires_at,
        }
    if state in FINAL:
        news |= {"live": None, "ended_at": now, "ask_at": None}
    elif state != attempt.state:
        news["asked"] = 0
        news["ask_at"] = {Attempt.UNKNOWN: now, Attempt.PROCESSING: now + SETTLING_ASK}.get(state)
    Attempt.update(**news).where(Attempt.id == attempt.id).execute()


def _step_back(payment: Payment, attempt: Attempt, told: Told, now: datetime) -> bool:
    """Provably never sent: the same attempt and key again, after a while. The only step back there is."""
    wait = timedelta(seconds=BACK_OFF[min(attempt.tries, len(BACK_OFF)) - 1])
    changed = (
        Payment.update(state=Payment.QUEUED, rank=Payment.RANK[Payment.QUEUED], not_before=now + wait)
        .where(Payment.id == payment.id, Payment.state == Payment.SENDING)
        .execute()
    )
    if changed:
        Attempt.update(state=Attempt.NOT_SUBMITTED, lease_until=None, raw=dict(told.raw)).where(
            Attempt.id == attempt.id
        ).execute()
        if told.our_fault:
            attention.tell("gateway_refuses_us", payment, now=now, tries=attempt.tries)
    return bool(changed)


def _may_follow(payment: Payment, told: Told, only: str | None) -> bool:
    """Not knowing is news about a call that was going on; it takes nothing from what waits or is known."""
    if told.outcome is Outcome.UNKNOWN and payment.state not in (Payment.SENDING, Payment.UNKNOWN):
        return False
    return only is None or payment.state == only


def _is_believed(payment: Payment, attempt: Attempt, told: Told, now: datetime) -> bool:
    """Whether an answer can be about our try. One of another object, or with sums that cannot be: shown to staff."""
    theirs = told.client_step.theirs if told.client_step else told.theirs
    another = Attempt.select().where(
        Attempt.connection == attempt.connection_id, Attempt.theirs == theirs, Attempt.id != attempt.id
    )
    if (
        (told.ours is not None and told.ours != payment.secret)
        or (theirs is not None and attempt.theirs is not None and theirs != attempt.theirs)
        or (theirs is not None and another.exists())
    ):
        attention.tell("answer_of_another", payment, now=now, theirs=theirs, expected=attempt.theirs)
        return False
    amount, currency = told.amount, told.currency
    if told.outcome is Outcome.SUCCEEDED and (
        (amount is not None and not 0 < amount <= LARGEST) or (currency is not None and len(currency) != 3)
    ):
        attention.tell("answer_cannot_be", payment, now=now, theirs=theirs, said=f"{amount} {currency}")
        return False
    return True


def owe_letter(kind: str, payment: Payment, now: datetime, *, checked: bool = False) -> int | None:
    """Owe the payer a letter about a payment; nobody is told the same twice."""
    person = Person.get_or_none(Person.id == payment.person_id) if payment.person_id else None
    to = person.email if person else payment.guest_email
    if to is None:
        return None
    return letters.queue(
        kind,
        cause=f"payment {payment.id} {kind}",
        to=to,
        person=person,
        group=payment.group,
        payment=payment,
        details={"checked": checked},
        now=now,
    )
