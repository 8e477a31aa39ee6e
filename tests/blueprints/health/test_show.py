from __future__ import annotations

import pytest
from peewee import OperationalError

import database
from tests.browser import Browser


def test_healthz_says_ok_in_a_word(visitor: Browser) -> None:
    answer = visitor.get("/healthz")

    assert (answer.status_code, answer.text, answer.mimetype) == (200, "ok\n", "text/plain")
    assert visitor.cookie() is None


def test_healthz_says_503_while_the_database_is_away(visitor: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(database, "connect", away)

    assert visitor.get("/healthz").status_code == 503


def test_every_other_page_is_a_page_while_the_database_is_away(
    visitor: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OperationalError("gone")

    visitor.client.application.config["PROPAGATE_EXCEPTIONS"] = False
    monkeypatch.setattr(database, "connect", away)

    answer = visitor.get("/sign-in")

    assert answer.status_code == 500
    assert "<h1>" in answer.text


def test_healthz_takes_no_post(visitor: Browser) -> None:
    assert visitor.post("/healthz", token="x").status_code == 405
