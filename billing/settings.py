"""The merchant's settings: each one's type, default and meaning, read whole and saved one by one.

Docs name every one of them (a test holds that). Switches are enforced by the rules, not by the pages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from billing import history, prepared
from billing.errors import BadSetting
from database import transaction
from models import Person, Setting, Staff
from money import EXPONENTS

MAIL, PASSWORD, BOTH = "mail", "password", "both"  # sign_in_by
OPEN, LISTED, INVITED = "open", "listed", "invited"  # enrolment
STAFF, TIMER = "staff", "timer"  # lockout_ends_by


def _setting(default: Any, help: str, *, section: str, check: Callable[[Any], Any] | None = None) -> Any:
    return field(default=default, metadata={"help": help, "section": section, "check": check})


def _text(most: int) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        text = " ".join(str(value).split())
        if len(text) > most or any(ord(mark) < 32 for mark in text):
            raise ValueError
        return text

    return check


def _lines(value: Any) -> str:
    text = "\n".join(line.strip() for line in str(value).splitlines() if line.strip())
    if len(text) > 400 or any(ord(mark) < 32 and mark != "\n" for mark in text):
        raise ValueError
    return text


def _zone(value: Any) -> str:
    if value not in available_timezones():
        raise ValueError
    return str(value)


def _currency(value: Any) -> str:
    if str(value).upper() not in EXPONENTS:
        raise ValueError
    return str(value).upper()


def _date(value: Any) -> date | None:
    if not value:
        return None
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def _color(value: Any) -> str:
    text = str(value).lower()
    if len(text) != 7 or text[0] != "#" or any(mark not in "0123456789abcdef" for mark in text[1:]):
        raise ValueError
    return text


def _one_of(*choices: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in choices:
            raise ValueError
        return str(value)

    return check


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not least <= int(value) <= most:
            raise ValueError
        return int(value)

    return check


@dataclass(frozen=True)
class Settings:
    """Every setting, as saved or by default."""

    business_name: str = _setting("Our shop", "The name customers know you by.", section="business", check=_text(120))
    business_phone: str = _setting("", "Shown wherever a customer may need you.", section="business", check=_text(40))
    business_email: str = _setting(
        "", "Where customers write to, and who letters are from.", section="business", check=_text(200)
    )
    business_address: str = _setting("", "One line each; stands on PDFs.", section="business", check=_lines)
    business_vat_number: str = _setting("", "Stands on PDFs.", section="business", check=_text(40))
    business_registration_number: str = _setting("", "Stands on PDFs.", section="business", check=_text(60))
    timezone: str = _setting("Europe/London", "Decides what day it is.", section="business", check=_zone)
    currency: str = _setting("EUR", "For what names none.", section="business", check=_currency)
    language: str = _setting(
        "en", "Of pages and letters, where nobody chose another.", section="business", check=_text(16)
    )
    accent: str = _setting("#1d4e80", "The colour of buttons and links.", section="business", check=_color)
    go_live_on: date | None = _setting(
        None, "Documents dated before it are brought forward; empty: all are.", section="business", check=_date
    )
    portal_enabled: bool = _setting(False, "Off: customers see that the portal is not available.", section="portal")
    hide_future_invoices: bool = _setting(
        True, "Customers see an invoice from its invoice date on; the due date plays no part.", section="portal"
    )
    portal_link_in_mails: bool = _setting(
        True, "Every mail to customers ends with the way to the portal.", section="portal"
    )
    allow_pay: bool = _setting(True, "Off: customers see what they owe and cannot pay here.", section="portal")
    sign_in_by: str = _setting(
        BOTH,
        "How customers sign in: mail (link and code), password, or both.",
        section="portal",
        check=_one_of(MAIL, PASSWORD, BOTH),
    )
    enrolment: str = _setting(
        LISTED,
        "Who may sign in besides invited people: open (whoever proves the address an invoice was sent to), "
        "listed (whom a group's access rules allow), invited (nobody else).",
        section="portal",
        check=_one_of(OPEN, LISTED, INVITED),
    )
    lockout_ends_by: str = _setting(
        STAFF,
        "What ends a lock after too many wrong passwords: staff, or a timer of 30 minutes.",
        section="portal",
        check=_one_of(STAFF, TIMER),
    )
    remember_days: int = _setting(
        90, 'Days that "Stay signed in on this phone" lasts.', section="portal", check=_whole(1, 365)
    )
    allow_guest_payment: bool = _setting(
        False, "On: the link in an invoice mail lets whoever holds it pay that invoice.", section="portal"
    )
    allow_payment_form: bool = _setting(
        False, "On: a public page takes payments by name, e-mail, amount and reference.", section="portal"
    )
    payment_form_minimum: int = _setting(
        500, "The least the payment form takes, in minor units.", section="portal", check=_whole(1, 10**9)
    )
    allow_manage_emails: bool = _setting(
        False, "On: customers change the e-mail they sign in with, by confirming the new one.", section="portal"
    )
    require_second_factor: bool = _setting(
        False, "On: staff set up a second factor before they go on.", section="business"
    )

    @property
    def by_mail(self) -> bool:
        """Whether customers sign in by a link or code from a mail."""
        return self.sign_in_by in (MAIL, BOTH)

    @property
    def by_password(self) -> bool:
        return self.sign_in_by in (PASSWORD, BOTH)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


FIELDS = {item.name: item for item in fields(Settings)}


def load() -> Settings:
    """All settings in one query. What an older version left behind is passed over."""
    return _of_rows(tuple(prepared.tuples("settings", lambda: Setting.select(Setting.name, Setting.value))))


@lru_cache(maxsize=8)
def _of_rows(rows: tuple[tuple[str, str], ...]) -> Settings:
    saved = {name: Setting.value.python_value(value) for name, value in rows}
    return Settings(**{name: _checked(name, value) for name, value in saved.items() if name in FIELDS})


def save(changes: Mapping[str, Any], *, by: Staff | Person | history.Actor, now: datetime) -> Settings:
    """Save some settings together, with a line of history for each that changed. Raises BadSetting, and saves none."""
    ready = {name: _checked(name, value) for name, value in changes.items()}
    with transaction():
        before = load()
        for name, value in ready.items():
            if getattr(before, name) == value:
                continue
            if value is None:  # "no day": as if it had never been saved
                Setting.delete().where(Setting.name == name).execute()
            else:
                stored = value.isoformat() if isinstance(value, date) else value
                Setting.insert(name=name, value=stored, changed_at=now).on_conflict(
                    conflict_target=[Setting.name], update={Setting.value: stored, Setting.changed_at: now}
                ).execute()
            history.note("setting", 0, "setting_changed", by=by, now=now, name=name)
        return load()


def check(name: str, value: Any) -> Any:
    """A setting's value as it would be saved. Raises BadSetting."""
    return _checked(name, value)


def _checked(name: str, value: Any) -> Any:
    if name not in FIELDS:
        raise BadSetting("no_such_setting", name=name)
    check = FIELDS[name].metadata["check"]
    try:
        if check is None:
            if not isinstance(value, bool):
                raise ValueError
            return value
        return check(value)
    except (ValueError, TypeError):
        raise BadSetting("bad_setting", name=name) from None
