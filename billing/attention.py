"""What staff must look at: told once per cause, settled by staff or by what happens."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from billing import history
from models import Attention, Staff, Table

# Settled by what staff decide there, and by nothing else: whoever puts these away has left money or somebody waiting.
BY_DECISION = ("unknown_payment", "suspense", "refund_unknown", "access_request")


def tell(kind: str, subject: Table, *, now: datetime, cause: str | None = None, **details: Any) -> None:
    """Put something before the staff, in the caller's transaction; the same cause is told once."""
    name = subject._meta.table_name
    Attention.insert(
        kind=kind,
        cause=cause or f"{kind} {name} {subject.id}",
        subject_kind=name,
        subject_id=subject.id,
        details=details,
        at=now,
    ).on_conflict_ignore().execute()


def settle(id: int, *, by: Staff | history.Actor | None, now: datetime) -> bool:
    """Put something away; whether it was open."""
    changed: int = (
        Attention.update(settled_at=now, settled_by=history.staff_id(by) if by else None)
        .where(Attention.id == id, Attention.settled_at.is_null())
        .execute()
    )
    return changed == 1


def settle_about(subject: Table, kind: str, *, now: datetime, by: int | None = None) -> None:
    """What happened answered the question itself; or what somebody of the staff (`by`, their id) did elsewhere."""
    Attention.update(settled_at=now, settled_by=by).where(
        Attention.subject_kind == subject._meta.table_name,
        Attention.subject_id == subject.id,
        Attention.kind == kind,
        Attention.settled_at.is_null(),
    ).execute()


def settle_cause(cause: str, *, now: datetime, by: int | None = None) -> None:
    """The same about one cause, where a thing may have several."""
    Attention.update(settled_at=now, settled_by=by).where(
        Attention.cause == cause, Attention.settled_at.is_null()
    ).execute()


def open_count() -> int:
    """How much waits for staff."""
    return int(Attention.select().where(Attention.settled_at.is_null()).count())
