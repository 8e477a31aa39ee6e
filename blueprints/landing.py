"""Where somebody comes from (an invoice's mail, perhaps) and where they go who have just come in."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Response, g

import theming
from billing import access, invoices, links, sessions
from billing.errors import LinkUnusable
from blueprints import cookies, respond
from blueprints.guards import WITHOUT_COMPANY, safe_next
from models import BillingGroup, Invoice, Person, Session

CHOOSER = "/account/company"
CHANGE = "/account/password/new"


def come_in(
    person: Person,
    next: str,
    *,
    way: str,
    remembered: bool = False,
    passing: bool = False,
    stage: str = Session.FULL,
    group: BillingGroup | None = None,
    said: str = "",
) -> Response:
    """Sign this browser in and go on: to the page asked for, else home, past a choice where there are several.

    `group`: the company that they were asked into, and see first. `said`: what the first page tells them.
    """
    session = cookies.sign_in(person, way=way, remembered=remembered, passing=passing, stage=stage)
    if group is not None:
        sessions.look_at(session, group)
    if said and stage != Session.CHANGE:
        sessions.tell(session, "good", said)
    next = safe_next(next)
    if stage == Session.CHANGE:
        return respond.redirect(with_next(CHANGE, next))
    return respond.redirect(next or ("/" if group is not None else _first_page(person)))


def _first_page(person: Person) -> str:
    places = access.groups(person, g.now, g.settings)
    return "/" if len(places) == 1 else CHOOSER if places else WITHOUT_COMPANY


def invoice_of(token: str | None) -> Invoice | None:
    """The invoice of the link in its mail; none that no customer may see just now."""
    try:
        invoice_id, _ = links.read(links.PAY, token or "")
    except (LinkUnusable, TypeError, ValueError):
        return None
    invoice: Invoice | None = Invoice.get_or_none(Invoice.id == invoice_id)
    if invoice is None:
        return None
    visible = invoices.visible_to([invoice.group_id], settings=g.settings, today=g.today)
    return invoice if visible.one(invoice.address) is not None else None


def with_next(path: str, next: str, **more: str) -> str:
    """A page of ours with the way back, and what else it is told."""
    told = {name: value for name, value in {"next": next, **more}.items() if value}
    return f"{path}?{urlencode(told)}" if told else path


def too_many() -> list[tuple[str, str]]:
    return [("", theming.gettext("Too many tries. Wait a few minutes, then try again."))]
