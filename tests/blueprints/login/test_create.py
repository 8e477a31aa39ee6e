from __future__ import annotations

import html
import re

import pytest

from blueprints.asking import asked_of
from models import Letter, Session, SignIn
from tests.browser import Browser
from tests.cast import Cast


def ask(browser: Browser, email: str, **fields: str) -> str:
    browser.get("/sign-in")
    answer = browser.post("/sign-in", {"email": email, **fields})
    assert answer.status_code == 303, answer.text
    return browser.follow().text


def without_tokens(page: str) -> str:
    return re.sub(r'value="[^"]*"', "", page)


def test_a_link_and_a_code_are_mailed(visitor: Browser, cast: Cast) -> None:
    page = ask(visitor, "ADA@acme.example", next="/invoices/7")

    assert "<h1>Look in your mail</h1>" in page
    assert "a link and a 6-digit code are on their way. It can take a few minutes." in page
    assert "No mail? Look in spam, or call Hartwell on 01234 567890." in page
    assert (SignIn.get().person, SignIn.get().next) == (cast.ada, "/invoices/7")
    assert Letter.get().to == "ada@acme.example"
    assert Session.select().count() == 0


def test_an_unknown_address_reads_the_same_and_gets_no_mail(visitor: Browser) -> None:
    known = without_tokens(ask(visitor, "ada@acme.example"))
    unknown = without_tokens(ask(visitor, "eve@evil.example"))

    assert known == unknown
    assert Letter.select().count() == 1


def test_a_way_back_to_another_host_is_dropped(visitor: Browser) -> None:
    ask(visitor, "ada@acme.example", next="//evil.example/")

    assert SignIn.get().next == ""


@pytest.mark.parametrize("typed", ["", "ada@", "a b@acme.example", "ada acme", "a" * 65])
def test_what_is_no_address_is_said_and_kept(visitor: Browser, typed: str) -> None:
    answer = visitor.post("/sign-in", {"email": typed, "next": "/invoices"})

    assert answer.status_code == 422
    assert "<title>Error: " in answer.text
    assert "Enter an e-mail address such as name@example.com, or your user id." in html.unescape(answer.text)
    assert f'value="{typed}"' in answer.text
    assert 'name="next" value="/invoices"' in answer.text
    assert SignIn.select().count() == 0


def test_it_is_sent_again_by_one_press(visitor: Browser) -> None:
    page = ask(visitor, "ada@acme.example", next="/invoices/7")
    known = re.search(r'name="asked" value="([^"]+)"', page)
    assert known

    assert visitor.post("/sign-in", {"asked": known[1]}).status_code == 303

    assert [row.next for row in SignIn.select()] == ["/invoices/7", "/invoices/7"]
    assert SignIn.select().where(SignIn.replaced_at.is_null()).count() == 1


def test_a_made_up_address_of_ours_is_none(visitor: Browser) -> None:
    assert visitor.post("/sign-in", {"asked": "WyJhZGFAYWNtZS5leGFtcGxlIiwiIl0.x"}).status_code == 422


def test_a_form_without_its_token_changes_nothing(visitor: Browser) -> None:
    answer = visitor.post("/sign-in", {"email": "ada@acme.example"}, token="")

    assert answer.status_code == 400
    assert SignIn.select().count() == 0


def test_a_form_token_of_another_browser_is_refused(visitor: Browser, ada: Browser) -> None:
    ada.name()
    visitor.get("/sign-in")

    assert visitor.post("/sign-in", {"email": "ada@acme.example"}, token=ada.token).status_code == 400


def test_a_form_from_another_site_is_refused(visitor: Browser) -> None:
    for origin in ("https://evil.example", "null", "http://127.0.0.1:8001", "http://["):
        answer = visitor.post("/sign-in", {"email": "ada@acme.example"}, headers={"Origin": origin})
        assert answer.status_code == 400
    assert visitor.post("/sign-in", {"email": "a@acme.example"}, headers={"Origin": visitor.url}).status_code == 303


def test_one_address_is_not_mailed_without_end_and_what_was_typed_stays(visitor: Browser) -> None:
    for _ in range(4):
        ask(visitor, "ada@acme.example")

    answer = visitor.post("/sign-in", {"email": "Ada@ACME.example"})

    assert answer.status_code == 429
    assert "Too many tries. Wait a few minutes" in answer.text
    assert 'value="Ada@ACME.example"' in answer.text
    assert Letter.select().count() == 4
    ask(visitor, "vic@acme.example")


def test_one_caller_does_not_ask_for_everybody(visitor: Browser) -> None:
    for number in range(10):
        ask(visitor, f"somebody{number}@acme.example")

    assert visitor.post("/sign-in", {"email": "ada@acme.example"}).status_code == 429


def test_htmx_is_led_to_the_page_that_follows(visitor: Browser) -> None:
    answer = visitor.post("/sign-in", {"email": "ada@acme.example"}, htmx=True)

    assert answer.status_code == 200
    assert answer.headers["HX-Redirect"].startswith("/sign-in/code?asked=")


def test_a_user_id_is_one_name_to_the_throttle_however_it_is_typed() -> None:
    keys = {asked_of({"email": typed}) for typed in ("vic.larsen", " Vic.Larsen", "\uff56ic.larsen")}
    assert len(keys) == 1
