"""Jobs about what providers told us."""

from __future__ import annotations

from billing import dates, events
from models import Connection, GatewayEvent
from workers.queue import job


@job
def settle(event_id: int) -> None:
    if event := GatewayEvent.get_or_none(GatewayEvent.id == event_id):
        events.settle(event, now=dates.now())


@job
def settle_left() -> None:
    events.settle_left(now=dates.now())


@job
def pull(connection_id: int) -> None:
    if connection := Connection.get_or_none(Connection.id == connection_id):
        events.pull(connection, now=dates.now())
