from __future__ import annotations

from urllib.parse import urlencode

import pytest
from bs4 import BeautifulSoup

from gateways.contract import Outcome
from sandbox.store import DEFAULTS
from tests.gateways.running import RunningSandbox
from tests.sandbox.orders import charge, open_page

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def test_every_setting_can_be_set_on_the_page(sandbox: RunningSandbox) -> None:
    page = BeautifulSoup(sandbox.request("GET", "/")[2], "html.parser")
    assert {field["name"] for field in page.select("input")} == set(DEFAULTS)
    assert all(page.select(f'label[for="{field["id"]}"]') for field in page.select("input"))
    status, headers, _ = sandbox.request("POST", "/settings", urlencode({"drop_after": 3}).encode(), FORM)
    assert (status, headers["location"]) == (303, "/")
    assert sandbox.call("GET", "/test/settings") == {**DEFAULTS, "drop_after": 3}


@pytest.mark.parametrize("value", ["-1", "x", ""])
def test_a_setting_that_is_no_number_is_refused(sandbox: RunningSandbox, value: str) -> None:
    assert sandbox.request("POST", "/settings", urlencode({"slow_ms": value}).encode(), FORM)[0] == 422


def test_a_debit_is_settled_and_returned_from_the_page(sandbox: RunningSandbox) -> None:
    gateway = sandbox.gateway()
    sent = gateway.charge(charge(sandbox.keep("debit_waits"), "o1"), key="k")
    for verb, outcome, returned in (("settle", Outcome.SUCCEEDED, None), ("return", Outcome.SUCCEEDED, 1200)):
        page = BeautifulSoup(sandbox.request("GET", "/")[2], "html.parser")
        (form,) = page.select(f'form[action$="/{verb}"]')
        assert sandbox.request("POST", str(form["action"]), b"", FORM)[0] == 303
        found = gateway.lookup(theirs=sent.theirs)
        assert found
        assert found.outcome is outcome
        assert (found.raw["returned"] or None) == returned


def test_an_open_page_is_cancelled_from_the_control_page(sandbox: RunningSandbox) -> None:
    step = open_page(sandbox)
    assert sandbox.request("POST", f"/payments/{step.theirs}/cancel", b"", FORM)[0] == 303
    found = sandbox.gateway().lookup(theirs=step.theirs)
    assert found
    assert found.outcome is Outcome.CANCELLED


@pytest.mark.parametrize("path", ["/payments/pay_x/settle", "/payments/pay_x/explode"])
def test_what_is_not_there_cannot_be_settled(sandbox: RunningSandbox, path: str) -> None:
    assert sandbox.request("POST", path, b"", FORM)[0] == 404
