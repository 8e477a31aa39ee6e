"""What runs when: one table of duties, ticked every ten seconds. However many clocks run, one of them is at work.

A duty is a rule that selects *due rows*; when the clock was away, or went back, nothing is lost and nothing done twice.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import database
from billing import callers, connections, dates, events, imports, letters, payments, refunds, sessions, sign_ins
from models import ClockLock, ClockRun
from workers import queue

TICK = 10.0  # seconds
SLOW = 1000.0  # milliseconds; a quicker duty that went well is not worth a line every ten seconds
LEASE = timedelta(seconds=30)  # a clock that was killed is replaced after this

log = logging.getLogger("tillhouse.clock")


@dataclass(frozen=True)
class Duty:
    """Something done regularly. `run` takes now; it must bear being run twice."""

    name: str
    every: timedelta
    run: Callable[[datetime], object]


EVERY_TICK = timedelta(0)


def _clean_queue(now: datetime) -> None:
    queue.clean_up()


def _pull_changes(now: datetime) -> None:
    for connection in connections.in_use():
        queue.enqueue("workers.events.pull", connection.id)


DUTIES: tuple[Duty, ...] = (
    Duty("payments.sweep", EVERY_TICK, payments.sweep),
    Duty("payments.keep_methods", timedelta(minutes=10), payments.keep_methods),
    Duty("refunds.sweep", EVERY_TICK, refunds.sweep),
    Duty("letters.sweep", EVERY_TICK, letters.sweep),
    Duty("events.sweep", timedelta(seconds=30), events.sweep),
    Duty("events.pull", timedelta(hours=1), _pull_changes),
    Duty("imports.sweep", timedelta(minutes=1), imports.sweep),
    Duty("sessions.sweep", timedelta(days=1), sessions.sweep),
    Duty("sign_ins.sweep", timedelta(days=1), sign_ins.sweep),
    Duty("callers.sweep", timedelta(days=1), callers.sweep),
    Duty("queue.clean_up", timedelta(minutes=1), _clean_queue),
)


def tick(now: datetime, holder: str, duties: tuple[Duty, ...] = DUTIES) -> list[str]:
    """Run what is due, if this clock is the one at work; the names of what ran. One that fails stops none."""
    ran: list[str] = []
    held = float("-inf")
    for duty in duties:
        if time.monotonic() - held > TICK:  # once a tick, and again where a duty took long
            if not hold(holder, now):
                break
            held = time.monotonic()
        if not is_due(duty, now):
            continue
        began = time.perf_counter()
        try:
            duty.run(now)
            end = "done"
        except Exception:
            log.exception("duty-failed name=%s", duty.name)
            end = "failed"
            database.close()  # whatever the failure left behind
            database.connect()
        _note(duty, now)
        ran.append(duty.name)
        spent = (time.perf_counter() - began) * 1000
        level = logging.DEBUG if end == "done" and spent < SLOW else logging.INFO
        log.log(level, "duty name=%s end=%s ms=%.1f", duty.name, end, spent)
    return ran


def hold(holder: str, now: datetime) -> bool:
    """Take or keep the lease. A lease that ends too far ahead was written before the clock went back: it is over."""
    ClockLock.insert(name="clock", holder="", until=now).on_conflict_ignore().execute()
    with database.transaction():
        return bool(
            ClockLock.update(holder=holder, until=now + LEASE)
            .where(
                ClockLock.name == "clock",
                (ClockLock.holder == holder) | (ClockLock.until <= now) | (ClockLock.until > now + LEASE),
            )
            .execute()
        )


def release(holder: str, now: datetime) -> None:
    with database.transaction():
        ClockLock.update(until=now).where(ClockLock.name == "clock", ClockLock.holder == holder).execute()


def is_due(duty: Duty, now: datetime) -> bool:
    last = ClockRun.get_or_none(ClockRun.name == duty.name)
    return last is None or now - last.ran_at >= duty.every or last.ran_at > now


def _note(duty: Duty, now: datetime) -> None:
    with database.transaction():
        ClockRun.insert(name=duty.name, ran_at=now).on_conflict(
            conflict_target=[ClockRun.name], update={ClockRun.ran_at: now}
        ).execute()


def run() -> None:
    """Tick until TERM or INT. A database that is away is one line each time, and tried again."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    holder = f"{socket.gethostname()} {os.getpid()}"
    while not ended.is_set():
        began = time.monotonic()
        try:
            with database.connection():
                tick(dates.now(), holder)
        except Exception as error:  # the clock outlives whatever happens to the database
            log.error("tick-failed reason=%s", " ".join(f"{type(error).__name__}: {error}".split()))
            _drop_connection()
        ended.wait(max(0.0, TICK - (time.monotonic() - began)))
    try:
        with database.connection():
            release(holder, dates.now())
    except Exception as error:
        log.warning("clock-not-released reason=%s", type(error).__name__)


def _drop_connection() -> None:
    try:
        database.close()
    except Exception as error:
        log.debug("close-failed reason=%s", type(error).__name__)
