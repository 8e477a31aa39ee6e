from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import pytest

from billing import access, history, invitations, people
from billing.errors import BadRule, NotAllowed
from billing.settings import Settings
from models import (
    AccessDomain,
    AccessRule,
    BillingGroup,
    History,
    Letter,
    Membership,
    Person,
    SignIn,
    Staff,
)
from tests.billing.test_two_at_once import at_once
from tests.cast import Cast

NEW = "new@acme.example"
VISITOR = history.Actor("visitor", None, "192.0.2.7")


def place(email: str, group: BillingGroup, now: datetime) -> str | None:
    person = people.person_by_email(email)
    return access.role_in(access.groups(person, now), group) if person else None


def asked(cast: Cast, now: datetime, role: str = "pay", email: str = NEW, by: Staff | Person | None = None) -> SignIn:
    return invitations.invite(cast.acme, email, role, name="Nora", by=by or cast.root, now=now)


def open_to(cast: Cast, now: datetime) -> list[str]:
    return [one.email for one in invitations.open_of(cast.acme, now)]


def test_an_invitation_is_a_letter_and_nobody_is_let_in_yet(cast: Cast, now: datetime) -> None:
    row = asked(cast, now, email=" NEW@acme.example")

    letter = Letter.get()
    assert (letter.kind, letter.to, letter.details) == ("invitation", NEW, {"sign_in": row.id})
    assert people.person_by_email(NEW) is None
    assert open_to(cast, now) == [NEW]


def test_who_takes_it_up_is_a_person_with_that_role(cast: Cast, now: datetime) -> None:
    until = now + timedelta(days=60)
    row = invitations.invite(cast.acme, NEW, "view", name="Nora", until=until, by=cast.root, now=now)

    person = invitations.accept(row, by=VISITOR, now=now)

    assert (person.email, person.name) == (NEW, "Nora")
    assert place(NEW, cast.acme, now) == "view"
    assert place(NEW, cast.acme, until) is None
    assert [line.event for line in History.select().order_by(History.id)] == [
        "invited",
        "person_made",
        "member_made",
        "invitation_accepted",
    ]
    last = History.select().order_by(History.id.desc()).get()
    assert (last.actor_kind, last.actor_id) == ("person", person.id)
    assert "from" in last.details


def test_it_lives_two_weeks(cast: Cast, now: datetime) -> None:
    asked(cast, now)
    assert open_to(cast, now + timedelta(days=14) - timedelta(seconds=1)) == [NEW]
    assert open_to(cast, now + timedelta(days=14)) == []


def test_the_newest_replaces_the_older_ones(cast: Cast, now: datetime) -> None:
    first = asked(cast, now)
    later = now + timedelta(hours=1)

    second = invitations.resend(first, by=cast.root, now=later)

    assert second is not None
    assert SignIn.get_by_id(first.id).replaced_at == later
    assert [one.id for one in invitations.open_of(cast.acme, later)] == [second.id]
    assert (second.name, second.role, second.link_expires_at) == ("Nora", "pay", later + timedelta(days=14))
    assert invitations.resend(first, by=cast.root, now=later) is None
    assert Letter.select().count() == 2


def test_another_group_or_another_address_is_left_alone(cast: Cast, now: datetime) -> None:
    asked(cast, now)
    asked(cast, now, email="nick@acme.example")
    invitations.invite(cast.globex, NEW, "view", by=cast.root, now=now)

    assert sorted(open_to(cast, now)) == [NEW, "nick@acme.example"]


def test_a_withdrawn_one_is_over(cast: Cast, now: datetime) -> None:
    row = asked(cast, now)

    assert invitations.withdraw(row, by=cast.root, now=now)
    assert not invitations.withdraw(row, by=cast.root, now=now)

    assert open_to(cast, now) == []
    assert invitations.resend(row, by=cast.root, now=now) is None


@pytest.mark.parametrize("role", ["view", "pay"])
def test_only_who_manages_the_group_invites(cast: Cast, now: datetime, role: str) -> None:
    row = asked(cast, now)
    Membership.update(role=role).where(Membership.person == cast.ada).execute()
    Membership.update(role="manage").where(Membership.person == cast.mallory).execute()
    for by in (cast.ada, cast.mallory):
        with pytest.raises(NotAllowed):
            asked(cast, now, "view", email="other@acme.example", by=by)
        with pytest.raises(NotAllowed):
            invitations.withdraw(row, by=by, now=now)
    assert open_to(cast, now) == [NEW]


def test_a_manager_invites(cast: Cast, now: datetime) -> None:
    Membership.update(role="manage").where(Membership.person == cast.ada).execute()

    asked(cast, now, "manage", by=cast.ada)

    assert open_to(cast, now) == [NEW]
    line = History.get()
    assert (line.subject_kind, line.event, line.actor_id) == ("sign_in", "invited", cast.ada.id)


def test_after_the_contract_ended_nobody_is_invited_and_nobody_loses_a_thing(cast: Cast, now: datetime) -> None:
    row = asked(cast, now)
    BillingGroup.update(contract_ended_on=now.date()).where(BillingGroup.id == cast.acme.id).execute()

    with pytest.raises(BadRule) as refused:
        asked(cast, now, email="other@acme.example")

    assert refused.value.code == "contract_ended"
    invitations.accept(row, by=VISITOR, now=now)
    assert place(NEW, cast.acme, now) == "pay"


def test_an_address_or_role_that_is_none_is_refused(cast: Cast, now: datetime) -> None:
    for email, role in (("not an address", "pay"), (NEW, "owner")):
        with pytest.raises(ValueError):
            asked(cast, now, role, email=email)
    assert SignIn.select().count() == 0


def test_a_greater_role_stays(cast: Cast, now: datetime) -> None:
    invitations.accept(asked(cast, now, "view", email=cast.ada.email), by=VISITOR, now=now)
    assert place(cast.ada.email, cast.acme, now) == "pay"


def test_a_lower_role_rises(cast: Cast, now: datetime) -> None:
    invitations.accept(asked(cast, now, "manage", email=cast.vic.email), by=VISITOR, now=now)
    assert place(cast.vic.email, cast.acme, now) == "manage"


def test_a_pass_is_made_longer_and_never_shorter(cast: Cast, now: datetime) -> None:
    def until(email: str) -> datetime | None:
        found: Membership = Membership.get(Membership.person == people.person_by_email(email))
        end: datetime | None = found.expires_at
        return end

    short, long = now + timedelta(days=1), now + timedelta(days=9)
    for end, left in ((short, short), (long, long), (short, long), (None, None), (short, None)):
        row = invitations.invite(cast.acme, NEW, "view", until=end, by=cast.root, now=now)
        invitations.accept(row, by=VISITOR, now=now)
        SignIn.update(used_at=now).execute()
        assert until(NEW) == left


def test_an_invitation_brings_back_who_was_removed(cast: Cast, now: datetime) -> None:
    people.remove(cast.vic, cast.acme, by=cast.root, now=now, settings=Settings())

    invitations.accept(asked(cast, now, "view", email=cast.vic.email), by=VISITOR, now=now)

    assert place(cast.vic.email, cast.acme, now) == "view"


def test_removing_somebody_withdraws_what_is_on_its_way_to_them(cast: Cast, now: datetime) -> None:
    asked(cast, now, "manage", email=cast.vic.email)

    people.remove(cast.vic, cast.acme, by=cast.root, now=now, settings=Settings())

    assert open_to(cast, now) == []


def test_what_a_rule_gives_is_not_lowered(cast: Cast, now: datetime) -> None:
    AccessDomain.create(group=cast.acme, domain="globex.example", kind="domain")
    AccessRule.create(group=cast.acme, domain="globex.example", kind="domain", role="manage", created_at=now)

    invitations.accept(asked(cast, now, "view", email=cast.mallory.email), by=VISITOR, now=now)

    assert place(cast.mallory.email, cast.acme, now) == "manage"


def test_two_who_invite_the_same_at_once_make_one(cast: Cast, now: datetime) -> None:
    for turn in range(6):
        email = f"new{turn}@acme.example"
        ends = at_once(*[partial(asked, cast, now, "pay", email)] * 3)
        assert len({end.id for end in ends}) == 1
        assert Letter.select().where(Letter.to == email).count() == 1


def test_two_who_invite_differently_at_once_leave_one_open(cast: Cast, now: datetime) -> None:
    for turn in range(6):
        email = f"new{turn}@acme.example"
        at_once(*(partial(asked, cast, now, role, email) for role in ("view", "pay", "manage")))
        assert open_to(cast, now).count(email) == 1


def test_an_invitation_of_another_group_is_not_found(cast: Cast, now: datetime) -> None:
    row = asked(cast, now)
    assert invitations.one(cast.acme, row.id) == row
    assert invitations.one(cast.globex, row.id) is None
    assert invitations.one(cast.acme, 2**40) is None
    link = SignIn.create(person=cast.ada, group=cast.acme, created_at=now, link_expires_at=now)
    assert invitations.one(cast.acme, link.id) is None
