from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from billing import access, people
from models import Membership
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
