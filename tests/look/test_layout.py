from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask, Response

import theming
from blueprints import respond
from tests.look.stage import HARTWELL, add_page, make_app, read_html

PAGE = (
    "{% extends 'layout.html' %}{% block title %}Invoices{% endblock %}{% block main %}<h1>Invoices</h1>{% endblock %}"
)


@pytest.fixture
def app(home: Path) -> Flask:
    app = make_app(home)
    add_page(app, "/invoices", PAGE, current="invoices")
    return app


def test_a_page_has_its_landmarks_in_order(app: Flask) -> None:
    page = read_html(app.test_client().get("/invoices").text)
    assert [found.name for found in page.body.find_all(["header", "nav", "main", "footer"])] == [
        *("header", "nav", "main", "footer"),
    ]
    assert page.title.text == "Invoices · Hartwell Garden Services"
    assert page.select_one("a.skip")["href"] == "#main"
    assert page.select_one("nav [aria-current=page]").text == "Invoices"
    assert page.select_one("#live")["role"] == "status"
    assert page.select_one("#alert")["role"] == "alert"
    assert "accounts@hartwell.example" in page.footer.text


def test_one_sheet_and_one_script(app: Flask) -> None:
    page = read_html(app.test_client().get("/invoices").text)
    assert len(page.select("link[rel=stylesheet]")) == 1
    assert [script.has_attr("defer") for script in page.select("script")] == [True]


def test_who_saves_data_gets_no_script(app: Flask) -> None:
    answer = app.test_client().get("/invoices", headers={"Save-Data": "on"})
    assert "<script" not in answer.text
    assert "Save-Data" in answer.headers["Vary"]


def test_an_invalid_page_says_so_in_its_title(home: Path) -> None:
    app = make_app(home)
    add_page(app, "/invoices", PAGE, invalid=True)
    assert "<title>Error: Invoices · " in app.test_client().get("/invoices").text


def test_notices_and_the_rehearsal_stand_on_top(home: Path) -> None:
    app = make_app(home)
    add_page(app, "/invoices", PAGE, notices=[("good", "Removed.")], merchant=replace(HARTWELL, rehearsal=True))
    main = read_html(app.test_client().get("/invoices").text).main
    assert main.select_one("#rehearsal").text == "This is a rehearsal: no money moves."
    assert main.select_one(".note.good").text.strip() == "Removed."


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 413, 422, 429])
def test_a_refusal_looks_like_the_portal(home: Path, status: int) -> None:
    app = make_app(home)
    app.add_url_rule("/no", "no", lambda: respond.refused(status))
    page = read_html(app.test_client().get("/no").text)
    assert page.h1.text
    assert page.select_one("link[rel=stylesheet]")
    assert page.select_one("#contact")


@pytest.mark.parametrize(("template", "status"), [("errors/500.html", 500), ("errors/unavailable.html", 503)])
def test_our_own_failure_needs_nothing_but_the_template(home: Path, template: str, status: int) -> None:
    app = make_app(home)

    @app.context_processor
    def broken() -> dict[str, object]:
        raise RuntimeError("the database is away")

    def fail() -> Response:
        if status == 503:
            return respond.unavailable()
        raise RuntimeError("the database is away")

    app.add_url_rule("/fail", "fail", fail)
    answer = app.test_client().get("/fail")
    assert answer.status_code == status
    page = read_html(answer.text)
    assert page.h1.text in ("Something went wrong on our side", "The portal is not available just now")
    assert "database" not in answer.text


def test_the_example_theme_is_rendered(home: Path) -> None:
    shutil.copytree(theming.ROOT / "themes" / "example", home / "themes" / "example")
    app = make_app(home, theme="example")
    add_page(app, "/invoices", PAGE)
    page = read_html(app.test_client().get("/invoices").text)
    assert page.select_one("header .brand").text == "Hartwell Garden Services"
    assert "Since 1987" in page.header.text
    assert "We answer on working days" in page.footer.text
    assert "accounts@hartwell.example" in page.footer.text
    assert app.test_client().get("/admin/patterns").status_code == 200


def test_the_example_theme_does_not_reach_staff(home: Path) -> None:
    shutil.copytree(theming.ROOT / "themes" / "example", home / "themes" / "example")
    assert "Since 1987" not in make_app(home, theme="example").test_client().get("/admin/patterns").text
