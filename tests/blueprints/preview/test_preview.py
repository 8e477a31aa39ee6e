"""Staff look at a company's pages as its customers see them: exactly, and without leaving a trace in them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

import database
from billing import history, sessions, settings
from models import BillingGroup, Connection, History, Invoice, Membership, Payment, Person, Session, Staff
from tests.bills import bill
from tests.blueprints.addresses import address
from tests.blueprints.conftest import Clock
from tests.browser import Browser
from tests.cast import Cast, make_group, make_person
from tests.tables import contents

UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
PAGES = ("/", "/invoices", "/invoices?show=all", "/payments", "/payment-methods", "/account")
BANNER = re.compile(r'<aside class="note warn row" id="preview".*?</aside>\n?', re.S)
TOKENS = re.compile(r'(name="(?:csrf_token|token)" value=)"[^"]*"')


@pytest.fixture
def invoice(cast: Cast, clock: Clock, desk: Connection) -> Invoice:
    bill(cast.acme, 4200, now=clock.now, number="T-2")
    return bill(cast.acme, 12_000, now=clock.now, number="T-1")


def begin(root: Browser, group: BillingGroup) -> Browser:
    answer = root.post("/admin/preview", {"group": group.public_id})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    return root


@pytest.fixture
def look(root: Browser, cast: Cast) -> Browser:
    """Root's browser, looking at Acme's pages."""
    return begin(root, cast.acme)


def paths_of(app: Flask) -> list[str]:
    """An address for every route of the customers' side: real ones where a row is needed."""
    known = {"number": "T-1", "id": "1", "token": "x", "group": "G-ACME"}
    found = {address(rule.rule, known) for rule in app.url_map.iter_rules()}
    return sorted(path for path in found if not path.startswith(("/admin", "/hooks", "/healthz", "/static")))


def test_every_page_says_whose_it_is_until_when_and_how_to_end_it(look: Browser, invoice: Invoice) -> None:
    for path in (*PAGES, "/invoices/T-1", "/payments/new?invoice=T-1", "/nowhere"):
        page = look.get(path).text
        assert "Preview of Acme Ltd" in page, path
        assert "10:30" in page
        assert 'action="/preview/end"' in page


@pytest.mark.parametrize("path", [*PAGES, "/invoices/T-1", "/payments/new?invoice=T-1", "/payments/new?all=due"])
def test_the_pages_are_exactly_the_customers(
    app: Flask, look: Browser, invoice: Invoice, cast: Cast, clock: Clock, path: str
) -> None:
    Membership.update(role=Membership.MANAGE).where(Membership.person == cast.ada).execute()
    customer = plain(Browser(app).sign_in(cast.ada).get(path).text)
    seen = look.get(path).text
    assert seen.count('id="preview"') == 1
    looked = plain(BANNER.sub("", seen))
    assert looked == customer.replace("<summary>Ada Acme<", "<summary>Acme Ltd<").replace(
        ' <span class="soft">(you)</span>', ""
    )


def plain(text: str) -> str:
    return TOKENS.sub(r'\1""', text)


def test_it_lists_no_browsers(look: Browser) -> None:
    page = look.get("/account/sign-in").text

    assert "Nowhere just now." in page
    assert "sessions-caption" not in page, "an empty table says nothing"


def test_a_fragment_is_the_customers_too_and_bears_no_banner(look: Browser, ada: Browser, invoice: Invoice) -> None:
    there = {"HX-Target": "div#invoices"}
    looked, seen = (who.get("/invoices", htmx=True, headers=there) for who in (look, ada))
    assert looked.status_code == 200
    assert plain(looked.text) == plain(seen.text)


@pytest.mark.parametrize("htmx", [False, True])
def test_nothing_that_is_pressed_is_carried_out(app: Flask, look: Browser, invoice: Invoice, htmx: bool) -> None:
    look.get("/")
    before = contents(but=("session",))
    for path in paths_of(app):
        if path == "/preview/end":
            continue
        for method in UNSAFE:
            answer = look.client.open(
                path,
                method=method,
                base_url=look.url,
                data={"csrf_token": look.token, "invoice": "T-1", "method": "new", "token": "t" * 24, "amount": "120"},
                headers={"HX-Request": "true", "HX-Request-Type": "partial"} if htmx else {},
            )
            assert answer.status_code == 403, (method, path)
            assert "This is a preview" in answer.text, (method, path)
    assert contents(but=("session",)) == before


def test_nothing_that_is_opened_leaves_a_trace(app: Flask, look: Browser, invoice: Invoice, clock: Clock) -> None:
    clock.forward(minutes=10)
    before, sessions_before = contents(but=("session",)), contents()["session"]
    for path in [*paths_of(app), "/payments/new?invoice=T-1", "/invoices/T-1.pdf"]:
        if path in ("/payments/1", "/payments/1.pdf"):
            continue
        assert look.get(path).status_code < 500, path
    assert contents(but=("session",)) == before
    assert contents()["session"] == sessions_before
    assert Invoice.get_by_id(invoice.id).viewed_at is None


def test_a_payment_is_neither_asked_about_nor_led_on(
    app: Flask, look: Browser, ada: Browser, invoice: Invoice, clock: Clock, queue: Any
) -> None:
    from_panel = ada.get("/payments/new?invoice=T-1").text
    token = re.search(r'name="token" value="([^"]+)"', from_panel)
    assert token
    ada.post("/payments", {"invoice": "T-1", "method": "new", "token": token[1], "amount": "120.00"})
    payment = Payment.get()
    Payment.update(state=Payment.UNKNOWN, rank=Payment.RANK[Payment.UNKNOWN]).where(Payment.id == payment.id).execute()
    queue.jobs.clear()
    before = contents()
    page = look.get(f"/payments/{payment.public_id}?returned=1")
    assert page.status_code == 200
    assert queue.jobs == []
    assert contents() == before


def test_it_ends_where_it_began(look: Browser, cast: Cast) -> None:
    look.get("/")
    answer = look.post("/preview/end")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/customers/C-ACME/groups/G-ACME")
    assert look.cookie("portal_preview") is None
    assert look.get("/").headers["Location"] == "/sign-in"
    assert [row.event for row in History.select().where(History.event.startswith("preview"))] == [
        "previewed",
        "preview_ended",
    ]


def test_it_ends_by_itself_after_half_an_hour(look: Browser, clock: Clock) -> None:
    clock.forward(minutes=29)
    assert look.get("/").status_code == 200
    clock.forward(minutes=1)
    assert look.get("/").status_code == 303


def test_what_is_pressed_once_it_is_over_is_not_carried_out_for_a_customer_in_the_same_browser(
    app: Flask, root: Browser, cast: Cast, clock: Clock, invoice: Invoice
) -> None:
    both = root.sign_in(cast.ada)
    begin(both, cast.acme)
    both.get("/payments/new?invoice=T-1")
    drawn = both.token
    fields = {"invoice": "T-1", "method": "new", "token": "t" * 24, "amount": "120.00", "csrf_token": drawn}
    clock.forward(minutes=31)
    over = both.post("/payments", fields, token=drawn)
    assert (over.status_code, "The preview is over" in over.text) == (403, True)
    assert both.cookie("portal_preview") is None
    assert both.post("/payments", fields, token=drawn).status_code == 400  # and not a moment later either
    assert Payment.select().count() == 0


def test_end_preview_pressed_after_the_end_leads_to_the_merchants_home(look: Browser, clock: Clock) -> None:
    look.get("/")
    clock.forward(minutes=31)
    assert look.post("/preview/end").headers["Location"] == "/admin"


def test_it_ends_when_the_merchant_signs_out(look: Browser) -> None:
    assert look.get("/").status_code == 200
    look.post("/admin/sign-out")
    assert look.get("/").status_code == 303


@pytest.mark.parametrize("column", ["locked_at", "removed_at"])
def test_it_ends_when_the_merchant_is_shut_out(look: Browser, cast: Cast, clock: Clock, column: str) -> None:
    Staff.update({column: clock.now}).where(Staff.id == cast.root.id).execute()
    assert look.get("/").status_code == 303
    assert look.cookie("portal_preview") is None


def test_both_other_sessions_of_the_browser_are_as_they_were(
    app: Flask, root: Browser, cast: Cast, clock: Clock, invoice: Invoice
) -> None:
    both = root.sign_in(cast.mallory)
    before = both.cookie("portal"), both.cookie("portal_staff")
    rows = {row.id: (row.last_seen_at, row.group_id, row.notices) for row in Session.select()}
    begin(both, cast.acme)
    clock.forward(minutes=10)
    for path in PAGES:
        assert "Acme Ltd" in both.get(path).text
    assert (both.cookie("portal"), both.cookie("portal_staff")) == before
    assert {row.id: (row.last_seen_at, row.group_id, row.notices) for row in Session.select() if row.id in rows} == rows
    assert both.get("/admin").status_code == 200
    both.get("/")
    both.post("/preview/end")
    assert both.name() == "Mallory"


def test_what_waits_to_be_told_the_customer_is_told_the_customer(
    app: Flask, root: Browser, cast: Cast, clock: Clock
) -> None:
    both = root.sign_in(cast.ada)
    sessions.tell(Session.get(Session.person == cast.ada), "good", "Something was saved.")
    begin(both, cast.acme)
    assert "Something was saved." not in both.get("/").text
    both.post("/preview/end")
    assert "Something was saved." in both.get("/").text


def test_a_previews_cookie_opens_nothing_under_admin(look: Browser, visitor: Browser) -> None:
    token = look.cookie("portal_preview") or ""
    for name in ("portal_preview", "portal_staff", "portal"):
        visitor.client.set_cookie(name, token, domain="127.0.0.1")
    assert visitor.get("/admin").headers["Location"].startswith("/admin/sign-in")
    assert visitor.get("/admin/customers").status_code == 303
    visitor.client.delete_cookie("portal_preview", domain="127.0.0.1")
    assert visitor.get("/").status_code == 303


def test_no_other_cookie_opens_a_preview(app: Flask, ada: Browser, root: Browser, visitor: Browser) -> None:
    for token in (ada.cookie() or "", root.cookie("portal_staff") or ""):
        visitor.client.set_cookie("portal_preview", token, domain="127.0.0.1")
        assert visitor.get("/").status_code == 303


def test_another_companys_invoice_is_not_there(look: Browser, cast: Cast, clock: Clock) -> None:
    bill(cast.globex, 100, now=clock.now, number="G-1")
    for path in ("/invoices/G-1", "/invoices/G-1.pdf", "/payments/new?invoice=G-1"):
        assert look.get(path).status_code == 404
    assert "G-1" not in look.get("/invoices?show=all").text


def test_it_works_while_the_portal_is_off(look: Browser, invoice: Invoice, clock: Clock) -> None:
    settings.save({"portal_enabled": False}, by=history.COMMAND, now=clock.now)
    assert "T-1" in look.get("/invoices").text
    look.post("/preview/end")
    assert look.get("/invoices").status_code == 503


def test_it_works_before_anybody_has_access(root: Browser, cast: Cast, clock: Clock) -> None:
    fresh = make_group("Initech", "C-INITECH", clock.now)
    bill(fresh, 7700, now=clock.now, number="N-1")
    people = Person.select().count()
    assert "N-1" in begin(root, fresh).get("/invoices").text
    assert Person.select().count() == people


def test_another_look_takes_the_place_of_the_first(look: Browser, cast: Cast, app: Flask) -> None:
    first = look.cookie("portal_preview") or ""
    begin(look, cast.globex)
    assert "Preview of Globex GmbH" in look.get("/").text
    assert sessions.find(first, Session.get().created_at + timedelta(minutes=1)) is None


def test_only_the_merchant_begins_one_and_only_of_what_is_there(
    root: Browser, ada: Browser, visitor: Browser, cast: Cast
) -> None:
    for who in (ada, visitor):
        assert who.post("/admin/preview", {"group": "G-ACME"}).headers["Location"] == "/admin/sign-in"
    for group in ("", "G-NONE", "\0", "C-ACME"):
        assert root.post("/admin/preview", {"group": group}).status_code == 404
    assert root.post("/admin/preview", {"group": "G-ACME"}, token="").status_code == 400
    assert Session.select().where(Session.preview == True).count() == 0  # noqa: E712
    assert database.db.is_closed() is False


def test_people_who_stay_signed_in_do_not_see_that_anybody_looked(
    look: Browser, cast: Cast, clock: Clock, invoice: Invoice
) -> None:
    make_person("max@acme.example", "Max", cast.acme, Membership.MANAGE, clock.now)
    for path in PAGES:
        look.get(path)
    assert sessions.live(cast.root, clock.now) == [Session.get(Session.preview == False)]  # noqa: E712
