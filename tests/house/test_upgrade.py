"""A portal that has been at work is brought up to date: its rows are still there, and its rules still hold."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from peewee import DatabaseError
from playhouse.migrations import Runner
from playhouse.schema_diff import diff_models

import database
import migrations
import models
from migrations import FOLDER
from tests.conftest import ENGINE

pytestmark = pytest.mark.both_databases


@pytest.fixture
def old(tmp_path: Path, now: datetime) -> Iterator[Any]:
    """A database of the first release, with one row of what the second step touches."""
    if ENGINE == "sqlite":
        url = f"sqlite:///{tmp_path / 'old.db'}"
    else:
        server, name = os.environ["TEST_SERVER"], f"old_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
        with psycopg.connect(server.replace("{}", "postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
            connection.execute(f'CREATE DATABASE "{name}"')
        url = server.replace("{}", name)
    opened = database.open_database(url)
    database.connect()
    Runner(database.db.obj, str(FOLDER)).up("0001_first")
    _fill(opened, now)
    yield opened
    database.close()


def _fill(opened: Any, now: datetime) -> None:
    first = importlib.import_module("migrations.0001_first")
    with opened.bind_ctx(first.TABLES):
        customer = first.Customer.create(
            public_id="C-1", name="Acme", match_key="", address={}, created_at=now, archived_at=None
        )
        group = first.BillingGroup.create(
            public_id="G-1", customer=customer, name="Acme", currency="EUR", credit=0, created_at=now
        )
        person = first.Person.create(public_id="P-1", email="ada@acme.example", name="Ada", created_at=now)
        first.SignIn.create(person=person, guesses=0, next="", created_at=now, link_expires_at=now, reusable=False)
        connection = first.Connection.create(provider="sandbox", account="a", live=False, created_at=now)
        payment = first.Payment.create(
            public_id="P-7K3M-92",
            secret="s",
            group=group,
            connection=connection,
            amount=100,
            currency="EUR",
            state="paid",
            rank=7,
            initiator="customer",
            keep_method=False,
            created_at=now,
            captured=100,
            refundable=100,
            decline_tell=False,
        )
        entry = first.LedgerEntry.create(cause="payment 1", event="captured", at=now, on=date(2026, 11, 22))
        first.LedgerLine.create(
            entry=entry, account="clearing", currency="EUR", amount=100, group=group, payment=payment
        )


def test_a_database_of_the_first_release_is_brought_up_with_its_rows(old: Any, now: datetime) -> None:
    migrations.bring_up()

    assert not diff_models(old, models.TABLES)
    payment = models.Payment.get()
    assert (payment.public_id, payment.came_by, payment.guest_enrols, payment.suspense) == (
        "P-7K3M-92",
        "portal",
        False,
        0,
    )
    assert payment.group.name == "Acme"
    assert models.LedgerLine.get().amount == 100
    row = models.SignIn.get()
    assert (row.purpose, row.email, row.person.email) == ("sign_in", None, "ada@acme.example")
    assert models.Person.get().failed_sign_ins == 0


def test_what_the_step_loosened_is_free_and_nothing_else(old: Any, now: datetime) -> None:
    migrations.bring_up()

    models.SignIn.create(email="new@acme.example", created_at=now, link_expires_at=now)
    entry = models.LedgerEntry.create(cause="payment 2", event="captured", at=now, on=date(2026, 11, 22))
    models.LedgerLine.create(entry=entry, account="suspense", currency="EUR", amount=-5)
    with pytest.raises(DatabaseError), database.transaction():
        models.LedgerLine.create(entry=entry, account="suspense", currency="EUR", amount=0)
    with pytest.raises(DatabaseError, match="only ever added to"), database.transaction():
        models.LedgerLine.update(amount=1).execute()
    if ENGINE == "sqlite":
        assert old.execute_sql("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert old.execute_sql("PRAGMA foreign_key_check").fetchall() == []
