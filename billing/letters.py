"""The outbox: which letter is owed to whom, and how far it has got. A row per cause, so that nothing is told twice.

A letter is retried, and never sent twice. `queued` → (`take`: a lease) `sending` → (`hand_over`: `sent_at` is set and
committed before the first byte of the letter leaves) → `sent`. What went wrong decides what follows:

* Certainly not delivered (no connection, a 4xx answer, a refusal of us): again after 1, 5, 30 minutes and so on; two
  days after it was owed it has failed.
* The addressee, or the letter, was refused (5xx): failed.
* No answer after the letter was handed over, or a worker that died after it: nobody knows. It counts as failed and is
  not sent again by itself; should staff do so, its Message-ID is the same and most mail programs show it once.
* A worker that died before it was handed over: its lease runs out, and the letter is taken again.

What failed lies before the staff. Every step is a conditional UPDATE that names the try (`tries`), so a worker that
was slow and lost its letter to another one can do no more with it.
"""

from __future__ import annotations

import logging
import secrets
from datetime import datetime, timedelta
from typing import Any

from billing import attention
from database import insert_once, transaction
from models import BillingGroup, Invoice, Letter, Payment, Person, Staff
from records import Delivery
from workers import queue as jobs

LEASE = timedelta(minutes=3)  # to write it and to reach the mail server
HANDING_OVER = timedelta(minutes=5)  # longer than the transport waits for the answer to the letter itself
MINUTES = (1, 5, 30, 120, 360, 720)  # until the next try, the last one repeated
GIVE_UP_AFTER = timedelta(days=2)
TELL_AT_TRY = 4  # after some 40 minutes staff hear that mail does not get out
NUDGE_AFTER = timedelta(seconds=5)
BATCH = 200
LOST = "lost after sending"
LONGEST_FAILURE = 300  # characters

FAILED, WAITS = "letter_failed", "letter_waits"  # what staff are told

log = logging.getLogger("tillhouse.letters")


def queue(
    kind: str,
    *,
    cause: str,
    to: str,
    now: datetime,
    person: Person | None = None,
    staff: Staff | None = None,
    group: BillingGroup | None = None,
    invoice: Invoice | None = None,
    payment: Payment | None = None,
    details: dict[str, Any] | None = None,
) -> int | None:
    """Owe somebody a letter, in the caller's transaction; None where the same cause was told before.

    The letter is written when it is sent, from the rows named here. Call `enqueue("workers.letters.send", id,
    queue="letters")` after the transaction; whoever forgets loses seconds, because the clock sweeps.
    """
    return insert_once(
        Letter,
        kind=kind,
        cause=cause,
        to=to,
        person=person,
        staff=staff,
        group=group,
        invoice=invoice,
        payment=payment,
        details=details or {},
        not_before=now,
        message_id=secrets.token_hex(16),
        created_at=now,
    )


def take(letter_id: int, *, now: datetime) -> Letter | None:
    """Take a queued letter whose time has come; None where there is none, or another worker was quicker."""
    with transaction():
        taken = (
            Letter.update(state=Letter.SENDING, tries=Letter.tries + 1, lease_until=now + LEASE, sent_at=None)
            .where(Letter.id == letter_id, Letter.state == Letter.QUEUED, Letter.not_before <= now)
            .execute()
        )
        found: Letter | None = Letter.get_by_id(letter_id) if taken else None
    return found


def hand_over(letter: Letter, *, now: datetime) -> bool:
    """Write down that the letter is about to leave. False: it is no longer this worker's, and nothing may be sent."""
    with transaction():
        changed: int = (
            Letter.update(sent_at=now, lease_until=now + HANDING_OVER)
            .where(_held_by(letter), Letter.state == Letter.SENDING, Letter.sent_at.is_null())
            .execute()
        )
    return changed == 1


def ended(letter: Letter, delivery: Delivery, *, now: datetime) -> None:
    """Write down what became of handing it over."""
    if delivery.end == Delivery.ACCEPTED:
        _sent(letter, now)
    elif delivery.end == Delivery.TRY_AGAIN:
        _again(letter, delivery.said, now)
    elif delivery.end == Delivery.REFUSED:
        _failed(letter, delivery.said, now)
    elif delivery.end == Delivery.LOST:
        _failed(letter, LOST, now)
    log.info("letter id=%s kind=%s try=%s end=%s", letter.id, letter.kind, letter.tries, delivery.end)


def drop(letter: Letter, *, now: datetime) -> None:
    """What it would say is no longer so: a sign-in link that was replaced, an invoice that was cancelled."""
    with transaction():
        Letter.update(state=Letter.DROPPED, lease_until=None).where(
            _held_by(letter), Letter.state == Letter.SENDING
        ).execute()
        attention.settle_about(letter, WAITS, now=now)
    log.info("letter id=%s kind=%s try=%s end=dropped", letter.id, letter.kind, letter.tries)


def resend(letter: Letter, *, now: datetime) -> bool:
    """Staff send a failed letter again, with the same Message-ID. False where it has not failed.

    It goes to the address it was owed to and nowhere else. A link or password in it that works no longer is not sent:
    the letter is dropped then (billing/writing.py).
    """
    told_of = {"at": letter.created_at.isoformat()} | letter.details  # it still says when that was which it tells of
    with transaction():
        changed: int = (
            Letter.update(
                state=Letter.QUEUED, not_before=now, created_at=now, sent_at=None, failure=None, details=told_of
            )
            .where(Letter.id == letter.id, Letter.state == Letter.FAILED)
            .execute()
        )
        if changed:
            attention.settle_about(letter, FAILED, now=now)
    if changed:
        jobs.enqueue("workers.letters.send", letter.id, queue="letters")
    return changed == 1


def sweep(now: datetime) -> None:
    """The clock's round: letters whose worker died, then those whose time has come and that nobody took."""
    over = Letter.select().where(Letter.state == Letter.SENDING, Letter.lease_until < now).limit(BATCH)
    for letter in list(over):
        end = Delivery.TRY_AGAIN if letter.sent_at is None else Delivery.LOST
        ended(letter, Delivery(end, "the worker died"), now=now)
    due = (
        Letter.select(Letter.id)
        .where(Letter.state == Letter.QUEUED, Letter.not_before <= now - NUDGE_AFTER)
        .order_by(Letter.not_before)
        .limit(BATCH)
    )
    for letter in list(due):
        jobs.enqueue("workers.letters.send", letter.id, queue="letters")


def _sent(letter: Letter, now: datetime) -> None:
    """An answer that came after the clock had given it up is still the truth."""
    with transaction():
        Letter.update(state=Letter.SENT, sent_at=now, lease_until=None, failure=None).where(
            _held_by(letter), Letter.state.in_((Letter.SENDING, Letter.FAILED))
        ).execute()
        attention.settle_about(letter, WAITS, now=now)
        attention.settle_about(letter, FAILED, now=now)


def _again(letter: Letter, said: str, now: datetime) -> None:
    wait = timedelta(minutes=MINUTES[min(letter.tries, len(MINUTES)) - 1])
    if now + wait > letter.created_at + GIVE_UP_AFTER:
        _failed(letter, said, now)
        return
    with transaction():
        changed = (
            Letter.update(
                state=Letter.QUEUED,
                not_before=now + wait,
                lease_until=None,
                sent_at=None,
                failure=said[:LONGEST_FAILURE],
            )
            .where(_held_by(letter), Letter.state == Letter.SENDING)
            .execute()
        )
        if changed and letter.tries >= TELL_AT_TRY:
            attention.tell(WAITS, letter, now=now, letter=letter.kind, reason=said[:LONGEST_FAILURE])


def _failed(letter: Letter, said: str, now: datetime) -> None:
    with transaction():
        changed = (
            Letter.update(state=Letter.FAILED, lease_until=None, failure=said[:LONGEST_FAILURE])
            .where(_held_by(letter), Letter.state == Letter.SENDING)
            .execute()
        )
        if changed:
            attention.settle_about(letter, WAITS, now=now)
            cause = f"{FAILED} {letter.id} {letter.tries}"  # sent again by staff, it may fail again
            attention.tell(FAILED, letter, now=now, cause=cause, letter=letter.kind, reason=said[:LONGEST_FAILURE])


def _held_by(letter: Letter) -> Any:
    return (Letter.id == letter.id) & (Letter.tries == letter.tries)
