"""The steps of a refund that talk to a provider. No transaction is open while they do; `apply` gets what they learn."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from billing import connections
from billing.payments.calling import lease
from billing.refunds.outcome import apply
from database import retried, transaction
from gateways.contract import Attempt as Told
from gateways.contract import Outcome, RefundRequest
from models import Connection, Refund

log = logging.getLogger("tillhouse.refunds")


def send(refund: Refund, now: datetime) -> None:
    """Take a queued refund, commit that, and only then call the provider. Safe to run twice."""
    taken = _take(refund, now)
    if taken:
        apply(taken, _call(taken), now=now)


def replay(refund: Refund, now: datetime) -> None:
    """The same call under the same key: the provider answers with what it did the first time, or does it now."""
    Refund.update(tries=Refund.tries + 1).where(Refund.id == refund.id).execute()
    told = _call(refund)
    if told.outcome is not Outcome.NOT_SUBMITTED:  # else it says nothing about the first call
        apply(refund, told, now=now)


def look_up(refund: Refund, now: datetime, theirs: str | None = None) -> bool:
    """Ask the provider what became of a refund. "Not found" is not a no; False where it did not answer at all."""
    told = ask_provider(refund, theirs)
    if told is None:
        return True
    if told.outcome in (Outcome.UNKNOWN, Outcome.NOT_SUBMITTED):  # about the question, not about the refund
        return False
    apply(refund, told, now=now)
    return True


def ask_provider(refund: Refund, theirs: str | None = None) -> Told | None:
    """What the provider knows of it; None where it finds nothing (yet)."""
    try:
        gateway = connections.gateway(refund.connection)
        if theirs := refund.theirs or theirs:
            return gateway.lookup(theirs=theirs)
        return gateway.lookup(ours=refund.secret)
    except Exception as error:  # an adapter's bug must not lose the refund: it stays unknown
        log.exception("look-up failed: refund=%s error=%s", refund.public_id, type(error).__name__)
        return Told(Outcome.UNKNOWN, raw={"error": type(error).__name__})


def key_of(secret: str, parameters: Mapping[str, Any]) -> str:
    """The idempotency key. The refund's secret makes it unguessable; other parameters would make another key."""
    return hashlib.sha256(f"{secret} refund {json.dumps(parameters, sort_keys=True)}".encode()).hexdigest()


@retried
def _take(refund: Refund, now: datetime) -> Refund | None:
    """queued → sending, by one row, committed with its lease before anything is sent."""
    with transaction():
        taken = (
            Refund.update(
                state=Refund.SENDING,
                rank=Refund.RANK[Refund.SENDING],
                tries=Refund.tries + 1,
                lease_until=now + lease(),
            )
            .where(
                Refund.id == refund.id,
                Refund.state == Refund.QUEUED,
                Refund.not_before.is_null() | (Refund.not_before <= now),
            )
            .execute()
        )
        found: Refund | None = Refund.get_by_id(refund.id) if taken else None
    return found


def _call(refund: Refund) -> Told:
    """Make the call. Whatever an adapter raises may have happened: unknown."""
    if key_of(refund.secret, refund.parameters) != refund.key:
        log.error("parameters changed under a key, never sent: refund=%s", refund.public_id)
        return Told(Outcome.UNKNOWN, raw={"error": "parameters changed"})
    try:
        gateway = connections.gateway(Connection.get_by_id(refund.connection_id))
    except connections.NoGateway:
        return Told(Outcome.NOT_SUBMITTED, raw={"error": "no address"})
    try:
        return gateway.refund(RefundRequest(**refund.parameters), key=refund.key)
    except Exception as error:
        log.exception("call failed: refund=%s error=%s", refund.public_id, type(error).__name__)
        return Told(Outcome.UNKNOWN, raw={"error": type(error).__name__})
