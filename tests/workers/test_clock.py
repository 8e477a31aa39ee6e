from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from models import Caller, ClockRun
from workers import clock
from workers.clock import Duty


@pytest.fixture
def ran() -> list[datetime]:
    return []


def _duty(ran: list[datetime], minutes: int = 1) -> tuple[Duty, ...]:
    return (Duty("test", timedelta(minutes=minutes), ran.append),)


def test_a_duty_runs_when_it_is_due_and_not_before(db: Any, now: datetime, ran: list[datetime]) -> None:
    for seconds in (0, 10, 59, 60, 61, 120):
        clock.tick(now + timedelta(seconds=seconds), "one", _duty(ran))
    assert [(moment - now).seconds for moment in ran] == [0, 60, 120]


def test_of_two_clocks_one_is_at_work(db: Any, now: datetime, ran: list[datetime]) -> None:
    assert clock.tick(now, "one", _duty(ran, 0)) == ["test"]
    assert clock.tick(now, "two", _duty(ran, 0)) == []
    assert len(ran) == 1


def test_a_clock_that_fell_silent_is_replaced(db: Any, now: datetime, ran: list[datetime]) -> None:
    clock.tick(now, "one", _duty(ran, 0))
    assert clock.tick(now + timedelta(seconds=29), "two", _duty(ran, 0)) == []
    assert clock.tick(now + timedelta(seconds=31), "two", _duty(ran, 0)) == ["test"]


def test_a_clock_that_ends_hands_over_at_once(db: Any, now: datetime, ran: list[datetime]) -> None:
    clock.tick(now, "one", _duty(ran, 0))
    clock.release("one", now)
    assert clock.tick(now, "two", _duty(ran, 0)) == ["test"]


def test_when_time_goes_back_an_hour_duties_go_on(db: Any, now: datetime, ran: list[datetime]) -> None:
    clock.tick(now, "one", _duty(ran))
    before = now - timedelta(hours=1)
    assert clock.tick(before, "two", _duty(ran)) == ["test"]
    assert ran == [now, before]


def test_a_duty_that_fails_stops_no_other(db: Any, now: datetime, ran: list[datetime]) -> None:
    def fail(now: datetime) -> None:
        raise RuntimeError("no")

    duties = (Duty("bad", timedelta(0), fail), *_duty(ran, 0))
    assert clock.tick(now, "one", duties) == ["bad", "test"]
    assert ran == [now]
    assert ClockRun.select().count() == 2


def test_what_is_to_be_forgotten_is_forgotten_by_the_clock(db: Any, now: datetime, env: Any) -> None:
    Caller.create(address="192.0.2.7", seen_at=now - timedelta(days=366))
    Caller.create(address="192.0.2.8", seen_at=now)

    clock.tick(now, "one")

    assert [row.address for row in Caller.select()] == ["192.0.2.8"]


def test_every_duty_of_ours_runs_on_an_empty_database(db: Any, now: datetime, env: Any) -> None:
    names = clock.tick(now, "one")
    assert names == [duty.name for duty in clock.DUTIES]
    assert len(set(names)) == len(names)
