"""Who may do what: every route there is, asked by everybody there is, about what is Acme's.

A route that does not stand in the table fails the test; so does a cell that answers otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from billing import attention, history, invitations, links, requests, rules, settings
from blueprints import throttles
from models import Attention, Connection, Import, Letter, Membership, Passkey, Payment, Person, Session, Staff
from tests.bills import bill
from tests.blueprints.addresses import address
from tests.blueprints.admin.conftest import MakePayment, make_payment
from tests.blueprints.conftest import Clock
from tests.browser import Browser
from tests.cast import Cast, make_person
from tests.tables import Kept, contents

__all__ = ["make_payment"]

pytestmark = pytest.mark.sqlite  # which routes there are and who may use them does not hang on the database

TABLE = Path(__file__).with_name("who_may.txt")
WHO = ("visitor", "groupless", "view", "pay", "manage", "mallory", "staff", "preview", "half")
COOKIES = ("portal", "portal_staff", "portal_preview")
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
# Where a redirect means that somebody is not let in; any other is "303".
LED = {
    "/sign-in": "in",
    "/admin/sign-in": "desk",
    "/account/password/new": "half",
    "/admin/sign-in/factor": "half",
    "/welcome": "none",
    "/account/prove": "prove",
    "/admin/prove": "prove",
}


# What every form is sent with: enough to switch company, pay an invoice and begin a preview.
SENT = {"group": "G-ACME", "invoice": "T-1", "method": "new", "token": "t" * 24, "amount": "120.00"}


@dataclass
class Who:
    """Somebody's browser as it is before each question: its cookies and form tokens."""

    cookies: dict[str, str]
    token: str
    staff_token: str


@dataclass
class World:
    app: Flask
    known: dict[str, str]
    kept: Kept
    people: dict[str, Who] = field(default_factory=dict)

    def ask(self, who: Who, method: str, path: str, *, token: str | None = None) -> TestResponse:
        client = self.app.test_client()
        for name, value in who.cookies.items():
            client.set_cookie(name, value, domain="127.0.0.1")
        own = who.staff_token if path.startswith("/admin") else who.token
        data = {**SENT, "csrf_token": own if token is None else token} if method in UNSAFE else None
        throttles.limiter.reset()
        return client.open(path, method=method, data=data, base_url="http://127.0.0.1:8000")

    def path(self, rule: str) -> str:
        """The route's address, about something of Acme's (or the asker's own, where there is only that)."""
        for prefix, values in KNOWN.items():
            if rule.startswith(prefix):
                return address(rule, {**self.known, **{name: self.known[key] for name, key in values.items()}})
        return address(rule, self.known)


# What an argument's name means differs by where it stands; the first that fits.
KNOWN = {
    "/account/passkeys": {"id": "passkey"},
    "/account/people/invitations": {"id": "invitation"},
    "/account/people": {"id": "vic"},
    "/account/sign-in/sessions": {"id": "session"},
    "/company": {"id": "group"},
    "/pay/payments": {"key": "form_key"},
    "/pay/<token>": {"token": "pay", "id": "guest_reference"},
    "/payments": {"id": "reference"},
    "/admin/access-requests": {"id": "request"},
    "/admin/attention": {"id": "attention"},
    "/admin/customers/<public_id>": {"public_id": "customer"},
    "/admin/customers/<customer>/groups/<group>/invitations": {"id": "invitation"},
    "/admin/customers/<customer>/groups/<group>/people": {"id": "vic"},
    "/admin/customers/<customer>/groups/<group>/rules": {"id": "rule"},
    "/admin/imports": {"public_id": "import"},
    "/admin/letters": {"id": "letter"},
    "/admin/people": {"id": "ada", "session": "session"},
    "/admin/settings/people": {"id": "colleague"},
    "/admin/settings/security/passkeys": {"id": "staff_passkey"},
    "/admin/settings/security/sessions": {"id": "staff_session"},
}


@pytest.fixture
def world(
    app: Flask, cast: Cast, clock: Clock, desk: Connection, make_payment: MakePayment, db: Any, queue: Any
) -> World:
    now = clock.now
    switches = ("allow_guest_payment", "allow_payment_form", "allow_manage_emails")
    settings.save({"enrolment": "open", **dict.fromkeys(switches, True)}, by=history.COMMAND, now=now)
    bill(cast.acme, 12_000, now=now, number="T-1")
    paid = make_payment(bill(cast.acme, 500, now=now, number="T-2"))
    guests = make_payment(bill(cast.acme, 700, now=now, number="T-3"), came_by=Payment.GUEST, guest_email="g@x.example")
    form = make_payment(bill(cast.acme, 800, now=now, number="T-4"), came_by=Payment.FORM, guest_email="f@x.example")
    max_ = make_person("max@acme.example", "Max", cast.acme, Membership.MANAGE, now)
    Membership.update(role=Membership.MANAGE).where(Membership.person == cast.mallory).execute()
    zoe = Person.create(public_id="ZOE", email="zoe@nowhere.example", name="Zoe", created_at=now)
    colleague = Staff.create(email="colleague@hartwell.example", name="Colleague", created_at=now)
    changing = make_person("new@acme.example", "New", cast.acme, Membership.MANAGE, now)
    known = {
        "group": cast.acme.public_id,
        "customer": cast.acme.customer.public_id,
        "number": "T-1",
        "reference": paid.public_id,
        "guest_reference": guests.public_id,
        "form_key": links.form_payment(form.id).rpartition("/")[2],
        "pay": links.pay(guests.allocations.get().invoice_id, cast.ada.id).rpartition("/")[2],
        "vic": cast.vic.public_id,
        "ada": cast.ada.public_id,
        "colleague": str(colleague.id),
        "rule": str(rules.add(cast.acme, "acme-two.example", "view", by=cast.root, now=now).id),
        "invitation": str(invitations.invite(cast.acme, "eve@acme.example", "view", by=cast.root, now=now).id),
        "request": requests.ask(
            cast.acme, "zoe@nowhere.example", name="Zoe", proved=True, by=history.Actor("visitor"), now=now
        ).public_id,
        "import": Import.create(public_id="I-1", origin="upload", created_at=now).public_id,
    }
    for key, owner in (("passkey", {"person": cast.ada}), ("staff_passkey", {"staff": cast.root})):
        known[key] = token_hex(8)
        Passkey.create(public_id=known[key], credential_id=key, public_key="-", name="Phone", created_at=now, **owner)
    attention.tell("paid_late", paid, now=now)
    known["attention"] = str(Attention.get(Attention.kind == "paid_late").id)
    known["letter"] = str(Letter.get().id)
    world = World(app, known, None)  # type: ignore[arg-type]
    signed_in = {"groupless": zoe, "view": cast.vic, "pay": cast.ada, "manage": max_, "mallory": cast.mallory}
    browsers = {"visitor": Browser(app), **{name: Browser(app).sign_in(who) for name, who in signed_in.items()}}
    browsers["staff"] = Browser(app).sign_in(cast.root)
    look = Browser(app).sign_in(cast.root)
    look.post("/admin/preview", {"group": cast.acme.public_id})
    look.client.delete_cookie("portal_staff", domain="127.0.0.1")
    browsers["preview"] = look
    half = Browser(app).sign_in(changing).sign_in(colleague)
    Session.update(stage=Session.CHANGE).where(Session.person == changing).execute()
    Session.update(stage=Session.FACTOR).where(Session.staff == colleague).execute()
    browsers["half"] = half
    Browser(app).sign_in(cast.ada)
    Browser(app).sign_in(cast.root)
    known["session"] = str(Session.select().where(Session.person == cast.ada).order_by(Session.id.desc()).get().id)
    mine = Session.select().where(Session.staff == cast.root, Session.preview == False)  # noqa: E712
    known["staff_session"] = str(mine.order_by(Session.id.desc()).get().id)
    for name, browser in browsers.items():
        for path in ("/sign-in", "/account/password/new", "/nowhere"):
            browser.get(path)
        for path in ("/admin/sign-in", "/admin/sign-in/factor", "/admin/nowhere", "/admin/patterns"):
            browser.get(path)
        cookies = {cookie: value for cookie in COOKIES if (value := browser.cookie(cookie))}
        world.people[name] = Who(cookies, browser.token, browser.staff_token)
    world.kept = Kept(db)
    return world


def routes(app: Flask) -> list[tuple[str, str]]:
    """Every route and method there is, but for files."""
    return [
        (method, rule.rule)
        for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule.startswith("/admin"), rule.rule))
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        if rule.endpoint != "static"
    ]


def table() -> dict[tuple[str, str], dict[str, str]]:
    lines = [line.split() for line in TABLE.read_text().splitlines() if line and not line.startswith("#")]
    return {(line[0], line[1]): dict(zip((*WHO, "stale"), line[2:], strict=True)) for line in lines}


def cell(answer: TestResponse) -> str:
    if answer.status_code == 303:
        return LED.get(answer.headers["Location"].partition("?")[0], "303")
    return str(answer.status_code)


def test_every_route_stands_in_the_table(app: Flask) -> None:
    there, listed = set(routes(app)), set(table())
    assert (sorted(there - listed), sorted(listed - there)) == ([], [])


@pytest.mark.parametrize("who", WHO)
def test_everybody_may_what_the_table_says_and_no_more(world: World, who: str) -> None:
    wrong = []
    for (method, rule), row in table().items():
        got = cell(world.ask(world.people[who], method, world.path(rule)))
        if method in UNSAFE:
            world.kept.put_back()
        if got != row[who]:
            wrong.append(f"{method} {rule}: {got}, not {row[who]}")
    assert wrong == []


def test_what_protects_an_account_asks_again_who_one_is(world: World) -> None:
    Session.update(proved_at=Session.get().created_at - timedelta(hours=1)).execute()
    world.kept = Kept(world.kept.db)
    wrong = []
    for (method, rule), row in table().items():
        who = world.people["staff" if rule.startswith("/admin") else "manage"]
        asked = cell(world.ask(who, method, world.path(rule))) == "prove" and not rule.endswith("/mail")
        if method in UNSAFE:
            world.kept.put_back()
        if asked != (row["stale"] == "prove"):
            wrong.append(f"{method} {rule}")
    assert wrong == []


def test_a_form_without_its_token_is_refused_and_changes_nothing(world: World) -> None:
    before = contents()
    for method, rule in routes(world.app):
        if method in UNSAFE and not rule.startswith("/hooks"):
            who = world.people["staff" if rule.startswith("/admin") else "pay"]
            for token in ("", "A" * 88):
                assert world.ask(who, method, world.path(rule), token=token).status_code == 400, rule
    assert contents() == before


def test_another_browsers_token_is_none(world: World) -> None:
    before = contents()
    for method, rule in routes(world.app):
        if method in UNSAFE and not rule.startswith("/hooks"):
            token = world.people["mallory"].token
            who = world.people["staff" if rule.startswith("/admin") else "pay"]
            assert world.ask(who, method, world.path(rule), token=token).status_code == 400, rule
    assert contents() == before


def test_a_method_that_a_route_has_not_is_405(world: World) -> None:
    before = contents()
    adapter = world.app.url_map.bind("127.0.0.1:8000")
    for _, rule in routes(world.app):
        path = world.path(rule)
        who = world.people["staff" if rule.startswith("/admin") else "pay"]
        for method in {"GET", *UNSAFE} - set(adapter.allowed_methods(path)):
            answer = world.ask(who, method, path)
            assert answer.status_code == 405, (method, path)
            assert "Allow" in answer.headers
    assert contents() == before
