"""Pressing Pay as a browser without JavaScript does: from the panel, with everything it carries."""

from __future__ import annotations

import re
from typing import Any

from werkzeug.test import TestResponse

from models import Attempt, Payment
from tests.browser import Browser

HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


def panel(browser: Browser, *numbers: str) -> dict[str, Any]:
    """The fields of the pay panel as it is drawn for these invoices."""
    return drawn(browser.get("/payments/new?" + "&".join(f"invoice={number}" for number in numbers)).text)


def drawn(page: str) -> dict[str, Any]:
    """The fields of the pay panel on a page: a review or an invoice's own."""
    form = page[page.index('id="pay"') :]
    fields: dict[str, Any] = {"invoice": []}
    for name, value in HIDDEN.findall(form):
        if name == "invoice":
            fields["invoice"].append(value)
        elif name != "csrf_token":
            fields[name] = value
    if chosen := re.search(r'name="method" value="([^"]+)"[^>]* checked', form):
        fields["method"] = chosen[1]
    return fields


def pay(browser: Browser, *numbers: str, htmx: bool = False, **changes: Any) -> TestResponse:
    """Open the panel and press Pay."""
    return browser.post(
        "/payments",
        panel(browser, *numbers) | changes,
        htmx=htmx,
        headers={"HX-Target": "section#page"} if htmx else None,
    )


def row_of(payment: Payment) -> Attempt:
    """The payment's newest attempt."""
    found: Attempt = Attempt.select().where(Attempt.payment == payment.id).order_by(Attempt.id.desc()).get()
    return found
