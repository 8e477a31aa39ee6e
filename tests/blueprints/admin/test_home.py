"""Today: sums per currency, what needs somebody, the portal's address."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

import database
from billing import attention, today
from billing.settings import Settings
from models import Invoice
from tests.bills import bill
from tests.blueprints.admin.conftest import MakePayment
from tests.browser import Browser
from tests.cast import Cast, make_group


def test_nothing_needs_you_on_a_quiet_day(root: Browser) -> None:
    page = root.get("/admin").text
    assert "Nothing needs you." in page
    assert "No payment in the last 30 days." in page
    assert "First steps" in page


def test_it_shows_what_came_in_and_what_is_owed(
    root: Browser, cast: Cast, make_payment: MakePayment, now: datetime, yesterday: datetime
) -> None:
    make_payment(bill(cast.acme, 10000, now=now))
    make_payment(bill(cast.acme, 5000, now=now), at=yesterday)
    bill(cast.acme, 7000, now=now, issued_on=now.date() - timedelta(days=40))
    page = root.get("/admin").text
    assert "€150.00" in page  # the week
    assert "€100.00" in page  # today
    assert "€70.00" in page  # overdue
    assert "The best day was 22 November 2026 with €100.00." in page


def test_currencies_are_never_added(cast: Cast, make_payment: MakePayment, now: datetime) -> None:
    dollars = make_group("Initech", "C-INI", now, currency="USD")
    make_payment(bill(cast.acme, 10000, now=now))
    make_payment(bill(dollars, 3000, now=now), person=cast.ada)
    bill(dollars, 900, now=now)
    sums = today.came_in(today=now.date(), settings=Settings())
    assert [(s.currency, s.week.minor, s.week_count) for s in sums] == [("EUR", 10000, 1), ("USD", 3000, 1)]
    assert [(o.currency, o.open.minor) for o in today.owed(today=now.date())] == [("USD", 900)]


def test_a_payment_counts_on_the_merchants_day(cast: Cast, make_payment: MakePayment, now: datetime) -> None:
    make_payment(bill(cast.acme, 100, now=now), at=now.replace(hour=23, minute=30) - timedelta(days=1))
    london = today.came_in(today=now.date(), settings=Settings(timezone="Europe/London"))
    berlin = today.came_in(today=now.date(), settings=Settings(timezone="Europe/Berlin"))
    assert (london[0].today.minor, london[0].week.minor) == (0, 100)
    assert berlin[0].today.minor == 100


def test_sums_read_only_their_indexes(
    db: Any, cast: Cast, make_payment: MakePayment, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What keeps them quick among a million rows: never a look at the table itself."""
    if not database.is_sqlite():
        pytest.skip("SQLite's plan")
    make_payment(bill(cast.acme, 10000, now=now))
    asked: list[tuple[str, Any]] = []
    real = db.execute_sql

    def listen(sql: str, params: Any = None) -> Any:
        asked.append((sql, params))
        return real(sql, params)

    with monkeypatch.context() as patch:
        patch.setattr(db, "execute_sql", listen)
        today.came_in(today=now.date(), settings=Settings())
        today.owed(today=now.date())
    assert len(asked) == 4
    for sql, params in asked:
        plan = [row[3] for row in db.execute_sql(f"EXPLAIN QUERY PLAN {sql}", params).fetchall()]
        reads = [step for step in plan if step.startswith(("SCAN", "SEARCH"))]
        assert reads
        assert all("COVERING INDEX" in step for step in reads), plan
        assert not any("TEMP B-TREE" in step for step in plan), plan


def test_what_needs_somebody_stands_there_with_its_way(
    root: Browser, make_payment: MakePayment, invoice: Invoice, now: datetime
) -> None:
    payment = make_payment(invoice, "unknown", unknown_since=now)
    attention.tell("unknown_payment", payment, now=now)
    page = root.get("/admin").text
    assert "/admin/payments/P-TEST-01" in page
    assert "still do not know" in page
    assert "To do (1)" in page


def test_it_gives_the_portals_address_to_copy(root: Browser) -> None:
    page = root.get("/admin").text
    assert 'value="http://127.0.0.1:8000/sign-in"' in page
    assert 'value="http://127.0.0.1:8000/sign-in"' in root.get("/admin/settings/portal").text


def test_it_says_that_mails_are_kept(root: Browser) -> None:
    assert "Mails are being kept, not sent" in root.get("/admin").text
