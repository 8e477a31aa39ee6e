from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from billing import callers
from database import transaction
from models import Caller


def test_an_address_keeps_its_number_while_it_is_known(db: Any, now: datetime) -> None:
    with transaction():
        first, again = callers.known("192.0.2.7", now), callers.known("192.0.2.7", now + timedelta(days=1))

    assert first == again
    assert callers.addresses([first]) == {first: "192.0.2.7"}
    assert Caller.get_by_id(first).seen_at == now + timedelta(days=1)


def test_the_number_of_a_forgotten_address_is_never_given_to_another(db: Any, now: datetime) -> None:
    with transaction():
        forgotten = callers.known("192.0.2.7", now)

    callers.sweep(now + timedelta(days=366))
    with transaction():
        other = callers.known("198.51.100.1", now + timedelta(days=366))

    assert callers.addresses([forgotten]).get(forgotten, "") == ""
    assert callers.addresses([other]) == {other: "198.51.100.1"}
