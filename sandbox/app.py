"""The pretend provider as a Flask application."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask, Response, g, render_template, request

from sandbox import api, control, pages
from sandbox.store import Store

ACCOUNT = "rehearsal"


def wall_clock() -> datetime:
    return datetime.now(UTC)


def create_app(
    folder: Path,
    *,
    secret: str,
    webhook_url: str | None = None,
    account: str = ACCOUNT,
    clock: Callable[[], datetime] = wall_clock,
) -> Flask:
    """The application over the books in `folder`. Webhooks go out only from `server.start`, which runs the courier.

    `clock` says the time for expiry, settling and key windows; signatures always carry the machine's own time.
    """
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = 1_000_000
    app.extensions.update(store=Store(folder, clock), secret=secret.encode(), account=account, webhook_url=webhook_url)
    for blueprint in (api.bp, pages.bp, control.bp, control.tests):
        app.register_blueprint(blueprint)
    app.before_request(refuse_other_sites)
    app.after_request(add_headers)
    app.register_error_handler(404, lambda error: (render_template("message.html", title="There is no such page"), 404))
    return app


def refuse_other_sites() -> tuple[str, int] | None:
    """A web page elsewhere must not press our buttons; the API has its secret for that."""
    origin = request.headers.get("Origin")
    if request.method == "POST" and origin and origin != request.host_url.rstrip("/"):
        return render_template("message.html", title="This form came from another site"), 403
    return None


def add_headers(response: Response) -> Response:
    action = g.get("form_action", "'self'")
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'self'; img-src data:; form-action {action}; base-uri 'none';"
        " frame-ancestors 'none'"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    return response
