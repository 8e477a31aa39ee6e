from __future__ import annotations

import dataclasses

import pytest
from flask import Flask

import portal
from environ import Environ
from tests.browser import Browser
from tests.cast import Cast


@pytest.fixture
def secure(app: Flask, env: Environ) -> Browser:
    """A browser at a portal whose public address is https, behind one proxy."""
    app = portal.create_app(dataclasses.replace(env, url="https://pay.hartwell.example", proxies=1))
    return Browser(app, "https://pay.hartwell.example")


@pytest.mark.parametrize("path", ["/", "/sign-in", "/nowhere", "/admin/sign-in", "/sign-in/x"])
def test_every_answer_carries_the_headers(ada: Browser, path: str) -> None:
    headers = ada.get(path).headers

    assert headers["Content-Security-Policy"] == (
        "default-src 'self'; img-src 'self' data:; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; "
        "form-action 'self'"
    )
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in headers


def test_over_https_cookies_are_secure_and_bound_to_the_host(secure: Browser) -> None:
    answer = secure.get("/sign-in")

    assert answer.headers["Set-Cookie"].startswith("__Host-portal=")
    assert answer.headers["Set-Cookie"].endswith("; Secure; HttpOnly; Path=/; SameSite=Lax")
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")


def test_over_http_cookies_are_not(visitor: Browser) -> None:
    cookie = visitor.get("/sign-in").headers["Set-Cookie"]

    assert cookie.startswith("portal=")
    assert cookie.endswith("; HttpOnly; Path=/; SameSite=Lax")
    assert "Secure" not in cookie


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "127.0.0.2"])
def test_another_host_is_not_served(visitor: Browser, host: str) -> None:
    answer = visitor.get("/sign-in", headers={"Host": host})

    assert answer.status_code == 400
    assert "csrf_token" not in answer.text


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000"])
def test_every_loopback_name_is_served(visitor: Browser, host: str) -> None:
    assert visitor.get("/sign-in", headers={"Host": host}).status_code == 200


def test_without_a_proxy_nobodys_word_on_where_they_come_from_counts(visitor: Browser) -> None:
    for number in range(10):
        forged = {
            "X-Forwarded-For": f"10.0.0.{number}",
            "X-Forwarded-Host": "evil.example",
            "X-Forwarded-Proto": "https",
        }
        assert visitor.post("/sign-in", {"email": f"a{number}@b.example"}, headers=forged).status_code == 303

    answer = visitor.post("/sign-in", {"email": "ada@acme.example"}, headers={"X-Forwarded-For": "10.0.0.99"})

    assert answer.status_code == 429


def test_behind_a_proxy_its_word_counts_and_not_the_callers(secure: Browser) -> None:
    for number in range(10):
        secure.post(
            "/sign-in", {"email": f"a{number}@b.example"}, headers={"X-Forwarded-For": f"1.1.1.{number}, 10.0.0.1"}
        )

    def ask(forwarded: str) -> int:
        answer = secure.post("/sign-in", {"email": "ada@acme.example"}, headers={"X-Forwarded-For": forwarded})
        return answer.status_code

    assert ask("2.2.2.2, 10.0.0.1") == 429
    assert ask("10.0.0.2") == 303


def test_the_form_token_is_masked_anew_in_every_answer(visitor: Browser, cast: Cast) -> None:
    visitor.get("/sign-in")
    first, cookie = visitor.token, visitor.cookie()
    visitor.get("/sign-in")

    assert visitor.token != first
    assert visitor.cookie() == cookie
    for token in (first, visitor.token):
        assert visitor.post("/sign-in", {"email": "ada@acme.example"}, token=token).status_code == 303


@pytest.mark.parametrize("token", ["x", "é", "A" * 88, "A" * 87 + "=", "=" * 88, "A" * 10_000])
def test_a_made_up_form_token_is_refused(visitor: Browser, token: str) -> None:
    visitor.get("/sign-in")

    assert visitor.post("/sign-in", {"email": "ada@acme.example"}, token=token).status_code == 400


def test_a_form_token_dies_with_signing_in(visitor: Browser, cast: Cast) -> None:
    visitor.get("/sign-in")
    before = visitor.token
    visitor.sign_in(cast.ada)

    assert visitor.post("/sign-out", token=before).status_code == 400


@pytest.mark.parametrize("path", ["/", "/sign-in", "/admin/sign-in", "/healthz"])
def test_no_other_site_may_read_an_answer(ada: Browser, path: str) -> None:
    answer = ada.get(path, headers={"Origin": "https://evil.example"})

    assert not [name for name in answer.headers.keys() if name.startswith("Access-Control-")]  # noqa: SIM118


@pytest.mark.parametrize("path", ["/", "/sign-in", "/admin"])
def test_nothing_is_traced(app: Flask, path: str) -> None:
    assert app.test_client().open(path, method="TRACE").status_code == 405
