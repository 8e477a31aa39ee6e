"""What the clock does for refunds: nudge what nobody took, ask about what nobody knows. At the pace of payments.

Nothing here decides by time alone that money did not go out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime

from billing import attention, history
from billing.payments import repair as of_payments
from billing.payments.calling import lease
from billing.refunds import calling
from billing.refunds.outcome import UNKNOWN, apply
from database import transaction
from gateways.contract import Attempt as Told
from gateways.contract import Outcome
from models import Refund
from workers import queue

log = logging.getLogger("tillhouse.refunds")


def sweep(now: datetime) -> None:
    """One round of the clock's duties for refunds: three indexed queries, whatever there is."""
    over = Refund.select().where(Refund.state == Refund.SENDING, Refund.lease_until < now)
    _each(over.limit(of_payments.BATCH), _interrupted, now)
    waiting = Refund.select(Refund.id).where(
        Refund.state == Refund.QUEUED,
        Refund.created_at < now - of_payments.NUDGE_AFTER,
        Refund.not_before.is_null() | (Refund.not_before <= now),
    )
    for refund in list(waiting.order_by(Refund.id).limit(of_payments.BATCH)):
        queue.enqueue("workers.refunds.send", refund.id)
    due = Refund.select(Refund.id).where(
        Refund.state.in_((Refund.UNKNOWN, Refund.PROCESSING)),
        Refund.ask_at <= now,
        Refund.rank < Refund.RANK[Refund.DONE],
    )
    for refund in list(due.order_by(Refund.ask_at).limit(of_payments.BATCH)):
        queue.enqueue("workers.refunds.ask", refund.id)


def ask(refund: Refund, now: datetime) -> None:
    """Ask once about a refund that is due; when the provider finds nothing, repeat the call inside the key's window."""
    settling = refund.state == Refund.PROCESSING
    due = (
        Refund.update(asked=Refund.asked + 1, ask_at=now + of_payments.next_wait(refund.asked, settling=settling))
        .where(Refund.id == refund.id, Refund.state.in_((Refund.UNKNOWN, Refund.PROCESSING)), Refund.ask_at <= now)
        .execute()
    )
    if not due:
        return
    told = calling.ask_provider(refund)
    if told is not None and told.outcome not in (Outcome.UNKNOWN, Outcome.NOT_SUBMITTED):
        refund = apply(refund, told, now=now)
    else:
        refund = Refund.get_by_id(refund.id)
    if refund.state != Refund.UNKNOWN:
        return
    within = now - _began(refund) <= of_payments.key_window(refund.connection, refund.payment)
    if told is None and within and refund.asked >= of_payments.REPLAY_FROM_ASK:
        calling.replay(refund, now)
    elif not within:
        with transaction():
            attention.tell(
                UNKNOWN,
                refund.payment,
                now=now,
                cause=f"{UNKNOWN} {refund.id}",
                refund=refund.public_id,
                asked=refund.asked,
                tries=refund.tries,
                theirs=refund.theirs,
            )


def decide(refund: Refund, done: bool, *, evidence: str, by: history.Actor, now: datetime) -> Refund:
    """Staff say, with what they saw at the provider, whether an unknown refund went out."""
    if refund.state != Refund.UNKNOWN:
        return refund
    with transaction():
        history.record(
            refund.payment, "refund_decided", by=by, now=now, done=done, evidence=evidence, refund=refund.public_id
        )
    told = Told(Outcome.SUCCEEDED if done else Outcome.CANCELLED, raw={"decided_by": by.id, "evidence": evidence})
    return apply(refund, told, by=by, now=now, only=Refund.UNKNOWN)


def _each(rows: Iterable[Refund], verb: Callable[[Refund, datetime], object], now: datetime) -> None:
    """Do something with every row; one that fails is logged and holds up no other."""
    for row in list(rows):  # all read first: SQLite cannot begin to write while older rows are still being read
        try:
            verb(row, now)
        except Exception:
            log.exception("sweep-failed verb=%s row=%s", verb.__name__, row.id)


def _interrupted(refund: Refund, now: datetime) -> None:
    """A worker that died in the middle of a call leaves a lease that runs out: it may have happened."""
    apply(refund, Told(Outcome.UNKNOWN, raw={"lease": "over"}), by=history.CLOCK, now=now)


def _began(refund: Refund) -> datetime:
    """When the provider may first have seen the key: the last time it was taken. What came before never arrived."""
    began: datetime = refund.lease_until - lease() if refund.lease_until else refund.created_at
    return began
