"""What the letters of getting in are made from, and when they are no longer right to send."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from billing import attention, history, letters, links, passwords, settings, writing
from billing.history import COMMAND, Actor
from database import transaction
from environ import Environ
from mail.letters import LETTERS
from models import (
    Allocation,
    Connection,
    Letter,
    Membership,
    Payment,
    Person,
    Refund,
    Session,
    SignIn,
    Staff,
)
from records import LetterView
from tests.bills import bill
from tests.cast import Cast

LINKED = {
    "sign_in": SignIn.SIGN_IN,
    "enrol": SignIn.ENROL,
    "reset": SignIn.RESET,
    "invitation": SignIn.INVITE,
    "email_confirm": SignIn.EMAIL,
}
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130"


@pytest.fixture(autouse=True)
def _open(cast: Cast, env: Environ, now: datetime) -> None:
    links.configure(env)
    settings.save({"portal_enabled": True, "enrolment": settings.OPEN}, by=COMMAND, now=now)


def save(now: datetime, **changes: Any) -> None:
    settings.save(changes, by=COMMAND, now=now)


def owe(kind: str, to: str, now: datetime, **about: Any) -> Letter:
    id = letters.queue(kind, cause=f"{kind} {to} {about}", to=to, now=now, **about)
    letter: Letter = Letter.get_by_id(id)
    return letter


def link(kind: str, now: datetime, **about: Any) -> SignIn:
    about = {"email": "new@acme.example"} | about
    row: SignIn = SignIn.create(
        purpose=LINKED[kind], created_at=now, link_expires_at=now + timedelta(hours=24), **about
    )
    return row


def linked(kind: str, cast: Cast, now: datetime, **about: Any) -> Letter:
    """A letter with a link, to somebody who is no person yet where its kind is for such."""
    save(now, allow_manage_emails=True)
    if kind in ("enrol", "invitation"):
        about = {"name": "Nell New"} | about
        whose: dict[str, Any] = {}
    else:
        whose = {"person": cast.ada}
        about = {"email": "new@acme.example" if kind == "email_confirm" else cast.ada.email} | about
    if kind == "invitation":
        about = {"group": cast.acme, "role": Membership.VIEW} | about
    row = link(kind, now, **about, **whose)
    return owe(kind, "new@acme.example", now, details={"sign_in": row.id}, **whose)


def material(letter: Letter, now: datetime) -> LetterView:
    view = writing.material(letter, now=now)
    assert view is not None
    return view


def session(who: Person | Staff, agent: str, began: datetime, **about: Any) -> Session:
    whose = {"person": who} if isinstance(who, Person) else {"staff": who}
    made: Session = Session.create(
        token_hash=f"{Session.select().count()}".rjust(64, "0"),
        created_at=began,
        last_seen_at=began,
        expires_at=began + timedelta(days=1),
        agent=agent,
        **whose,
        **about,
    )
    return made


@pytest.mark.parametrize("kind", LINKED)
def test_a_letter_brings_the_link_of_its_row(kind: str, cast: Cast, now: datetime) -> None:
    letter = linked(kind, cast, now)
    view = material(letter, now)
    assert view.url == links.sign_in(letter.details["sign_in"])
    assert view.until == now + timedelta(hours=24)
    assert view.portal_url == links.portal()


@pytest.mark.parametrize("changed", ["used_at", "replaced_at", "link_expires_at"])
@pytest.mark.parametrize("kind", LINKED)
def test_a_link_that_works_no_longer_is_not_mailed(kind: str, changed: str, cast: Cast, now: datetime) -> None:
    letter = linked(kind, cast, now)
    SignIn.update({changed: now}).execute()
    assert writing.material(letter, now=now) is None


@pytest.mark.parametrize("kind", LINKED)
def test_while_the_portal_is_off_only_an_invitation_goes_out(kind: str, cast: Cast, now: datetime) -> None:
    letter = linked(kind, cast, now)
    save(now, portal_enabled=False)
    view = writing.material(letter, now=now)
    assert (view is not None) == (kind == "invitation")
    assert view is None or view.portal_url == ""


def test_who_is_no_person_yet_is_called_as_they_called_themselves(cast: Cast, now: datetime) -> None:
    view = material(linked("enrol", cast, now), now)
    assert (view.to, view.name) == ("new@acme.example", "Nell New")


def test_a_name_without_a_row_is_empty_and_no_fault(cast: Cast, now: datetime) -> None:
    assert material(linked("enrol", cast, now, name=""), now).name == ""


def test_customers_get_no_reset_letter_where_nobody_signs_in_by_password(cast: Cast, now: datetime) -> None:
    letter = linked("reset", cast, now)
    row = link("reset", now, staff=cast.root, email=None)
    for_staff = owe("reset", cast.root.email, now, staff=cast.root, details={"sign_in": row.id})
    save(now, sign_in_by=settings.MAIL)
    assert writing.material(letter, now=now) is None
    view = material(for_staff, now)
    assert (view.for_staff, view.portal_url) == (True, "")


# --- Temporary passwords ----------------------------------------------------------------------------------------------


@pytest.fixture
def mailed(cast: Cast, now: datetime) -> Letter:
    passwords.mail_temporary(cast.ada, by=cast.root, now=now)
    letter: Letter = Letter.get(Letter.kind == "temporary_password")
    return letter


def test_a_temporary_password_is_written_when_it_is_sent_and_signs_in(
    mailed: Letter, cast: Cast, now: datetime
) -> None:
    view = material(mailed, now)
    assert (view.until, view.url) == (now + timedelta(hours=24), links.portal())
    assert view.password not in str(mailed.__data__), "the outbox holds none"
    checked = passwords.check(cast.ada.email, view.password, by=Actor("visitor"), now=now, settings=settings.load())
    assert (checked.person, checked.temporary) == (cast.ada, True)
    assert writing.material(Letter.get_by_id(mailed.id), now=now) is None, "it was used"


def test_a_temporary_password_is_not_mailed_once_it_is_too_old(mailed: Letter, now: datetime) -> None:
    assert writing.material(mailed, now=now + timedelta(hours=24)) is None


def test_only_the_newest_temporary_password_is_mailed(mailed: Letter, cast: Cast, now: datetime) -> None:
    passwords.mail_temporary(cast.ada, by=cast.root, now=now + timedelta(minutes=1))
    Letter.update(state=Letter.FAILED).where(Letter.id == mailed.id).execute()
    assert letters.resend(mailed, now=now + timedelta(minutes=2))
    assert writing.material(Letter.get_by_id(mailed.id), now=now + timedelta(minutes=2)) is None
    newest = Letter.select().order_by(Letter.id.desc()).get()
    assert material(newest, now + timedelta(minutes=2)).password


def test_a_temporary_password_that_another_took_the_place_of_is_not_mailed(
    mailed: Letter, cast: Cast, now: datetime
) -> None:
    passwords.choose(cast.ada, "hedge lawn gravel 41", by=cast.ada, now=now)
    assert writing.material(Letter.get_by_id(mailed.id), now=now) is None


def test_the_portal_link_switch_takes_the_way_to_sign_in_too(mailed: Letter, now: datetime) -> None:
    save(now, portal_link_in_mails=False)
    view = material(mailed, now)
    assert (view.url, view.portal_url) == ("", "")
    assert view.password


def test_where_nobody_signs_in_by_password_none_is_mailed(mailed: Letter, now: datetime) -> None:
    save(now, sign_in_by=settings.MAIL)
    assert writing.material(mailed, now=now) is None


# --- Invitations ------------------------------------------------------------------------------------------------------


def test_an_invitation_names_company_role_and_end_of_a_pass(cast: Cast, now: datetime) -> None:
    end = now + timedelta(days=90)
    view = material(linked("invitation", cast, now, member_until=end), now)
    assert (view.company, view.role, view.access_until, view.inviter) == ("Acme Ltd", "view", end, "")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ada Acme", "Ada Acme"),
        ("Ada J. Acme", "Ada J. Acme"),
        ("Win a car at https://evil.example", "ada@acme.example"),
        ("Go to evil.example now", "ada@acme.example"),
    ],
)
def test_an_invitation_names_the_customer_who_sent_it_but_no_link_of_theirs(
    name: str, shown: str, cast: Cast, now: datetime
) -> None:
    Person.update(name=name).where(Person.id == cast.ada.id).execute()
    letter = linked("invitation", cast, now)
    with transaction():
        history.note("sign_in", letter.details["sign_in"], "invited", by=cast.ada, now=now)
    assert material(letter, now).inviter == shown


def test_an_invitation_by_staff_comes_from_the_merchant(cast: Cast, now: datetime) -> None:
    letter = linked("invitation", cast, now)
    with transaction():
        history.note("sign_in", letter.details["sign_in"], "invited", by=cast.root, now=now)
    assert material(letter, now).inviter == ""


# --- Locks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whose", ["person", "staff"])
def test_a_locked_account_is_told_of_while_it_is_locked(whose: str, cast: Cast, now: datetime) -> None:
    who = cast.ada if whose == "person" else cast.root
    type(who).update(locked_at=now).where(type(who).id == who.id).execute()
    letter = owe("locked", who.email, now, **{whose: who})
    view = material(letter, now + timedelta(minutes=5))
    assert (view.at, view.until, view.url) == (now, None, "")
    type(who).update(locked_at=None).where(type(who).id == who.id).execute()
    assert writing.material(Letter.get_by_id(letter.id), now=now) is None


def test_a_lock_that_a_timer_ends_says_when(cast: Cast, now: datetime) -> None:
    save(now, lockout_ends_by=settings.TIMER)
    Person.update(locked_at=now).where(Person.id == cast.ada.id).execute()
    letter = owe("locked", cast.ada.email, now, person=cast.ada)
    assert material(letter, now).until == now + timedelta(minutes=30)
    assert writing.material(letter, now=now + timedelta(minutes=30)) is None


# --- Changes ----------------------------------------------------------------------------------------------------------

CHANGES: dict[str, dict[str, str]] = {
    "password_changed": {},
    "email_changed": {"masked": "a•••@new.example"},
    "factor_changed": {"what": "passkey_added"},
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_is_told_with_its_moment_and_the_device(kind: str, cast: Cast, now: datetime) -> None:
    session(cast.ada, IPHONE, now - timedelta(hours=1))
    with transaction():
        history.record(cast.ada, "changed", by=Actor("person", cast.ada.id, "192.0.2.7"), now=now)
    letter = owe(kind, cast.ada.email, now, person=cast.ada, details=CHANGES[kind])
    view = material(letter, now + timedelta(hours=2))
    assert (view.at, view.device) == (now, "iphone")
    assert (view.masked, view.what) == (CHANGES[kind].get("masked", ""), CHANGES[kind].get("what", ""))


def test_sessions_that_the_change_ended_do_not_blur_the_device(cast: Cast, now: datetime) -> None:
    session(cast.ada, WINDOWS, now - timedelta(hours=1), ended_at=now)
    session(cast.ada, IPHONE, now)
    with transaction():
        history.record(cast.ada, "password_set", by=cast.ada, now=now)
    assert material(owe("password_changed", "a@b.example", now, person=cast.ada), now).device == "iphone"


def test_a_device_is_not_guessed(cast: Cast, now: datetime) -> None:
    """Two kinds of device, or somebody else's deed."""
    letter = owe("password_changed", cast.ada.email, now, person=cast.ada)
    session(cast.ada, IPHONE, now)
    with transaction():
        history.record(cast.ada, "password_set", by=cast.root, now=now)
    assert material(letter, now).device == ""
    with transaction():
        history.record(cast.ada, "password_set", by=cast.ada, now=now)
    assert material(letter, now).device == "iphone"
    session(cast.ada, WINDOWS, now)
    assert material(letter, now).device == ""


def test_a_letter_sent_again_still_tells_the_moment_of_the_change(cast: Cast, now: datetime) -> None:
    letter = owe("password_changed", cast.ada.email, now, person=cast.ada)
    Letter.update(state=Letter.FAILED).execute()
    assert letters.resend(letter, now=now + timedelta(days=3))
    assert material(Letter.get_by_id(letter.id), now + timedelta(days=3)).at == now


@pytest.mark.parametrize("kind", ["sign_in", "enrol", "reset", "invitation", "email_confirm"])
def test_staff_who_send_a_letter_again_do_not_revive_a_dead_link(kind: str, cast: Cast, now: datetime) -> None:
    letter = linked(kind, cast, now)
    Letter.update(state=Letter.FAILED).execute()
    later = now + timedelta(days=1)
    assert letters.resend(letter, now=later)
    again = Letter.get_by_id(letter.id)
    assert again.to == letter.to
    assert writing.material(again, now=later) is None


def test_a_letter_about_an_address_does_not_give_away_the_other_one(cast: Cast, now: datetime) -> None:
    """Who gave no name is called by their address, which is the new one to the old one's reader, and the other way."""
    Person.update(name="ada@new.example", email="ada@new.example").where(Person.id == cast.ada.id).execute()
    to_the_old = owe("email_changed", "ada@acme.example", now, person=cast.ada, details={"masked": "a•••@new.example"})
    assert material(to_the_old, now).name == ""
    own = owe("password_changed", "ada@new.example", now, person=cast.ada)
    assert material(own, now).name == "ada@new.example"


def test_an_invoice_letter_promises_a_link_only_where_links_sign_in(cast: Cast, now: datetime) -> None:
    letter = owe("invoice_issued", cast.ada.email, now, person=cast.ada, invoice=bill(cast.acme, 100, now=now))
    assert material(letter, now).signs_in_by_mail
    save(now, sign_in_by=settings.PASSWORD)
    assert not material(letter, now).signs_in_by_mail


# --- Access -----------------------------------------------------------------------------------------------------------


def test_who_was_let_in_is_told_what_they_may_do(cast: Cast, now: datetime) -> None:
    letter = owe("access_allowed", cast.vic.email, now, person=cast.vic, group=cast.acme)
    view = material(letter, now)
    assert (view.company, view.role, view.url) == ("Acme Ltd", "view", links.company(cast.acme.public_id))
    Membership.update(removed_at=now).where(Membership.person == cast.vic).execute()
    assert writing.material(letter, now=now) is None


def test_who_was_let_in_is_found_by_their_address(cast: Cast, now: datetime) -> None:
    assert material(owe("access_allowed", "ADA@acme.example", now, group=cast.acme), now).name == "Ada Acme"
    assert writing.material(owe("access_allowed", "no@acme.example", now, group=cast.acme), now=now) is None


def test_a_refusal_names_no_company(cast: Cast, now: datetime) -> None:
    view = material(owe("access_refused", "no@acme.example", now, group=cast.acme), now)
    assert (view.company, view.url, view.name) == ("", "", "")


# --- Guests and refunds -----------------------------------------------------------------------------------------------


def test_staff_hear_that_guests_were_shut_out_while_they_are(cast: Cast, now: datetime) -> None:
    letter = owe("guests_closed", cast.root.email, now, staff=cast.root)
    assert writing.material(letter, now=now) is None
    with transaction():
        attention.tell("card_testing", cast.root, now=now)
    view = material(letter, now)
    assert (view.for_staff, view.portal_url, view.at) == (True, "", now)
    assert view.url.endswith("/admin/attention")


@pytest.fixture
def refund(cast: Cast, now: datetime) -> Refund:
    connection = Connection.create(provider="sandbox", account="rehearsal", created_at=now)
    payment = Payment.create(
        public_id="P-7K3M-92",
        secret="s",
        group=None,
        connection=connection,
        amount=8650,
        currency="EUR",
        state=Payment.PAID,
        rank=7,
        initiator="guest",
        created_at=now,
        ended_at=now,
        captured=8650,
        came_by=Payment.FORM,
        guest_name="Gil Guest",
        guest_email="gil@else.example",
    )
    made: Refund = Refund.create(
        public_id="R-2B4C-77",
        secret="r",
        payment=payment,
        connection=connection,
        amount=8650,
        currency="EUR",
        meaning=Refund.SUSPENSE,
        state=Refund.DONE,
        rank=5,
        key="k",
        created_at=now,
        ended_at=now,
    )
    return made


def test_money_that_went_back_is_told_to_who_paid_without_an_account(refund: Refund, cast: Cast, now: datetime) -> None:
    letter = owe("refunded", "gil@else.example", now, payment=refund.payment, details={"refund": refund.id})
    view = material(letter, now)
    assert (view.name, view.url) == ("Gil Guest", links.form_payment(refund.payment.id))
    assert view.refund is not None
    assert (view.refund.reference, view.refund.amount.minor, view.refund.payment) == ("R-2B4C-77", 8650, "P-7K3M-92")
    assert view.refund.on == now.date()


def test_a_customer_whose_money_went_back_may_look_at_the_payment(refund: Refund, cast: Cast, now: datetime) -> None:
    Payment.update(came_by=Payment.PORTAL, group=cast.acme, person=cast.ada).execute()
    letter = owe("refunded", cast.ada.email, now, person=cast.ada, details={"refund": refund.id})
    assert material(letter, now).url == links.payment("P-7K3M-92")


@pytest.fixture
def by_guest(refund: Refund, cast: Cast, now: datetime) -> Payment:
    """Gil paid Acme's invoice 2026-0142."""
    payment: Payment = refund.payment
    Allocation.create(payment=payment, invoice=bill(cast.acme, 8650, now=now, number="2026-0142"), amount=8650)
    Payment.update(group=cast.acme, came_by=Payment.GUEST).where(Payment.id == payment.id).execute()
    return payment


@pytest.mark.parametrize(
    ("kind", "state"), [("receipt", Payment.PAID), ("declined", Payment.DECLINED), ("being_checked", Payment.UNKNOWN)]
)
def test_a_guest_is_led_to_their_own_page_and_told_nothing_of_the_customer(
    by_guest: Payment, cast: Cast, now: datetime, kind: str, state: str
) -> None:
    Payment.update(state=state).execute()
    view = material(owe(kind, "gil@else.example", now, payment=by_guest, group=cast.acme), now)
    assert view.url == links.guest_payment(Allocation.get().invoice_id, "P-7K3M-92")
    assert view.name == "Gil Guest"
    assert view.payment is not None
    assert (view.payment.customer, view.payment.method, view.payment.pdf_url) == ("", None, "")
    assert [part.number for part in view.payment.allocations] == ["2026-0142"]


@pytest.mark.parametrize(("kind", "state"), [("receipt", Payment.PAID), ("not_taken", Payment.CANCELLED)])
def test_who_used_the_payment_form_is_not_told_whether_there_is_such_an_invoice(
    by_guest: Payment, cast: Cast, now: datetime, kind: str, state: str
) -> None:
    Payment.update(state=state, came_by=Payment.FORM).execute()
    view = material(owe(kind, "gil@else.example", now, payment=Payment.get(), group=cast.acme), now)
    assert view.url == links.form_payment(by_guest.id)
    assert view.payment is not None
    assert (view.payment.allocations, view.payment.credited) == ((), None)


@pytest.mark.parametrize("state", [Refund.QUEUED, Refund.SENDING, Refund.UNKNOWN, Refund.FAILED])
def test_money_that_has_not_gone_back_is_not_said_to_have(
    refund: Refund, cast: Cast, now: datetime, state: str
) -> None:
    Refund.update(state=state).execute()
    letter = owe("refunded", "gil@else.example", now, details={"refund": refund.id})
    assert writing.material(letter, now=now) is None


def test_every_kind_has_its_material() -> None:
    assert {*writing.ABOUT, *writing.STILL_SO} == set(LETTERS)
