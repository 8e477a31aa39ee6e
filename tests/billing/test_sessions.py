from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from billing import sessions
from models import History, Person, Session
from tests.cast import Cast


def test_the_row_holds_only_the_tokens_hash(cast: Cast, now: datetime) -> None:
    token = sessions.begin(cast.ada, now=now, agent="Phone " * 100)

    row = Session.get()
    assert row.token_hash == hashlib.sha256(token.encode()).hexdigest()
    assert len(token) == 43
    assert len(row.agent) == 200
    assert Person.get_by_id(cast.ada.id).last_sign_in_at == now
    assert History.get().event == "signed_in"


def test_a_token_finds_its_session_and_person(cast: Cast, now: datetime) -> None:
    found = sessions.find(sessions.begin(cast.ada, now=now), now)

    assert found is not None
    assert found.person == cast.ada
    assert found.staff is None


def test_a_made_up_token_finds_nothing(cast: Cast, now: datetime) -> None:
    sessions.begin(cast.ada, now=now)

    assert sessions.find(sessions.new_token(), now) is None
    assert sessions.find(Session.get().token_hash, now) is None


def test_a_session_ends_after_twelve_idle_hours(cast: Cast, now: datetime) -> None:
    token = sessions.begin(cast.ada, now=now)

    assert sessions.find(token, now + timedelta(hours=11, minutes=59))
    assert sessions.find(token, now + timedelta(hours=12)) is None


def test_a_session_in_use_ends_after_thirty_days(cast: Cast, now: datetime) -> None:
    token = sessions.begin(cast.ada, now=now)

    for hours in range(6, 30 * 24, 6):
        at = now + timedelta(hours=hours)
        found = sessions.find(token, at)
        assert found is not None
        sessions.seen(found, at)

    assert sessions.find(token, now + timedelta(days=30)) is None


def test_who_stays_signed_in_is_remembered_for_ninety_days(cast: Cast, now: datetime) -> None:
    token = sessions.begin(cast.ada, now=now, remembered=True)

    assert sessions.find(token, now + timedelta(days=89))
    assert sessions.find(token, now + timedelta(days=90)) is None


def test_staff_sign_in_for_eight_idle_hours_and_a_day(cast: Cast, now: datetime) -> None:
    token = sessions.begin(cast.root, now=now, remembered=True)

    assert sessions.find(token, now + timedelta(hours=7))
    assert sessions.find(token, now + timedelta(hours=8)) is None
    for hours in (7, 14, 21):
        found = sessions.find(token, now + timedelta(hours=hours))
        assert found is not None
        sessions.seen(found, now + timedelta(hours=hours))
    assert sessions.find(token, now + timedelta(hours=24)) is None


def test_use_is_noted_at_most_every_five_minutes(cast: Cast, now: datetime) -> None:
    found = sessions.find(sessions.begin(cast.ada, now=now), now)
    assert found is not None

    sessions.seen(found, now + timedelta(minutes=4))
    assert Session.get().last_seen_at == now

    sessions.seen(found, now + timedelta(minutes=5))
    assert Session.get().last_seen_at == now + timedelta(minutes=5)


def test_an_ended_session_opens_nothing(cast: Cast, now: datetime) -> None:
    token = sessions.begin(cast.ada, now=now)
    found = sessions.find(token, now)
    assert found is not None

    sessions.end(found, now=now)
    sessions.end(found, now=now)

    assert sessions.find(token, now) is None
    assert [row.event for row in History.select().order_by(History.id)] == ["signed_in", "signed_out"]


def test_all_of_somebodys_sessions_end_but_this_one(cast: Cast, now: datetime) -> None:
    here, there = sessions.begin(cast.ada, now=now), sessions.begin(cast.ada, now=now)
    vics = sessions.begin(cast.vic, now=now)

    assert sessions.end_all(cast.ada, now=now, but=sessions.find(here, now)) == 1

    assert sessions.find(here, now)
    assert sessions.find(there, now) is None
    assert sessions.find(vics, now)


def test_a_notice_is_told_once(cast: Cast, now: datetime) -> None:
    token = sessions.begin(cast.ada, now=now)
    found = sessions.find(token, now)
    assert found is not None
    sessions.tell(found, "good", "Removed.")

    again = sessions.find(token, now)
    assert again is not None
    assert sessions.told(again) == [("good", "Removed.")]

    assert sessions.told(again) == []
    assert Session.get().notices == []


def test_finding_a_session_is_one_query(cast: Cast, now: datetime) -> None:
    token = sessions.begin(cast.ada, now=now, group=cast.acme)
    asked: list[str] = []
    run = Session._meta.database.obj.execute_sql

    def counted(sql: str, *args: object) -> object:
        asked.append(sql)
        return run(sql, *args)

    Session._meta.database.obj.execute_sql = counted
    try:
        found = sessions.find(token, now)
        assert found is not None
        assert (found.person.email, found.group.name, found.group.customer.name) == (
            "ada@acme.example",
            "Acme Ltd",
            "Acme Ltd",
        )
    finally:
        del Session._meta.database.obj.execute_sql

    assert len(asked) == 1


def test_what_ended_a_month_ago_is_forgotten_and_what_lives_is_not(cast: Cast, now: datetime) -> None:
    ended = sessions.find(sessions.begin(cast.vic, now=now, group=cast.acme), now)
    assert ended is not None
    sessions.end(ended, now=now)
    sessions.begin(cast.mallory, now=now, group=cast.globex)
    remembered = sessions.begin(cast.ada, now=now, group=cast.acme, remembered=True)

    sessions.sweep(now + timedelta(days=29))
    assert Session.select().count() == 3
    sessions.sweep(now + timedelta(days=61))

    assert Session.select().count() == 1
    assert sessions.find(remembered, now + timedelta(days=61)) is not None
