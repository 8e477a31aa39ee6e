from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from billing import access, history, invitations, people, sessions
from billing.errors import LastManager, NotAllowed, UserIdTaken
from billing.settings import Settings
from models import (
    AccessDomain,
    AccessRule,
    BillingGroup,
    History,
    Letter,
    Membership,
    Person,
    Session,
    SignIn,
    Staff,
)
from tests.billing.test_two_at_once import at_once
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
        *("ad\u200ba@acme.example", "\u202eada@acme.example", "ada\x7f@acme.example"),
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


# --- Memberships ------------------------------------------------------------------------------------------------------


def place(person: Person, group: BillingGroup, now: datetime, **settings: Any) -> str | None:
    return access.role_in(access.groups(person, now, Settings(**settings)), group)


def put_out(cast: Cast, person: Person, now: datetime, by: Person | Staff | None = None) -> bool:
    return people.remove(person, cast.acme, by=by or cast.root, now=now, settings=Settings())


def membership(person: Person, group: BillingGroup) -> Membership:
    found: Membership = Membership.get(Membership.person == person, Membership.group == group)
    return found


def make_manager(person: Person) -> Person:
    Membership.update(role="manage").where(Membership.person == person).execute()
    return person


def rule(group: BillingGroup, domain: str, role: str, now: datetime) -> None:
    AccessDomain.create(group=group, domain=domain, kind="domain")
    AccessRule.create(group=group, domain=domain, kind="domain", role=role, created_at=now)


def told() -> list[tuple[str, str | None, int | None]]:
    return [(row.event, row.actor_kind, row.actor_id) for row in History.select().order_by(History.id)]


def test_a_role_is_changed_and_may_end(cast: Cast, now: datetime) -> None:
    until = now + timedelta(days=30)

    assert people.change_role(membership(cast.ada, cast.acme), "view", until, by=cast.root, now=now)

    assert place(cast.ada, cast.acme, now) == "view"
    assert place(cast.ada, cast.acme, until) is None
    assert told() == [("role_changed", "staff", cast.root.id)]
    assert History.get().details == {"before": "pay", "role": "view", "until": until.isoformat()}


def test_the_same_role_again_is_no_change(cast: Cast, now: datetime) -> None:
    assert not people.change_role(membership(cast.ada, cast.acme), "pay", None, by=cast.root, now=now)
    assert told() == []


def test_somebody_a_rule_let_in_is_given_a_role_of_their_own(cast: Cast, now: datetime) -> None:
    rule(cast.globex, "acme.example", "view", now)

    assert people.give_role(cast.ada, cast.globex, "pay", None, by=cast.root, now=now)

    assert place(cast.ada, cast.globex, now) == "pay"


def test_a_stranger_to_the_group_is_given_no_role(cast: Cast, now: datetime) -> None:
    with pytest.raises(NotAllowed):
        people.give_role(cast.mallory, cast.acme, "view", None, by=cast.root, now=now)


@pytest.mark.parametrize("role", ["view", "pay"])
def test_only_managers_change_what_others_may(cast: Cast, now: datetime, role: str) -> None:
    Membership.update(role=role).where(Membership.person == cast.ada).execute()
    for do in (
        lambda: people.give_role(cast.vic, cast.acme, "manage", None, by=cast.ada, now=now),
        lambda: put_out(cast, cast.vic, now, cast.ada),
        lambda: put_out(cast, cast.vic, now, make_manager(cast.mallory)),  # of another company
    ):
        with pytest.raises(NotAllowed):
            do()
    assert place(cast.vic, cast.acme, now) == "view"


def test_a_removed_person_has_no_place_and_is_signed_out(cast: Cast, now: datetime) -> None:
    sessions.begin(cast.vic, now=now)

    assert put_out(cast, cast.vic, now)
    assert not put_out(cast, cast.vic, now)

    assert place(cast.vic, cast.acme, now) is None
    assert Session.get().ended_because == sessions.REMOVED
    assert [event for event, *_ in told()][-2:] == ["member_removed", "sessions_ended"]


def test_who_still_has_another_place_stays_signed_in(cast: Cast, now: datetime) -> None:
    people.make_member(cast.vic.email, cast.globex, "view", by=cast.root, now=now)
    sessions.begin(cast.vic, now=now)

    put_out(cast, cast.vic, now)

    assert Session.get().ended_at is None


def test_somebody_a_rule_let_in_is_shut_out_by_a_row(cast: Cast, now: datetime) -> None:
    rule(cast.globex, "acme.example", "pay", now)

    assert people.remove(cast.ada, cast.globex, by=cast.root, now=now, settings=Settings())

    assert place(cast.ada, cast.globex, now) is None
    assert place(cast.vic, cast.globex, now) == "pay"


def test_nothing_is_made_of_removing_who_has_no_place(cast: Cast, now: datetime) -> None:
    assert not put_out(cast, cast.mallory, now)
    assert Membership.select().where(Membership.person == cast.mallory).count() == 1


def test_sending_does_not_bring_back_who_was_removed(cast: Cast, now: datetime) -> None:
    put_out(cast, cast.vic, now)

    people.make_member(cast.vic.email, cast.acme, "pay", by=cast.root, now=now)

    assert place(cast.vic, cast.acme, now) is None


def test_who_was_removed_comes_back_as_they_were(cast: Cast, now: datetime) -> None:
    put_out(cast, cast.vic, now)

    assert people.bring_back(cast.vic, cast.acme, by=cast.root, now=now)
    assert not people.bring_back(cast.vic, cast.acme, by=cast.root, now=now)

    assert place(cast.vic, cast.acme, now) == "view"


def test_the_last_manager_neither_leaves_nor_lowers_themself(cast: Cast, now: datetime) -> None:
    ada = make_manager(cast.ada)
    for role, until in (("pay", None), ("manage", now + timedelta(days=1))):
        with pytest.raises(LastManager):
            people.give_role(ada, cast.acme, role, until, by=ada, now=now)
    with pytest.raises(LastManager):
        put_out(cast, ada, now, ada)
    assert place(ada, cast.acme, now) == "manage"


def test_with_a_second_manager_the_first_may_go(cast: Cast, now: datetime) -> None:
    ada, _ = make_manager(cast.ada), make_manager(cast.vic)

    assert put_out(cast, ada, now, ada)


def test_a_manager_by_a_rule_is_one(cast: Cast, now: datetime) -> None:
    ada = make_manager(cast.ada)
    Membership.delete().where(Membership.person == cast.vic).execute()
    rule(cast.acme, "acme.example", "manage", now)

    assert people.give_role(ada, cast.acme, "view", None, by=ada, now=now)


def test_staff_may_put_out_the_last_manager(cast: Cast, now: datetime) -> None:
    assert put_out(cast, make_manager(cast.ada), now)


def test_two_managers_who_put_each_other_out_at_once_leave_one(cast: Cast, now: datetime) -> None:
    for _ in range(6):
        Membership.update(role="manage", removed_at=None).where(Membership.group == cast.acme).execute()
        at_once(
            lambda: put_out(cast, cast.vic, now, cast.ada),
            lambda: put_out(cast, cast.ada, now, cast.vic),
        )
        assert len([one for one in (cast.ada, cast.vic) if place(one, cast.acme, now)]) == 1


def test_the_list_of_a_group_says_who_is_in_and_who_was(cast: Cast, now: datetime) -> None:
    rule(cast.acme, "globex.example", "view", now)
    put_out(cast, cast.vic, now)
    people.change_role(membership(cast.ada, cast.acme), "view", now + timedelta(days=1), by=cast.root, now=now)

    def shown(at: datetime) -> list[tuple[str, str, bool]]:
        return [(one.email, one.state, one.by_rule) for one in people.people_of_group(cast.acme, at, Settings())]

    assert shown(now) == [
        ("ada@acme.example", "in", False),
        ("mallory@globex.example", "in", True),
        ("vic@acme.example", "removed", False),
    ]
    assert shown(now + timedelta(days=2))[1:] == [
        ("ada@acme.example", "ended", False),
        ("vic@acme.example", "removed", False),
    ]


def test_a_group_knows_only_its_own_people(cast: Cast, now: datetime) -> None:
    assert people.one_of_group(cast.acme, cast.vic.public_id, now, Settings()) == cast.vic
    assert people.one_of_group(cast.acme, cast.mallory.public_id, now, Settings()) is None
    assert people.one_of_group(cast.acme, "\0", now, Settings()) is None


# --- Names and addresses ----------------------------------------------------------------------------------------------


def test_a_name_is_one_line_and_never_empty(cast: Cast, now: datetime) -> None:
    people.rename(cast.ada, "  Ada\x00\n Lovelace ", by=cast.root, now=now)
    assert Person.get_by_id(cast.ada.id).name == "Ada Lovelace"
    people.rename(cast.ada, " ", by=cast.root, now=now)
    assert Person.get_by_id(cast.ada.id).name == "ada@acme.example"


@pytest.mark.parametrize(
    ("typed", "kept"), [(" Ada.B-1_ ", "ada.b-1_"), ("ＡＤＡ", "ada"), ("a" * 64, "a" * 64), ("  ", None)]
)
def test_a_user_id_is_kept_in_one_form(cast: Cast, now: datetime, typed: str, kept: str | None) -> None:
    people.set_user_id(cast.ada, typed, by=cast.ada, now=now)
    assert Person.get_by_id(cast.ada.id).user_id == kept


@pytest.mark.parametrize("typed", ["ab", "a" * 65, "ada@acme", "ada b", "аda", "ada\0", "ada\nvic", "ada'--"])
def test_what_cannot_be_a_user_id_is_refused(cast: Cast, now: datetime, typed: str) -> None:
    with pytest.raises(UserIdTaken) as refused:
        people.set_user_id(cast.ada, typed, by=cast.ada, now=now)
    assert refused.value.code == "cannot_be"


def test_a_user_id_is_one_persons_whatever_its_case(cast: Cast, now: datetime) -> None:
    people.set_user_id(cast.ada, "boss", by=cast.ada, now=now)
    with pytest.raises(UserIdTaken) as refused:
        people.set_user_id(cast.vic, "BOSS", by=cast.vic, now=now)
    assert refused.value.code == "taken"
    assert not people.set_user_id(cast.ada, "Boss", by=cast.ada, now=now)


def test_of_two_who_choose_a_user_id_at_once_one_gets_it(cast: Cast, now: datetime) -> None:
    for turn in range(6):
        ends = at_once(
            *(
                partial(people.set_user_id, Person.get_by_id(who.id), f"boss{turn}", by=who, now=now)
                for who in (cast.ada, cast.vic, cast.mallory)
            )
        )
        assert sum(end is True for end in ends) == 1
        assert sum(isinstance(end, UserIdTaken) for end in ends) == 2


def test_a_changed_address_signs_out_spoils_old_links_and_tells_the_old_one(cast: Cast, now: datetime) -> None:
    sessions.begin(cast.ada, now=now)
    acting = sessions.find(sessions.begin(cast.ada, now=now), now)
    links = [
        SignIn.create(created_at=now, link_expires_at=now + timedelta(minutes=30), **whose)
        for whose in ({"person": cast.ada}, {"email": cast.ada.email, "purpose": SignIn.INVITE})
    ]

    assert people.change_email(cast.ada, "Ada@New.example", by=cast.root, now=now, but=acting)

    assert Person.get_by_id(cast.ada.id).email == "ada@new.example"
    assert [row.ended_at for row in Session.select().order_by(Session.id)] == [now, None]
    assert [SignIn.get_by_id(link.id).replaced_at for link in links] == [now, now]
    letter = Letter.get()
    assert (letter.kind, letter.to, letter.details) == (
        "email_changed",
        "ada@acme.example",
        {"masked": "a•••@new.example"},
    )
    assert not people.change_email(cast.ada, "ADA@new.example", by=cast.root, now=now)


def test_an_address_of_somebody_else_is_not_taken(cast: Cast, now: datetime) -> None:
    with pytest.raises(people.EmailTaken):
        people.change_email(cast.ada, "VIC@acme.example", by=cast.root, now=now)
    assert Letter.select().count() == 0
    assert Person.get_by_id(cast.ada.id).email == "ada@acme.example"


def test_of_two_moved_to_one_address_at_once_one_gets_it(cast: Cast, now: datetime) -> None:
    for turn in range(6):
        ends = at_once(
            *(
                partial(people.change_email, Person.get_by_id(who.id), f"x{turn}@new.example", by=cast.root, now=now)
                for who in (cast.ada, cast.vic)
            )
        )
        assert sum(end is True for end in ends) == 1


# --- The merchant's people --------------------------------------------------------------------------------------------


def test_a_removed_member_of_staff_is_nobody_until_added_again(cast: Cast, now: datetime) -> None:
    sue = people.make_staff("sue@hartwell.example", name="Sue", by=cast.root, now=now)
    Staff.update(password_hash="x").where(Staff.id == sue.id).execute()
    sessions.begin(sue, now=now)

    assert people.remove_staff(sue, by=cast.root, now=now)
    assert not people.remove_staff(sue, by=cast.root, now=now)

    assert people.staff_by_email("sue@hartwell.example") is None
    assert people.staff_by_id(sue.id) is None
    assert Session.get().ended_because == sessions.REMOVED
    back = people.make_staff("sue@hartwell.example", by=cast.root, now=now)
    assert (back, back.removed_at, back.password_hash) == (sue, None, None)


def test_nobody_of_staff_removes_themself_and_the_last_one_stays(cast: Cast, now: datetime) -> None:
    with pytest.raises(LastManager):
        people.remove_staff(cast.root, by=history.COMMAND, now=now)
    people.make_staff("sue@hartwell.example", by=cast.root, now=now)
    with pytest.raises(NotAllowed):
        people.remove_staff(cast.root, by=cast.root, now=now)


def test_two_of_staff_who_put_each_other_out_at_once_leave_one(cast: Cast, now: datetime) -> None:
    sue = people.make_staff("sue@hartwell.example", by=cast.root, now=now)
    for _ in range(6):
        Staff.update(removed_at=None).execute()
        at_once(
            partial(people.remove_staff, sue, by=cast.root, now=now),
            partial(people.remove_staff, cast.root, by=sue, now=now),
        )
        assert len(people.all_staff()) == 1


def test_a_new_address_is_asked_about_at_the_new_address_and_nothing_changes(cast: Cast, now: datetime) -> None:
    people.ask_new_email(cast.ada, "Ada@New.example", by=cast.ada, now=now, settings=Settings(allow_manage_emails=True))

    row, letter = SignIn.get(), Letter.get()
    assert (row.purpose, row.person, row.email) == (SignIn.EMAIL, cast.ada, "ada@new.example")
    assert row.link_expires_at == now + timedelta(hours=24)
    assert (letter.kind, letter.to, letter.details) == ("email_confirm", "ada@new.example", {"sign_in": row.id})
    assert Person.get_by_id(cast.ada.id).email == "ada@acme.example"


def test_an_address_that_is_somebodys_gets_no_mail_and_nobody_hears_of_it(cast: Cast, now: datetime) -> None:
    people.ask_new_email(cast.ada, cast.vic.email, by=cast.ada, now=now, settings=Settings(allow_manage_emails=True))

    assert Letter.select().count() == 0
    assert people.email_asked(cast.ada, now) == cast.vic.email
    assert told() == [("email_asked", "person", cast.ada.id)]


def test_where_the_merchant_keeps_addresses_nobody_asks_for_another(cast: Cast, now: datetime) -> None:
    with pytest.raises(NotAllowed):
        people.ask_new_email(cast.ada, "ada@new.example", by=cast.ada, now=now, settings=Settings())
    assert SignIn.select().count() == 0


def test_who_has_a_pass_gives_none_that_ends_later(cast: Cast, now: datetime) -> None:
    people.give_role(cast.ada, cast.acme, "manage", now + timedelta(days=3), by=cast.root, now=now)
    people.give_role(cast.vic, cast.acme, "manage", None, by=cast.root, now=now)  # else she may not lower herself

    for until in (None, now + timedelta(days=4)):
        with pytest.raises(NotAllowed) as refused:
            people.give_role(cast.ada, cast.acme, "manage", until, by=cast.ada, now=now)
        assert refused.value.code == "beyond_pass"
        with pytest.raises(NotAllowed):
            invitations.invite(cast.acme, "other@acme.example", "view", until=until, by=cast.ada, now=now)

    assert Membership.get(person=cast.ada, group=cast.acme).expires_at == now + timedelta(days=3)
    assert invitations.invite(
        cast.acme, "other@acme.example", "view", until=now + timedelta(days=2), by=cast.ada, now=now
    )
