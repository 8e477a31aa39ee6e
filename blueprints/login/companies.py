"""Which company: choosing among several, a company's own link, and asking to be let into one."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, g, request

from billing import access, invoices, requests, sessions
from blueprints import guards, respond
from blueprints.asking import asked_of
from blueprints.guards import WITHOUT_COMPANY, require_person, require_signed_in
from blueprints.landing import invoice_of, too_many
from blueprints.login.forms import AccountForm, InvoiceForm
from blueprints.throttles import limited, signed_in
from models import Invoice

bp = Blueprint("companies", __name__)


@bp.get("/account/company")
@require_person
def choose() -> Response:
    return respond.page("login/company.html", groups=[guards.group_view(place.group) for place in g.places])


@bp.post("/account/company")
@require_person
def switch() -> Response:
    """Look at another of one's companies; a stranger's is not there."""
    wanted = request.form.get("group", "")
    group = next((place.group for place in g.places if place.group.public_id == wanted), None)
    if group is None:
        abort(404)
    sessions.look_at(g.session, group)
    return respond.redirect("/")


@bp.get("/company/<id>")
@require_signed_in
def show(id: str) -> Response:
    """A company's own link: opens it to its people, after they signed in, and is nothing to anybody else."""
    group = next((place.group for place in g.places if place.group.public_id == id), None)
    if group is None:
        abort(404)
    guards.look_at(group)
    return respond.redirect("/")


# --- Asking to be let in ----------------------------------------------------------------------------------------------


def _again_welcome() -> Response:
    return _welcome_page(InvoiceForm(), problems=too_many())


@bp.get(WITHOUT_COMPANY)
@require_signed_in
def welcome() -> Response:
    """Signed in, and no company for this address."""
    if g.group is not None:
        return respond.redirect("/")
    return _welcome_page(InvoiceForm(formdata=None), asked="asked" in request.args)


@bp.post(WITHOUT_COMPANY)
@require_signed_in
@limited("welcome", (5, "minute"), (20, "hour"), key=signed_in, again=_again_welcome)
def ask() -> Response:
    """Ask for access to whose invoice it is. Whether there is such an invoice nobody learns."""
    form = InvoiceForm()
    if not form.validate():
        return _welcome_page(form, status=422)
    invoice = _by_number(form.number.data)
    if invoice is not None and access.role_in(g.places, invoice.group_id) is None:
        requests.ask(invoice.group, g.person.email, name=g.person.name, proved=True, by=guards.actor(), now=g.now)
    return respond.redirect(f"{WITHOUT_COMPANY}?asked=1")


def _by_number(number: str) -> Invoice | None:
    """The invoice that customers may see under a number, where it is one alone."""
    rows = list(Invoice.select().where((Invoice.number == number) | (Invoice.address == number)).limit(2))
    if len(rows) != 1:
        return None
    visible = invoices.visible_to([rows[0].group_id], settings=g.settings, today=g.today)
    return rows[0] if visible.one(rows[0].address) is not None else None


def _again_access() -> Response:
    return _access_page((request.view_args or {})["token"], AccountForm(), problems=too_many())


@bp.get("/pay/<token>/access")
def new_request(token: str) -> Response:
    """From an invoice's mail: somebody whose address opens nothing asks the merchant."""
    form = AccountForm(formdata=None)
    if g.person is not None:
        form.email.data, form.name.data = g.person.email, g.person.name
    return _access_page(token, form, asked="asked" in request.args)


@bp.post("/pay/<token>/access")
@limited("access", (5, "minute"), (20, "hour"), again=_again_access)
@limited("access address", (4, "minute"), (12, "hour"), key=lambda: asked_of(request.form), again=_again_access)
def create_request(token: str) -> Response:
    """The same answer whoever asks, and whether or not they may see it already."""
    form = AccountForm()
    invoice = invoice_of(token)
    if invoice is None or not form.validate():
        return _access_page(token, form, status=422)
    proved = g.person is not None and g.person.email == form.address
    requests.ask(invoice.group, form.address, name=form.name.data, proved=proved, by=guards.actor(), now=g.now)
    return respond.redirect(f"/pay/{token}/access?asked=1")


# --- What they show ---------------------------------------------------------------------------------------------------


def _welcome_page(form: InvoiceForm, *, status: int = 200, **context: Any) -> Response:
    return respond.page("login/welcome.html", status=status, form=form, invalid=status != 200, **context)


def _access_page(token: str, form: AccountForm, *, status: int = 200, **context: Any) -> Response:
    invoice = invoice_of(token)
    if invoice is None:
        return respond.page("login/expired.html", status=410, asked="", action="", purpose="")
    return respond.page(
        "login/access.html",
        status=status,
        form=form,
        invalid=status != 200,
        number=invoice.number,
        link=f"/pay/{token}",
        **context,
    )
