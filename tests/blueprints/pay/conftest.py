"""A guest in front of an invoice's link, and somebody in front of the payment form."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import TestResponse

from billing import history, links, payments, settings
from models import Connection, Invoice, Payment
from tests.bills import bill
from tests.blueprints.conftest import Clock
from tests.blueprints.pressing import HIDDEN, row_of
from tests.browser import Browser
from tests.cast import Cast
from tests.gateways.running import RunningSandbox
from tests.synchronous import Queue

HOST = "http://127.0.0.1:8000"
GUS = {"email": "gus@nowhere.example", "name": "Gus Guest"}
ON_THE_FORM = GUS | {"reference": "2026-0142", "amount": "1,240.00"}


@pytest.fixture
def invoice(cast: Cast, clock: Clock, desk: Connection) -> Invoice:
    return bill(cast.acme, 124_000, now=clock.now, number="2026-0142")


@pytest.fixture
def save(app: object, clock: Clock) -> Callable[..., object]:
    """Change settings: `save(allow_pay=False)`."""
    return lambda **changes: settings.save(changes, by=history.COMMAND, now=clock.now)


@pytest.fixture
def guests_on(save: Callable[..., object]) -> None:
    save(allow_guest_payment=True)


@pytest.fixture
def form_on(save: Callable[..., object]) -> None:
    save(allow_payment_form=True)


def path_of(invoice: Invoice, person: int = 0) -> str:
    return links.pay(invoice.id, person).removeprefix(HOST)


def hidden(page: str) -> dict[str, Any]:
    """The hidden fields of the page's pay form, but for the browser's own token."""
    form = re.search(r'<form id="pay".*?</form>', page, re.S)
    assert form is not None, page
    return {name: value for name, value in HIDDEN.findall(form[0]) if name != "csrf_token"}


def pay(browser: Browser, path: str, *, htmx: bool = False, **changes: Any) -> TestResponse:
    """Open the page of an invoice's link, or the form ("/pay"), fill it in and press Pay."""
    fields = hidden(browser.get(path).text) | (ON_THE_FORM if path == "/pay" else GUS) | changes
    target = path if path == "/pay" else f"{path}/payments"
    return browser.post(target, fields, htmx=htmx, headers={"HX-Target": "section#page"} if htmx else None)


def with_card(
    payment: Payment, provider: RunningSandbox, clock: Clock, queue: Queue, instrument: str = "visa"
) -> Payment:
    """The provider's page is opened, a card is entered there, and we ask what became of it."""
    queue.run()
    provider.press(row_of(payment).url, "pay", instrument)
    clock.forward(seconds=10)
    payments.look_up_later(payment, now=clock.now)
    queue.run()
    return Payment.get_by_id(payment.id)  # type: ignore[no-any-return]
