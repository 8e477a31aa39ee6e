from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher

import database
from billing import history, history_shown, links, passwords, sessions, settings, sign_ins
from billing.errors import BadPassword, NotAllowed, SignInRefused
from environ import Environ
from models import History, Letter, Membership, Person, Session, SignIn, Staff
from tests.cast import Cast
from tests.synchronous import Queue
from workers import queue as jobs

PASSWORD = "seven wet umbrellas"
OTHER = "another nine teapots"
VISITOR = history.Actor("visitor", None, "192.0.2.7")


@pytest.fixture(autouse=True)
def _keys(env: Environ) -> None:
    links.configure(env)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id all the same, at a thousandth of its price."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def ada(cast: Cast, now: datetime) -> Person:
    """Ada with a user id and a password; what that took is forgotten."""
    Person.update(user_id="ada.pays").where(Person.id == cast.ada.id).execute()
    passwords.choose(cast.ada, PASSWORD, by=cast.ada, now=now)
    Letter.delete().execute()
    return again(cast.ada)


def again(person: Person) -> Person:
    found: Person = Person.get_by_id(person.id)
    return found


def enter(name: str, password: str, now: datetime) -> passwords.Checked:
    return passwords.check(name, password, by=VISITOR, now=now, settings=settings.load())


def refuse(name: str, password: str, now: datetime, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(SignInRefused) as refusal:
            enter(name, password, now)
        assert (refusal.value.code, refusal.value.values) == ("sign_in_refused", {})


def set_to(now: datetime, **values: Any) -> None:
    settings.save(values, by=history.COMMAND, now=now)


def at_once(count: int, deed: Any) -> None:
    """Do it in so many threads, each with a connection of its own."""

    def run() -> None:
        with database.connection():
            try:
                deed()
            finally:
                database.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# --- Checking ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ada@acme.example", " ADA@Acme.example ", "ada.pays", " Ada.Pays "])
def test_e_mail_and_user_id_sign_in_alike(ada: Person, now: datetime, name: str) -> None:
    checked = enter(name, PASSWORD, now)

    assert (checked.person, checked.temporary) == (ada, False)


def test_only_an_argon2id_hash_is_kept(ada: Person) -> None:
    assert ada.password_hash.startswith("$argon2id$")
    assert PASSWORD not in str(list(History.select().dicts())) + str(list(Letter.select().dicts()))


def test_keyboards_that_write_a_letter_in_two_ways_write_one_password(cast: Cast, now: datetime) -> None:
    passwords.choose(cast.ada, "ünder thé bridge", by=cast.ada, now=now)

    assert enter("ada@acme.example", "u\u0308nder the\u0301 bridge", now)


def test_where_customers_sign_in_by_mail_alone_no_password_does(ada: Person, now: datetime) -> None:
    set_to(now, sign_in_by="mail")

    refuse("ada@acme.example", PASSWORD, now)


def test_who_sees_no_group_any_more_is_refused(ada: Person, now: datetime) -> None:
    Membership.update(removed_at=now).where(Membership.person == ada).execute()
    refuse("ada@acme.example", PASSWORD, now)

    set_to(now, enrolment="open")
    assert enter("ada@acme.example", PASSWORD, now)


def test_a_right_password_begins_the_count_anew(ada: Person, now: datetime) -> None:
    refuse("ada@acme.example", "wrong", now, 9)
    assert again(ada).failed_sign_ins == 9

    enter("ada@acme.example", PASSWORD, now)

    assert again(ada).failed_sign_ins == 0


def test_a_password_longer_than_any_is_not_cut(cast: Cast, now: datetime) -> None:
    longest = "".join(chr(97 + at * 7 % 23) for at in range(256))
    passwords.choose(cast.ada, longest, by=cast.ada, now=now)

    refuse("ada@acme.example", longest + "x", now)
    assert enter("ada@acme.example", longest, now)


def test_every_refusal_is_in_the_history_with_where_it_came_from(ada: Person, now: datetime) -> None:
    refuse("ada@acme.example", "wrong", now)
    refuse("nobody@acme.example", "wrong", now)
    Person.update(locked_at=now).where(Person.id == ada.id).execute()
    refuse("ada@acme.example", "wrong", now)

    rows = list(History.select().where(History.event == "sign_in_refused").order_by(History.id))
    assert [(row.subject_id, row.actor_kind, row.details["because"], "from" in row.details) for row in rows] == [
        (ada.id, "visitor", "wrong_password", True),
        (0, "visitor", "unknown_name", True),
        (ada.id, "visitor", "locked", True),
    ]


def test_whose_password_was_right_is_who_did_it(ada: Person, now: datetime) -> None:
    enter("ada@acme.example", PASSWORD, now)
    row = History.get(History.event == "password_accepted")
    assert (row.actor_kind, row.actor_id) == ("person", ada.id)
    assert [line.event for line in history_shown.of(ada)] == ["password_set"]


# --- The lock ---------------------------------------------------------------------------------------------------------


def test_ten_wrong_ones_lock_and_the_right_one_is_refused_in_the_same_words(
    ada: Person, now: datetime, queue: Queue
) -> None:
    token = sessions.begin(ada, now=now)

    refuse("ada.pays", "wrong", now, 10)

    assert again(ada).locked_at == now
    assert sessions.find(token, now) is None
    assert Session.get().ended_because == sessions.LOCKED
    refuse("ada@acme.example", PASSWORD, now)
    letter = Letter.get(Letter.kind == "locked")
    assert (letter.to, letter.cause) == (ada.email, f"locked person {ada.id} {now.isoformat()}")
    assert ("workers.letters.send", (letter.id,)) in [(job.name, job.args) for job in queue.jobs]
    assert History.select().where(History.event == "locked", History.subject_id == ada.id).count() == 1


def test_the_owner_is_told_once_a_lock(ada: Person, cast: Cast, now: datetime) -> None:
    refuse("ada@acme.example", "wrong", now, 25)
    assert Letter.select().where(Letter.kind == "locked").count() == 1

    passwords.unlock(ada, by=cast.root, now=now)
    refuse("ada@acme.example", "wrong", now + timedelta(minutes=1), 10)
    assert Letter.select().where(Letter.kind == "locked").count() == 2


def test_wrong_ones_at_once_lock_once(ada: Person, now: datetime) -> None:
    at_once(14, lambda: refuse("ada@acme.example", "wrong", now))

    assert (again(ada).failed_sign_ins, again(ada).locked_at) == (10, now)
    assert Letter.select().where(Letter.kind == "locked").count() == 1


def test_a_lock_stays_until_staff_end_it(ada: Person, cast: Cast, now: datetime) -> None:
    refuse("ada@acme.example", "wrong", now, 10)
    refuse("ada@acme.example", PASSWORD, now + timedelta(days=9))

    assert passwords.unlock(ada, by=cast.root, now=now)

    assert enter("ada@acme.example", PASSWORD, now)
    assert not passwords.unlock(ada, by=cast.root, now=now)
    assert History.select().where(History.event == "unlocked", History.actor_kind == "staff").count() == 1


def test_a_timer_ends_it_after_thirty_minutes_and_the_count_begins_anew(ada: Person, now: datetime) -> None:
    set_to(now, lockout_ends_by="timer")
    refuse("ada@acme.example", "wrong", now, 10)
    refuse("ada@acme.example", PASSWORD, now + timedelta(minutes=29))

    later = now + timedelta(minutes=30)
    refuse("ada@acme.example", "wrong", later)
    assert (again(ada).failed_sign_ins, again(ada).locked_at) == (1, None)
    assert enter("ada@acme.example", PASSWORD, later)


@pytest.mark.parametrize("purpose", [SignIn.SIGN_IN, SignIn.RESET, SignIn.ENROL, SignIn.INVITE, SignIn.EMAIL])
def test_no_link_opens_a_lock(ada: Person, cast: Cast, now: datetime, purpose: str) -> None:
    settings.save({"allow_manage_emails": True}, by=history.COMMAND, now=now)
    row = sign_ins.make(purpose, email=ada.email, person=ada, group=cast.acme, role="pay", now=now)
    assert sign_ins.is_usable(sign_ins.peek(links.sign_in(row.id).rpartition("/")[2]), now)

    refuse("ada@acme.example", "wrong", now, 10)

    assert not sign_ins.is_usable(sign_ins.peek(links.sign_in(row.id).rpartition("/")[2]), now)


def test_who_is_locked_out_gets_no_link_and_no_reset(ada: Person, now: datetime) -> None:
    refuse("ada@acme.example", "wrong", now, 10)

    sign_ins.ask(ada.email, "", now=now)
    sign_ins.ask_account("Ada", ada.email, "", by=VISITOR, now=now, settings=settings.load())
    assert not sign_ins.ask_reset(ada.email, by=VISITOR, now=now, settings=settings.load())

    assert [letter.kind for letter in Letter.select()] == ["locked"]


def test_staff_are_locked_out_too(cast: Cast, now: datetime) -> None:
    passwords.choose(cast.root, PASSWORD, by=cast.root, now=now)
    for _ in range(10):
        with pytest.raises(SignInRefused):
            passwords.check_staff(cast.root.email, "wrong", by=VISITOR, now=now, settings=settings.load())

    with pytest.raises(SignInRefused):
        passwords.check_staff(cast.root.email, PASSWORD, by=VISITOR, now=now, settings=settings.load())
    assert Letter.select().where(Letter.kind == "locked", Letter.staff == cast.root).count() == 1

    sign_ins.reset(cast.root, by=history.COMMAND, now=now)
    assert (Staff.get().locked_at, Staff.get().password_hash) == (None, None)


def test_a_removed_member_of_staff_is_nobody(cast: Cast, now: datetime) -> None:
    passwords.choose(cast.root, PASSWORD, by=cast.root, now=now)
    Staff.update(removed_at=now).execute()

    with pytest.raises(SignInRefused):
        passwords.check_staff(cast.root.email, PASSWORD, by=VISITOR, now=now, settings=settings.load())


# --- The same work ----------------------------------------------------------------------------------------------------


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, list[Any]]]:
    """What a check costs: Argon2 runs, statements, transactions, nudges of the queue."""
    seen: dict[str, list[Any]] = {"argon2": [], "sql": [], "begun": [], "nudged": []}

    def noted(name: str, real: Any) -> Any:
        def run(*given: Any, **more: Any) -> Any:
            seen[name].append(given)
            return real(*given, **more)

        return run

    verify, connection = passwords._hasher.verify, database.db.obj
    with monkeypatch.context() as patch:
        patch.setattr(type(passwords._hasher), "verify", noted("argon2", lambda _, *given: verify(*given)))
        patch.setattr(connection, "execute_sql", noted("sql", connection.execute_sql))
        patch.setattr(connection, "begin", noted("begun", connection.begin))
        patch.setattr(jobs, "enqueue", noted("nudged", jobs.enqueue))
        yield seen


def cost(monkeypatch: pytest.MonkeyPatch, deed: Any) -> dict[str, int]:
    with counted(monkeypatch) as seen:
        deed()
    return {name: len(rows) for name, rows in seen.items()}


@pytest.mark.parametrize("ends_by", ["staff", "timer"])
def test_a_stopwatch_cannot_tell_why_a_password_is_refused(
    ada: Person, cast: Cast, now: datetime, monkeypatch: pytest.MonkeyPatch, ends_by: str
) -> None:
    set_to(now, lockout_ends_by=ends_by)
    refuse("ada@acme.example", "wrong", now)  # what is built once is built
    Person.update(locked_at=now, password_hash=ada.password_hash).where(Person.id == cast.mallory.id).execute()
    temporary = passwords.temporary_of("n")
    Person.update(password_hash=passwords._hasher.hash(temporary), password_temporary_until=now).where(
        Person.email == "vic@acme.example"
    ).execute()
    none = Person.create(public_id="NONE", email="none@acme.example", name="None", created_at=now)
    Membership.create(person=none, group=cast.acme, role="pay", created_at=now)

    of = {
        "wrong": lambda: refuse("ada@acme.example", "wrong", now),
        "wrong, by user id": lambda: refuse("ada.pays", "wrong", now),
        "unknown": lambda: refuse("eve@evil.example", PASSWORD, now),
        "unknown user id": lambda: refuse("eve", PASSWORD, now),
        "no password": lambda: refuse("none@acme.example", PASSWORD, now),
        "locked, right": lambda: refuse("mallory@globex.example", PASSWORD, now),
        "locked, wrong": lambda: refuse("mallory@globex.example", "wrong", now),
        "temporary, too old": lambda: refuse("vic@acme.example", temporary, now),
        "too long": lambda: refuse("ada@acme.example", "x" * 999, now),
    }
    costs = {name: cost(monkeypatch, deed) for name, deed in of.items()}

    usual = costs["unknown"]
    assert usual["argon2"] == usual["nudged"] == 1
    assert costs == dict.fromkeys(costs, usual)


def test_the_one_that_locks_costs_what_the_others_do(
    ada: Person, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse("ada@acme.example", "wrong", now, 8)

    ninth = cost(monkeypatch, lambda: refuse("ada@acme.example", "wrong", now))
    tenth = cost(monkeypatch, lambda: refuse("ada@acme.example", "wrong", now))

    assert again(ada).locked_at == now
    assert tenth == ninth


# --- Choosing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("", "too_short"),
        ("elevenchars", "too_short"),
        ("x" * 257, "too_long"),
        ("aaaaaaaaaaaa", "too_common"),
        ("abababababab", "too_common"),
        ("123456789012", "too_common"),
        ("qwertyuiop[]1", "too_common"),
        ("password1234", "too_common"),
        ("P@ssw0rd2026!", "too_common"),
        ("passwordpassword", "too_common"),
        ("Summer2026!!!", "too_common"),
        ("ada@acme.example", "too_close"),
        ("ADA@ACME.EXAMPLE1", "too_close"),
        ("ada.pays.2026", "too_close"),
        ("Hartwell2026!", "too_close"),
        ("hartwell-hartwell", "too_close"),
        ("Acme Acme 1234", "too_close"),
    ],
)
def test_a_password_that_is_guessed_first_is_not_taken(ada: Person, now: datetime, password: str, code: str) -> None:
    set_to(now, business_name="Hartwell")

    with pytest.raises(BadPassword) as refusal:
        passwords.choose(ada, password, by=ada, now=now)

    assert refusal.value.code == code
    assert enter("ada@acme.example", PASSWORD, now)


@pytest.mark.parametrize(
    "password", ["correct horse battery", "839201748362", "x7Gk2mQp9LzT", "my password is a poem", "ünder der brücke"]
)
def test_any_other_of_twelve_characters_is(ada: Person, now: datetime, password: str) -> None:
    passwords.choose(ada, password, by=ada, now=now)

    assert enter("ada@acme.example", password, now)


def test_a_new_password_signs_every_other_browser_out_and_its_owner_is_told(
    ada: Person, now: datetime, queue: Queue
) -> None:
    kept, other = sessions.begin(ada, now=now), sessions.begin(ada, now=now)

    passwords.choose(ada, OTHER, by=ada, now=now, keep=sessions.find(kept, now))

    assert sessions.find(kept, now) is not None
    assert sessions.find(other, now) is None
    assert (Letter.get().kind, Letter.get().to) == ("password_changed", ada.email)
    assert again(ada).password_changed_at == now
    refuse("ada@acme.example", PASSWORD, now)
    assert enter("ada@acme.example", OTHER, now)


# --- The merchant's temporary password --------------------------------------------------------------------------------


def mailed(person: Person, cast: Cast, now: datetime) -> str:
    passwords.mail_temporary(person, by=cast.root, now=now)
    letter = Letter.select().where(Letter.kind == "temporary_password").order_by(Letter.id.desc()).get()
    return passwords.temporary_of(letter.details["nonce"])


def test_a_temporary_password_signs_in_once(ada: Person, cast: Cast, now: datetime) -> None:
    token = sessions.begin(ada, now=now)

    temporary = mailed(ada, cast, now)

    assert sessions.find(token, now) is None
    refuse("ada@acme.example", PASSWORD, now)
    checked = enter("ada.pays", temporary, now + timedelta(hours=23))
    assert (checked.person, checked.temporary) == (ada, True)
    refuse("ada.pays", temporary, now + timedelta(hours=23))


def test_it_ends_after_a_day(ada: Person, cast: Cast, now: datetime) -> None:
    temporary = mailed(ada, cast, now)

    refuse("ada@acme.example", temporary, now + timedelta(hours=24))


def test_the_newer_one_replaces_the_older_and_its_letter(ada: Person, cast: Cast, now: datetime) -> None:
    older, newer = mailed(ada, cast, now), mailed(ada, cast, now)

    refuse("ada@acme.example", older, now)
    assert enter("ada@acme.example", newer, now).temporary
    states = [letter.state for letter in Letter.select().order_by(Letter.id)]
    assert states == [Letter.DROPPED, Letter.QUEUED]


def test_it_unlocks(ada: Person, cast: Cast, now: datetime) -> None:
    refuse("ada@acme.example", "wrong", now, 10)

    assert enter("ada@acme.example", mailed(ada, cast, now), now).temporary


def test_two_presses_with_it_let_one_in(ada: Person, cast: Cast, now: datetime) -> None:
    temporary = mailed(ada, cast, now)
    came_in: list[Person] = []

    def press() -> None:
        try:
            came_in.append(enter("ada@acme.example", temporary, now).person)
        except SignInRefused:
            pass

    at_once(6, press)

    assert came_in == [ada]


def test_it_stands_nowhere_but_in_the_letter(ada: Person, cast: Cast, now: datetime) -> None:
    temporary = mailed(ada, cast, now)

    assert len(temporary) == 19
    for table in (Letter, Person, History):
        assert temporary not in str(list(table.select().dicts()))


def test_it_cannot_be_chosen(ada: Person, cast: Cast, now: datetime) -> None:
    temporary = mailed(ada, cast, now)
    enter("ada@acme.example", temporary, now)

    with pytest.raises(BadPassword) as refusal:
        passwords.choose(again(ada), temporary, by=ada, now=now)
    assert refusal.value.code == "same_as_temporary"

    passwords.choose(again(ada), OTHER, by=ada, now=now)
    assert not enter("ada@acme.example", OTHER, now).temporary


def test_there_is_none_where_there_are_no_passwords(ada: Person, cast: Cast, now: datetime) -> None:
    set_to(now, sign_in_by="mail")

    with pytest.raises(NotAllowed):
        passwords.mail_temporary(ada, by=cast.root, now=now)
