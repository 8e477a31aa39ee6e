from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from billing import history, links, people, settings, sign_ins
from models import Invoice, Letter, Membership, Session, SignIn
from tests.bills import bill
from tests.blueprints.conftest import Clock
from tests.browser import Browser
from tests.cast import Cast


@pytest.fixture
def invoice(cast: Cast, clock: Clock) -> Invoice:
    return bill(cast.acme, 124000, now=clock.now, number="2026-0142")


def pay_path(invoice: Invoice, person: int = 0) -> str:
    return links.pay(invoice.id, person).removeprefix("http://127.0.0.1:8000")


def test_the_page_knows_the_invoice_and_its_reader(visitor: Browser, cast: Cast, invoice: Invoice) -> None:
    page = visitor.get(pay_path(invoice, cast.ada.id)).text

    assert "<h1>Open invoice 2026-0142</h1>" in page
    assert "We send a sign-in link to a•••@acme.example. It works for 30 minutes." in page
    assert "Not your address?" in page
    assert 'href="/sign-in?next=/invoices/2026-0142&amp;invoice=' in page
    assert 'href="/create-account?next=/invoices/2026-0142&amp;invoice=' in page
    assert page.count("<button") == 1
    assert "<input" not in page.replace('<input type="hidden"', "")
    assert "1,240" not in page
    assert "ada@acme.example" not in page


def test_looking_mails_nobody(visitor: Browser, cast: Cast, invoice: Invoice) -> None:
    visitor.get(pay_path(invoice, cast.ada.id))

    assert Letter.select().count() == 0
    assert SignIn.select().count() == 0


def test_the_mail_leads_back_to_that_invoice(visitor: Browser, cast: Cast, invoice: Invoice) -> None:
    path = pay_path(invoice, cast.ada.id)
    visitor.get(path)

    assert visitor.post(path).status_code == 303

    assert "Look in your mail" in visitor.follow().text
    row = SignIn.get()
    assert (row.person, row.next) == (cast.ada, "/invoices/2026-0142")
    token = links.sign_in(row.id).removeprefix(visitor.url)
    visitor.get(token)
    assert visitor.post(token).headers["Location"] == "/invoices/2026-0142"


def test_it_works_months_later(visitor: Browser, cast: Cast, invoice: Invoice, clock: Clock) -> None:
    path = pay_path(invoice, cast.ada.id)
    clock.forward(days=200)

    assert visitor.get(path).status_code == 200


def test_who_is_signed_in_and_allowed_goes_straight_to_the_invoice(ada: Browser, invoice: Invoice, cast: Cast) -> None:
    for person in (0, cast.ada.id, cast.vic.id):
        answer = ada.get(pay_path(invoice, person))
        assert (answer.status_code, answer.headers["Location"]) == (303, "/invoices/2026-0142")


def test_a_forwarded_mail_opens_nothing_for_a_stranger(mallory: Browser, cast: Cast, invoice: Invoice) -> None:
    path = pay_path(invoice, cast.ada.id)

    assert mallory.get(path).status_code == 200
    mallory.post(path)

    assert [row.person for row in SignIn.select().order_by(SignIn.id.desc()).limit(1)] == [cast.ada]
    assert Letter.get().to == "ada@acme.example"


def test_who_was_forwarded_a_mail_does_not_learn_whose_it_is(visitor: Browser, cast: Cast, invoice: Invoice) -> None:
    path = pay_path(invoice, cast.ada.id)
    visitor.get(path)

    visitor.post(path)
    assert "ada@acme.example" not in told(visitor.last, visitor.follow())

    visitor.post("/sign-in", {"asked": asked(visitor)})  # "Send it again"
    assert "ada@acme.example" not in told(visitor.last, visitor.follow())
    assert [letter.to for letter in Letter.select()] == ["ada@acme.example"] * 2


def test_the_code_is_taken_from_who_came_by_an_invoice(visitor: Browser, cast: Cast, invoice: Invoice) -> None:
    path = pay_path(invoice, cast.ada.id)
    visitor.get(path)
    visitor.post(path)
    visitor.follow()

    answer = visitor.post("/sign-in/code", {"asked": asked(visitor), "code": sign_ins.code_of(SignIn.get())})

    assert answer.headers["Location"] == "/invoices/2026-0142"
    assert visitor.name() == "Ada Acme"


def asked(browser: Browser) -> str:
    assert browser.last is not None
    return re.findall(r'name="asked" value="([^"]+)"', browser.last.text)[0]


def told(*answers: TestResponse | None) -> str:
    """Everything answers say, what stands in signed values included."""
    text = " ".join(f"{answer.headers} {answer.text}" for answer in answers if answer is not None)
    parts = {part[: len(part) // 4 * 4] for part in re.findall(r"[A-Za-z0-9_-]{8,}", text)}
    return text + " ".join(urlsafe_b64decode(part).decode("utf-8", "replace") for part in parts)


def test_the_invoices_company_becomes_the_current_one(ada: Browser, cast: Cast, clock: Clock) -> None:
    people.make_member("ada@acme.example", cast.globex, Membership.PAY, by=cast.root, now=clock.now)
    theirs = bill(cast.globex, 5000, now=clock.now, number="G-1")

    ada.get(pay_path(theirs, cast.ada.id))

    assert ada.company() == "Globex GmbH"
    assert Session.get(Session.person == cast.ada).group == cast.globex


def test_a_pdfs_link_finds_the_customers_own_address(visitor: Browser, cast: Cast, invoice: Invoice) -> None:
    visitor.get(pay_path(invoice))
    asked = visitor.follow().text
    assert "<h1>Open invoice 2026-0142</h1>" in asked
    assert 'name="email"' in asked  # nobody known: asked for

    customer = cast.acme.customer
    customer.email = "Vic@acme.example"
    customer.save()
    assert "v•••@acme.example" in visitor.get(pay_path(invoice)).text


def test_who_may_not_sign_in_any_more_reads_the_same_and_gets_no_mail(
    visitor: Browser, cast: Cast, invoice: Invoice
) -> None:
    Membership.delete().execute()
    path = pay_path(invoice, cast.ada.id)
    visitor.get(path)

    assert visitor.post(path).status_code == 303
    assert "Look in your mail" in visitor.follow().text
    assert Letter.select().count() == 0


def test_an_invoice_that_may_not_be_seen_yet_is_not_even_named(
    ada: Browser, visitor: Browser, cast: Cast, clock: Clock
) -> None:
    hidden = bill(cast.acme, 100, now=clock.now, number="F-1", issued_on=clock.now.date() + timedelta(days=1))

    for browser in (ada, visitor):
        answer = browser.get(pay_path(hidden, cast.ada.id))
        assert answer.status_code == 410
        assert "F-1" not in answer.text
        assert browser.post(pay_path(hidden, cast.ada.id)).status_code == 410
    assert Letter.select().count() == 0

    clock.forward(days=1)
    assert "Open invoice F-1" in visitor.get(pay_path(hidden, cast.ada.id)).text


@pytest.mark.parametrize("token", ["x", "1.2", "WzEsMl0.x"])
def test_a_made_up_link_opens_nothing(visitor: Browser, token: str) -> None:
    assert visitor.get(f"/pay/{token}").status_code == 410
    assert visitor.post(f"/pay/{token}").status_code == 410


def test_a_sign_in_link_is_no_pay_link(visitor: Browser, invoice: Invoice) -> None:
    assert visitor.get(f"/pay/{links.sign(links.SIGN_IN, 1)}").status_code == 410
    assert visitor.get(f"/pay/{links.sign(links.PAY, 7)}").status_code == 410
    assert visitor.get(f"/pay/{links.sign(links.PAY, [999, 1])}").status_code == 410


def test_one_link_does_not_mail_without_end(visitor: Browser, cast: Cast, invoice: Invoice) -> None:
    path = pay_path(invoice, cast.ada.id)
    visitor.get(path)
    for _ in range(4):
        assert visitor.post(path).status_code == 303

    assert visitor.post(path).status_code == 429
    assert Letter.select().count() == 4


def test_where_customers_sign_in_by_password_it_leads_to_that_page(
    visitor: Browser, cast: Cast, invoice: Invoice, clock: Clock
) -> None:
    settings.save({"sign_in_by": "password"}, by=history.COMMAND, now=clock.now)

    assert visitor.get(pay_path(invoice, cast.ada.id)).status_code == 303

    page = visitor.follow().text
    assert "<h1>Open invoice 2026-0142</h1>" in page
    assert 'name="password"' in page
    assert 'value="/invoices/2026-0142"' in page


def test_a_page_drawn_before_that_was_so_promises_no_mail(
    visitor: Browser, cast: Cast, invoice: Invoice, clock: Clock
) -> None:
    visitor.get(pay_path(invoice, cast.ada.id))
    settings.save({"sign_in_by": "password"}, by=history.COMMAND, now=clock.now)

    answer = visitor.post(pay_path(invoice, cast.ada.id))

    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/sign-in?next=/invoices/2026-0142&")
    assert Letter.select().count() == 0


def test_while_the_portal_is_off_it_is_closed(visitor: Browser, cast: Cast, invoice: Invoice, clock: Clock) -> None:
    settings.save({"portal_enabled": False}, by=history.COMMAND, now=clock.now)

    assert visitor.get(pay_path(invoice, cast.ada.id)).status_code == 503


def test_no_other_method_is_answered(visitor: Browser, invoice: Invoice) -> None:
    assert visitor.ask("DELETE", pay_path(invoice)).status_code == 405
