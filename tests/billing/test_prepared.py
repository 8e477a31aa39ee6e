"""SQL built once: the values of each run reach their places, whatever else the select is built from."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from peewee import ModelSelect

import database
from billing import invoices, prepared, settings
from models import Invoice, Membership, Person
from tests.bills import bill
from tests.cast import Cast


def test_values_reach_their_places_among_what_the_select_says_itself(db: Any, cast: Cast, now: datetime) -> None:
    bill(cast.acme, 1000, now=now, number="A-1")
    bill(cast.acme, 2000, now=now, number="A-2")
    bill(cast.globex, 2000, now=now, number="G-1")

    def owed(least: Any, group: Any) -> ModelSelect:
        return (
            Invoice.select(Invoice.number)
            .where(
                Invoice.status == Invoice.OPEN, Invoice.group == group, Invoice.total >= least, Invoice.open >= least
            )
            .order_by(Invoice.id)
        )

    assert prepared.tuples("owed", owed, 1000, cast.acme.id) == [("A-1",), ("A-2",)]
    assert prepared.tuples("owed", owed, 1500, cast.acme.id) == [("A-2",)]
    assert prepared.tuples("owed", owed, 1, cast.globex.id) == [("G-1",)]


def test_found_rows_are_models_with_what_was_joined(db: Any, cast: Cast) -> None:
    def members(email: Any) -> ModelSelect:
        return Membership.select(Membership, Person).join(Person).where(Person.email == email)

    for person in (cast.ada, cast.vic, cast.ada):
        (row,) = prepared.found("members by address", members, person.email)
        assert isinstance(row, Membership)
        assert row.person.name == person.name
        assert row.created_at.tzinfo is not None
    assert prepared.found("members by address", members, "nobody@acme.example") == []


def test_what_is_to_pay_is_found_by_the_index_of_what_is_owed(db: Any, cast: Cast, now: datetime) -> None:
    if not database.is_sqlite():
        return  # PostgreSQL decides by its statistics
    theirs = invoices.visible_to([cast.acme.id], settings=settings.load(), today=now.date())
    for query in (theirs.query.where(*invoices._payable()), theirs.query.where(*invoices._of_filter(invoices.TO_PAY))):
        sql, values = query.sql()
        plan = database.db.execute_sql(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()
        assert "invoice_group_to_pay" in str(plan), plan
