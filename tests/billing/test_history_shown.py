from __future__ import annotations

from datetime import datetime, timedelta

from billing import callers, history, history_shown, invitations, people, requests, sessions
from billing.history_shown import HistoryLine
from billing.settings import Settings
from models import AccessDomain, AccessRule, Person
from tests.cast import Cast


def of_acme(cast: Cast) -> tuple[HistoryLine, ...]:
    return history_shown.of_customer((cast.acme.id,), cast.acme.customer_id)


def test_a_customers_history_tells_of_its_people_and_of_nobody_elses(cast: Cast, now: datetime) -> None:
    visitor = history.Actor("visitor", None, "192.0.2.66")
    sessions.begin(cast.ada, now=now, way="link", address="192.0.2.7")
    sessions.begin(cast.mallory, now=now)
    people.remove(cast.vic, cast.acme, by=cast.root, now=now, settings=Settings())
    invitations.invite(cast.acme, "new@acme.example", "view", by=cast.root, now=now)
    invitations.invite(cast.globex, "new@acme.example", "view", by=cast.root, now=now)
    requests.ask(cast.acme, "nick@acme.example", proved=False, by=visitor, now=now)

    told = [(line.event, line.who, line.address, line.subject.name) for line in of_acme(cast)]

    assert told == [
        ("access_asked", "", "192.0.2.66", "nick@acme.example"),
        ("invited", "Root", "", "new@acme.example"),
        ("member_removed", "Root", "", "Vic Viewer"),
        ("signed_in", "Ada Acme", "192.0.2.7", "Ada Acme"),
    ]


def test_it_tells_of_people_whom_a_rule_lets_in(cast: Cast, now: datetime) -> None:
    AccessDomain.create(group=cast.acme, domain="globex.example", kind="domain")
    AccessRule.create(group=cast.acme, domain="globex.example", kind="domain", role="view", created_at=now)
    sessions.begin(cast.mallory, now=now)

    assert [line.who for line in of_acme(cast)] == ["Mallory"]


def test_a_persons_history_tells_of_their_memberships(cast: Cast, now: datetime) -> None:
    people.give_role(cast.vic, cast.acme, "pay", None, by=cast.root, now=now)
    people.rename(cast.vic, "Victor", by=cast.root, now=now)
    people.rename(cast.ada, "Adam", by=cast.root, now=now)

    told = history_shown.of_person(Person.get_by_id(cast.vic.id))

    assert [line.event for line in told] == ["renamed", "role_changed"]


def test_an_address_is_forgotten_and_the_line_stays(cast: Cast, now: datetime) -> None:
    sessions.begin(cast.ada, now=now, address="192.0.2.7")
    callers.sweep(now + timedelta(days=366))

    assert [(line.event, line.address) for line in of_acme(cast)] == [("signed_in", "")]


def test_the_newest_lines_stand_first_whatever_they_are_about(cast: Cast, now: datetime) -> None:
    for turn in range(40):
        people.rename(cast.ada, f"Ada {turn}", by=cast.root, now=now)
        history.record(cast.acme, "contract_reopened", by=cast.root, now=now)

    lines = of_acme(cast)

    assert len(lines) == 50
    assert {line.event for line in lines[:2]} == {"renamed", "contract_reopened"}
