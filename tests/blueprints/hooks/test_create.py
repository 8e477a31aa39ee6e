from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest

from billing import events, history, settings
from tests.blueprints.conftest import Clock
from tests.browser import Browser


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bytes, Mapping[str, str]]]:
    kept: list[tuple[str, bytes, Mapping[str, str]]] = []

    def receive(provider: str, body: bytes, headers: Mapping[str, str], *, now: datetime) -> int:
        if provider != "sandbox":
            raise events.UnknownHook
        if headers.get("Signature") == "forged":
            raise events.BadHook
        kept.append((provider, body, headers))
        return 1

    monkeypatch.setattr(events, "receive", receive)
    return kept


def tell(browser: Browser, gateway: str = "sandbox", body: bytes = b"{}", **headers: str) -> Any:
    return browser.client.post(f"/hooks/{gateway}", data=body, headers=headers, base_url=browser.url)


def test_an_event_is_taken_without_session_or_form_token(visitor: Browser, told: list[Any]) -> None:
    answer = tell(visitor, body=b'{"id": "1"}', Signature="right")

    assert (answer.status_code, answer.text) == (200, "ok\n")
    assert [(provider, body) for provider, body, _ in told] == [("sandbox", b'{"id": "1"}')]
    assert told[0][2]["Signature"] == "right"
    assert "Set-Cookie" not in answer.headers


def test_a_forged_one_is_refused(visitor: Browser, told: list[Any]) -> None:
    assert tell(visitor, Signature="forged").status_code == 400
    assert told == []


def test_nobody_listens_for_another_gateway(visitor: Browser, told: list[Any]) -> None:
    assert tell(visitor, "stripe").status_code == 404


def test_without_any_connection_nobody_listens(visitor: Browser) -> None:
    assert tell(visitor).status_code == 404


def test_more_than_256_kb_is_refused(visitor: Browser, told: list[Any]) -> None:
    assert tell(visitor, body=b"x" * (256 * 1024)).status_code == 200
    assert tell(visitor, body=b"x" * (256 * 1024 + 1)).status_code == 413
    assert len(told) == 1


def test_it_goes_on_while_the_portal_is_off(visitor: Browser, told: list[Any], clock: Clock) -> None:
    settings.save({"portal_enabled": False}, by=history.COMMAND, now=clock.now)

    assert tell(visitor).status_code == 200


def test_no_other_method_is_answered(visitor: Browser) -> None:
    assert visitor.ask("GET", "/hooks/sandbox").status_code == 405
