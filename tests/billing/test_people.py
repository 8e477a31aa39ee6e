from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from billing import access, people
from models import History, Membership, Person, Staff
from tests.cast import Cast


@pytest.mark.parametrize(
    ("typed", "folded"),
    [
        ("Ada@Acme.Example", "ada@acme.example"),
        ("  ada@acme.example\n", "ada@acme.example"),
        ("ada@acme.example.", "ada@acme.example"),
        ("jörg@bücher.example", "jörg@xn--bcher-kva.example"),
        ("a@BÜCHER.example", "a@xn--bcher-kva.example"),
        ("o'hara+bills@acme.example", "o'hara+bills@acme.example"),
    ],
)
def test_an_address_is_kept_in_one_form(typed: str, folded: str) -> None:
    assert people.fold(typed) == folded


@pytest.mark.parametrize(
    "typed",
    [
        *("", "ada", "@acme.example", "ada@", "ada@acme", "ada smith@acme.example", "ada@acme..example"),
        *("a@b@acme.example", "ada@acme.example, vic@acme.example", "ada@acme.example\nBcc: all@acme.example"),
        *("<ada@acme.example>", "ada\x00@acme.example", f"{'a' * 250}@acme.example", "ada@-.example"),
    ],
)
def test_what_cannot_be_an_address_is_refused(typed: str) -> None:
    with pytest.raises(ValueError):
        people.fold(typed)


def test_a_masked_address_shows_its_first_letter_and_domain() -> None:
    assert people.mask("ada@acme.example") == "a•••@acme.example"


def test_a_person_is_found_however_the_address_is_written(cast: Cast) -> None:
    assert people.person_by_email(" ADA@ACME.example") == cast.ada
    assert people.person_by_email("nobody@acme.example") is None
    assert people.person_by_email("not an address") is None


def test_a_new_member_is_a_person_with_a_role(cast: Cast, now: datetime) -> None:
    person = people.make_member("New@Acme.example", cast.acme, Membership.PAY, by=cast.root, now=now)

    assert person.email == "new@acme.example"
    assert [(place.group, place.role) for place in access.groups(person, now)] == [(cast.acme, "pay")]
    assert {row.event for row in History.select()} == {"person_made", "member_made"}


def test_a_member_made_twice_is_there_once(cast: Cast, now: datetime) -> None:
    before = Person.select().count()

    people.make_member("ADA@acme.example", cast.acme, Membership.PAY, by=cast.root, now=now)

    assert Person.select().count() == before
    assert Membership.select().where(Membership.person == cast.ada).count() == 1
    assert History.select().count() == 0


def test_a_role_grows_and_never_shrinks(cast: Cast, now: datetime) -> None:
    people.make_member("vic@acme.example", cast.acme, Membership.PAY, by=cast.root, now=now)
    people.make_member("vic@acme.example", cast.acme, Membership.VIEW, by=cast.root, now=now)

    assert access.role_in(access.groups(cast.vic, now), cast.acme) == "pay"


def test_an_expired_member_is_let_in_again(cast: Cast, now: datetime) -> None:
    Membership.update(expires_at=now - timedelta(days=1)).where(Membership.person == cast.ada).execute()

    people.make_member("ada@acme.example", cast.acme, Membership.VIEW, by=cast.root, now=now)

    assert access.groups(cast.ada, now)


def test_an_expired_member_comes_back_with_the_role_given_now(cast: Cast, now: datetime) -> None:
    Membership.update(expires_at=now - timedelta(days=1)).where(Membership.person == cast.ada).execute()

    people.make_member("ada@acme.example", cast.acme, Membership.VIEW, by=cast.root, now=now)

    assert access.role_in(access.groups(cast.ada, now), cast.acme) == "view"


def test_no_such_role_is_refused(cast: Cast, now: datetime) -> None:
    with pytest.raises(ValueError):
        people.make_member("new@acme.example", cast.acme, "owner", by=cast.root, now=now)

    assert Person.get_or_none(Person.email == "new@acme.example") is None


def test_staff_are_made_once(cast: Cast, now: datetime) -> None:
    people.make_staff("Root@Hartwell.example", by=cast.root, now=now)
    people.make_staff("sue@hartwell.example", name="Sue", by=cast.root, now=now)

    assert [staff.email for staff in Staff.select().order_by(Staff.id)] == [
        "root@hartwell.example",
        "sue@hartwell.example",
    ]
    assert people.staff_by_email("SUE@hartwell.example") == Staff.get(Staff.name == "Sue")
