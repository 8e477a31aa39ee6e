"""Send: one press, one letter; the addressee may sign in and pay; nothing that customers cannot see is mailed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from billing import sending, settings
from billing.sending import NotSendable, Sent, SentBefore
from models import History, Invoice, Letter, Membership, Person
from tests.bills import bill
from tests.cast import Cast
from tests.synchronous import Queue


@pytest.fixture
def invoice(cast: Cast, now: datetime) -> Invoice:
    return bill(cast.acme, 124000, now=now, number="2026-0142")


def send(invoice: Invoice, email: str, cast: Cast, now: datetime, **more: Any) -> Sent:
    return sending.send(invoice, email, by=cast.root, settings=settings.load(), now=now, today=now.date(), **more)


def test_the_addressee_may_sign_in_and_pay_and_is_written_to(
    invoice: Invoice, cast: Cast, now: datetime, queue: Queue
) -> None:
    sent = send(invoice, "New.Person@Acme.example", cast, now, name="New  Person")
    assert sent.person.email == "new.person@acme.example"
    assert sent.person.name == "New Person"
    assert Membership.get(Membership.person == sent.person).role == "pay"
    assert Membership.get(Membership.person == sent.person).group == cast.acme
    letter = Letter.get()
    assert (letter.kind, letter.to, letter.invoice_id) == ("invoice_issued", "new.person@acme.example", invoice.id)
    assert ("workers.letters.send", (letter.id,)) in [(job.name, job.args) for job in queue.jobs]
    assert Invoice.get().sent_at == now
    assert History.select().where(History.subject_kind == "invoice", History.event == "sent").count() == 1


def test_a_viewer_who_is_sent_an_invoice_may_pay_from_then_on(invoice: Invoice, cast: Cast, now: datetime) -> None:
    send(invoice, cast.vic.email, cast, now)
    assert Membership.get(Membership.person == cast.vic).role == "pay"
    assert Person.select().count() == 3


def test_a_higher_role_stays(invoice: Invoice, cast: Cast, now: datetime) -> None:
    Membership.update(role="manage").where(Membership.person == cast.ada).execute()
    send(invoice, cast.ada.email, cast, now)
    assert Membership.get(Membership.person == cast.ada).role == "manage"


def test_a_person_of_another_customer_keeps_both(invoice: Invoice, cast: Cast, now: datetime) -> None:
    send(invoice, cast.mallory.email, cast, now)
    assert Membership.select().where(Membership.person == cast.mallory).count() == 2


def test_the_same_form_sent_twice_sends_one_letter(invoice: Invoice, cast: Cast, now: datetime) -> None:
    first = send(invoice, cast.ada.email, cast, now, nth=0)
    second = send(invoice, cast.ada.email, cast, now, nth=0)
    assert (first.new, second.new) == (True, False)
    assert second.letter == first.letter
    assert Letter.select().count() == 1


def test_the_same_addressee_again_is_asked_about_first(invoice: Invoice, cast: Cast, now: datetime) -> None:
    send(invoice, cast.ada.email, cast, now, nth=0)
    with pytest.raises(SentBefore):
        send(invoice, cast.ada.email, cast, now, nth=1)
    assert Letter.select().count() == 1
    send(invoice, cast.ada.email, cast, now, nth=1, again=True)
    send(invoice, cast.ada.email, cast, now, nth=1, again=True)
    assert Letter.select().count() == 2


def test_sent_at_stays_that_of_the_first_time(invoice: Invoice, cast: Cast, now: datetime) -> None:
    send(invoice, cast.ada.email, cast, now)
    send(invoice, cast.vic.email, cast, now + timedelta(days=1))
    assert Invoice.get().sent_at == now


@pytest.mark.parametrize("email", ["", "ada", "ada@", "@acme.example", "ada@acme", "a b@acme.example"])
def test_what_is_no_address_sends_nothing(invoice: Invoice, cast: Cast, now: datetime, email: str) -> None:
    with pytest.raises(NotSendable, match="bad_email"):
        send(invoice, email, cast, now)
    assert Letter.select().count() == 0
    assert Invoice.get().sent_at is None


def test_an_invoice_customers_do_not_see_yet_is_not_sent(cast: Cast, now: datetime) -> None:
    tomorrow = bill(cast.acme, 100, now=now, issued_on=now.date() + timedelta(days=1))
    with pytest.raises(NotSendable, match="dated_later"):
        send(tomorrow, cast.ada.email, cast, now)
    settings.save({"hide_future_invoices": False}, by=cast.root, now=now)
    assert send(tomorrow, cast.ada.email, cast, now).new


def test_a_cancelled_invoice_is_not_sent(invoice: Invoice, cast: Cast, now: datetime) -> None:
    Invoice.update(status=Invoice.VOID).execute()
    with pytest.raises(NotSendable, match="cancelled"):
        send(Invoice.get(), cast.ada.email, cast, now)
    assert Letter.select().count() == 0


def test_it_suggests_where_it_went_last_else_the_customers_address(invoice: Invoice, cast: Cast, now: datetime) -> None:
    assert sending.suggested(invoice) == ""
    customer = invoice.group.customer
    customer.email = "office@acme.example"
    customer.save(only=[type(customer).email])
    assert sending.suggested(Invoice.get()) == "office@acme.example"
    send(invoice, cast.ada.email, cast, now)
    assert sending.suggested(Invoice.get()) == cast.ada.email
