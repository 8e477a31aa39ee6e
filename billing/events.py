"""What providers tell us: verified, stored once, committed; a job looks the object up. Its content is never booked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from peewee import fn

from billing import attention, connections, payments, refunds
from billing.errors import Refusal
from database import insert_once, transaction
from gateways.contract import BadSignature, Event, EventKind
from models import Attempt, Connection, GatewayEvent, Payment, Refund
from workers import queue

KEEP_FOREIGN = timedelta(days=30)
STOP_ASKING = timedelta(days=1)  # after which an event nobody could look up lies before the staff
GOES_BACK = (EventKind.RETURN, EventKind.DISPUTE, EventKind.REFUND)
BATCH = 200


class UnknownHook(Refusal):
    """Nobody listens at this address: no connection of that provider."""

    code = "unknown_hook"


class BadHook(Refusal):
    """Signature, age, account or mode are not right: nothing of it is kept."""

    code = "bad_hook"


def receive(provider: str, body: bytes, headers: Mapping[str, str], *, now: datetime) -> int:
    """Store what a webhook says, each event once, and nudge the job. Returns how many were new.

    Raises UnknownHook and BadHook.
    """
    listening = connections.find(provider)
    if not listening:
        raise UnknownHook(provider=provider)
    for connection in listening:
        try:
            told = connections.gateway(connection).events(body, headers)
        except BadSignature:
            continue
        if any(event.account != connection.account or event.live != connection.live for event in told):
            continue
        new = store(connection, told, now=now)
        for id in new:
            queue.enqueue("workers.events.settle", id)
        return len(new)
    raise BadHook(provider=provider)


def store(connection: Connection, told: list[Event] | tuple[Event, ...], *, now: datetime) -> list[int]:
    """Keep events once by (connection, their id), however often they arrive. Returns the ids of new rows."""
    with transaction():
        found = [
            insert_once(
                GatewayEvent,
                connection=connection,
                event_id=event.id,
                kind=event.kind,
                theirs=event.theirs,
                ours=event.ours,
                received_at=now,
                raw=dict(event.raw),
            )
            for event in told
        ]
    return [id for id in found if id is not None]


def settle(event: GatewayEvent, now: datetime) -> bool:
    """Look up what an event names. One that names nothing of ours is marked foreign and kept for 30 days.

    False where the provider did not answer: then the clock has it asked again, for a day.
    """
    if event.settled_at is not None:
        return True
    payment, refund, answered = _named(event), None, True
    if payment is None and (refund := _refund_named(event)) is not None:
        payment, answered = refund.payment, refunds.look_up(refund, now=now, theirs=event.theirs)
    elif payment is not None:
        theirs = event.theirs if event.kind == EventKind.PAYMENT else None
        answered = payments.look_up(payment, now=now, theirs=theirs)
    if not answered and now - event.received_at < STOP_ASKING:
        return False
    with transaction():
        changed = (
            GatewayEvent.update(settled_at=now, result="matched" if payment else "foreign")
            .where(GatewayEvent.id == event.id, GatewayEvent.settled_at.is_null())
            .execute()
        )
        if changed and payment is not None:
            if event.kind in GOES_BACK and refund is None:
                cause = f"money_goes_back {payment.id} {event.kind}"
                attention.tell("money_goes_back", payment, now=now, cause=cause, event=event.kind)
            if not answered:
                attention.tell("event_unanswered", payment, now=now, event=event.kind)
    return answered


def settle_left(now: datetime) -> None:
    """Events whose job was lost or got no answer, in any order, until one gets none: then the provider is away."""
    left = GatewayEvent.select().where(GatewayEvent.settled_at.is_null()).order_by(fn.RANDOM()).limit(BATCH)
    for event in list(left):
        if not settle(event, now):
            return


def pull(connection: Connection, now: datetime) -> int:
    """Read what webhooks missed since the last time, page by page, through the same job. Returns how many were new."""
    gateway, count = connections.gateway(connection), 0
    while True:
        page = gateway.changes(connection.cursor)
        new = store(connection, page.items, now=now)
        count += len(new)
        Connection.update(cursor=page.next, read_at=now).where(Connection.id == connection.id).execute()
        for id in new:
            queue.enqueue("workers.events.settle", id)
        if not page.more or page.next == connection.cursor:
            return count
        connection.cursor = page.next


def sweep(now: datetime) -> None:
    """Events whose job was lost, and foreign ones past their time."""
    if GatewayEvent.select().where(GatewayEvent.settled_at.is_null()).exists():
        queue.enqueue("workers.events.settle_left")
    GatewayEvent.delete().where(
        GatewayEvent.result == "foreign", GatewayEvent.received_at < now - KEEP_FOREIGN
    ).execute()


def _named(event: GatewayEvent) -> Payment | None:
    """The payment an event speaks of: by our id, else by their reference, on its own connection only."""
    found: Payment | None = None
    if event.ours:
        found = Payment.get_or_none(Payment.secret == event.ours, Payment.connection == event.connection_id)
    if found is None and event.theirs:
        found = (
            Payment.select()
            .join(Attempt)
            .where(Attempt.connection == event.connection_id, Attempt.theirs == event.theirs)
            .first()
        )
    return found


def _refund_named(event: GatewayEvent) -> Refund | None:
    """The refund of ours that an event speaks of, likewise."""
    found: Refund | None = None
    if event.ours:
        found = Refund.get_or_none(Refund.secret == event.ours, Refund.connection == event.connection_id)
    if found is None and event.theirs:
        found = Refund.get_or_none(Refund.theirs == event.theirs, Refund.connection == event.connection_id)
    return found
