"""The outbox: which letter is owed to whom. A row per cause, so that nothing is ever told twice."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from database import insert_once
from models import BillingGroup, Invoice, Letter, Payment, Person, Staff


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

    The letter is written when it is sent, from the rows named here. Call `workers.queue.enqueue("workers.letters.send",
    id)` after the transaction; whoever forgets loses seconds, because the clock sweeps.
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
