"""Passkeys (WebAuthn level 2): added by who is signed in, then a way in by themselves; for customers and staff.

A challenge is kept nowhere: it is a keyed hash over the browser's own cookie token, what it is for and when it runs
out, and that instant goes along in it. So it fits no other browser, lives five minutes, and dies at sign-in, which
makes a new token. The authenticator must have verified its user (PIN, finger, face): one passkey is two factors.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta
from importlib import import_module
from ipaddress import ip_address
from typing import Any

from peewee import IntegrityError

from billing import access, history, letters, links, sessions
from billing.errors import FactorRefused
from billing.settings import Settings
from database import transaction
from models import Passkey, Person, RecoveryCode, Session, Staff
from records import PasskeyView
from workers import queue

LIFE = timedelta(minutes=5)  # of a challenge
MOST = 20  # passkeys of one person
LONGEST_NAME = 80
LONGEST_CREDENTIAL = 20_000  # characters of JSON
CREATE, GET = "passkey create", "passkey get"
ALGORITHMS = (-7, -8, -257)  # COSE: ES256, EdDSA, RS256
TRANSPORTS = ("usb", "nfc", "ble", "smart-card", "hybrid", "internal")
INSTANT_BYTES = 8  # at the head of a challenge: when it runs out, in seconds of the epoch

log = logging.getLogger("tillhouse.passkeys")


def can_be_used_at(host: str, *, secure: bool) -> bool:
    """Whether browsers have passkeys there: a name, never a bare address; https, or this machine (localhost)."""
    name = _name(host)
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return secure or name == "localhost" or name.endswith(".localhost")
    return False


def of(who: Person | Staff) -> list[PasskeyView]:
    """Their passkeys, the oldest first."""
    return [
        PasskeyView(id=row.public_id, name=row.name, created_at=row.created_at, last_used_at=row.last_used_at)
        for row in _rows(who).order_by(Passkey.id)
    ]


def one(who: Person | Staff, public_id: str) -> Passkey | None:
    """A passkey of theirs; a stranger's is not there."""
    known = public_id if public_id.isalnum() else ""  # PostgreSQL keeps no NUL, and does not look for one
    found: Passkey | None = _rows(who).where(Passkey.public_id == known).first()
    return found


# --- Adding one -------------------------------------------------------------------------------------------------------


def registration_options(who: Person | Staff, *, host: str, token: str, site: str, now: datetime) -> str:
    """What `navigator.credentials.create` is to be asked, as JSON. `site`: the portal's name, which browsers show."""
    known = [_descriptor(row) for row in _rows(who)]
    return _json(
        {
            "rp": {"id": _name(host), "name": site or _name(host)},
            "user": {"id": _text(_handle(who)), "name": who.email, "displayName": who.name or who.email},
            "challenge": _text(_challenge(CREATE, token, now + LIFE, who)),
            "pubKeyCredParams": [{"type": "public-key", "alg": number} for number in ALGORITHMS],
            "timeout": int(LIFE.total_seconds() * 1000),
            "excludeCredentials": known,
            "authenticatorSelection": {
                "residentKey": "required",
                "requireResidentKey": True,
                "userVerification": "required",
            },
            "attestation": "none",
        }
    )


def register(
    who: Person | Staff,
    credential: str,
    *,
    host: str,
    origin: str,
    token: str,
    name: str,
    by: Person | Staff | history.Actor,
    now: datetime,
    but: Session | None = None,
) -> Passkey:
    """Keep a new passkey. Staff who had no second factor are signed out everywhere `but` here.

    Raises FactorRefused where it was made for another browser, person or place, too late, or is known already.
    """
    given = _read(credential)
    webauthn = import_module("webauthn")
    try:
        made = webauthn.verify_registration_response(
            credential=given,
            expected_challenge=_fitting(CREATE, token, given, now, who),
            expected_rp_id=_name(host),
            expected_origin=origin,
            require_user_verification=True,
            supported_pub_key_algs=list(ALGORITHMS),
        )
    except Exception as error:  # what reads it raises a dozen kinds; nobody's bytes may be our failure
        raise _refused(error) from None
    transports = given["response"].get("transports")
    with transaction():
        if _rows(who).count() >= MOST:
            raise FactorRefused("too_many_passkeys")
        try:
            row: Passkey = Passkey.create(
                public_id=secrets.token_hex(8),
                person=who if isinstance(who, Person) else None,
                staff=who if isinstance(who, Staff) else None,
                credential_id=_text(made.credential_id),
                public_key=_text(made.credential_public_key),
                sign_count=made.sign_count,
                name=_named(name),
                transports=[way for way in TRANSPORTS if isinstance(transports, list) and way in transports],
                created_at=now,
            )
        except IntegrityError:
            raise FactorRefused from None
        history.record(who, "passkey_added", by=by, now=now, passkey=row.id)
        if isinstance(who, Staff):
            sessions.end_all(who, now=now, but=but)
        letter = tell_changed(who, "passkey_added", row.public_id, now=now)
    queue.enqueue("workers.letters.send", letter or 0, queue="letters")
    return row


def rename(row: Passkey, name: str, *, by: Person | Staff | history.Actor, now: datetime) -> None:
    """Give a passkey another name, for its owner alone to read. An empty one changes nothing."""
    if not name.strip():
        return
    with transaction():
        Passkey.update(name=_named(name)).where(Passkey.id == row.id).execute()
        history.record(_owner(row), "passkey_renamed", by=by, now=now, passkey=row.id)


def remove(row: Passkey, *, by: Person | Staff | history.Actor, now: datetime, but: Session | None = None) -> None:
    """Take a passkey away: it opens nothing any more, and every browser `but` this one is signed out."""
    who = _owner(row)
    with transaction():
        if not Passkey.delete().where(Passkey.id == row.id).execute():
            return
        if isinstance(who, Staff) and who.totp_secret is None and not _rows(who).exists():
            RecoveryCode.delete().where(RecoveryCode.staff == who.id).execute()  # they stand in for a factor
        history.record(who, "passkey_removed", by=by, now=now, passkey=row.id)
        sessions.end_all(who, now=now, but=but)
        letter = tell_changed(who, "passkey_removed", row.public_id, now=now)
    queue.enqueue("workers.letters.send", letter or 0, queue="letters")


def tell_changed(who: Person | Staff, what: str, cause: str, *, now: datetime) -> int | None:
    """Owe them the letter that says what changed about how they prove who they are; in the caller's transaction.

    `cause` is told once for ever: no row's number, which SQLite gives out again after a deletion.
    """
    return letters.queue(
        "factor_changed",
        cause=f"factor_changed {what} {cause}",
        to=who.email,
        person=who if isinstance(who, Person) else None,
        staff=who if isinstance(who, Staff) else None,
        details={"what": what},
        now=now,
    )


# --- Signing in by one ------------------------------------------------------------------------------------------------


def authentication_options(*, host: str, token: str, now: datetime, who: Person | Staff | None = None) -> str:
    """What `navigator.credentials.get` is to be asked, as JSON. `who`: known already; else the passkey says it."""
    return _json(
        {
            "rpId": _name(host),
            "challenge": _text(_challenge(GET, token, now + LIFE)),
            "timeout": int(LIFE.total_seconds() * 1000),
            "userVerification": "required",
            "allowCredentials": [_descriptor(row) for row in _rows(who)] if who is not None else [],
        }
    )


def authenticate(
    credential: str,
    *,
    host: str,
    origin: str,
    token: str,
    by: history.Actor,
    now: datetime,
    settings: Settings,
    staff: bool,
    who: Person | Staff | None = None,
) -> Person | Staff:
    """Whose passkey it is, after everything about it fitted. `staff`: of staff alone, else of customers alone.

    `who`: it must be this one's. Raises FactorRefused in one way, whatever was wrong, somebody locked out or let in
    nowhere included. Who did not come in is `by`.
    """
    given = _read(credential)
    row: Passkey | None = (
        Passkey.select()
        .where(Passkey.credential_id == given["id"], (Passkey.staff if staff else Passkey.person).is_null(False))
        .first()
    )
    if row is None:
        _write_refusal(None, by, now)
        raise FactorRefused
    owner = _owner(row)
    try:
        webauthn = import_module("webauthn")
        proved = webauthn.verify_authentication_response(
            credential=given,
            expected_challenge=_fitting(GET, token, given, now),
            expected_rp_id=_name(host),
            expected_origin=origin,
            credential_public_key=_bytes(row.public_key),
            credential_current_sign_count=0,  # compared below, once it is known who signed it
            require_user_verification=True,
        )
        handle = given["response"].get("userHandle")
        if (handle or who is None) and not hmac.compare_digest(_bytes(handle), _handle(owner)):
            raise FactorRefused
    except Exception as error:  # as in `register`
        _write_refusal(owner, by, now)
        raise _refused(error) from None
    if not _may_come_in(owner, now, settings) or (who is not None and (type(who), who.id) != (type(owner), owner.id)):
        _write_refusal(owner, by, now)
        raise FactorRefused
    count = proved.new_sign_count
    with transaction():
        # An authenticator that counts never counts backwards: its key was copied (WebAuthn § 7.2, step 22).
        fits = (Passkey.sign_count < count) | ((Passkey.sign_count == 0) & (count == 0))
        counted = Passkey.update(sign_count=count, last_used_at=now).where(Passkey.id == row.id, fits).execute()
        if counted:  # wrong passwords in a row: this one was right
            type(owner).update(failed_sign_ins=0).where(type(owner).id == owner.id).execute()
        else:
            history.record(owner, "passkey_counted_back", by=by, now=now, passkey=row.id)
    if not counted:
        raise FactorRefused
    return owner


def _write_refusal(owner: Person | Staff | None, by: history.Actor, now: datetime) -> None:
    """Write down that a passkey let nobody in."""
    with transaction():
        if owner is None:
            history.note("passkey", 0, "sign_in_refused", by=by, now=now, way="passkey")
        else:
            history.record(owner, "sign_in_refused", by=by, now=now, way="passkey")


def _may_come_in(who: Person | Staff, now: datetime, settings: Settings) -> bool:
    if isinstance(who, Person):
        return access.may_sign_in(who, now, settings)
    return who.removed_at is None and not access.is_locked(who, now, settings)


# --- Rows and bytes ---------------------------------------------------------------------------------------------------


def _rows(who: Person | Staff) -> Any:
    return Passkey.select().where((Passkey.staff if isinstance(who, Staff) else Passkey.person) == who.id)


def _owner(row: Passkey) -> Person | Staff:
    found: Person | Staff = row.person if row.person_id is not None else row.staff
    return found


def _descriptor(row: Passkey) -> dict[str, Any]:
    return {"type": "public-key", "id": row.credential_id, "transports": row.transports}


def _handle(who: Person | Staff) -> bytes:
    """The user handle: says who it is to us alone. Not keyed, since a passkey outlives the keys."""
    kind = "staff" if isinstance(who, Staff) else "person"
    return hashlib.sha256(f"tillhouse passkey {kind} {who.id} {getattr(who, 'public_id', '')}".encode()).digest()


def _challenge(purpose: str, token: str, until: datetime, who: Person | Staff | None = None) -> bytes:
    instant = int(until.timestamp())
    whose = f"{type(who).__name__} {who.id}" if who is not None else ""
    return instant.to_bytes(INSTANT_BYTES, "big") + bytes.fromhex(links.digest(purpose, f"{instant} {whose} {token}"))


def _fitting(
    purpose: str, token: str, given: dict[str, Any], now: datetime, who: Person | Staff | None = None
) -> bytes:
    """The challenge that was answered, if we gave it to this browser and its time is not over. Raises FactorRefused."""
    answered = _bytes(json.loads(_bytes(given["response"]["clientDataJSON"]))["challenge"])
    until = datetime.fromtimestamp(int.from_bytes(answered[:INSTANT_BYTES], "big"), tz=now.tzinfo)
    if not token or not now < until <= now + LIFE:
        raise FactorRefused
    expected = _challenge(purpose, token, until, who)
    if not hmac.compare_digest(expected, answered):
        raise FactorRefused
    return expected


def _read(credential: str) -> dict[str, Any]:
    """The browser's JSON, as far as both ceremonies need it. Raises FactorRefused."""
    try:
        given = json.loads(credential) if len(credential) <= LONGEST_CREDENTIAL else None
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict) or not isinstance(given.get("response"), dict):
        raise FactorRefused
    id = given.get("id")
    if not isinstance(id, str) or not id.isascii() or not id.isprintable():
        raise FactorRefused
    return given


def _refused(error: Exception) -> FactorRefused:
    log.info("passkey refused: %s", type(error).__name__)
    return FactorRefused()


def _named(name: str) -> str:
    printable = "".join(mark if mark.isprintable() else " " for mark in name)
    return " ".join(printable.split())[:LONGEST_NAME] or "Passkey"


def _name(host: str) -> str:
    """A host without its port: the place a passkey belongs to."""
    return host if host.endswith("]") else host.rsplit(":", 1)[0].lower() if ":" in host else host.lower()


def _json(options: dict[str, Any]) -> str:
    return json.dumps(options, separators=(",", ":"))


def _text(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
