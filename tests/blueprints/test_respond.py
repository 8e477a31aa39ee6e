from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import pytest
from flask import Flask, Response, abort, request
from werkzeug.test import TestResponse

from blueprints import respond
from tests.look.stage import make_app

PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}
WHOLE = {"HX-Request": "true", "HX-Request-Type": "full"}


@pytest.fixture
def app(home: Path) -> Flask:
    app = make_app(home)
    app.config["TESTING"] = False

    @app.get("/things/<name>")
    def show(name: str) -> Response:
        return respond.page("errors/404.html", {"way-on": "errors/_way_on.html", "": "_empty.html"}, text=name)

    @app.get("/plain")
    def plain() -> Response:
        return respond.page("errors/404.html")

    @app.post("/things")
    def create() -> Response:
        if not request.form.get("name"):
            return respond.invalid("_empty.html", page="errors/422.html", text="typed")
        return respond.see_other("show", name=request.form["name"], page=2)

    @app.post("/plain")
    def to_plain() -> Response:
        return respond.see_other("plain")

    @app.get("/guarded")
    def guarded() -> Response:
        return respond.sign_in("/sign-in?next=/guarded")

    @app.get("/refused/<int:status>")
    def refused(status: int) -> Response:
        return respond.refused(status, "Ask Hartwell.")

    @app.get("/lost")
    def lost() -> Response:
        abort(404)

    @app.get("/late")
    def late() -> Response:
        abort(429)

    @app.get("/evil")
    def evil() -> Response:
        return respond.file(b"MZ", request.args["name"], "application/octet-stream")

    @app.get("/file")
    def file() -> Response:
        return respond.file(b"%PDF", 'Rechnung "Müller".pdf', "application/pdf")

    return app


def get(app: Flask, path: str, **headers: str) -> TestResponse:
    return app.test_client().get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_a_page_is_whole_for_a_browser(app: Flask) -> None:
    answer = get(app, "/things/one")
    assert "<!doctype html>" in answer.text
    assert "HX-Request" in answer.headers["Vary"]


def test_htmx_gets_the_partial_of_its_target(app: Flask) -> None:
    answer = app.test_client().get("/things/one", headers={**PARTIAL, "HX-Target": "p#way-on"})
    assert answer.text.strip().startswith('<p id="way-on">')
    assert "HX-Request" in answer.headers["Vary"]


def test_htmx_without_a_target_of_ours_gets_the_unnamed_partial(app: Flask) -> None:
    assert app.test_client().get("/things/one", headers=PARTIAL).text == '<p id="empty">one</p>'


def test_an_unknown_target_gets_the_whole_page(app: Flask) -> None:
    answer = app.test_client().get("/things/one", headers={**PARTIAL, "HX-Target": "div#elsewhere"})
    assert "<!doctype html>" in answer.text


@pytest.mark.parametrize("headers", [WHOLE, {"HX-Request": "true"}, {"HX-Request-Type": "partial"}])
def test_only_both_headers_make_a_fragment(app: Flask, headers: dict[str, str]) -> None:
    assert "<!doctype html>" in app.test_client().get("/things/one", headers=headers).text


def test_what_is_not_valid_is_422_as_page_and_as_fragment(app: Flask) -> None:
    page = app.test_client().post("/things")
    assert page.status_code == 422
    assert "<title>Error: " in page.text
    fragment = app.test_client().post("/things", headers=PARTIAL)
    assert fragment.status_code == 422
    assert fragment.text == '<p id="empty">typed</p>'


def test_after_a_change_a_browser_is_sent_on(app: Flask) -> None:
    answer = app.test_client().post("/things", data={"name": "two"})
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/things/two?page=2"


def test_after_a_change_htmx_gets_the_next_pages_partial_and_its_address(app: Flask) -> None:
    answer = app.test_client().post("/things", data={"name": "two"}, headers=PARTIAL)
    assert answer.status_code == 200
    assert answer.text == '<p id="empty">two</p>'
    assert answer.headers["HX-Push-Url"] == "/things/two?page=2"


def test_a_page_without_a_partial_is_opened_whole_by_htmx(app: Flask) -> None:
    answer = app.test_client().post("/plain", headers=PARTIAL)
    assert answer.status_code == 200
    assert answer.headers["HX-Redirect"] == "/plain"
    assert answer.data == b""


def test_an_expired_session_never_puts_a_sign_in_page_into_a_table(app: Flask) -> None:
    assert get(app, "/guarded").headers["Location"] == "/sign-in?next=/guarded"
    answer = app.test_client().get("/guarded", headers=PARTIAL)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/sign-in?next=/guarded"


@pytest.mark.parametrize("status", [403, 404, 409])
def test_a_refusal_is_a_page_or_a_note_in_the_alert_region(app: Flask, status: int) -> None:
    page = get(app, f"/refused/{status}")
    assert page.status_code == status
    assert "<!doctype html>" in page.text
    assert "Ask Hartwell." in page.text
    note = app.test_client().get(f"/refused/{status}", headers=PARTIAL)
    assert note.status_code == status
    assert note.headers["HX-Retarget"] == "#alert"
    assert note.text.startswith('<div class="note bad" id="refused">')
    assert "Ask Hartwell." in note.text


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/lost", 404), ("/late", 429)])
def test_errors_look_like_the_portal(app: Flask, path: str, status: int) -> None:
    answer = get(app, path)
    assert answer.status_code == status
    assert 'rel="stylesheet"' in answer.text


def test_a_wrong_method_names_the_right_ones(app: Flask) -> None:
    answer = app.test_client().post("/lost")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize(
    ("given", "plain", "whole"),
    [
        ("../../.bashrc", ".bashrc", ".bashrc"),
        ("C:\\Windows\\a.exe", "a.exe", "a.exe"),
        ("bill\u202efdp.exe\r\nX: y", "billfdp.exeX_ y", "billfdp.exeX%3A%20y"),
        ("../", "file", "file"),
    ],
)
def test_a_files_name_names_no_folder_and_is_read_as_it_is(app: Flask, given: str, plain: str, whole: str) -> None:
    answer = get(app, f"/evil?{urlencode({'name': given})}")

    disposition = answer.headers["Content-Disposition"]
    assert disposition == f"attachment; filename=\"{plain}\"; filename*=UTF-8''{whole}"


def test_a_file_has_its_name_and_costs_nothing_the_second_time(app: Flask) -> None:
    answer = get(app, "/file")
    assert answer.data == b"%PDF"
    assert "filename*=UTF-8''Rechnung%20%22M%C3%BCller%22.pdf" in answer.headers["Content-Disposition"]
    again = get(app, "/file", If_None_Match=answer.headers["ETag"])
    assert again.status_code == 304
    assert again.data == b""
