from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from peewee import IntegrityError

from billing import access, people
from billing.settings import Settings
from database import transaction
from models import AccessDomain, AccessRule, BillingGroup, Membership, Person
from tests.cast import Cast, make_group


def test_a_person_sees_their_groups_and_no_other(cast: Cast, now: datetime) -> None:
    assert [place.group for place in access.groups(cast.ada, now)] == [cast.acme]
    assert access.role_in(access.groups(cast.mallory, now), cast.acme) is None


def test_several_groups_stand_in_the_order_of_their_names(cast: Cast, now: datetime) -> None:
    aardvark = make_group("Aardvark", "C-AARDVARK", now)
    people.make_member("ada@acme.example", aardvark, Membership.VIEW, by=cast.root, now=now)

    assert [(place.group, place.role) for place in access.groups(cast.ada, now)] == [
        (aardvark, "view"),
        (cast.acme, "pay"),
    ]


def test_a_membership_ends_at_its_instant(cast: Cast, now: datetime) -> None:
    Membership.update(expires_at=now + timedelta(hours=1)).where(Membership.person == cast.ada).execute()

    assert access.may_sign_in(cast.ada, now + timedelta(minutes=59))
    assert not access.may_sign_in(cast.ada, now + timedelta(hours=1))
    assert access.groups(cast.ada, now + timedelta(hours=1)) == ()


@pytest.mark.parametrize(
    ("role", "goes"),
    [("view", ["view"]), ("pay", ["view", "pay"]), ("manage", ["view", "pay", "manage"]), (None, [])],
)
def test_view_is_less_than_pay_is_less_than_manage(role: str | None, goes: list[str]) -> None:
    assert [needed for needed in ("view", "pay", "manage") if access.goes_as_far_as(role, needed)] == goes


# --- Rules ------------------------------------------------------------------------------------------------------------


def rule(group: BillingGroup, domain: str, local: str, role: str, now: datetime) -> None:
    kind = AccessDomain.ADDRESS if local else AccessDomain.DOMAIN
    AccessDomain.insert(group=group, domain=domain, kind=kind).on_conflict_ignore().execute()
    AccessRule.create(group=group, domain=domain, kind=kind, local=local, role=role, created_at=now)


def seen_by(person: Person, now: datetime, **settings: Any) -> list[tuple[str, str]]:
    return [(place.group.name, place.role) for place in access.groups(person, now, Settings(**settings))]


def test_a_rule_about_a_domain_lets_its_addresses_in(cast: Cast, now: datetime) -> None:
    rule(cast.globex, "acme.example", "", "view", now)

    assert seen_by(cast.ada, now) == [("Acme Ltd", "pay"), ("Globex GmbH", "view")]
    assert seen_by(cast.mallory, now) == [("Globex GmbH", "pay")]


@pytest.mark.parametrize("domain", ["sub.acme.example", "evilacme.example", "example", "acme.example.org"])
def test_a_rule_about_another_domain_does_not(cast: Cast, now: datetime, domain: str) -> None:
    rule(cast.globex, domain, "", "view", now)

    assert seen_by(cast.ada, now) == [("Acme Ltd", "pay")]


def test_a_rule_about_an_address_lets_only_that_one_in(cast: Cast, now: datetime) -> None:
    rule(cast.globex, "acme.example", "vic", "manage", now)

    assert seen_by(cast.vic, now) == [("Acme Ltd", "view"), ("Globex GmbH", "manage")]
    assert seen_by(cast.ada, now) == [("Acme Ltd", "pay")]


def test_a_membership_goes_before_a_rule_whatever_it_says(cast: Cast, now: datetime) -> None:
    rule(cast.acme, "acme.example", "", "manage", now)

    assert seen_by(cast.vic, now) == [("Acme Ltd", "view")]


def test_somebody_who_was_removed_does_not_come_back_by_a_rule(cast: Cast, now: datetime) -> None:
    rule(cast.acme, "acme.example", "", "manage", now)
    Membership.update(removed_at=now).where(Membership.person == cast.vic).execute()

    assert seen_by(cast.vic, now) == []
    assert not access.may_sign_in(cast.vic, now, Settings())


def test_after_a_pass_is_over_the_rule_speaks(cast: Cast, now: datetime) -> None:
    rule(cast.acme, "acme.example", "", "view", now)
    Membership.update(expires_at=now).where(Membership.person == cast.ada).execute()

    assert seen_by(cast.ada, now) == [("Acme Ltd", "view")]


def test_where_only_invited_people_may_sign_in_no_rule_counts(cast: Cast, now: datetime) -> None:
    rule(cast.globex, "acme.example", "", "view", now)
    invited = Settings(enrolment="invited")

    assert seen_by(cast.ada, now, enrolment="invited") == [("Acme Ltd", "pay")]
    assert access.is_allowed("new@acme.example", now, Settings())
    assert not access.is_allowed("new@acme.example", now, invited)
    assert not access.is_allowed("new@acme.example", now, Settings(), cast.acme)


def test_those_a_rule_lets_in_stand_among_the_members(cast: Cast, now: datetime) -> None:
    rule(cast.globex, "acme.example", "", "view", now)
    Membership.create(person=cast.vic, group=cast.globex, role="pay", created_at=now, removed_at=now)

    assert [(one.email, one.role) for one in access.members(cast.globex, now)] == [
        ("ada@acme.example", "view"),
        ("mallory@globex.example", "pay"),
    ]


def test_who_is_locked_may_not_sign_in_until_staff_or_the_timer_end_it(cast: Cast, now: datetime) -> None:
    cast.ada.locked_at = now
    by_timer = Settings(lockout_ends_by="timer")

    assert not access.may_sign_in(cast.ada, now + timedelta(days=9), Settings())
    assert not access.may_sign_in(cast.ada, now + timedelta(minutes=29), by_timer)
    assert access.may_sign_in(cast.ada, now + timedelta(minutes=30), by_timer)


def test_where_everybody_may_enrol_somebody_without_a_company_may_sign_in(cast: Cast, now: datetime) -> None:
    Membership.delete().where(Membership.person == cast.ada).execute()

    assert access.may_sign_in(cast.ada, now, Settings(enrolment="open"))
    assert not access.may_sign_in(cast.ada, now, Settings())


def test_a_domain_and_an_address_under_it_cannot_both_stand_in_the_database(cast: Cast, now: datetime) -> None:
    rule(cast.acme, "acme.example", "", "view", now)
    with pytest.raises(IntegrityError), transaction():
        AccessRule.create(
            group=cast.acme, domain="acme.example", kind="address", local="ada", role="view", created_at=now
        )
    with pytest.raises(IntegrityError), transaction():
        AccessDomain.create(group=cast.acme, domain="acme.example", kind="address")
