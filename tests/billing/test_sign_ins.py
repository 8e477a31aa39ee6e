from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest

import database
from billing import links, sign_ins
from billing.errors import LinkUnusable, WrongCode
from database import transaction
from environ import Environ
from models import History, Letter, Membership, SignIn
from tests.cast import Cast
from tests.synchronous import Queue


@pytest.fixture(autouse=True)
def _keys(env: Environ) -> None:
    links.configure(env)


def token_of(row: SignIn) -> str:
    return links.sign_in(row.id).rpartition("/")[2]


def asked(cast: Cast, now: datetime, next: str = "") -> SignIn:
    sign_ins.ask("ada@acme.example", next, now=now)
    return SignIn.select().order_by(SignIn.id.desc()).get()


def wrong(row: SignIn) -> str:
    return f"{(int(sign_ins.code_of(row)) + 1) % 1_000_000:06d}"


def test_a_known_address_is_owed_a_letter_with_a_link(cast: Cast, now: datetime, queue: Queue) -> None:
    sign_ins.ask(" ADA@acme.example", "/invoices/7", now=now)

    row, letter = SignIn.get(), Letter.get()
    assert (row.person, row.next, row.link_expires_at) == (cast.ada, "/invoices/7", now + timedelta(minutes=30))
    assert row.code_expires_at == now + timedelta(minutes=15)
    assert (letter.kind, letter.to, letter.details) == ("sign_in", "ada@acme.example", {"sign_in": row.id})
    assert [(job.name, job.args) for job in queue.jobs] == [("workers.letters.send", (letter.id,))]


@pytest.mark.parametrize("email", ["nobody@acme.example", "root@hartwell.example", "not an address"])
def test_an_unknown_address_costs_the_same_and_gets_nothing(
    cast: Cast, now: datetime, queue: Queue, email: str
) -> None:
    sign_ins.ask(email, "", now=now)

    assert SignIn.select().count() == 0
    assert Letter.select().count() == 0
    assert [(job.name, job.args) for job in queue.jobs] == [("workers.letters.send", (0,))]
    assert History.get().event == "sign_in_asked"


def test_who_has_no_membership_left_gets_nothing(cast: Cast, now: datetime) -> None:
    Membership.update(expires_at=now).where(Membership.person == cast.ada).execute()

    sign_ins.ask("ada@acme.example", "", now=now)

    assert Letter.select().count() == 0


def test_a_link_signs_in_once(cast: Cast, now: datetime) -> None:
    token = token_of(asked(cast, now))

    assert sign_ins.use(token, now=now).person == cast.ada

    with pytest.raises(LinkUnusable):
        sign_ins.use(token, now=now)


def test_looking_at_a_link_uses_nothing_up(cast: Cast, now: datetime) -> None:
    token = token_of(asked(cast, now))

    assert sign_ins.is_usable(sign_ins.peek(token), now)
    assert sign_ins.is_usable(sign_ins.peek(token), now)
    assert sign_ins.use(token, now=now)


def test_a_link_lives_thirty_minutes(cast: Cast, now: datetime) -> None:
    token = token_of(asked(cast, now))

    with pytest.raises(LinkUnusable):
        sign_ins.use(token, now=now + timedelta(minutes=30))
    assert sign_ins.use(token, now=now + timedelta(minutes=29, seconds=59))


def test_the_newest_link_replaces_the_older(cast: Cast, now: datetime) -> None:
    older = asked(cast, now)
    newer = asked(cast, now)

    with pytest.raises(LinkUnusable):
        sign_ins.use(token_of(older), now=now)
    with pytest.raises(WrongCode):
        sign_ins.use_code("ada@acme.example", sign_ins.code_of(older), now=now)
    assert sign_ins.use(token_of(newer), now=now)


def test_somebody_elses_asking_replaces_nothing(cast: Cast, now: datetime) -> None:
    token = token_of(asked(cast, now))
    sign_ins.ask("vic@acme.example", "", now=now)
    sign_ins.ask("nobody@acme.example", "", now=now)

    assert sign_ins.use(token, now=now)


@pytest.mark.parametrize("token", ["", "x", "1.abc", "WzEsMl0.abc"])
def test_a_made_up_link_is_none(cast: Cast, now: datetime, token: str) -> None:
    with pytest.raises(LinkUnusable):
        sign_ins.use(token, now=now)


def test_a_link_made_for_another_purpose_signs_nobody_in(cast: Cast, now: datetime) -> None:
    row = asked(cast, now)

    for purpose, payload in ((links.PAY, row.id), (links.SIGN_IN, [row.id]), (links.SIGN_IN, str(row.id))):
        with pytest.raises(LinkUnusable):
            sign_ins.use(links.sign(purpose, payload), now=now)


def test_a_link_dies_with_the_membership(cast: Cast, now: datetime) -> None:
    row = asked(cast, now)
    Membership.delete().where(Membership.person == cast.ada).execute()

    with pytest.raises(LinkUnusable):
        sign_ins.use(token_of(row), now=now)
    with pytest.raises(WrongCode):
        sign_ins.use_code("ada@acme.example", sign_ins.code_of(row), now=now)


def test_a_code_signs_in_once_and_takes_the_link_with_it(cast: Cast, now: datetime) -> None:
    row = asked(cast, now, "/invoices/7")
    code = sign_ins.code_of(row)

    assert sign_ins.use_code("Ada@acme.example", f"{code[:3]} {code[3:]}", now=now).next == "/invoices/7"

    with pytest.raises(WrongCode):
        sign_ins.use_code("ada@acme.example", code, now=now)
    with pytest.raises(LinkUnusable):
        sign_ins.use(token_of(row), now=now)


def test_a_code_lives_fifteen_minutes_and_its_link_longer(cast: Cast, now: datetime) -> None:
    row = asked(cast, now)

    with pytest.raises(WrongCode):
        sign_ins.use_code("ada@acme.example", sign_ins.code_of(row), now=now + timedelta(minutes=15))
    assert sign_ins.use(token_of(row), now=now + timedelta(minutes=16))


def test_a_code_dies_at_its_fifth_wrong_guess_and_the_link_does_not(cast: Cast, now: datetime) -> None:
    row = asked(cast, now)
    for _ in range(5):
        with pytest.raises(WrongCode):
            sign_ins.use_code("ada@acme.example", wrong(row), now=now)

    with pytest.raises(WrongCode):
        sign_ins.use_code("ada@acme.example", sign_ins.code_of(row), now=now)
    assert sign_ins.use(token_of(row), now=now)


def test_the_right_code_is_taken_at_the_fifth_guess(cast: Cast, now: datetime) -> None:
    row = asked(cast, now)
    for _ in range(4):
        with pytest.raises(WrongCode):
            sign_ins.use_code("ada@acme.example", wrong(row), now=now)

    assert sign_ins.use_code("ada@acme.example", sign_ins.code_of(row), now=now)


def test_guesses_made_at_once_are_no_more_than_five(cast: Cast, now: datetime) -> None:
    row = asked(cast, now)

    def guess(digits: str) -> None:
        with database.connection():
            try:
                sign_ins.use_code("ada@acme.example", digits, now=now)
            except WrongCode:
                pass
            finally:
                database.close()

    threads = [threading.Thread(target=guess, args=(wrong(row),)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert SignIn.get_by_id(row.id).guesses == 5
    with pytest.raises(WrongCode):
        sign_ins.use_code("ada@acme.example", sign_ins.code_of(row), now=now)


def test_a_link_pressed_by_many_at_once_signs_in_one(cast: Cast, now: datetime) -> None:
    token = token_of(asked(cast, now))
    came_in: list[int] = []

    def press() -> None:
        with database.connection():
            try:
                came_in.append(sign_ins.use(token, now=now).id)
            except LinkUnusable:
                pass
            finally:
                database.close()

    threads = [threading.Thread(target=press) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(came_in) == 1


@pytest.mark.parametrize("code", ["", "12345", "abcdef", "١٢٣٤٥٦", "000000000000"])
def test_what_is_no_code_is_wrong(cast: Cast, now: datetime, code: str) -> None:
    asked(cast, now)

    with pytest.raises(WrongCode):
        sign_ins.use_code("ada@acme.example", code, now=now)


def test_a_code_of_one_address_is_none_of_anothers(cast: Cast, now: datetime) -> None:
    row = asked(cast, now)

    for email in ("vic@acme.example", "nobody@acme.example", ""):
        with pytest.raises(WrongCode):
            sign_ins.use_code(email, sign_ins.code_of(row), now=now)


def test_a_printed_link_works_once_and_mails_nobody(cast: Cast, now: datetime) -> None:
    token = sign_ins.for_command(cast.root, now=now).rpartition("/")[2]

    assert sign_ins.use(token, now=now).staff == cast.root
    assert Letter.select().count() == 0
    with pytest.raises(LinkUnusable):
        sign_ins.use(token, now=now)


def test_the_demos_link_works_any_number_of_times_until_its_next_start(cast: Cast, now: datetime) -> None:
    first = sign_ins.for_command(cast.ada, now=now, reusable=True).rpartition("/")[2]
    asked(cast, now)
    for days in (0, 1, 100):
        assert sign_ins.use(first, now=now + timedelta(days=days)).person == cast.ada

    second = sign_ins.for_command(cast.ada, now=now, reusable=True).rpartition("/")[2]

    with pytest.raises(LinkUnusable):
        sign_ins.use(first, now=now)
    assert sign_ins.use(second, now=now)


def test_staff_ask_for_a_link_without_a_code(cast: Cast, now: datetime) -> None:
    sign_ins.ask_as_staff("Root@hartwell.example", "/admin/invoices", now=now)

    row = SignIn.get()
    assert (row.staff, row.code_expires_at, Letter.get().staff) == (cast.root, None, cast.root)


def test_a_customer_is_no_staff(cast: Cast, now: datetime) -> None:
    sign_ins.ask_as_staff("ada@acme.example", "", now=now)

    assert Letter.select().count() == 0


def test_history_names_nobody(cast: Cast, now: datetime) -> None:
    asked(cast, now)
    sign_ins.ask("nobody@acme.example", "", now=now)

    assert not any("@" in str(row.details) for row in History.select())


def test_an_old_link_is_told_for_a_year_that_it_is_old(cast: Cast, now: datetime) -> None:
    row = asked(cast, now)
    sign_ins.ask("mallory@globex.example", "", now=now + timedelta(days=360))
    sign_ins.sweep(now + timedelta(days=364))
    assert not sign_ins.is_usable(sign_ins.peek(token_of(row)), now + timedelta(days=364))
    sign_ins.sweep(now + timedelta(days=366))
    with pytest.raises(LinkUnusable):
        sign_ins.peek(token_of(row))


def test_the_number_of_a_forgotten_link_is_never_given_to_another(cast: Cast, now: datetime) -> None:
    with transaction():
        stranger = sign_ins.make(SignIn.INVITE, email="gone@elsewhere.example", group=cast.acme, role="view", now=now)
    token, later = token_of(stranger), now + timedelta(days=366)

    sign_ins.sweep(later)
    with transaction():
        newer = sign_ins.make(SignIn.SIGN_IN, email=cast.ada.email, person=cast.ada, now=later)

    assert newer.id != stranger.id
    assert not sign_ins.is_usable(sign_ins.peek(token), later)
    assert sign_ins.peek(token).email == ""
