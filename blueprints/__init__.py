"""Counters: HTTP in, HTML out. Never business rules, or SQL of any size."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, g, request
from werkzeug.exceptions import SecurityError
from werkzeug.middleware.proxy_fix import ProxyFix

import database
from blueprints import cookies, forms, guards, health, home, hooks, login, respond, throttles
from blueprints.admin import login as admin_login
from environ import Environ

BLUEPRINTS: tuple[Blueprint, ...] = (
    health.bp,
    hooks.bp,
    login.bp,
    home.bp,
    admin_login.bp,
)

MOST_BYTES = 256 * 1024  # of a request's body; `guards.takes_up_to` allows a view more or less
MOST_FIELDS = 2000  # an invoice list's ticks are one field each
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; "
    "form-action 'self'"
)
ONE_YEAR = 365 * 24 * 3600  # seconds


def register(app: Flask, environ: Environ) -> None:
    """Put the counters into the app: blueprints, guards, sessions, form tokens, limits, headers, error pages.

    Comes after theming.install and before the first request.
    """
    app.config.update(
        TRUSTED_HOSTS=list(environ.hosts),
        MAX_CONTENT_LENGTH=MOST_BYTES,
        MAX_FORM_MEMORY_SIZE=MOST_BYTES,
        MAX_FORM_PARTS=MOST_FIELDS,
    )
    if environ.proxies:
        count = environ.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]
    respond.install(app)
    app.register_error_handler(SecurityError, _strange_host)
    cookies.install(app, environ)
    app.before_request(_begin)
    protection = forms.Protection(app)
    throttles.install(app)
    app.context_processor(guards.context)
    app.after_request(_headers(environ))
    app.teardown_request(_leave_no_transaction)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    protection.exempt(hooks.bp)  # a provider has no session; its signature is checked instead


def _begin() -> Response | None:
    if isinstance(request.routing_exception, SecurityError):
        raise request.routing_exception
    guards.limit_body()
    if request.endpoint not in ("health.show", "static"):
        database.connect()
    return guards.look_around()


def _strange_host(_: SecurityError) -> Response:
    return Response("This address is not served here.\n", status=400, mimetype="text/plain")


def _headers(environ: Environ):  # type: ignore[no-untyped-def]
    fixed = {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
    }
    if environ.secure:
        fixed["Strict-Transport-Security"] = f"max-age={ONE_YEAR}; includeSubDomains"

    def add(response: Response) -> Response:
        for name, value in fixed.items():
            response.headers.setdefault(name, value)
        # Every page of ours is somebody's: it shows an account, or holds a form token. `respond.file` says otherwise.
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return add


def _leave_no_transaction(_: BaseException | None) -> None:
    if not database.db.is_closed() and database.db.in_transaction():
        database.db.rollback()
    g.pop("session", None)
