"""Who did what when. Only ever added; ids, codes and amounts, never names or addresses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing import callers
from billing.prepared import insert
from models import History, Person, Staff, Table


@dataclass(frozen=True)
class Actor:
    """Who does something: a person or a member of staff by id, or the clock, a gateway, the command line, a visitor.

    `address`: where over the network it came from, "" where it came from nowhere. History keeps it by id only.
    """

    kind: str
    id: int | None = None
    address: str = ""


CLOCK = Actor("clock")
GATEWAY = Actor("gateway")
COMMAND = Actor("command")


def actor(who: Person | Staff | Actor) -> Actor:
    if isinstance(who, Actor):
        return who
    return Actor("person" if isinstance(who, Person) else "staff", who.id)


def staff_id(who: Person | Staff | Actor) -> int | None:
    """The id of a member of staff; None of anybody else."""
    found = actor(who)
    return found.id if found.kind == "staff" else None


def record(subject: Table, event: str, *, by: Person | Staff | Actor, now: datetime, **details: Any) -> None:
    """Add a line about a row to the history, in the caller's transaction."""
    note(subject._meta.table_name, subject.id, event, by=by, now=now, **details)


def note(kind: str, id: int, event: str, *, by: Person | Staff | Actor, now: datetime, **details: Any) -> None:
    """The same about something that has no row of its own (the settings: id 0)."""
    who = actor(by)
    if who.address:
        details["from"] = callers.known(who.address, now)
    insert(
        History,
        at=now,
        actor_kind=who.kind,
        actor_id=who.id,
        subject_kind=kind,
        subject_id=id,
        event=event,
        details=details,
    )
