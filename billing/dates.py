"""The one clock. Instants are aware UTC datetimes; business dates are dates in the merchant's zone."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from zoneinfo import ZoneInfo

_offset = timedelta(0)


def start_at(moment: datetime | None, since: float | None = None) -> None:
    """Let `now()` start at a moment and run on (PORTAL_NOW); None: the real time.

    `since`: the real time (seconds of the epoch) at which it was that moment, so that all processes agree.
    """
    global _offset
    _offset = timedelta(0) if moment is None else moment - datetime.fromtimestamp(since or time.time(), UTC)


def now() -> datetime:
    """The instant. Only views, jobs and commands ask; rules are told."""
    return datetime.now(UTC) + _offset


def day(moment: datetime, zone: str) -> date:
    """The business date of an instant in a zone such as "Europe/London"."""
    return moment.astimezone(ZoneInfo(zone)).date()


def end_of(on: date, zone: str) -> datetime:
    """The last second of a business date in a zone: when what lasts until that day is over."""
    return datetime.combine(on, clock_time(23, 59, 59), ZoneInfo(zone)).astimezone(UTC)
