"""E-mail addresses: one form to keep and compare them in, and whom they belong to."""

from __future__ import annotations

import idna

from models import Person, Staff

LONGEST_ADDRESS = 254  # RFC 5321: a path of 256 with its brackets
LONGEST_NAME = 120  # characters of somebody's name


def fold(email: str) -> str:
    """An address as we keep and compare it: no space around it, lower case, the domain in its ASCII form (IDNA 2008).

    Whole local parts are folded too: RFC 5321 lets a host tell `Ada` from `ada`, no mail service does. Signs that
    nobody sees, or that turn the others round, are in none. Raises ValueError where it cannot be an address at all.
    """
    local, at, domain = email.strip().lower().rpartition("@")
    if not at or not local or not domain or any(mark in ' @,;<>()[]"\\' or not mark.isprintable() for mark in local):
        raise ValueError("not an e-mail address")
    try:
        domain = idna.encode(domain.rstrip("."), uts46=True).decode("ascii")
    except idna.IDNAError:
        raise ValueError("not an e-mail address") from None
    folded = f"{local}@{domain}"
    if "." not in domain or len(folded) > LONGEST_ADDRESS or any(mark.isspace() for mark in folded):
        raise ValueError("not an e-mail address")
    return folded


def mask(email: str) -> str:
    """`ada@acme.example` as `a•••@acme.example`: enough to know one's own, too little to learn another's."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}•••@{domain}"


def one_line(name: str) -> str:
    """A name on one line, without signs that nobody sees and PostgreSQL does not keep; 120 characters at most."""
    return " ".join("".join(mark if mark.isprintable() else " " for mark in name).split())[:LONGEST_NAME].strip()


def person_by_email(email: str) -> Person | None:
    """The person of an address, however it is written."""
    try:
        folded = fold(email)
    except ValueError:
        return None
    return Person.get_or_none(Person.email == folded)


def staff_by_email(email: str) -> Staff | None:
    """One of the merchant's people by their address; nobody who was removed."""
    try:
        folded = fold(email)
    except ValueError:
        return None
    return Staff.get_or_none(Staff.email == folded, Staff.removed_at.is_null())
