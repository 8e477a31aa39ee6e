"""Accounts by mail: create one, forgotten passwords, invitations and new addresses at the moment their link is used."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher

import database
from billing import access, history, invitations, links, passwords, people, sessions, settings, sign_ins
from billing.errors import BadPassword, LinkUnusable, WrongCode
from environ import Environ
from models import AccessDomain, AccessRule, Customer, History, Letter, Membership, Person, SignIn
from tests.cast import Cast
from tests.synchronous import Queue
from workers import queue as queue_of_jobs

PASSWORD = "seven wet umbrellas"
EVE = "eve@nowhere.example"
VISITOR = history.Actor("visitor", None, "192.0.2.7")


@pytest.fixture(autouse=True)
def _keys(env: Environ, monkeypatch: pytest.MonkeyPatch) -> None:
    links.configure(env)
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def set_to(now: datetime, **values: Any) -> None:
    settings.save(values, by=history.COMMAND, now=now)


def let(cast: Cast, now: datetime, domain: str, local: str = "") -> None:
    """A rule of Acme's."""
    kind = "address" if local else "domain"
    AccessDomain.create(group=cast.acme, domain=domain, kind=kind)
    AccessRule.create(group=cast.acme, domain=domain, kind=kind, local=local, role="pay", created_at=now)


def want_account(email: str, now: datetime, next: str = "") -> None:
    sign_ins.ask_account("Eve  Adams", email, next, by=VISITOR, now=now, settings=settings.load())


def newest(purpose: str) -> str:
    row = SignIn.select().where(SignIn.purpose == purpose).order_by(SignIn.id.desc()).get()
    return links.sign_in(row.id).rpartition("/")[2]


def confirm(token: str, now: datetime, password: str = PASSWORD, **more: Any) -> Person:
    return sign_ins.confirm(token, password, by=VISITOR, now=now, settings=settings.load(), **more)


def kinds() -> list[str]:
    return [letter.kind for letter in Letter.select().order_by(Letter.id)]


# --- Creating an account ----------------------------------------------------------------------------------------------


def test_an_address_that_a_rule_lets_in_is_mailed_a_link_and_is_nobody_yet(cast: Cast, now: datetime) -> None:
    let(cast, now, "nowhere.example")

    want_account("Eve@Nowhere.example", now, "/invoices/7")

    row, letter = SignIn.get(), Letter.get()
    assert (row.purpose, row.email, row.person, row.name, row.next) == ("enrol", EVE, None, "Eve Adams", "/invoices/7")
    assert row.link_expires_at == now + timedelta(hours=24)
    assert row.code_expires_at is None
    assert (letter.kind, letter.to, letter.cause) == ("enrol", EVE, f"enrol {row.id}")
    assert people.person_by_email(EVE) is None


@pytest.mark.parametrize(("enrolment", "mailed"), [("open", ["enrol"]), ("listed", []), ("invited", [])])
def test_a_strange_address_is_mailed_where_enrolment_is_open(
    cast: Cast, now: datetime, enrolment: str, mailed: list[str]
) -> None:
    set_to(now, enrolment=enrolment)

    want_account(EVE, now)

    assert kinds() == mailed


def test_rules_count_for_nothing_where_only_the_invited_come(cast: Cast, now: datetime) -> None:
    let(cast, now, "nowhere.example")
    set_to(now, enrolment="invited")

    want_account(EVE, now)

    assert kinds() == []


@pytest.mark.parametrize(("by", "kind"), [("both", "reset"), ("password", "reset"), ("mail", "sign_in")])
def test_who_has_an_account_gets_the_way_back_into_it(cast: Cast, now: datetime, by: str, kind: str) -> None:
    set_to(now, sign_in_by=by)

    want_account("Ada@acme.example", now)

    assert kinds() == [kind]
    assert SignIn.get().person == cast.ada


def test_confirming_makes_the_person_with_their_password(cast: Cast, now: datetime, queue: Queue) -> None:
    let(cast, now, "nowhere.example", "eve")
    want_account(EVE, now)

    eve = confirm(newest("enrol"), now + timedelta(hours=23))

    assert (eve.email, eve.name) == (EVE, "Eve Adams")
    assert [place.group for place in access.groups(eve, now)] == [cast.acme]
    assert passwords.check(EVE, PASSWORD, by=VISITOR, now=now, settings=settings.load()).person == eve
    assert kinds() == ["enrol"]  # who has just chosen their first one knows it
    with pytest.raises(LinkUnusable):
        confirm(newest("enrol"), now)


def test_a_password_that_will_not_do_uses_nothing_up_and_makes_nobody(cast: Cast, now: datetime) -> None:
    let(cast, now, "nowhere.example")
    want_account(EVE, now)

    for password in ("", "short", "password1234", "eve-nowhere-1"):
        with pytest.raises(BadPassword):
            confirm(newest("enrol"), now, password)

    assert people.person_by_email(EVE) is None
    assert confirm(newest("enrol"), now)


def test_where_customers_sign_in_by_mail_no_password_is_asked(cast: Cast, now: datetime) -> None:
    set_to(now, sign_in_by="mail")
    let(cast, now, "nowhere.example")
    want_account(EVE, now)

    assert confirm(newest("enrol"), now, "").password_hash is None


def test_a_link_dies_with_the_rule(cast: Cast, now: datetime) -> None:
    let(cast, now, "nowhere.example")
    want_account(EVE, now)
    AccessRule.delete().execute()

    with pytest.raises(LinkUnusable):
        confirm(newest("enrol"), now)
    assert people.person_by_email(EVE) is None


@pytest.mark.parametrize("hours", [24, 25])
def test_an_enrolling_link_lives_a_day(cast: Cast, now: datetime, hours: int) -> None:
    let(cast, now, "nowhere.example")
    want_account(EVE, now)

    with pytest.raises(LinkUnusable):
        confirm(newest("enrol"), now + timedelta(hours=hours))


def test_the_newest_replaces_the_older(cast: Cast, now: datetime) -> None:
    let(cast, now, "nowhere.example")
    want_account(EVE, now)
    older = newest("enrol")
    want_account(EVE, now)

    with pytest.raises(LinkUnusable):
        confirm(older, now)
    assert confirm(newest("enrol"), now)


# --- Signing in with an address that is nobody's yet ------------------------------------------------------------------


def test_a_rule_lets_an_address_sign_in_that_never_came(cast: Cast, now: datetime) -> None:
    let(cast, now, "nowhere.example")
    sign_ins.ask(EVE, "", now=now)
    assert people.person_by_email(EVE) is None

    row = sign_ins.use(newest("sign_in"), now=now)

    assert row.person.email == EVE
    assert History.select().where(History.event == "person_made", History.subject_id == row.person.id).count() == 1


def test_so_does_its_code(cast: Cast, now: datetime) -> None:
    let(cast, now, "nowhere.example")
    sign_ins.ask(EVE, "", now=now)
    code = sign_ins.code_of(SignIn.get())

    with pytest.raises(WrongCode):
        sign_ins.use_code("ada@acme.example", code, now=now)
    assert sign_ins.use_code(" Eve@nowhere.example", code, now=now).person.email == EVE


def test_a_user_id_is_mailed_to_its_owners_address(cast: Cast, now: datetime) -> None:
    people.set_user_id(cast.ada, "ada.pays", by=cast.ada, now=now)

    sign_ins.ask("Ada.Pays", "", now=now)

    assert Letter.get().to == "ada@acme.example"
    assert sign_ins.use_code("ada.pays", sign_ins.code_of(SignIn.get()), now=now).person == cast.ada


def test_a_link_dies_with_the_address_it_was_mailed_to(cast: Cast, now: datetime) -> None:
    sign_ins.ask(cast.ada.email, "", now=now)
    token = newest("sign_in")
    Person.update(email="ada@elsewhere.example").where(Person.id == cast.ada.id).execute()

    with pytest.raises(LinkUnusable):
        sign_ins.use(token, now=now)


def test_where_customers_sign_in_by_password_links_only_prove(cast: Cast, now: datetime) -> None:
    sign_ins.ask(cast.ada.email, "", now=now)
    token, code = newest("sign_in"), sign_ins.code_of(SignIn.get())
    set_to(now, sign_in_by="password")

    with pytest.raises(LinkUnusable):
        sign_ins.use(token, now=now)
    with pytest.raises(WrongCode):
        sign_ins.use_code(cast.ada.email, code, now=now)
    sign_ins.ask(cast.ada.email, "", now=now)
    assert kinds() == ["sign_in"]
    printed = sign_ins.for_command(cast.ada, now=now).rpartition("/")[2]
    assert sign_ins.use(printed, now=now).person == cast.ada


# --- Open enrolment ---------------------------------------------------------------------------------------------------


def test_a_proven_address_that_an_invoice_was_sent_to_pays_in_its_group(cast: Cast, now: datetime) -> None:
    set_to(now, enrolment="open")
    Letter.create(
        kind="invoice_issued", cause="x", to=EVE, group=cast.acme, message_id="x", not_before=now, created_at=now
    )
    want_account(EVE, now)

    eve = confirm(newest("enrol"), now)

    assert [(place.group, place.role) for place in access.groups(eve, now)] == [(cast.acme, "pay")]


def test_so_does_the_customers_own_address(cast: Cast, now: datetime) -> None:
    set_to(now, enrolment="open")
    Customer.update(email="Eve@Nowhere.Example").where(Customer.id == cast.globex.customer_id).execute()
    sign_ins.ask(EVE, "", now=now)

    eve = sign_ins.use(newest("sign_in"), now=now).person

    assert [place.group for place in access.groups(eve, now)] == [cast.globex]


def test_who_was_put_out_stays_out(cast: Cast, now: datetime) -> None:
    set_to(now, enrolment="open")
    Customer.update(email="ada@acme.example").where(Customer.id == cast.acme.customer_id).execute()
    Membership.update(removed_at=now).where(Membership.person == cast.ada).execute()
    sign_ins.ask(cast.ada.email, "", now=now)

    assert access.groups(sign_ins.use(newest("sign_in"), now=now).person, now) == ()


def test_anybody_else_is_a_person_without_a_group(cast: Cast, now: datetime) -> None:
    set_to(now, enrolment="open")
    want_account(EVE, now)

    assert access.groups(confirm(newest("enrol"), now), now) == ()


# --- Forgotten passwords ----------------------------------------------------------------------------------------------


def ask_reset(who: str | Person, now: datetime, by: Any = VISITOR) -> bool:
    return sign_ins.ask_reset(who, by=by, now=now, settings=settings.load())


def test_a_reset_ends_other_sessions_and_tells(cast: Cast, now: datetime) -> None:
    passwords.choose(cast.ada, "the one before now", by=cast.ada, now=now)
    token = sessions.begin(cast.ada, now=now)
    assert ask_reset("ADA@acme.example", now)

    assert confirm(newest("reset"), now + timedelta(minutes=59)) == cast.ada

    assert sessions.find(token, now) is None
    assert kinds() == ["password_changed", "reset", "password_changed"]
    with pytest.raises(LinkUnusable):
        confirm(newest("reset"), now)


def test_a_new_password_ends_the_links_that_would_choose_another(cast: Cast, now: datetime) -> None:
    ask_reset(cast.ada.email, now)
    ask_reset(cast.vic.email, now)
    vics = newest("reset")
    mine = links.sign_in(SignIn.get(SignIn.person == cast.ada).id).rpartition("/")[2]

    passwords.choose(cast.ada, PASSWORD, by=cast.ada, now=now)

    with pytest.raises(LinkUnusable):
        confirm(mine, now)
    assert confirm(vics, now) == cast.vic


def test_a_reset_link_lives_an_hour(cast: Cast, now: datetime) -> None:
    ask_reset(cast.ada.email, now)

    with pytest.raises(LinkUnusable):
        confirm(newest("reset"), now + timedelta(minutes=60))


def test_the_merchant_sends_the_ordinary_one(cast: Cast, now: datetime) -> None:
    assert ask_reset(cast.ada, now, by=cast.root)

    assert (kinds(), Letter.get().to) == (["reset"], "ada@acme.example")
    assert History.get(History.event == "sign_in_asked").actor_kind == "staff"


@pytest.mark.parametrize("email", [EVE, "root@hartwell.example", "nonsense"])
def test_nobody_else_is_mailed(cast: Cast, now: datetime, email: str) -> None:
    let(cast, now, "nowhere.example")  # allowed, but nobody yet

    assert not ask_reset(email, now)

    assert kinds() == []


def test_where_there_are_no_passwords_there_is_no_reset(cast: Cast, now: datetime) -> None:
    set_to(now, sign_in_by="mail")

    assert not ask_reset(cast.ada, now)


def test_a_link_for_one_purpose_does_nothing_else(cast: Cast, now: datetime) -> None:
    ask_reset(cast.ada.email, now)
    sign_ins.ask(cast.ada.email, "", now=now)

    with pytest.raises(LinkUnusable):
        sign_ins.use(newest("reset"), now=now)
    with pytest.raises(LinkUnusable):
        confirm(newest("sign_in"), now)


# --- Invitations and new addresses ------------------------------------------------------------------------------------


def test_an_invitation_makes_a_member_even_where_only_the_invited_come(cast: Cast, now: datetime) -> None:
    set_to(now, enrolment="invited")
    invitations.invite(cast.acme, EVE, "manage", name="Eve", by=cast.root, now=now)

    eve = confirm(newest("invite"), now + timedelta(days=13), "")

    assert [(place.group, place.role) for place in access.groups(eve, now)] == [(cast.acme, "manage")]
    assert eve.password_hash is None
    with pytest.raises(LinkUnusable):
        confirm(newest("invite"), now, "")


def test_a_new_address_is_taken_when_its_link_is_used(cast: Cast, now: datetime) -> None:
    set_to(now, allow_manage_emails=True)
    people.ask_new_email(cast.ada, EVE, by=cast.ada, now=now, settings=settings.load())
    token = sessions.begin(cast.ada, now=now)
    other = sessions.begin(cast.ada, now=now)

    confirm(newest("email"), now, "", keep=sessions.find(token, now))

    assert Person.get_by_id(cast.ada.id).email == EVE
    assert sessions.find(token, now) is not None
    assert sessions.find(other, now) is None
    assert "email_changed" in kinds()


@pytest.mark.parametrize("how", ["password", "temporary", "everywhere", "locked"])
def test_a_change_of_address_ends_with_the_sessions_it_may_have_been_asked_in(
    cast: Cast, now: datetime, how: str
) -> None:
    set_to(now, allow_manage_emails=True)
    people.ask_new_email(cast.ada, EVE, by=cast.ada, now=now, settings=settings.load())
    thiefs = newest("email")

    if how == "password":
        sign_ins.ask_reset(cast.ada, by=cast.ada, now=now, settings=settings.load())
        confirm(newest("reset"), now)
    elif how == "temporary":
        passwords.mail_temporary(cast.ada, by=cast.root, now=now)
    elif how == "everywhere":
        sessions.end_all(cast.ada, now=now, by=history.COMMAND)
    else:
        for _ in range(passwords.LOCK_AFTER):
            passwords.failed(cast.ada, by=VISITOR, now=now)
        passwords.unlock(Person.get_by_id(cast.ada.id), by=cast.root, now=now)

    with pytest.raises(LinkUnusable):
        confirm(thiefs, now, "")
    assert Person.get_by_id(cast.ada.id).email == "ada@acme.example"


def test_an_address_that_became_somebody_elses_is_not_taken(cast: Cast, now: datetime) -> None:
    set_to(now, allow_manage_emails=True)
    people.ask_new_email(cast.ada, EVE, by=cast.ada, now=now, settings=settings.load())
    Person.update(email=EVE).where(Person.id == cast.vic.id).execute()

    with pytest.raises(LinkUnusable):
        confirm(newest("email"), now, "")
    assert Person.get_by_id(cast.ada.id).email == "ada@acme.example"


# --- The same work ----------------------------------------------------------------------------------------------------


def test_a_stopwatch_cannot_tell_whom_we_know(cast: Cast, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    let(cast, now, "listed.example")
    Person.update(locked_at=now).where(Person.id == cast.mallory.id).execute()
    Membership.update(removed_at=now).where(Membership.person == cast.vic).execute()
    names = ["ada@acme.example", "new@listed.example", EVE, "mallory@globex.example", "vic@acme.example", "eve"]
    known, connection, enqueue = settings.load(), database.db.obj, queue_of_jobs.enqueue
    execute = connection.execute_sql
    seen: list[str] = []

    def asked(sql: str, *rest: Any) -> Any:
        seen.append(sql)
        return execute(sql, *rest)

    def nudged(*rest: Any, **more: Any) -> None:
        seen.append("nudge")
        enqueue(*rest, **more)

    monkeypatch.setattr(connection, "execute_sql", asked)
    monkeypatch.setattr(queue_of_jobs, "enqueue", nudged)

    def cost(ask: Any, name: str) -> int:
        seen.clear()
        ask(name)
        return len(seen)

    def guess(name: str) -> None:
        with pytest.raises(WrongCode):
            sign_ins.use_code(name, "000000", now=now, by=VISITOR, settings=known)

    for ask in (
        lambda name: sign_ins.ask(name, "", now=now, by=VISITOR, settings=known),
        lambda name: sign_ins.ask_account("A", name, "", by=VISITOR, now=now, settings=known),
        lambda name: sign_ins.ask_reset(name, by=VISITOR, now=now, settings=known),
        guess,
    ):
        ask("ada@acme.example")  # what is built once is built
        assert len({cost(ask, name) for name in names}) == 1
