from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import pytest

from billing import access, inbox, people, requests
from billing.errors import BadRule
from billing.settings import Settings
from models import AccessRequest, Attention, BillingGroup, History, Letter, Person
from tests.billing.test_two_at_once import at_once
from tests.cast import Cast

NEW = "new@acme.example"


def ask(cast: Cast, now: datetime, email: str = NEW, proved: bool = True) -> AccessRequest:
    return requests.ask(cast.acme, email, name="Nora", proved=proved, by=cast.mallory, now=now)


def place(email: str, group: BillingGroup, now: datetime) -> str | None:
    person = people.person_by_email(email)
    return access.role_in(access.groups(person, now), group) if person else None


def test_a_question_lies_before_the_staff_and_makes_nobody(cast: Cast, now: datetime) -> None:
    request = ask(cast, now, " NEW@acme.example")

    (item,) = inbox.page().items
    assert (item.kind, item.subject.name, item.subject.customer) == ("access_request", NEW, "Acme Ltd")
    assert item.subject.url == f"/admin/access-requests/{request.public_id}"
    assert people.person_by_email(NEW) is None


def test_asked_again_it_is_the_same_question(cast: Cast, now: datetime) -> None:
    first = ask(cast, now, proved=False)

    again = ask(cast, now + timedelta(days=1))

    assert again == first
    assert AccessRequest.get().proved
    assert Attention.select().count() == 1


def test_a_question_is_asked_once_however_often_at_once(cast: Cast, now: datetime) -> None:
    for turn in range(6):
        ends = at_once(*[partial(ask, cast, now, f"new{turn}@acme.example")] * 3)
        assert len({end.id for end in ends}) == 1
    assert AccessRequest.select().count() == Attention.select().count() == 6


def test_allowed_they_are_a_member_and_told(cast: Cast, now: datetime) -> None:
    request = ask(cast, now)

    assert requests.decide(request, True, "view", by=cast.root, now=now)

    assert place(NEW, cast.acme, now) == "view"
    letter = Letter.get()
    assert (letter.kind, letter.to, letter.group) == ("access_allowed", NEW, cast.acme)
    assert (Attention.get().settled_at, Attention.get().settled_by) == (now, cast.root.id)


def test_refused_they_are_nobody_and_told(cast: Cast, now: datetime) -> None:
    request = ask(cast, now)

    assert requests.decide(request, False, by=cast.root, now=now)

    assert Person.get_or_none(Person.email == NEW) is None
    assert Letter.get().kind == "access_refused"
    assert Attention.get().settled_at == now


def test_what_is_decided_stays_decided(cast: Cast, now: datetime) -> None:
    request = ask(cast, now)
    requests.decide(request, False, by=cast.root, now=now)

    assert not requests.decide(request, True, by=cast.root, now=now)

    assert place(NEW, cast.acme, now) is None
    assert Letter.select().count() == 1


def test_who_was_refused_may_ask_again(cast: Cast, now: datetime) -> None:
    first = ask(cast, now)
    requests.decide(first, False, by=cast.root, now=now)

    assert ask(cast, now) != first
    assert Attention.select().where(Attention.settled_at.is_null()).count() == 1


def test_of_two_who_decide_at_once_one_does(cast: Cast, now: datetime) -> None:
    for turn in range(6):
        email = f"new{turn}@acme.example"
        request = ask(cast, now, email)
        ends = at_once(
            partial(requests.decide, request, True, by=cast.root, now=now),
            partial(requests.decide, request, False, by=cast.root, now=now),
        )
        assert sorted(ends) == [False, True]
        allowed = bool(AccessRequest.get_by_id(request.id).allowed)
        assert (place(email, cast.acme, now) == "pay") is allowed
        assert [letter.kind for letter in Letter.select().where(Letter.to == email)] == [
            "access_allowed" if allowed else "access_refused"
        ]


def test_allowing_brings_back_who_was_removed(cast: Cast, now: datetime) -> None:
    people.remove(cast.vic, cast.acme, by=cast.root, now=now, settings=Settings())

    requests.decide(ask(cast, now, cast.vic.email), True, "view", by=cast.root, now=now)

    assert place(cast.vic.email, cast.acme, now) == "view"


def test_after_the_contract_ended_nobody_is_let_in_and_the_question_stays_open(cast: Cast, now: datetime) -> None:
    request = ask(cast, now)
    BillingGroup.update(contract_ended_on=now.date()).where(BillingGroup.id == cast.acme.id).execute()

    with pytest.raises(BadRule) as refused:
        requests.decide(request, True, by=cast.root, now=now)

    assert refused.value.code == "contract_ended"
    assert AccessRequest.get().decided_at is None
    assert requests.view(AccessRequest.get(), now).contract_ended
    assert requests.decide(request, False, by=cast.root, now=now)


def test_question_and_answer_are_history(cast: Cast, now: datetime) -> None:
    requests.decide(ask(cast, now), True, by=cast.root, now=now)

    assert [line.event for line in History.select().order_by(History.id)] == [
        "access_asked",
        "person_made",
        "member_made",
        "access_allowed",
    ]


def test_only_its_own_name_finds_a_request(cast: Cast, now: datetime) -> None:
    request = ask(cast, now)
    assert requests.one(request.public_id) == request
    assert requests.one("\0") is None
    assert requests.one("nothing") is None
