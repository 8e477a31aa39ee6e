from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
from argon2 import PasswordHasher

from billing import history, links, passwords, settings
from models import AccessDomain, AccessRule, BillingGroup, Letter, Person, SignIn
from tests.blueprints.conftest import Clock
from tests.browser import Browser
from tests.cast import Cast

PASSWORD = "seven wet umbrellas"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id all the same, at a thousandth of its price."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def knows(visitor: Browser, cast: Cast, clock: Clock) -> Browser:
    """Ada's browser, not signed in; Ada has a password."""
    passwords.choose(cast.ada, PASSWORD, by=cast.ada, now=clock.now)
    visitor.get("/sign-in")
    return visitor


def set_to(now: datetime, **values: Any) -> None:
    settings.save(values, by=history.COMMAND, now=now)


def let(group: BillingGroup, domain: str, now: datetime) -> None:
    """A rule for a whole domain."""
    AccessDomain.create(group=group, domain=domain, kind="domain")
    AccessRule.create(group=group, domain=domain, kind="domain", role="pay", created_at=now)


def newest(purpose: str) -> str:
    """The path of the newest link of a purpose."""
    row = SignIn.select().where(SignIn.purpose == purpose).order_by(SignIn.id.desc()).get()
    return "/sign-in/" + links.sign_in(row.id).rpartition("/")[2]


def bare(page: str) -> str:
    """A page without form tokens and what it carries on."""
    return re.sub(r'value="[^"]*"|data-options="[^"]*"', "", page)


def temporary(person: Person, cast: Cast, clock: Clock) -> str:
    """A temporary password of theirs, as its letter shows it."""
    passwords.mail_temporary(person, by=cast.root, now=clock.now)
    letter = Letter.select().where(Letter.kind == "temporary_password").order_by(Letter.id.desc()).get()
    return passwords.temporary_of(letter.details["nonce"])
