"""One function books what became of a refund, whoever learned it: the call, a webhook, a look-up, the clock, staff."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from billing import attention, dates, history, ledger, letters, settings, suspense
from billing.payments import outcome as of_payments
from database import retried, transaction
from gateways.contract import Attempt as Told
from gateways.contract import Outcome
from models import Attempt, BillingGroup, Payment, Person, Refund
from workers import queue

UNKNOWN = "refund_unknown"  # what lies before the staff
STATE = {
    Outcome.SUCCEEDED: Refund.DONE,
    Outcome.PROCESSING: Refund.PROCESSING,
    Outcome.DECLINED: Refund.FAILED,
    Outcome.CANCELLED: Refund.FAILED,
    Outcome.UNKNOWN: Refund.UNKNOWN,
    Outcome.ACTION_REQUIRED: Refund.UNKNOWN,  # nobody is there to take a step
}
EVENT = {Refund.DONE: "refunded", Refund.FAILED: "refund_failed", Refund.UNKNOWN: "refund_unknown"}


@retried
def apply(
    refund: Refund, told: Told, *, by: history.Actor = history.GATEWAY, now: datetime, only: str | None = None
) -> Refund:
    """Move a refund by rank and book what that means, in one transaction; a lower or equal rank changes nothing.

    `only`: the one state it may move from. Returns the refund as it stands afterwards.
    """
    letter = None
    with transaction():
        payment = ledger.locked(Payment, refund.payment_id)
        if payment.group_id:
            ledger.locked(BillingGroup, payment.group_id)
        refund = ledger.locked(Refund, refund.id)
        before = refund.state
        if told.outcome is Outcome.NOT_SUBMITTED:
            _step_back(refund, payment, told, now)
        elif _may_follow(refund, told, only) and _is_believed(refund, payment, told, now):
            letter = _move(refund, payment, told, by, now)
        refund = Refund.get_by_id(refund.id)
    if letter:
        queue.enqueue("workers.letters.send", letter, queue="letters")
    if refund.state == Refund.UNKNOWN and before != Refund.UNKNOWN:
        queue.enqueue("workers.refunds.ask", refund.id)
    return refund


def _move(refund: Refund, payment: Payment, told: Told, by: history.Actor, now: datetime) -> int | None:
    """The letter that is owed for it, if one is."""
    state, before = STATE[told.outcome], refund.state
    if state == Refund.DONE and before == Refund.FAILED:
        # it lies in our books again, and may be somebody's by now: only people can put that right
        attention.tell("refund_contradicts", payment, now=now, cause=f"refund_contradicts {refund.id}", **_told(refund))
    changed = (
        Refund.update(**_news(refund, told, state, now))
        .where(Refund.id == refund.id, Refund.rank < Refund.RANK[state])
        .execute()
    )
    if not changed:
        return None
    letter, today = None, dates.day(now, settings.load().timezone)
    if state == Refund.DONE:
        ledger.refund_done(refund, payment, now=now, today=today)
        letter = _owe_letter(refund, payment, now)
    elif state == Refund.FAILED:
        ledger.refund_failed(refund, payment, was_done=before == Refund.DONE, now=now, today=today)
        Payment.update(refundable=Payment.refundable + refund.amount).where(Payment.id == payment.id).execute()
        suspense.tell(payment, now=now, amount=refund.amount, currency=refund.currency, refund=refund)
    if state in (Refund.DONE, Refund.FAILED):
        attention.settle_cause(f"{UNKNOWN} {refund.id}", now=now, by=history.staff_id(by))
    if state in EVENT:
        code = {"reason": told.decline.code} if told.decline else {}
        history.record(payment, EVENT[state], by=by, now=now, **_told(refund), **code)
    return letter


def _news(refund: Refund, told: Told, state: str, now: datetime) -> dict[str, Any]:
    """What is written into the row. The lease stays: it says when the call under this key began."""
    news: dict[str, Any] = {
        "state": state,
        "rank": Refund.RANK[state],
        "raw": dict(told.raw),
        "theirs": told.theirs or refund.theirs,
        "asked": 0,
        "ask_at": {Refund.UNKNOWN: now, Refund.PROCESSING: now + of_payments.SETTLING_ASK}.get(state),
    }
    if state in (Refund.DONE, Refund.FAILED):
        news |= {"ended_at": now, "failure": None}
    if state == Refund.FAILED:
        news["failure"] = told.decline.code if told.decline else str(told.outcome)
    return news


def _step_back(refund: Refund, payment: Payment, told: Told, now: datetime) -> None:
    """Provably never sent: the same key again, after a while. The only step back there is."""
    wait = timedelta(seconds=of_payments.BACK_OFF[min(refund.tries, len(of_payments.BACK_OFF)) - 1])
    changed = (
        Refund.update(state=Refund.QUEUED, rank=Refund.RANK[Refund.QUEUED], not_before=now + wait, raw=dict(told.raw))
        .where(Refund.id == refund.id, Refund.state == Refund.SENDING)
        .execute()
    )
    if changed and told.our_fault:
        cause = f"gateway_refuses_us refund {refund.id}"
        attention.tell("gateway_refuses_us", payment, now=now, cause=cause, tries=refund.tries)


def _may_follow(refund: Refund, told: Told, only: str | None) -> bool:
    """Not knowing is news about a call that was going on; it takes nothing from what waits or is known."""
    if STATE[told.outcome] == Refund.UNKNOWN and refund.state != Refund.SENDING:
        return False
    return only is None or refund.state == only


def _is_believed(refund: Refund, payment: Payment, told: Told, now: datetime) -> bool:
    """Whether an answer can be about our refund. One of another object or amount books nothing; staff are shown it."""
    theirs = told.theirs
    another = Refund.select().where(
        Refund.connection == refund.connection_id, Refund.theirs == theirs, Refund.id != refund.id
    )
    charge = Attempt.select().where(Attempt.connection == refund.connection_id, Attempt.theirs == theirs)
    if (
        (told.ours is not None and told.ours != refund.secret)
        or (theirs is not None and refund.theirs is not None and theirs != refund.theirs)
        or (theirs is not None and (another.exists() or charge.exists()))
    ):
        cause = f"answer_of_another refund {refund.id}"
        attention.tell("answer_of_another", payment, now=now, cause=cause, theirs=theirs, expected=refund.theirs)
        return False
    amount, currency = told.amount or refund.amount, told.currency or refund.currency
    if STATE[told.outcome] != Refund.UNKNOWN and (amount, currency) != (refund.amount, refund.currency):
        cause = f"refund_differs {refund.id}"
        attention.tell("refund_differs", payment, now=now, cause=cause, said=f"{amount} {currency}", **_told(refund))
        return False
    return True


def _owe_letter(refund: Refund, payment: Payment, now: datetime) -> int | None:
    """Who paid is told that it went back: the guest at the address they gave, else the person."""
    person: Person | None = payment.person
    to = payment.guest_email or (person.email if person else None)
    if not to:
        return None
    return letters.queue(
        "refunded",
        cause=f"refund {refund.id} refunded",
        to=to,
        person=person if person and to == person.email else None,
        group=payment.group,
        payment=payment,
        details={"refund": refund.id},
        now=now,
    )


def _told(refund: Refund) -> dict[str, Any]:
    return {"amount": refund.amount, "currency": refund.currency, "refund": refund.public_id}
