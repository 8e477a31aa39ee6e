from __future__ import annotations

import secrets
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

import database
from billing import attention, history, inbox, links, payments, settings, sign_ins, writing
from billing.errors import GuestRefused, NotAllowed, NotFree, NothingToPay, PaidJustNow, TokenReused
from billing.payments import guests
from billing.payments.guests import Guest
from models import Allocation, Attempt, Attention, Customer, Invoice, Letter, Payment, Person, Staff
from money import Money
from tests.billing.payments.conftest import Road
from tests.billing.test_two_at_once import at_once
from tests.bills import bill, books_agree

GUS = Guest("Gus Guest", "gus@nowhere.example")
VISITOR = history.Actor("visitor", None, "192.0.2.7")


@pytest.fixture(autouse=True)
def switched_on(road: Road) -> None:
    save(road, portal_enabled=True, allow_guest_payment=True, allow_payment_form=True)


def save(road: Road, **changes: Any) -> None:
    settings.save(changes, by=history.COMMAND, now=road.clock.now)


@pytest.fixture
def invoice(road: Road) -> Invoice:
    return bill(road.cast.acme, 124_000, now=road.clock.now, number="2026-0142")


def press(road: Road, invoice: Invoice, guest: Guest = GUS, **form: Any) -> Payment:
    """A guest presses Pay on the page of the invoice's link."""
    invoice = Invoice.get_by_id(invoice.id)
    form.setdefault("amount", Money(invoice.free, invoice.currency))
    form.setdefault("token", secrets.token_urlsafe(18))
    form.setdefault("link", links.sign(links.PAY, [invoice.id, 0]))
    return guests.request(
        invoice, guest=guest, by=VISITOR, settings=form.pop("settings", settings.load()), now=road.clock.now, **form
    )


def fill_in(road: Road, amount: int, reference: str, guest: Guest = GUS, **form: Any) -> Payment:
    """Somebody presses Pay on the payment form."""
    form.setdefault("token", secrets.token_urlsafe(18))
    return guests.request_by_form(
        Money(amount, form.pop("currency", "EUR")),
        reference,
        guest=guest,
        by=VISITOR,
        settings=settings.load(),
        now=road.clock.now,
        **form,
    )


def with_card(road: Road, payment: Payment, instrument: str = "visa") -> Payment:
    """The provider's page is opened, a card is entered there, and we ask what became of it."""
    payment = road.work(payment)
    road.provider.press(road.attempt(payment).url, "pay", instrument)
    road.clock.pass_by(seconds=10)
    payments.look_up_later(payment, now=road.clock.now)
    return road.work(payment)


def refused_before(road: Road, count: int, **when: float) -> None:
    """So many refusals of guests, each of another address and of no invoice, some time ago."""
    at = road.clock.now - timedelta(**when)
    for _ in range(count):
        Payment.create(
            public_id=payments.new_reference(),
            secret=secrets.token_hex(16),
            connection=road.connection,
            amount=100,
            currency="EUR",
            state=Payment.DECLINED,
            rank=6,
            initiator="customer",
            came_by=Payment.FORM,
            guest_email=f"{secrets.token_hex(4)}@nowhere.example",
            created_at=at,
            ended_at=at,
        )


# --- One invoice by its link ------------------------------------------------------------------------------------------


def test_a_guests_payment_belongs_to_the_invoices_customer_and_makes_no_other(road: Road, invoice: Invoice) -> None:
    customers, people = Customer.select().count(), Person.select().count()

    payment = with_card(road, press(road, invoice))

    assert (payment.state, payment.captured, payment.group) == (Payment.PAID, 124_000, road.cast.acme)
    assert (payment.came_by, payment.guest_name, payment.guest_email) == ("guest", "Gus Guest", "gus@nowhere.example")
    assert payment.person is None
    assert (Customer.select().count(), Person.select().count()) == (customers, people)
    assert Invoice.get_by_id(invoice.id).open == 0
    seen = payments.view(payment, now=road.clock.now, settings=settings.load())
    assert (seen.came_by, seen.guest_name, seen.guest_email) == ("guest", "Gus Guest", "gus@nowhere.example")
    books_agree()


def test_the_provider_is_told_the_guests_name_and_not_the_customers(road: Road, invoice: Invoice) -> None:
    payment = road.work(press(road, invoice))

    payer = road.attempt(payment).parameters["payer"]
    assert (payer["name"], payer["email"]) == ("Gus Guest", "gus@nowhere.example")
    assert "Acme" not in str(road.attempt(payment).parameters)


def test_the_provider_sends_a_guest_back_to_their_own_page(road: Road, invoice: Invoice) -> None:
    payment = road.work(press(road, invoice))

    link = links.sign(links.PAY, [invoice.id, 0])
    assert road.attempt(payment).parameters["return_url"] == (
        f"http://127.0.0.1:8000/pay/{link}/payments/{payment.public_id}?returned=1"
    )


def test_the_same_press_is_one_payment_whatever_happened_since(road: Road, invoice: Invoice) -> None:
    form: dict[str, Any] = {"token": "t" * 20, "amount": Money(124_000, "EUR")}
    first = with_card(road, press(road, invoice, **form))
    save(road, allow_guest_payment=False)

    assert press(road, invoice, **form) == first
    assert Payment.select().count() == 1


def test_the_same_press_with_another_address_charges_nothing(road: Road, invoice: Invoice) -> None:
    form: dict[str, Any] = {"token": "t" * 20, "amount": Money(124_000, "EUR")}
    first = press(road, invoice, **form)

    with pytest.raises(TokenReused) as refused:
        press(road, invoice, Guest("", "other@nowhere.example"), **form)
    assert refused.value.values["payment"] == first
    assert Payment.select().count() == 1


def test_a_second_tab_finds_nothing_left(road: Road, invoice: Invoice) -> None:
    press(road, invoice)

    with pytest.raises(NothingToPay):
        press(road, invoice, amount=Money(124_000, "EUR"))
    assert Payment.select().count() == 1
    books_agree()


@pytest.mark.parametrize("amount", [1, 123_999, 124_001])
def test_a_guest_pays_all_that_is_left_and_nothing_else(road: Road, invoice: Invoice, amount: int) -> None:
    with pytest.raises(NotFree):
        press(road, invoice, amount=Money(amount, "EUR"))
    assert Payment.select().count() == 0


def test_switched_off_nothing_is_taken(road: Road, invoice: Invoice) -> None:
    save(road, allow_guest_payment=False)
    with pytest.raises(GuestRefused, match="guest_off"):
        press(road, invoice)
    save(road, allow_guest_payment=True, allow_pay=False)
    with pytest.raises(NotAllowed, match="allow_pay_off"):
        press(road, invoice)
    assert Payment.select().count() == 0


def test_the_page_knows_beforehand_why_not(road: Road, invoice: Invoice) -> None:
    def why() -> str:
        return guests.hindrance(invoice, now=road.clock.now, settings=settings.load())

    assert why() == ""
    save(road, allow_pay=False)
    assert why() == "allow_pay_off"
    save(road, allow_guest_payment=False)
    assert why() == "guest_off"


# --- How often --------------------------------------------------------------------------------------------------------


def test_the_fourth_try_after_three_refusals_a_day_is_refused(road: Road, invoice: Invoice) -> None:
    for _ in range(3):
        assert with_card(road, press(road, invoice), "stolen").state == Payment.DECLINED

    with pytest.raises(GuestRefused, match="too_many_declines"):
        press(road, invoice)
    assert guests.hindrance(invoice, now=road.clock.now, settings=settings.load()) == "too_many_declines"
    books_agree()

    road.clock.pass_by(days=1)
    assert press(road, invoice).state == Payment.QUEUED


def test_the_sixth_try_of_an_invoice_a_day_is_refused(road: Road, invoice: Invoice) -> None:
    for _ in range(5):
        payments.cancel(press(road, invoice), by=VISITOR, now=road.clock.now)

    with pytest.raises(GuestRefused, match="too_many_tries"):
        press(road, invoice)
    other = bill(road.cast.acme, 500, now=road.clock.now)
    assert press(road, other).state == Payment.QUEUED


def test_who_is_signed_in_pays_however_often_guests_tried(road: Road, invoice: Invoice) -> None:
    for _ in range(5):
        payments.cancel(press(road, invoice), by=VISITOR, now=road.clock.now)

    assert road.press(invoice).state == Payment.QUEUED


def test_tries_at_once_are_not_more_than_the_limit(road: Road, invoice: Invoice) -> None:
    for _ in range(4):
        payments.cancel(press(road, invoice), by=VISITOR, now=road.clock.now)
    ends = at_once(*[lambda: press(road, invoice, amount=Money(124_000, "EUR"))] * 4)

    assert sum(isinstance(end, Payment) for end in ends) == 1
    assert Payment.select().count() == 5
    books_agree()


def test_presses_of_the_form_at_once_are_not_more_than_an_addresss_limit(road: Road) -> None:
    ends = at_once(*[partial(fill_in, road, 5000 + n, "hedge") for n in range(8)])

    assert sum(isinstance(end, Payment) for end in ends) == 5
    assert [end.code for end in ends if not isinstance(end, Payment)] == ["too_many_tries"] * 3
    assert Payment.select().count() == 5


def test_ten_refusals_within_the_hour_close_both_ways_and_every_member_of_staff_is_told(
    road: Road, invoice: Invoice
) -> None:
    Staff.create(email="sue@hartwell.example", name="Sue", created_at=road.clock.now)
    Staff.create(email="gone@hartwell.example", name="Gone", created_at=road.clock.now, removed_at=road.clock.now)
    refused_before(road, 9, minutes=50)

    payment = with_card(road, press(road, invoice), "stolen")

    told = Attention.get()
    assert (told.kind, told.subject_kind, told.subject_id) == ("card_testing", "payment", payment.id)
    closed = [letter for letter in Letter.select() if letter.kind == "guests_closed"]
    assert sorted(letter.to for letter in closed) == ["root@hartwell.example", "sue@hartwell.example"]
    with pytest.raises(GuestRefused, match="closed"):
        press(road, invoice)
    with pytest.raises(GuestRefused, match="closed"):
        fill_in(road, 5000, "hedge")
    assert guests.hindrance(invoice, now=road.clock.now, settings=settings.load()) == "closed"
    assert guests.form_hindrance(settings.load()) == "closed"
    assert road.press(invoice).state == Payment.QUEUED  # who is signed in pays as before
    assert inbox.page().items[0].subject.name == payment.public_id


def test_refusals_of_another_hour_do_not_count(road: Road, invoice: Invoice) -> None:
    refused_before(road, 9, minutes=61)
    with_card(road, press(road, invoice), "stolen")
    assert Attention.select().count() == 0


def test_refusals_of_customers_do_not_count(road: Road, invoice: Invoice) -> None:
    refused_before(road, 9, minutes=1)
    payment = road.press(invoice)
    with_card(road, payment, "stolen")
    assert Attention.select().count() == 0


def test_opened_again_by_staff_the_count_begins_anew(road: Road, invoice: Invoice) -> None:
    refused_before(road, 9, minutes=5)
    with_card(road, press(road, invoice), "stolen")
    road.clock.pass_by(minutes=1)
    attention.settle(Attention.get().id, by=road.cast.root, now=road.clock.now)

    payment = with_card(road, press(road, invoice), "stolen")

    assert payment.state == Payment.DECLINED
    assert not guests.is_closed()

    refused_before(road, 9, minutes=0)
    with_card(road, press(road, invoice), "stolen")
    assert guests.is_closed()
    assert Attention.select().count() == 2
    assert [letter.kind for letter in Letter.select()].count("guests_closed") == 2


def test_a_clock_that_went_back_leaves_the_guard_awake(road: Road, invoice: Invoice) -> None:
    refused_before(road, 9, minutes=5)
    with_card(road, press(road, invoice), "stolen")
    attention.settle(Attention.get().id, by=road.cast.root, now=road.clock.now + timedelta(hours=2))

    refused_before(road, 9, minutes=0)
    with_card(road, press(road, invoice), "stolen")

    assert guests.is_closed()


# --- Letters ----------------------------------------------------------------------------------------------------------


def test_the_receipt_goes_to_the_guest_and_leads_to_their_page(road: Road, invoice: Invoice) -> None:
    payment = with_card(road, press(road, invoice))

    letter = Letter.get(Letter.kind == "receipt")
    told = writing.material(letter, now=road.clock.now)
    assert (letter.to, letter.person, letter.payment) == ("gus@nowhere.example", None, payment)
    assert told is not None
    assert told.payment is not None
    assert (
        told.url == f"http://127.0.0.1:8000/pay/{links.sign(links.PAY, [invoice.id, 0])}/payments/{payment.public_id}"
    )
    assert [part.number for part in told.payment.allocations] == ["2026-0142"]
    assert "Acme" not in repr(told)


@pytest.mark.parametrize(("instrument", "kind"), [("stolen", "declined"), ("debit_waits", "on_its_way")])
def test_what_else_becomes_of_it_is_told_the_guest_too(
    road: Road, invoice: Invoice, instrument: str, kind: str
) -> None:
    with_card(road, press(road, invoice), instrument)
    assert [(letter.kind, letter.to) for letter in Letter.select()] == [(kind, "gus@nowhere.example")]


def test_who_waits_long_is_told_that_we_check(road: Road, invoice: Invoice) -> None:
    payment = road.work(press(road, invoice))
    Payment.update(state=Payment.UNKNOWN, rank=3, unknown_since=road.clock.now).execute()
    Attempt.update(state=Attempt.UNKNOWN).execute()
    road.queue.without = (*road.queue.without, "workers.payments.ask")

    road.tick(payment, minutes=3)

    assert [(letter.kind, letter.to) for letter in Letter.select()] == [("being_checked", "gus@nowhere.example")]


# --- An account on the way --------------------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What sign_ins was asked for."""
    calls: list[dict[str, Any]] = []

    def ask(**told: Any) -> None:
        assert not database.in_transaction()
        calls.append(told)

    monkeypatch.setattr(sign_ins, "ask_account", ask)
    return calls


WITH_ACCOUNT = Guest("Gus Guest", "gus@nowhere.example", enrols=True)


@pytest.mark.parametrize("instrument", ["visa", "debit_waits"])
def test_who_asked_for_an_account_is_mailed_the_way_to_it_once_it_is_paid(
    road: Road, invoice: Invoice, asked: list[dict[str, Any]], instrument: str
) -> None:
    payment = press(road, invoice, WITH_ACCOUNT)
    assert payment.guest_enrols
    assert asked == []

    payment = with_card(road, payment, instrument)
    if instrument == "debit_waits":
        road.provider.settle(road.attempt(payment).theirs)
        payment = road.tick(payment, hours=2)
    assert payment.state == Payment.PAID

    assert [(told["name"], told["email"], told["next"]) for told in asked] == [
        ("Gus Guest", "gus@nowhere.example", "/invoices/2026-0142")
    ]


def test_refused_there_is_no_half_made_account(road: Road, invoice: Invoice, asked: list[dict[str, Any]]) -> None:
    with_card(road, press(road, invoice, WITH_ACCOUNT), "stolen")
    assert asked == []


def test_where_only_invited_people_sign_in_a_tick_made_by_hand_asks_for_nothing(
    road: Road, invoice: Invoice, asked: list[dict[str, Any]]
) -> None:
    save(road, enrolment="invited")
    with_card(road, press(road, invoice, WITH_ACCOUNT))
    assert asked == []


def test_who_becomes_a_member_sees_what_they_paid_as_a_guest(road: Road, invoice: Invoice) -> None:
    save(road, enrolment="open")
    Customer.update(email="gus@nowhere.example").where(Customer.id == road.cast.acme.customer_id).execute()
    payment = with_card(road, press(road, invoice, WITH_ACCOUNT))

    assert "enrol" in [letter.kind for letter in Letter.select() if letter.to == "gus@nowhere.example"]
    assert payments.one_visible([road.cast.acme.id], payment.public_id) == payment


# --- The payment form -------------------------------------------------------------------------------------------------


def test_exactly_an_open_invoices_number_and_amount_pays_it(road: Road, invoice: Invoice) -> None:
    payment = with_card(road, fill_in(road, 124_000, "2026-0142"))

    assert (payment.state, payment.group, payment.came_by) == (Payment.PAID, road.cast.acme, "form")
    assert Invoice.get_by_id(invoice.id).open == 0
    books_agree()


def _void(road: Road, invoice: Invoice) -> None:
    Invoice.update(status=Invoice.VOID).where(Invoice.id == invoice.id).execute()


def _hidden(road: Road, invoice: Invoice) -> None:
    Invoice.update(issued_on=road.clock.now.date() + timedelta(days=3)).where(Invoice.id == invoice.id).execute()


def _taken(road: Road, invoice: Invoice) -> None:
    Invoice.update(pays_itself=True).where(Invoice.id == invoice.id).execute()


def _twice(road: Road, invoice: Invoice) -> None:
    other = bill(road.cast.globex, 124_000, now=road.clock.now, number="other")
    Invoice.update(number="2026-0142").where(Invoice.id == other.id).execute()


def _claimed(road: Road, invoice: Invoice) -> None:
    road.press(invoice)


@pytest.mark.parametrize("but", [_void, _hidden, _taken, _twice, _claimed])
def test_an_invoice_that_cannot_be_paid_so_is_not_paid(road: Road, invoice: Invoice, but: Any) -> None:
    but(road, invoice)
    payment = fill_in(road, 124_000, "2026-0142")
    assert payment.group is None
    assert Allocation.select().where(Allocation.payment == payment.id).count() == 0


@pytest.mark.parametrize(
    ("amount", "reference"),
    [(123_999, "2026-0142"), (124_001, "2026-0142"), (124_000, "2026-014"), (124_000, "invoice 2026-0142")],
)
def test_what_is_not_exactly_an_invoices_waits_in_suspense(
    road: Road, invoice: Invoice, amount: int, reference: str
) -> None:
    customers = Customer.select().count()
    payment = with_card(road, fill_in(road, amount, reference))

    assert (payment.state, payment.group, payment.captured) == (Payment.PAID, None, amount)
    assert (payment.suspense, payment.reference) == (amount, reference)
    assert Invoice.get_by_id(invoice.id).open == 124_000
    assert Customer.select().count() == customers
    books_agree()


def test_of_a_form_payment_not_even_what_it_paid_is_told(road: Road, invoice: Invoice) -> None:
    fits = with_card(road, fill_in(road, 124_000, "2026-0142"))
    other = with_card(road, fill_in(road, 5000, "2026-0143", Guest("", "eve@nowhere.example")))

    def seen(payment: Payment) -> Any:
        view = payments.view_for_guest(payment, url="x", now=road.clock.now, settings=settings.load())
        return view.allocations, view.customer, view.method, view.credited, view.payer, view.state

    assert seen(fits) == seen(other) == ((), "", None, None, "", "paid")
    for letter in Letter.select().where(Letter.kind == "receipt"):
        told = writing.material(letter, now=road.clock.now)
        assert told is not None
        assert told.payment is not None
        assert told.payment.allocations == ()
        assert told.url.startswith("http://127.0.0.1:8000/pay/payments/")


def test_an_invoice_that_guests_tried_too_often_is_not_paid_by_the_form_either(road: Road, invoice: Invoice) -> None:
    for n in range(5):
        payments.cancel(
            fill_in(road, 124_000, "2026-0142", Guest("", f"g{n}@nowhere.example")), by=VISITOR, now=road.clock.now
        )
    assert Allocation.select().count() == 5

    assert fill_in(road, 124_000, "2026-0142").group is None


def test_an_address_tries_the_form_five_times_a_day(road: Road) -> None:
    for n in range(5):
        fill_in(road, 5000 + n, "hedge")
    with pytest.raises(GuestRefused, match="too_many_tries"):
        fill_in(road, 6000, "hedge")
    assert fill_in(road, 6000, "hedge", Guest("", "eve@nowhere.example")).state == Payment.QUEUED


def test_less_than_the_least_is_refused(road: Road) -> None:
    save(road, payment_form_minimum=2000)
    with pytest.raises(NotAllowed, match="below_minimum"):
        fill_in(road, 1999, "hedge")
    assert fill_in(road, 2000, "hedge").state == Payment.QUEUED


def test_the_forms_same_press_is_one_payment(road: Road) -> None:
    first = fill_in(road, 5000, "hedge", token="t" * 20)
    assert fill_in(road, 5000, "hedge", token="t" * 20) == first
    with pytest.raises(TokenReused):
        fill_in(road, 5001, "hedge", token="t" * 20)
    assert Payment.select().count() == 1


def test_the_same_sum_for_the_same_again_is_asked_about(road: Road) -> None:
    first = fill_in(road, 5000, "hedge")
    with pytest.raises(PaidJustNow) as asked:
        fill_in(road, 5000, "hedge")
    assert asked.value.values["payment"] == first
    fill_in(road, 5000, "hedge", again=True)
    assert Payment.select().count() == 2


def test_switched_off_the_form_takes_nothing(road: Road) -> None:
    save(road, allow_payment_form=False)
    with pytest.raises(GuestRefused, match="form_off"):
        fill_in(road, 5000, "hedge")
    assert guests.form_hindrance(settings.load()) == "form_off"
    assert Payment.select().count() == 0


# --- How long a link lives --------------------------------------------------------------------------------------------


def test_a_link_works_while_there_is_something_to_pay_and_a_year_after(road: Road, invoice: Invoice) -> None:
    def expired(**later: float) -> bool:
        return guests.has_expired(Invoice.get_by_id(invoice.id), road.clock.now + timedelta(**later), settings.load())

    assert not expired(days=4000)
    with_card(road, press(road, invoice))
    assert not expired(days=365)
    assert expired(days=366)
