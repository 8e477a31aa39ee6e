"""The byte budgets of customers' pages, exactly: budgets.md section 1, at the brotli quality pages are sent with."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import brotli  # type: ignore[import-untyped]
import pytest

from billing import history, settings
from blueprints.assets import PAGE_BROTLI
from environ import Environ
from models import Connection, Payment
from tests.bills import bill
from tests.blueprints.conftest import Clock
from tests.blueprints.payments.test_new import keep
from tests.blueprints.pressing import pay, row_of
from tests.browser import Browser
from tests.cast import Cast
from tests.gateways.running import RunningSandbox
from tests.synchronous import Queue

KB = 1024
HTML_AND_CSS, EVERYTHING, NEXT_PAGE, FRAGMENT, WHOLE_JOURNEY = 6 * KB, 20 * KB, 3 * KB, 1.5 * KB, 40 * KB


def packed(text: str) -> int:
    return len(brotli.compress(text.encode(), quality=PAGE_BROTLI))


def served(home: Path, name: str) -> int:
    """Bytes of a static file as it is sent."""
    stem, kind = name.rsplit(".", 1)
    return next((home / "static").glob(f"{stem}.*.{kind}.br")).stat().st_size


@pytest.fixture
def fifty(cast: Cast, clock: Clock, desk: Connection) -> None:
    """Fifty open invoices as real ones are: no two amounts alike, late, soon and far."""
    settings.save(
        {"business_email": "office@hartwell.example", "business_address": "1 Garden Row\nBristol BS1 4ND"},
        by=history.COMMAND,
        now=clock.now,
    )
    for n in range(50):
        due = clock.now.date() + timedelta((n * 7) % 60 - 25)
        bill(cast.acme, 1000 + (n * 7919) % 250_000, now=clock.now, number=f"2026-{100 + n * 3:04}", due_on=due)


def test_the_first_visit_to_a_list_of_fifty_fits_the_budget(ada: Browser, fifty: None, env: Environ) -> None:
    page = ada.get("/invoices").text
    assert page.count('type="checkbox"') == 50
    html, css, script = packed(page), served(env.home, "portal.css"), served(env.home, "portal.js")
    assert html <= NEXT_PAGE
    assert html + css <= HTML_AND_CSS
    assert html + css + script <= EVERYTHING
    assert page.count('<link rel="stylesheet"') + page.count("<script src=") == 2


@pytest.mark.parametrize("path", ["/", "/invoices/2026-0100", "/payments/new?all=due", "/payments", "/account"])
def test_every_other_page_fits_it_too(ada: Browser, fifty: None, path: str) -> None:
    assert packed(ada.get(path).text) <= NEXT_PAGE


def test_a_status_is_a_small_fragment_in_every_state(
    ada: Browser, cast: Cast, clock: Clock, provider: RunningSandbox, desk: Connection, queue: Queue, fifty: None
) -> None:
    keep(cast, desk, clock, token=provider.keep("visa"))
    sizes = {}
    pay(ada, "2026-0100", "2026-0103", "2026-0106", method="new")
    payment = Payment.get()
    for look in ("queued", "open", "paid"):
        path = f"/payments/{payment.public_id}?polls=3&seen=sending&returned=1"
        sizes[look] = packed(ada.get(path, htmx=True, headers={"HX-Target": "section#page"}).text)
        queue.run()
        if look == "open":
            provider.press(row_of(payment).url)
            clock.forward(seconds=10)
            ada.get(path)
            queue.run()
    assert Payment.get().state == "paid"
    assert all(size <= FRAGMENT for size in sizes.values()), sizes


def test_the_panel_and_the_sum_are_small_fragments(ada: Browser, fifty: None) -> None:
    for target in ("div#page", "span#sum"):
        path = "/payments/new?invoice=2026-0100&invoice=2026-0103"
        assert packed(ada.get(path, htmx=True, headers={"HX-Target": target}).text) <= FRAGMENT


def test_from_invoice_to_receipt_without_a_script_fits_a_bad_network(
    ada: Browser, cast: Cast, clock: Clock, provider: RunningSandbox, queue: Queue, fifty: None, env: Environ
) -> None:
    total = served(env.home, "portal.css")
    total += packed(ada.get("/invoices/2026-0100").text)
    pay(ada, "2026-0100")
    queue.run()
    payment = Payment.get()
    total += packed(ada.get(f"/payments/{payment.public_id}").text)
    provider.press(row_of(payment).url)
    ada.get(f"/payments/{payment.public_id}?returned=1")
    queue.run()
    total += packed(ada.get(f"/payments/{payment.public_id}").text)
    assert total <= WHOLE_JOURNEY / 2
