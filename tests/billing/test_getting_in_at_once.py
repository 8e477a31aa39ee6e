"""Two who change how one person gets in at the same moment, on both databases. Neither is turned away by the other."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import pytest
from argon2 import PasswordHasher

from billing import history, invitations, links, passwords, people, settings, sign_ins
from environ import Environ
from models import Person, SignIn
from tests.billing.test_two_at_once import TURNS, at_once
from tests.cast import Cast

VISITOR = history.Actor("visitor")


@pytest.fixture(autouse=True)
def _quick(env: Environ, monkeypatch: pytest.MonkeyPatch) -> None:
    links.configure(env)
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def token_of(row: SignIn) -> str:
    return links.sign_in(row.id).rpartition("/")[2]


def test_a_reset_link_and_a_password_chosen_elsewhere(cast: Cast, now: datetime) -> None:
    settings.save({"sign_in_by": "both"}, by=history.COMMAND, now=now)
    for turn in range(TURNS):
        at = now + timedelta(minutes=turn)
        sign_ins.ask_reset(cast.ada, by=VISITOR, now=at, settings=settings.load())
        token = token_of(SignIn.select().order_by(SignIn.id.desc()).get())

        at_once(
            partial(sign_ins.confirm, token, "seven wet umbrellas", by=VISITOR, now=at, settings=settings.load()),
            partial(passwords.choose, cast.ada, "eight dry raincoats", by=cast.ada, now=at),
        )

        ada = Person.get_by_id(cast.ada.id)
        assert ada.password_changed_at == at
        assert not sign_ins.is_usable(sign_ins.peek(token), at)


def test_an_invitation_taken_up_and_its_person_removed(cast: Cast, now: datetime) -> None:
    for turn in range(TURNS):
        at = now + timedelta(minutes=2 * turn)
        row = invitations.invite(cast.acme, cast.vic.email, "manage", by=cast.root, now=at)

        at_once(
            partial(sign_ins.confirm, token_of(row), "", by=VISITOR, now=at, settings=settings.load()),
            partial(people.remove, cast.vic, cast.acme, by=cast.root, now=at, settings=settings.load()),
        )

        assert not sign_ins.is_usable(sign_ins.peek(token_of(row)), at)
        people.bring_back(cast.vic, cast.acme, by=cast.root, now=at)
