from __future__ import annotations

import html
import re

import pytest

from billing import sign_ins
from models import Session, SignIn
from tests.blueprints.conftest import Clock
from tests.browser import Browser
from tests.cast import Cast


@pytest.fixture
def asked(visitor: Browser) -> str:
    """Ada has asked for a link, with a way back; what her page carries on."""
    visitor.get("/sign-in?next=/invoices/7")
    visitor.post("/sign-in", {"email": "ada@acme.example", "next": "/invoices/7"})
    found = re.search(r'name="asked" value="([^"]+)"', visitor.follow().text)
    assert found
    return found[1]


def newest() -> SignIn:
    row: SignIn = SignIn.select().order_by(SignIn.id.desc()).get()
    return row


def wrong() -> str:
    return f"{(int(sign_ins.code_of(newest())) + 1) % 1_000_000:06d}"


def test_the_code_field_is_filled_by_phones(visitor: Browser, asked: str) -> None:
    page = visitor.get(f"/sign-in/code?asked={asked}").text

    assert 'autocomplete="one-time-code"' in page
    assert 'inputmode="numeric"' in page
    assert "checked" not in page


def test_a_code_signs_in_and_leads_back(visitor: Browser, asked: str, cast: Cast) -> None:
    answer = visitor.post("/sign-in/code", {"asked": asked, "code": sign_ins.code_of(newest())})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/invoices/7")
    assert Session.get().person == cast.ada
    assert visitor.name() == "Ada Acme"


def test_a_wrong_code_is_said_and_kept(visitor: Browser, asked: str) -> None:
    code = wrong()

    answer = visitor.post("/sign-in/code", {"asked": asked, "code": code, "remember": "y"})

    assert answer.status_code == 422
    assert "That code is not right, or too old." in html.unescape(answer.text)
    assert f'value="{code}"' in answer.text
    assert "checked" in answer.text
    assert Session.select().count() == 0


@pytest.mark.parametrize("typed", ["", "x" * 41, "١٢٣٤٥٦"])
def test_what_is_no_code_is_said(visitor: Browser, asked: str, typed: str) -> None:
    assert visitor.post("/sign-in/code", {"asked": asked, "code": typed}).status_code == 422


def test_after_five_guesses_the_right_one_comes_too_late(visitor: Browser, asked: str) -> None:
    for _ in range(5):
        visitor.post("/sign-in/code", {"asked": asked, "code": wrong()})

    assert visitor.post("/sign-in/code", {"asked": asked, "code": sign_ins.code_of(newest())}).status_code == 422
    assert Session.select().count() == 0


def test_a_code_is_too_old_after_fifteen_minutes(visitor: Browser, asked: str, clock: Clock) -> None:
    clock.forward(minutes=15)

    assert visitor.post("/sign-in/code", {"asked": asked, "code": sign_ins.code_of(newest())}).status_code == 422


def test_without_knowing_whose_there_is_no_code(visitor: Browser, asked: str) -> None:
    for carried in ("", "made-up", asked[:-1]):
        answer = visitor.post("/sign-in/code", {"asked": carried, "code": sign_ins.code_of(newest())})
        assert answer.status_code == 422


def test_an_unknown_address_is_told_the_same(visitor: Browser) -> None:
    visitor.get("/sign-in")
    visitor.post("/sign-in", {"email": "eve@evil.example"})
    found = re.search(r'name="asked" value="([^"]+)"', visitor.follow().text)
    assert found

    answer = visitor.post("/sign-in/code", {"asked": found[1], "code": "123456"})

    assert answer.status_code == 422
    assert "That code is not right, or too old." in html.unescape(answer.text)


def test_guessing_on_is_throttled_and_what_was_typed_stays(visitor: Browser, asked: str) -> None:
    for _ in range(10):
        visitor.post("/sign-in/code", {"asked": asked, "code": wrong()})

    answer = visitor.post("/sign-in/code", {"asked": asked, "code": "424242"})

    assert answer.status_code == 429
    assert 'value="424242"' in answer.text


def test_no_other_method_is_answered(visitor: Browser) -> None:
    assert visitor.ask("PUT", "/sign-in/code").status_code == 405
