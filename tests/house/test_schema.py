from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from peewee import DatabaseError
from playhouse.schema_diff import diff_models

import database
import migrations
import models
from models import History, LedgerEntry


def test_the_migrations_make_what_the_models_say(db: Any) -> None:
    difference = diff_models(db, models.TABLES)
    assert not difference, str(difference)
    assert migrations.pending() == []
    assert migrations.unknown() == []


def test_migrating_again_changes_nothing(db: Any) -> None:
    assert migrations.bring_up() == []


@pytest.mark.parametrize("verb", ["update", "delete"])
def test_ledger_and_history_are_only_added_to(db: Any, now: datetime, verb: str) -> None:
    entry = LedgerEntry.create(cause="payment 1", event="captured", at=now, on=date(2026, 11, 22))
    record = History.create(at=now, actor_kind="clock", subject_kind="invoice", subject_id=1, event="voided")
    for row in (entry, record):
        with pytest.raises(DatabaseError, match="only ever added to"), database.transaction():
            if verb == "update":
                type(row).update(event="other").execute()
            else:
                type(row).delete().execute()
    assert LedgerEntry.get().event == "captured"
    assert History.get().event == "voided"


def test_replacing_or_truncating_does_not_slip_past_the_triggers(db: Any, now: datetime) -> None:
    entry = LedgerEntry.create(cause="payment 1", event="captured", at=now, on=date(2026, 11, 22))
    if database.is_sqlite():
        trick = f"REPLACE INTO ledger_entry SELECT {entry.id}, 'payment 2', event, at, \"on\" FROM ledger_entry"
    else:
        trick = "TRUNCATE ledger_entry CASCADE"
    with pytest.raises(DatabaseError, match="only ever added to"), database.transaction():
        db.execute_sql(trick)
    assert LedgerEntry.get().cause == "payment 1"


def test_every_check_of_the_models_is_in_the_database(db: Any) -> None:
    wanted = {str(check.sql) for table in models.TABLES for check in table._meta.constraints or ()}
    if database.is_sqlite():
        rows = db.execute_sql("SELECT sql FROM sqlite_master WHERE type = 'table'").fetchall()
        found = "\n".join(row[0] for row in rows)
        assert [check for check in wanted if check not in found] == []
    else:
        count = db.execute_sql("SELECT count(*) FROM pg_constraint WHERE contype = 'c'").fetchone()[0]
        total = sum(len(table._meta.constraints or ()) for table in models.TABLES)
        assert count >= total
