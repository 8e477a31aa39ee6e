"""What only a browser can tell: nothing sticks out, and what our small script adds to htmx."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, request
from playwright.sync_api import Browser, Page, expect, sync_playwright
from werkzeug.serving import make_server

from blueprints import respond
from tests.look.stage import make_app

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
POLICY = "default-src 'self'; img-src 'self' data:; base-uri 'none'; object-src 'none'; form-action 'self'"
PLACES = """{% extends "layout.html" %}{% block title %}Places{% endblock %}{% block main %}<h1>Places</h1>
<a id="there" href="/there" hx-get="/there" hx-target="#here" hx-swap="outerHTML" hx-push-url="true">There</a>
<form id="breaks" method="post" action="/breaks" hx-post="/breaks" hx-target="#here" hx-swap="outerHTML"
 hx-sync="this:drop" hx-disable="findAll button"><input type="hidden" name="csrf_token" value="{{ csrf_token() }}">
<button>Break</button></form>
<form id="wrong" method="post" action="/wrong" hx-post="/wrong" hx-target="#here" hx-swap="outerHTML"
 hx-sync="this:drop" hx-disable="findAll button"><input type="hidden" name="csrf_token" value="{{ csrf_token() }}">
<button>Wrong</button></form><div id="here">here</div>{% endblock %}"""
ERRORS = """<title>Wrong · Hartwell Garden Services</title>
<div id="here"><div class="note bad" id="errors" tabindex="-1" autofocus>There is a problem</div></div>"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="BROWSER TESTS SKIPPED: there is no /usr/bin/chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    app = make_app(tmp_path_factory.mktemp("home"))
    add_places(app)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def add_places(app: Flask) -> None:
    @app.after_request
    def policy(answer: Response) -> Response:
        answer.headers["Content-Security-Policy"] = POLICY
        return answer

    @app.get("/places")
    def places() -> Response:
        return respond.page(app.jinja_env.from_string(PLACES))  # type: ignore[arg-type]

    @app.get("/there")
    def there() -> Response:
        if respond.wants_fragment():
            return Response('<div id="here"><title>There</title>there</div>')
        return respond.page(app.jinja_env.from_string(PLACES))  # type: ignore[arg-type]

    @app.post("/breaks")
    def breaks() -> Response:
        assert request.form["csrf_token"]
        return respond.unavailable()

    @app.post("/wrong")
    def wrong() -> Response:
        return Response(ERRORS, 422)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 360, "height": 700})
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("width", [320, 360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out_of_the_page(browser: Browser, address: str, width: int, scheme: Any) -> None:
    context = browser.new_context(viewport={"width": width, "height": 700}, color_scheme=scheme)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"{address}/admin/patterns")
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    context.close()
    assert wider == 0
    assert complaints == []


def test_ticks_are_counted_without_a_script(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 700})
    page = context.new_page()
    page.goto(f"{address}/admin/patterns")
    ticks = page.locator("#list-fifty input[type=checkbox]")
    for n in range(2):
        ticks.nth(n).check()
    assert page.locator("#list-fifty .tick label").first.bounding_box()["height"] >= 44  # type: ignore[index]
    assert page.locator("#list-fifty input:checked").count() == 2
    context.close()


def test_a_click_that_asks_for_a_new_tab_gets_one(page: Page, address: str) -> None:
    page.goto(f"{address}/places")
    with page.context.expect_page() as opened:
        page.click("#there", modifiers=["Control"])
    assert opened.value.url.endswith("/there")
    assert page.url.endswith("/places")
    assert page.inner_text("#here") == "here"


def test_a_plain_click_is_htmx(page: Page, address: str) -> None:
    page.goto(f"{address}/places")
    page.click("#there")
    page.wait_for_url("**/there")
    assert page.inner_text("#here") == "there"


def test_a_failure_is_said_in_the_alert_region_and_swaps_nothing(page: Page, address: str) -> None:
    page.goto(f"{address}/places")
    page.click("#breaks button")
    page.wait_for_selector("#alert .note.bad")
    assert "before you pay again" in page.inner_text("#alert")
    assert page.inner_text("#here") == "here"
    page.click("#there")
    page.wait_for_url("**/there")
    assert page.inner_text("#alert") == ""


def test_a_server_that_does_not_answer_is_said_too(page: Page, address: str) -> None:
    page.goto(f"{address}/places")
    page.route("**/breaks", lambda route: route.abort())
    page.click("#breaks button")
    page.wait_for_selector("#alert .note.bad")


def test_the_list_of_errors_has_the_focus_and_the_title_says_so(page: Page, address: str) -> None:
    page.goto(f"{address}/places")
    page.click("#wrong button")
    page.wait_for_selector("#errors")
    expect(page).to_have_title("Error: Wrong · Hartwell Garden Services")
    assert page.evaluate("document.activeElement.id") == "errors"
    assert page.inner_text("#alert") == ""
    page.click("#there")
    expect(page).to_have_title("There")
