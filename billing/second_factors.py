"""The second factor of the merchant's people: codes of an authenticator app (TOTP, RFC 6238), and recovery codes.

A passkey is one too (billing/passkeys.py). TOTP goes by the wall clock, whatever PORTAL_NOW says: callers give its
`seconds` of the epoch beside `now`.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyotp

from billing import access, history, passwords, secrets_kept, sessions
from billing.errors import FactorRefused
from billing.passkeys import tell_changed
from billing.secrets_kept import CannotOpen
from billing.settings import Settings
from database import transaction
from models import Passkey, RecoveryCode, Session, Staff
from workers import queue

STEP = 30  # seconds
SLACK = (0, -1, 1)  # steps: a clock may be that far off, or a finger that slow
DIGITS = 6
OFFER_LIFE = timedelta(minutes=15)
CODES = 10
# 120 bits each: from 112 on a lookup secret need not be hashed slowly (ASVS 5.0, 6.5.2).
GROUPS, GROUP = 4, 6
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1"})
LONGEST_TYPED = 100
TOTP, RECOVERY = "totp", "recovery"  # what was right; also the purposes of what is kept of them
OFFER = "totp offer"


@dataclass(frozen=True)
class Offer:
    """A secret that does not count yet: for the app to take in, by picture or by hand."""

    secret: str  # base 32, in groups of four
    address: str  # otpauth://…, what the picture holds
    sealed: str  # what the form carries until a code confirms it


def has_factor(staff: Staff) -> bool:
    """Whether they have set one up: an authenticator app or a passkey."""
    return has_totp(staff) or Passkey.select().where(Passkey.staff == staff.id).exists()


def has_totp(staff: Staff) -> bool:
    return Staff.select().where(Staff.id == staff.id, Staff.totp_secret.is_null(False)).exists()


def is_owed(staff: Staff) -> bool:
    """Whether a mail link or a password alone leaves them at the second factor's page."""
    return has_factor(staff)


def codes_left(staff: Staff) -> int:
    """How many recovery codes are still good."""
    return RecoveryCode.select().where(RecoveryCode.staff == staff.id, RecoveryCode.used_at.is_null()).count()


# --- The authenticator app --------------------------------------------------------------------------------------------


def offer(staff: Staff, *, site: str, now: datetime) -> Offer:
    """A new secret, kept nowhere but in the form that shows it, until a code of it confirms that the app has it."""
    secret = pyotp.random_base32()
    sealed = secrets_kept.seal(OFFER, f"{staff.id} {(now + OFFER_LIFE).timestamp():.0f} {secret}")
    return _offer(staff, secret, sealed, site)


def offered(staff: Staff, sealed: str, *, site: str, now: datetime) -> Offer:
    """The same offer again, for the form that comes back. Raises FactorRefused where it is over, or not theirs."""
    return _offer(staff, _offered_secret(staff, sealed, now), sealed, site)


def set_totp(
    staff: Staff,
    sealed: str,
    code: str,
    *,
    seconds: float,
    by: Staff | history.Actor,
    now: datetime,
    but: Session | None = None,
) -> None:
    """Let the app's codes count from now on, in place of an older app's. Every browser `but` this one is signed out.

    Raises FactorRefused: `offer_over` where the form is too old, else the code does not fit.
    """
    secret = _offered_secret(staff, sealed, now)
    step = _step_of(secret, code, seconds)
    if step is None:
        raise FactorRefused
    kept = secrets_kept.seal(TOTP, f"{staff.id} {secret}")
    with transaction():
        Staff.update(totp_secret=kept, totp_step=step).where(Staff.id == staff.id).execute()
        sessions.end_all(staff, now=now, but=but)
        letter = _changed(staff, "totp_set", by=by, now=now)
    queue.enqueue("workers.letters.send", letter or 0, queue="letters")


def remove_totp(staff: Staff, *, by: Staff | history.Actor, now: datetime, but: Session | None = None) -> None:
    """Let no app's codes count any more. Without another factor the recovery codes go too."""
    letter: int | None = None
    with transaction():
        had = (
            Staff.update(totp_secret=None, totp_step=None)
            .where(Staff.id == staff.id, Staff.totp_secret.is_null(False))
            .execute()
        )
        if had:
            if not has_factor(staff):
                _forget_codes(staff)
            sessions.end_all(staff, now=now, but=but)
            letter = _changed(staff, "totp_removed", by=by, now=now)
    if letter:
        queue.enqueue("workers.letters.send", letter, queue="letters")


# --- Recovery codes ---------------------------------------------------------------------------------------------------


def make_codes(staff: Staff, *, by: Staff | history.Actor, now: datetime) -> list[str]:
    """Ten new recovery codes, to be shown this once; older ones are good no more."""
    codes = [
        "-".join("".join(secrets.choice(ALPHABET) for _ in range(GROUP)) for _ in range(GROUPS)) for _ in range(CODES)
    ]
    with transaction():
        _forget_codes(staff)
        RecoveryCode.insert_many(
            [
                {"staff": staff.id, "code_hash": secrets_kept.mark(RECOVERY, _plain(staff, code)), "created_at": now}
                for code in codes
            ]
        ).execute()
        letter = _changed(staff, "codes_made", by=by, now=now)
    queue.enqueue("workers.letters.send", letter or 0, queue="letters")
    return codes


# --- Asked for at sign-in ---------------------------------------------------------------------------------------------


def check(staff: Staff, typed: str, *, seconds: float, by: history.Actor, now: datetime, settings: Settings) -> str:
    """Which was right, "totp" or "recovery"; neither is taken twice. Raises FactorRefused, and counts towards a lock.

    Somebody who is locked out is refused in the same way.
    """
    typed = typed[:LONGEST_TYPED]
    known: Staff = Staff.get_by_id(staff.id)
    if access.is_locked(known, now, settings) or known.removed_at is not None:
        _refuse(known, by, now)
    elif _takes_totp(known, typed, seconds):
        _accepted(known, TOTP, by=by, now=now)
        return TOTP
    elif _takes_recovery_code(known, typed, by=by, now=now):
        _accepted(known, RECOVERY, by=by, now=now)
        return RECOVERY
    else:
        _refuse(known, by, now)
        passwords.failed(known, by=by, now=now)
    raise FactorRefused


def forget(staff: Staff, *, by: Staff | history.Actor, now: datetime) -> int | None:
    """The way back for who lost their second factor: nothing of it is left. In the caller's transaction.

    The id of a letter to send after it, if anything changed.
    """
    apps = Staff.update(totp_secret=None, totp_step=None).where(Staff.id == staff.id, Staff.totp_secret.is_null(False))
    had_totp = apps.execute()
    had_passkeys = Passkey.delete().where(Passkey.staff == staff.id).execute()
    _forget_codes(staff)
    if not had_totp and not had_passkeys:
        return None
    return _changed(staff, "totp_removed" if had_totp else "passkey_removed", by=by, now=now)


def _accepted(staff: Staff, what: str, *, by: history.Actor, now: datetime) -> None:
    with transaction():
        Staff.update(failed_sign_ins=0).where(Staff.id == staff.id).execute()
        history.record(staff, "factor_accepted", by=by, now=now, what=what)


def _refuse(staff: Staff, by: history.Actor, now: datetime) -> None:
    with transaction():
        history.record(staff, "factor_refused", by=by, now=now)


def _takes_totp(staff: Staff, typed: str, seconds: float) -> bool:
    """Whether it is a code of their app for about now, and no code of that time was taken yet."""
    if staff.totp_secret is None:
        return False
    try:
        id, secret = secrets_kept.unseal(TOTP, staff.totp_secret).split()
    except CannotOpen:
        return False
    step = _step_of(secret, typed, seconds)
    if step is None or id != str(staff.id):
        return False
    # Not after a lock that guesses made at the same time have brought.
    still = Staff.locked_at.is_null() if staff.locked_at is None else Staff.locked_at == staff.locked_at
    with transaction():
        newer = Staff.totp_step.is_null() | (Staff.totp_step < step)
        taken: int = Staff.update(totp_step=step).where(Staff.id == staff.id, newer, still).execute()
    return taken == 1


def _takes_recovery_code(staff: Staff, typed: str, *, by: history.Actor, now: datetime) -> bool:
    marks = secrets_kept.marks(RECOVERY, _plain(staff, typed))
    row = RecoveryCode.get_or_none(RecoveryCode.staff == staff.id, RecoveryCode.code_hash.in_(marks))
    id, letter = row.id if row else 0, None
    with transaction():
        taken: int = (
            RecoveryCode.update(used_at=now).where(RecoveryCode.id == id, RecoveryCode.used_at.is_null()).execute()
        )
        if taken:
            letter = _changed(staff, "code_used", f"{id} {now.isoformat()}", by=by, now=now)
    if letter:
        queue.enqueue("workers.letters.send", letter, queue="letters")
    return taken == 1


def _step_of(secret: str, typed: str, seconds: float) -> int | None:
    """Which 30 seconds a code is of, if it is of about now."""
    digits = "".join(mark for mark in typed if mark.isascii() and mark.isdigit())
    if len(digits) != DIGITS or any(mark.isalpha() for mark in typed):
        return None
    current, app = int(seconds // STEP), pyotp.TOTP(secret)
    fits = [step for step in (current + late for late in SLACK) if hmac.compare_digest(app.generate_otp(step), digits)]
    return fits[0] if fits else None


def _plain(staff: Staff, typed: str) -> str:
    """A recovery code as it is marked: whose it is, and what was typed without spaces, dashes and misread letters."""
    marks = "".join(mark for mark in typed.upper() if mark.isascii() and mark.isalnum())
    return f"{staff.id} {marks.translate(MISREAD)}"


def _offer(staff: Staff, secret: str, sealed: str, site: str) -> Offer:
    address = pyotp.TOTP(secret).provisioning_uri(name=staff.email, issuer_name=site or None)
    return Offer(" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)), address, sealed)


def _offered_secret(staff: Staff, sealed: str, now: datetime) -> str:
    try:
        id, until, secret = secrets_kept.unseal(OFFER, sealed).split()
    except CannotOpen:
        raise FactorRefused("offer_over") from None
    if id != str(staff.id) or now.timestamp() >= int(until):
        raise FactorRefused("offer_over")
    return secret


def _forget_codes(staff: Staff) -> None:
    RecoveryCode.delete().where(RecoveryCode.staff == staff.id).execute()


def _changed(staff: Staff, what: str, cause: str = "", *, by: Staff | history.Actor, now: datetime) -> int | None:
    """Write a change down and owe its letter, once for a cause or else for an instant."""
    history.record(staff, what, by=by, now=now)
    return tell_changed(staff, what, cause or f"{staff.id} {now.isoformat()}", now=now)
