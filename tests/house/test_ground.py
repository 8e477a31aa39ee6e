"""The ground the other tests stand on: clean between tests, no network, no early nudge."""

from __future__ import annotations

import socket
from datetime import datetime
from typing import Any

import pytest

import database
from models import Membership, Person
from tests.cast import Cast
from tests.synchronous import Enqueued, Queue
from workers.queue import EnqueuedTooEarly, enqueue


@pytest.mark.parametrize("time", ["first", "second"])
def test_each_test_finds_an_empty_database(cast: Cast, time: str) -> None:
    assert Person.select().count() == 3
    assert cast.ada.id == 1


def test_the_cast_has_its_roles(cast: Cast) -> None:
    roles = {row.person.email: row.role for row in Membership.select()}
    assert roles == {
        "ada@acme.example": "pay",
        "vic@acme.example": "view",
        "mallory@globex.example": "pay",
    }


def test_instants_come_back_as_they_went_in(db: Any, cast: Cast, now: datetime) -> None:
    assert Person.get_by_id(cast.ada.id).created_at == now


def test_a_test_cannot_reach_another_machine() -> None:
    with socket.socket() as other, pytest.raises(AssertionError, match="nothing but this machine"):
        other.connect(("192.0.2.1", 80))


def test_a_nudge_inside_a_transaction_is_an_error(db: Any) -> None:
    with pytest.raises(EnqueuedTooEarly), database.transaction():
        enqueue("workers.payments.capture", 1)


def test_a_nudge_waits_for_the_test_to_run_it(queue: Queue) -> None:
    enqueue("workers.payments.capture", 1)
    assert queue.jobs == [Enqueued("workers.payments.capture", (1,), "now")]
