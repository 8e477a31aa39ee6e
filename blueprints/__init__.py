"""Counters: HTTP in, HTML out. Never business rules, or SQL of any size."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from flask import Blueprint, Flask, Response, request
from werkzeug.middleware.proxy_fix import ProxyFix

import database
from blueprints import (
    account,
    cookies,
    forms,
    guards,
    health,
    home,
    hooks,
    invoices,
    login,
    passkeys,
    pay,
    payment_methods,
    payments,
    people,
    preview,
    proofs,
    respond,
    security,
    throttles,
)
from blueprints.admin import access as admin_access
from blueprints.admin import access_requests as admin_access_requests
from blueprints.admin import attention as admin_attention
from blueprints.admin import customers as admin_customers
from blueprints.admin import health as admin_health
from blueprints.admin import history as admin_history
from blueprints.admin import home as admin_home
from blueprints.admin import imports as admin_imports
from blueprints.admin import invoices as admin_invoices
from blueprints.admin import letters as admin_letters
from blueprints.admin import login as admin_login
from blueprints.admin import members as admin_members
from blueprints.admin import patterns as admin_patterns
from blueprints.admin import payments as admin_payments
from blueprints.admin import people as admin_people
from blueprints.admin import preview as admin_preview
from blueprints.admin import proofs as admin_proofs
from blueprints.admin import security as admin_security
from blueprints.admin import sessions as admin_sessions
from blueprints.admin import settings as admin_settings
from blueprints.admin import staff as admin_staff
from blueprints.login import accounts as login_accounts
from blueprints.login import companies as login_companies
from blueprints.pay import form as pay_form
from environ import Environ

BLUEPRINTS: tuple[Blueprint, ...] = (
    health.bp,
    hooks.bp,
    login.bp,
    login_accounts.bp,
    login_companies.bp,
    passkeys.bp,
    home.bp,
    invoices.bp,
    payments.bp,
    pay.bp,
    pay_form.bp,
    payment_methods.bp,
    account.bp,
    people.bp,
    preview.bp,
    security.bp,
    proofs.bp,
    admin_home.bp,
    admin_customers.bp,
    admin_access.bp,
    admin_invoices.bp,
    admin_letters.bp,
    admin_payments.bp,
    admin_imports.bp,
    admin_settings.bp,
    admin_security.bp,
    admin_sessions.bp,
    admin_proofs.bp,
    admin_attention.bp,
    admin_health.bp,
    admin_history.bp,
    admin_people.bp,
    admin_members.bp,
    admin_access_requests.bp,
    admin_staff.bp,
    admin_login.bp,
    admin_patterns.bp,
    admin_preview.bp,
)

MOST_BYTES = 256 * 1024  # of a request's body; `guards.takes_up_to` allows a view more or less
MOST_FIELDS = 2000  # an invoice list's ticks are one field each
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; "
    "form-action 'self'"
)
HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::[0-9]{1,5})?")
ONE_YEAR = 365 * 24 * 3600  # seconds


def register(app: Flask, environ: Environ) -> None:
    """Put the counters into the app: blueprints, guards, sessions, form tokens, limits, headers, error pages.

    Comes after theming.install and before the first request.
    """
    app.config.update(
        PORTAL_HOME=environ.home,
        MAX_CONTENT_LENGTH=MOST_BYTES,
        MAX_FORM_MEMORY_SIZE=MOST_BYTES,
        MAX_FORM_PARTS=MOST_FIELDS,
    )
    app.extensions["environ"] = environ
    if environ.proxies:
        count = environ.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]
    respond.install(app)
    cookies.install(app, environ)
    app.before_request(partial(_refuse_strange_hosts, environ.hosts))
    app.before_request(_begin)
    protection = forms.Protection(app)
    throttles.install(app)
    app.context_processor(guards.context)
    app.after_request(_headers(environ))
    app.teardown_request(_leave_no_transaction)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    protection.exempt(hooks.bp)  # a provider has no session; its signature is checked instead


def _refuse_strange_hosts(ours: tuple[str, ...]) -> Response | None:
    """400 for a Host that is not ours, whatever its port. Flask's TRUSTED_HOSTS knows no [::1] (Werkzeug 3.1)."""
    found = HOST.fullmatch(request.host.lower())
    if found is None or found[1] not in ours:
        return Response("This address is not served here.\n", status=400, mimetype="text/plain")
    return None


def _begin() -> Response | None:
    if request.endpoint != "health.show":
        database.connect()
    answer = guards.look_around()
    guards.limit_body()
    return answer


def _headers(environ: Environ) -> Callable[[Response], Response]:
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
