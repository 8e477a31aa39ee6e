"""The outbox: retried, given up, told to staff, and never sent twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

import database
from billing import letters
from models import Attention, Letter
from records import Delivery
from tests.cast import Cast
from tests.synchronous import Queue

MINUTE = timedelta(minutes=1)


@pytest.fixture
def owed(cast: Cast, now: datetime) -> int:
    id = letters.queue("receipt", cause="payment 1 receipt", to=cast.ada.email, person=cast.ada, now=now)
    assert id is not None
    return id


def take(id: int, now: datetime) -> Letter:
    letter = letters.take(id, now=now)
    assert letter is not None
    return letter


def told() -> list[str]:
    return [row.kind for row in Attention.select().where(Attention.settled_at.is_null())]


def test_the_same_cause_is_told_once(cast: Cast, owed: int, now: datetime) -> None:
    again = letters.queue("receipt", cause="payment 1 receipt", to=cast.ada.email, now=now)
    assert again is None
    assert Letter.select().count() == 1


def test_a_letter_that_arrived_is_never_taken_again(owed: int, now: datetime) -> None:
    letter = take(owed, now)
    assert letters.hand_over(letter, now=now)
    letters.ended(letter, Delivery(Delivery.ACCEPTED), now=now)
    assert Letter.get_by_id(owed).state == Letter.SENT
    assert letters.take(owed, now=now + 60 * MINUTE) is None


def test_of_many_workers_at_once_one_gets_the_letter(owed: int, now: datetime, database_url: str) -> None:
    def compete(_: int) -> bool:
        with database.connection():
            found = letters.take(owed, now=now) is not None
            database.close()
            return found

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(compete, range(8))) == 1
    assert Letter.get_by_id(owed).tries == 1


def test_a_letter_is_not_taken_before_its_time(owed: int, now: datetime) -> None:
    letters.ended(take(owed, now), Delivery(Delivery.TRY_AGAIN, "451 later"), now=now)
    assert letters.take(owed, now=now + timedelta(seconds=59)) is None
    assert take(owed, now + MINUTE).tries == 2


def test_waits_grow_and_after_two_days_it_has_failed(owed: int, now: datetime) -> None:
    moment, waits = now, []
    while Letter.get_by_id(owed).state == Letter.QUEUED:
        letters.ended(take(owed, moment), Delivery(Delivery.TRY_AGAIN, "Connection refused"), now=moment)
        row = Letter.get_by_id(owed)
        if row.state == Letter.QUEUED:
            waits.append((row.not_before - moment) // MINUTE)
            moment = row.not_before
    assert waits == [1, 5, 30, 120, 360, 720, 720, 720]
    assert moment - now < letters.GIVE_UP_AFTER
    assert Letter.get_by_id(owed).failure == "Connection refused"
    assert told() == ["letter_failed"]


def test_staff_hear_when_mail_does_not_get_out_and_when_it_did_after_all(owed: int, now: datetime) -> None:
    moment = now
    for _ in range(4):
        assert told() == []
        letters.ended(take(owed, moment), Delivery(Delivery.TRY_AGAIN, "no route"), now=moment)
        moment = Letter.get_by_id(owed).not_before
    assert told() == ["letter_waits"]
    letter = take(owed, moment)
    letters.hand_over(letter, now=moment)
    letters.ended(letter, Delivery(Delivery.ACCEPTED), now=moment)
    assert told() == []


def test_a_refused_addressee_is_not_tried_again(owed: int, now: datetime, queue: Queue) -> None:
    letters.ended(take(owed, now), Delivery(Delivery.REFUSED, "550 no such user"), now=now)
    row = Letter.get_by_id(owed)
    assert (row.state, row.failure) == (Letter.FAILED, "550 no such user")
    assert told() == ["letter_failed"]
    letters.sweep(now + timedelta(days=1))
    assert queue.jobs == []


def test_a_letter_lost_after_sending_is_not_sent_again_by_itself(owed: int, now: datetime, queue: Queue) -> None:
    letter = take(owed, now)
    letters.hand_over(letter, now=now)
    letters.ended(letter, Delivery(Delivery.LOST, "timed out"), now=now)
    row = Letter.get_by_id(owed)
    assert (row.state, row.failure) == (Letter.FAILED, "lost after sending")
    assert told() == ["letter_failed"]
    letters.sweep(now + timedelta(days=1))
    assert queue.jobs == []


def test_a_worker_killed_before_handing_over_is_followed_by_another(owed: int, now: datetime, queue: Queue) -> None:
    take(owed, now)
    letters.sweep(now + MINUTE)
    assert Letter.get_by_id(owed).state == Letter.SENDING, "its lease is not over yet"
    later = now + letters.LEASE + timedelta(seconds=1)
    letters.sweep(later)
    assert Letter.get_by_id(owed).state == Letter.QUEUED
    letters.sweep(later + 2 * MINUTE)
    assert queue.jobs[-1].args == (owed,)
    assert take(owed, later + 2 * MINUTE).tries == 2


def test_a_worker_killed_after_handing_over_never_sends_twice(owed: int, now: datetime, queue: Queue) -> None:
    letters.hand_over(take(owed, now), now=now)
    letters.sweep(now + timedelta(hours=1))
    assert (Letter.get_by_id(owed).state, told()) == (Letter.FAILED, ["letter_failed"])
    assert queue.jobs == []


def test_a_slow_worker_that_lost_its_letter_sends_nothing(owed: int, now: datetime) -> None:
    slow = take(owed, now)
    later = now + letters.LEASE + MINUTE
    letters.sweep(later)
    quick = take(owed, later + MINUTE)
    assert not letters.hand_over(slow, now=later + MINUTE)
    assert letters.hand_over(quick, now=later + MINUTE)
    assert not letters.hand_over(quick, now=later + MINUTE)
    letters.ended(slow, Delivery(Delivery.TRY_AGAIN, "too late to matter"), now=later + MINUTE)
    assert Letter.get_by_id(owed).state == Letter.SENDING


def test_an_answer_after_the_clock_gave_it_up_is_still_the_truth(owed: int, now: datetime) -> None:
    letter = take(owed, now)
    letters.hand_over(letter, now=now)
    later = now + letters.HANDING_OVER + MINUTE
    letters.sweep(later)
    assert told() == ["letter_failed"]
    letters.ended(letter, Delivery(Delivery.ACCEPTED), now=later)
    assert (Letter.get_by_id(owed).state, told()) == (Letter.SENT, [])


def test_staff_send_a_failed_letter_again_as_the_same_message(owed: int, now: datetime, queue: Queue) -> None:
    before = take(owed, now)
    letters.ended(before, Delivery(Delivery.REFUSED, "552 mailbox full"), now=now)
    later = now + timedelta(days=5)
    assert letters.resend(before, now=later)
    assert not letters.resend(before, now=later)
    assert [job.args for job in queue.jobs] == [(owed,)]
    assert told() == []
    again = take(owed, later)
    assert again.message_id == before.message_id
    letters.ended(again, Delivery(Delivery.REFUSED, "552 mailbox full"), now=later)
    assert told() == ["letter_failed"], "told anew"


def test_the_clock_nudges_what_nobody_took(owed: int, now: datetime, queue: Queue) -> None:
    letters.sweep(now)
    assert queue.jobs == [], "somebody may be about to"
    letters.sweep(now + timedelta(seconds=10))
    assert [(job.name, job.args) for job in queue.jobs] == [("workers.letters.send", (owed,))]


def test_nothing_is_taken_where_there_is_no_letter(db: Any, now: datetime) -> None:
    assert letters.take(0, now=now) is None
