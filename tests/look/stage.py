"""A portal of the look alone: templates, sheet and answers, with somebody signed in and no database behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup
from flask import Flask, Response, current_app, g, render_template, request

import environ
import theming
from blueprints import assets, respond
from blueprints.admin import patterns
from records import GroupView, MerchantView, PersonView

HARTWELL = MerchantView("Hartwell Garden Services", "01234 567890", "accounts@hartwell.example", ("12 Mill Lane",))
ACME = GroupView("G-ACME", "Acme Ltd", "EUR")
ADA = PersonView("ada", "Ada Acme", "ada@acme.example", (ACME,))


def make_app(home: Path, *, theme: str | None = None, language: str = "en", staff: bool = True) -> Flask:
    """An app with the routes a test adds; under /admin staff is signed in, elsewhere Ada."""
    given = {"PORTAL_HOME": str(home), "SECRET_KEY": "for tests", "PORTAL_THEME": theme or ""}
    settings = environ.read(given)
    app = Flask("stage", static_folder=None)
    app.config["SECRET_KEY"] = "for tests"
    theming.install(app, settings)
    assets.install(app, settings)
    respond.install(app)
    app.register_blueprint(patterns.bp)

    @app.before_request
    def know() -> None:
        for_staff = request.path.startswith("/admin")
        g.staff = "Root" if for_staff and staff else None
        g.person = None if for_staff else ADA
        g.language, g.timezone = language, "Europe/Berlin"

    @app.context_processor
    def context() -> dict[str, Any]:
        return {
            "merchant": HARTWELL,
            "person": g.person,
            "group": ACME if g.person else None,
            "staff": g.staff,
            "notices": [],
            "current": None,
            "language": language,
            "direction": theming.direction(language),
            "today": patterns.DAY,
            "csrf_token": lambda: "token",
        }

    return app


def add_page(app: Flask, path: str, source: str, **context: Any) -> None:
    """A route that shows a template given as text."""
    template = app.jinja_env.from_string(source)

    def show() -> Response:
        return current_app.make_response(render_template(template, **context))

    app.add_url_rule(path, f"page-{path}", show)


def read_html(text: str) -> Any:
    """A page to look things up in; what is not there fails the test that asks."""
    return BeautifulSoup(text, "lxml")
