"""The merchant's people: added, put out, set free. Every one of them may do everything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from billing import access, history, second_factors, sessions
from billing.errors import LastManager, NotAllowed
from billing.people.addresses import fold, one_line
from billing.settings import Settings
from database import insert_once, is_sqlite, retried, transaction
from models import Passkey, RecoveryCode, SignIn, Staff
from workers import queue


@dataclass(frozen=True)
class StaffView:
    """One of the merchant's people as the others see them."""

    id: int
    name: str
    email: str
    locked_at: datetime | None  # None where they are not locked out just now
    last_sign_in_at: datetime | None
    since: datetime
    has_password: bool
    has_factor: bool  # a second factor: an app or a passkey

    @property
    def url(self) -> str:
        return f"/admin/settings/people/{self.id}"


def make_staff(email: str, *, name: str = "", by: Staff | history.Actor, now: datetime) -> Staff:
    """One of the merchant's people; the one there is, where the address is known. Raises ValueError.

    One who was removed comes back, and proves anew who they are.
    """
    folded = fold(email)
    with transaction():
        made = insert_once(Staff, email=folded, name=one_line(name) or folded, created_at=now)
        again = Staff.update(removed_at=None).where(Staff.email == folded, Staff.removed_at.is_null(False)).execute()
        staff: Staff = Staff.get(Staff.email == folded)
        if made or again:
            history.record(staff, "staff_made" if made else "staff_back", by=by, now=now)
    return staff


def staff_by_id(id: int) -> Staff | None:
    """One of the merchant's people who was not removed."""
    return Staff.get_or_none(Staff.id == id, Staff.removed_at.is_null()) if 0 < id < 2**31 else None


def all_staff() -> list[Staff]:
    """The merchant's people, by name; without those who were removed."""
    return list(Staff.select().where(Staff.removed_at.is_null()).order_by(Staff.name, Staff.id))


def staff_view(staff: Staff, now: datetime, settings: Settings) -> StaffView:
    """One query."""
    return StaffView(
        id=staff.id,
        name=staff.name,
        email=staff.email,
        locked_at=staff.locked_at if access.is_locked(staff, now, settings) else None,
        last_sign_in_at=staff.last_sign_in_at,
        since=staff.created_at,
        has_password=staff.password_hash is not None,
        has_factor=second_factors.has_factor(staff),
    )


@retried
def forget_factor(staff: Staff, *, by: Staff | history.Actor, now: datetime) -> bool:
    """The way back for a colleague who lost their second factor; whether they had one. They are told by letter.

    They are signed out everywhere, and set up another one. Not oneself: NotAllowed.
    """
    actor = history.actor(by)
    if actor.kind == "staff" and actor.id == staff.id:
        raise NotAllowed
    with transaction():
        letter = second_factors.forget(staff, by=actor, now=now)
        if letter is None:
            return False
        sessions.end_all(staff, now=now, by=actor, because=sessions.RESET)
    queue.enqueue("workers.letters.send", letter, queue="letters")
    return True


@retried
def remove_staff(staff: Staff, *, by: Staff | history.Actor, now: datetime) -> bool:
    """Put one of the merchant's people out: signed out everywhere, no password, no link. Whether they were there.

    Never oneself (NotAllowed), never the last one (LastManager): two who put each other out at once leave one behind.
    """
    actor = history.actor(by)
    with transaction():
        there = Staff.select().where(Staff.removed_at.is_null()).order_by(Staff.id)
        ids = {row.id for row in (there if is_sqlite() else there.for_update("FOR NO KEY UPDATE"))}
        if staff.id not in ids:
            return False
        if actor.kind == "staff" and (actor.id == staff.id or actor.id not in ids):
            raise NotAllowed
        if len(ids) == 1:
            raise LastManager
        Staff.update(removed_at=now, password_hash=None, failed_sign_ins=0, locked_at=None).where(
            Staff.id == staff.id
        ).execute()
        Staff.update(totp_secret=None, totp_step=None).where(Staff.id == staff.id).execute()
        RecoveryCode.delete().where(RecoveryCode.staff == staff.id).execute()
        Passkey.delete().where(Passkey.staff == staff.id).execute()
        SignIn.update(replaced_at=now).where(
            SignIn.staff == staff.id, SignIn.used_at.is_null(), SignIn.replaced_at.is_null()
        ).execute()
        sessions.end_all(staff, now=now, by=actor, because=sessions.REMOVED)
        history.record(staff, "staff_removed", by=by, now=now)
    return True
