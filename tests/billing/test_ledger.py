from __future__ import annotations

from datetime import timedelta
from typing import Any

import peewee
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import ledger
from billing.errors import NotUndoable
from billing.ledger import Line, Sums
from database import db as database
from database import transaction
from models import BillingGroup, Connection, Invoice, LedgerEntry, LedgerLine, Payment
from tests.bills import bill, books_agree
from tests.cast import Cast
from tests.conftest import NOW

TODAY = NOW.date()


def test_an_invoice_is_owed_and_what_was_prepaid_is_not(cast: Cast) -> None:
    invoice = bill(cast.acme, 12000, now=NOW, prepaid=2000)
    assert invoice.open == 10000
    accounts = dict(
        LedgerLine.select(LedgerLine.account, peewee.fn.SUM(LedgerLine.amount)).group_by(LedgerLine.account).tuples()
    )
    assert accounts == {"receivable": 10000, "sales": -10000, "tax": -2000, "elsewhere": 2000}
    books_agree()


def test_an_amount_due_below_zero_becomes_credit(cast: Cast) -> None:
    invoice = bill(cast.acme, 10000, now=NOW, prepaid=32514)
    assert invoice.open == 0
    assert invoice.settled_on == TODAY
    assert BillingGroup.get_by_id(cast.acme.id).credit == 22514
    books_agree()


def test_what_came_paid_was_paid_by_the_day_it_bears_and_not_on_the_day_it_came(cast: Cast) -> None:
    invoice = bill(cast.acme, 10000, now=NOW, prepaid=10000, issued_on=TODAY - timedelta(400))
    assert invoice.settled_on == TODAY - timedelta(400)
    books_agree()


def test_a_credit_note_takes_off_the_invoice_it_names_and_the_rest_is_credit(cast: Cast) -> None:
    invoice = bill(cast.acme, 10000, now=NOW)
    note = _note(cast, 15000)
    ledger.credit_note_arrived(note, Sums(net=12500, tax=2500), credits=invoice, now=NOW, today=TODAY)
    assert Invoice.get_by_id(invoice.id).open == 0
    assert BillingGroup.get_by_id(cast.acme.id).credit == 5000
    books_agree()


def test_a_credit_note_that_names_nothing_is_credit(cast: Cast) -> None:
    ledger.credit_note_arrived(_note(cast, 900), Sums(net=900, tax=0), credits=None, now=NOW, today=TODAY)
    assert BillingGroup.get_by_id(cast.acme.id).credit == 900
    books_agree()


def test_voiding_takes_back_only_what_credit_notes_left(cast: Cast) -> None:
    invoice = bill(cast.acme, 12000, now=NOW)
    ledger.credit_note_arrived(_note(cast, 2000), Sums(net=2000, tax=0), credits=invoice, now=NOW, today=TODAY)
    ledger.void(Invoice.get_by_id(invoice.id), event="void", now=NOW, today=TODAY)
    assert Invoice.get_by_id(invoice.id).open == 0
    assert BillingGroup.get_by_id(cast.acme.id).credit == 0
    books_agree()


def test_a_revision_posts_the_difference_and_what_is_too_much_becomes_credit(cast: Cast) -> None:
    invoice = bill(cast.acme, 12000, now=NOW, prepaid=9000)
    before, after = Sums(10000, 2000, prepaid=9000), Sums(5000, 1000, prepaid=9000)
    ledger.revised(invoice, before, after, version=2, now=NOW, today=TODAY)
    assert Invoice.get_by_id(invoice.id).open == 0
    assert BillingGroup.get_by_id(cast.acme.id).credit == 3000
    books_agree()


def test_an_undone_document_leaves_nothing_owed(cast: Cast) -> None:
    invoice = bill(cast.acme, 12000, now=NOW, prepaid=20000)
    ledger.undo(invoice, now=NOW, today=TODAY)
    assert Invoice.get_by_id(invoice.id).open == 0
    assert BillingGroup.get_by_id(cast.acme.id).credit == 0
    books_agree()


def test_a_document_whose_credit_was_spent_cannot_be_undone(cast: Cast) -> None:
    gives = bill(cast.acme, 1000, now=NOW, prepaid=5000)
    takes = bill(cast.acme, 3000, now=NOW)
    with transaction():
        group = BillingGroup.get_by_id(cast.acme.id)
        lines = [Line("credit", 3000), Line("receivable", -3000, invoice=takes.id)]
        ledger.post("credit 1", "applied", group, lines, now=NOW, today=TODAY)
    with pytest.raises(NotUndoable):
        ledger.undo(gives, now=NOW, today=TODAY)
    books_agree()


def test_the_same_event_is_booked_once(cast: Cast) -> None:
    invoice = bill(cast.acme, 1000, now=NOW)
    ledger.invoice_arrived(invoice, Sums(833, 167), now=NOW, today=TODAY)
    assert Invoice.get_by_id(invoice.id).open == 1000
    books_agree()


def test_lines_that_do_not_sum_to_zero_are_never_booked(cast: Cast) -> None:
    with pytest.raises(ledger.Unbalanced), transaction():
        ledger.post("x 1", "wrong", cast.acme, [Line("sales", -5), Line("receivable", 4)], now=NOW, today=TODAY)
    assert LedgerEntry.select().count() == 0


def test_the_books_are_only_written_inside_a_transaction(cast: Cast) -> None:
    with pytest.raises(AssertionError):
        ledger.post("x 1", "alone", cast.acme, [Line("sales", -5), Line("credit", 5)], now=NOW, today=TODAY)


def test_an_invoice_is_never_paid_below_zero(cast: Cast) -> None:
    invoice = bill(cast.acme, 1000, now=NOW)
    with pytest.raises(peewee.IntegrityError), transaction():
        lines = [Line("bank", 1001), Line("receivable", -1001, invoice=invoice.id)]
        ledger.post("x 1", "too much", cast.acme, lines, now=NOW, today=TODAY)
    assert Invoice.get_by_id(invoice.id).open == 1000
    books_agree()


@pytest.mark.parametrize("table", ["ledger_entry", "ledger_line"])
def test_nothing_written_in_the_books_can_be_changed(cast: Cast, table: str) -> None:
    bill(cast.acme, 1000, now=NOW)
    for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET id = id + 1000"):
        with pytest.raises(peewee.DatabaseError), transaction():
            database.execute_sql(statement)
    books_agree()


def _note(cast: Cast, amount: int) -> Invoice:
    number = f"CN-{Invoice.select().count()}"
    note: Invoice = Invoice.create(
        address=number,
        number=number,
        kind=Invoice.CREDIT_NOTE,
        group=cast.acme,
        issued_on=TODAY,
        due_on=TODAY,
        currency="EUR",
        total=amount,
        payable=amount,
        created_at=NOW,
    )
    return note


steps = st.lists(
    st.tuples(
        st.sampled_from(["bill", "note", "pay", "revise", "void", "undo"]),
        st.integers(1, 50_000),
        st.integers(0, 60_000),
        st.integers(0, 30),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_whatever_happens_the_columns_agree_with_the_lines(cast: Cast, steps: Any) -> None:
    group, connection = cast.acme, _connection()
    made: list[tuple[Invoice, Sums, int]] = []
    for number, (what, amount, prepaid, pick) in enumerate(steps):
        now = NOW + timedelta(seconds=number)
        if what == "bill" or not made:
            invoice = bill(group, amount, now=now, prepaid=prepaid)
            made.append((invoice, Sums(amount - amount // 6, amount // 6, prepaid=prepaid), 1))
            continue
        place = pick % len(made)
        invoice, sums, version = made[place]
        fresh = Invoice.get_by_id(invoice.id)
        if what == "note":
            ledger.credit_note_arrived(_note(cast, amount), Sums(amount, 0), credits=fresh, now=now, today=TODAY)
        elif what == "pay":
            payment = Payment.create(
                public_id=f"P-{Payment.select().count()}",
                secret=str(Payment.select().count()),
                group=group,
                connection=connection,
                amount=amount,
                currency="EUR",
                initiator="customer",
                created_at=now,
            )
            with transaction():
                share = min(fresh.open, amount)
                ledger.captured(payment, [(fresh.id, share)], amount, now=now, today=TODAY)
        elif what == "revise" and fresh.status == Invoice.OPEN:
            after = Sums(amount, 0, prepaid=prepaid)
            try:
                ledger.revised(fresh, sums, after, version=version + 1, now=now, today=TODAY)
                made[place] = (invoice, after, version + 1)
            except peewee.IntegrityError:
                pass  # credit that was spent cannot be taken back
        elif what == "void":
            ledger.void(fresh, event=f"void {number}", now=now, today=TODAY)
        elif what == "undo":
            try:
                ledger.undo(fresh, now=now, today=TODAY)
            except (NotUndoable, peewee.IntegrityError):
                pass
        books_agree()
        assert Invoice.select().where(Invoice.open < 0).count() == 0


def _connection() -> Connection:
    Connection.insert(provider="sandbox", account="x", live=False, created_at=NOW).on_conflict_ignore().execute()
    found: Connection = Connection.get()
    return found
