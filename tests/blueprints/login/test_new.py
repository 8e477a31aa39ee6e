from __future__ import annotations

import pytest

from models import Session
from tests.browser import Browser


def test_the_page_asks_for_an_address_and_remembers_the_way_back(visitor: Browser) -> None:
    page = visitor.get("/sign-in?next=/invoices/7%3Fq%3D1").text

    assert "<h1>Sign in</h1>" in page
    assert 'name="next" value="/invoices/7?q=1"' in page
    assert 'autocomplete="username"' in page


def test_a_visitor_gets_a_cookie_with_the_form_and_no_row(visitor: Browser) -> None:
    visitor.get("/sign-in")

    assert visitor.cookie() is not None
    assert Session.select().count() == 0


@pytest.mark.parametrize(
    "next",
    [
        "https://evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "http:evil.example",
        "https:/evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        " //evil.example",
        "evil.example",
        "/\x00/evil.example",
        "//evil.example@127.0.0.1:8000/",
        "http://127.0.0.1:8000@evil.example/",
        "https://[evil",
        "/sign-out",
        "/" + "a" * 2000,
    ],
)
def test_nobody_is_led_to_another_host(visitor: Browser, ada: Browser, next: str) -> None:
    page = visitor.client.get("/sign-in", query_string={"next": next}, base_url=visitor.url)
    assert 'name="next" value=""' in page.text

    answer = ada.client.get("/sign-in", query_string={"next": next}, base_url=ada.url)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


def test_who_is_signed_in_goes_on(ada: Browser) -> None:
    answer = ada.get("/sign-in?next=/invoices")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/invoices")


def test_htmx_gets_the_whole_page(visitor: Browser) -> None:
    answer = visitor.get("/sign-in", htmx=True)

    assert "<!doctype html>" in answer.text
    assert "HX-Request" in answer.headers["Vary"]


def test_no_other_method_is_answered(visitor: Browser) -> None:
    assert visitor.ask("DELETE", "/sign-in").status_code == 405
