"""Network addresses that something was asked from. History names them by id, so that one place can forget them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from peewee import fn

from database import insert_once, transaction
from models import Caller

KEEP = timedelta(days=365)  # after it was last seen
LONGEST = 64  # characters; an IPv6 address with its zone has fewer


def known(address: str, now: datetime) -> int:
    """The id of an address, in the caller's transaction. It is seen now."""
    address = address[:LONGEST]
    insert_once(Caller, address=address, seen_at=now)
    caller: Caller = Caller.get(Caller.address == address)
    if caller.seen_at < now:
        Caller.update(seen_at=now).where(Caller.id == caller.id).execute()
    return int(caller.id)


def addresses(ids: Iterable[int]) -> dict[int, str]:
    """The addresses that are still known, by id. One query."""
    wanted = set(ids)
    if not wanted:
        return {}
    return {row.id: row.address for row in Caller.select().where(Caller.id.in_(list(wanted)))}


def sweep(now: datetime) -> None:
    """Forget addresses a year after they were last seen; history then says that it was some address.

    The newest row only loses its address: SQLite would give its number, which history keeps, to another one.
    """
    old = Caller.seen_at < now - KEEP
    with transaction():
        newest = Caller.select(fn.MAX(Caller.id)).scalar() or 0
        Caller.delete().where(old, Caller.id < newest).execute()
        Caller.update(address="").where(old, Caller.id == newest).execute()
