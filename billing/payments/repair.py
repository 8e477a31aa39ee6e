"""What the clock does for payments: nudge what nobody took, ask about what nobody knows, close what expired.

See money.md section 5. Nothing here decides by time alone that money did not move.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from billing import attention, connections, history
from billing.payments import calling
from billing.payments.outcome import apply_outcome, owe_letter
from billing.payments.request import cancel
from database import transaction
from gateways.contract import Attempt as Told
from gateways.contract import Initiator, MethodKind, Outcome
from models import Allocation, Attempt, Connection, Invoice, Payment, Table
from workers import queue

ASKS = (0, 30, 120, 600, 3600)  # seconds after the outcome became unknown, then hourly
HOURLY = 3600
REPLAY_FROM_ASK = 2  # the first look-up may be too early for the provider's search
PRESSED_PAY_STAYS_WANTED = timedelta(minutes=15)
TELL_UNKNOWN_AFTER = timedelta(minutes=2)
NUDGE_AFTER = timedelta(seconds=5)
BATCH = 200

log = logging.getLogger("tillhouse.payments")


def sweep(now: datetime) -> None:
    """One round of the clock's duties for payments: a few indexed queries, whatever there is."""
    _expire_leases(now)
    _nudge(now)
    _ask(now)
    _close_expired(now)
    _tell_unknown(now)


def keep_methods(now: datetime) -> None:
    """Methods that were to be kept and are not yet, because the job was lost or the provider was away."""
    for attempt in (
        Attempt.select(Attempt.id)
        .join(Payment)
        .where(
            Payment.keep_method == True,  # noqa: E712
            Payment.state.in_((Payment.PAID, Payment.PROCESSING)),
            Attempt.setup.is_null(False),
            Attempt.setup_ended_at.is_null(),
        )
        .order_by(Attempt.id.desc())
        .limit(BATCH)
    ):
        queue.enqueue("workers.payments.store_method", attempt.id)


def close_page(payment: Payment, now: datetime) -> None:
    """Close the provider's page and read what it became: only a page proven closed frees its claim.

    One that cannot be closed keeps it until it expires, and is asked about ever more rarely.
    """
    if cancel(payment, by=history.CLOCK, now=now):
        return
    attempt = calling.newest(payment)
    if attempt is None:
        return
    due = (
        Attempt.update(asked=Attempt.asked + 1, ask_at=now + _next_wait(attempt))
        .where(
            Attempt.id == attempt.id,
            Attempt.state == Attempt.OPEN,
            Attempt.ask_at.is_null() | (Attempt.ask_at <= now),
        )
        .execute()
    )
    if due and (told := calling.cancel_page(Attempt.get_by_id(attempt.id))):
        apply_outcome(attempt, told, now=now)


def ask(attempt: Attempt, now: datetime) -> None:
    """Ask once about a try that is due; when the provider finds nothing, repeat the call where that is still wanted."""
    due = (
        Attempt.update(asked=Attempt.asked + 1, ask_at=now + _next_wait(attempt))
        .where(Attempt.id == attempt.id, Attempt.live == True, Attempt.ask_at <= now)  # noqa: E712
        .execute()
    )
    if not due:
        return
    told = calling.ask_provider(attempt)
    if told is not None and told.outcome is not Outcome.UNKNOWN:
        apply_outcome(attempt, told, now=now)
        return
    attempt = Attempt.get_by_id(attempt.id)
    if attempt.state != Attempt.UNKNOWN:
        return
    if told is None and attempt.asked >= REPLAY_FROM_ASK and _is_still_wanted(attempt, now):
        calling.replay(attempt, now)
    elif now - attempt.started_at > _key_window(attempt):
        with transaction():
            attention.tell(
                "unknown_payment",
                attempt.payment,
                now=now,
                asked=attempt.asked,
                tries=attempt.tries,
                theirs=attempt.theirs,
            )


def decide(payment: Payment, taken: bool, *, evidence: str, by: history.Actor, now: datetime) -> Payment:
    """Staff say, with what they saw at the provider, whether an unknown payment was taken."""
    attempt = calling.newest(payment)
    if attempt is None or payment.state != Payment.UNKNOWN:
        return payment
    outcome = Outcome.SUCCEEDED if taken else Outcome.CANCELLED
    with transaction():
        history.record(payment, "decided", by=by, now=now, taken=taken, evidence=evidence)
    told = Told(outcome, raw={"decided_by": by.id, "evidence": evidence})
    return apply_outcome(attempt, told, by=by, now=now, only=Payment.UNKNOWN)


def _each(rows: Iterable[Table], verb: Callable[..., object], now: datetime) -> None:
    """Do something with every row; one that fails is logged and holds up no other."""
    for row in list(rows):  # all read first: SQLite cannot begin to write while older rows are still being read
        try:
            verb(row, now)
        except Exception:
            log.exception("sweep-failed verb=%s row=%s", verb.__name__, row.id)


def _expire_leases(now: datetime) -> None:
    """A worker that died in the middle of a call leaves a try whose lease runs out: it may have happened."""
    over = Attempt.select().where(
        Attempt.live == True,  # noqa: E712
        Attempt.state == Attempt.SENDING,
        Attempt.lease_until < now,
    )
    _each(over.limit(BATCH), _interrupted, now)


def _interrupted(attempt: Attempt, now: datetime) -> None:
    apply_outcome(attempt, Told(Outcome.UNKNOWN, raw={"lease": "over"}), by=history.CLOCK, now=now)


def _nudge(now: datetime) -> None:
    """Queued rows nobody took: Redis was away, or a back-off is over. A day old: cancelled, and the payer is told."""
    waiting = (
        Payment.select()
        .where(
            Payment.state == Payment.QUEUED,
            Payment.created_at < now - NUDGE_AFTER,
            Payment.not_before.is_null() | (Payment.not_before <= now),
        )
        .order_by(Payment.id)
        .limit(BATCH)
    )
    _each(waiting, _send_or_give_up, now)


def _send_or_give_up(payment: Payment, now: datetime) -> None:
    if payment.initiator == Initiator.CUSTOMER and payment.created_at < now - calling.STALE_AFTER:
        _give_up(payment, now)
    else:
        queue.enqueue("workers.payments.capture", payment.id)


def _give_up(payment: Payment, now: datetime) -> None:
    letter = None
    with transaction():
        if cancel(payment, by=history.CLOCK, now=now):
            letter = owe_letter("not_taken", payment, now)
    if letter:
        queue.enqueue("workers.letters.send", letter, queue="letters")


def _ask(now: datetime) -> None:
    due = (
        Attempt.select(Attempt.id)
        .where(
            Attempt.live == True,  # noqa: E712
            Attempt.state.in_((Attempt.UNKNOWN, Attempt.PROCESSING)),
            Attempt.ask_at <= now,
        )
        .order_by(Attempt.ask_at)
        .limit(BATCH)
    )
    for attempt in due:
        queue.enqueue("workers.payments.ask", attempt.id)


def _close_expired(now: datetime) -> None:
    """Pages that ran out, and pages somebody asked to close while the provider was away."""
    expired = (
        Attempt.select(Attempt.payment)
        .join(Payment)
        .where(
            Attempt.live == True,  # noqa: E712
            Attempt.state == Attempt.OPEN,
            (Attempt.expires_at < now) | (Payment.cancel_asked_at < now - NUDGE_AFTER),
            Attempt.ask_at.is_null() | (Attempt.ask_at <= now),
        )
        .limit(BATCH)
    )
    for attempt in expired:
        queue.enqueue("workers.payments.close_page", attempt.payment_id)


def _tell_unknown(now: datetime) -> None:
    """Unknown for two minutes: the payer is told, once, not to pay again."""
    long = Payment.select().where(
        Payment.state == Payment.UNKNOWN,
        Payment.unknown_since < now - TELL_UNKNOWN_AFTER,
        Payment.unknown_told_at.is_null(),
    )
    _each(long.limit(BATCH), _say_it_is_checked, now)


def _say_it_is_checked(payment: Payment, now: datetime) -> None:
    letter = None
    with transaction():
        told = (
            Payment.update(unknown_told_at=now)
            .where(Payment.id == payment.id, Payment.state == Payment.UNKNOWN, Payment.unknown_told_at.is_null())
            .execute()
        )
        if told:
            letter = owe_letter("being_checked", payment, now)
    if letter:
        queue.enqueue("workers.letters.send", letter, queue="letters")


def next_wait(asked: int, *, settling: bool = False) -> timedelta:
    """Until the next ask: 0 s, 30 s, 2 min, 10 min, 1 h after the first, then hourly; what settles in days, hourly."""
    if settling or asked + 1 >= len(ASKS):
        return timedelta(seconds=HOURLY)
    return timedelta(seconds=ASKS[asked + 1] - ASKS[asked])


def key_window(connection: Connection, payment: Payment) -> timedelta:
    """How long the provider answers our key with its first answer; an hour's margin, since clocks differ."""
    kind = MethodKind(payment.method.kind) if payment.method_id else MethodKind.CARD
    try:
        able = connections.gateway(connection).capabilities().of(kind, payment.currency)
    except connections.NoGateway:
        able = None  # nobody there to repeat it to
    return timedelta(seconds=max(0, (able.key_window if able else 0) - HOURLY))


def _next_wait(attempt: Attempt) -> timedelta:
    return next_wait(attempt.asked, settling=attempt.state == Attempt.PROCESSING)


def _is_still_wanted(attempt: Attempt, now: datetime) -> bool:
    """Whether repeating the call is right: inside the key's window, still owed, and the customer still wants it."""
    payment: Payment = attempt.payment
    if now - attempt.started_at > _key_window(attempt) or payment.cancel_asked_at:
        return False
    owed_no_more = (Invoice.status != Invoice.OPEN) | (Invoice.open < Allocation.amount)
    if Allocation.select().join(Invoice).where(Allocation.payment == payment.id, owed_no_more).exists():
        return False
    wanted_until = (payment.again_asked_at or payment.created_at) + PRESSED_PAY_STAYS_WANTED
    return payment.initiator != Initiator.CUSTOMER or now <= wanted_until


def _key_window(attempt: Attempt) -> timedelta:
    return key_window(attempt.connection, attempt.payment)
