from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from billing import passkeys, sessions, settings
from billing.errors import FactorRefused
from billing.history import Actor
from environ import Environ
from models import History, Letter, Membership, Passkey, Person, RecoveryCode, Session, Staff
from tests.authenticator import ORIGIN, Authenticator, decode, encode
from tests.cast import Cast

HOST = "localhost:8000"
TOKEN, OTHER_TOKEN = "a" * 43, "b" * 43
VISITOR = Actor("visitor", None, "203.0.113.9")


@dataclass
class Door:
    """What a page would hand over, so that a test changes the one thing it is about."""

    now: datetime

    def register(self, who: Person | Staff, key: Authenticator, *, name: str = "Phone", **given: Any) -> Passkey:
        options = passkeys.registration_options(who, host=HOST, token=TOKEN, site="Hartwell", now=self.now)
        credential = key.create(options, rp=given.pop("rp", None))
        return self.keep(who, credential, name=name, **given)

    def keep(self, who: Person | Staff, credential: str, **given: Any) -> Passkey:
        asked: dict[str, Any] = {"host": HOST, "origin": ORIGIN, "token": TOKEN, "name": "Phone", "now": self.now}
        return passkeys.register(who, credential, by=who, **(asked | given))

    def options(self, who: Person | Staff | None = None) -> str:
        return passkeys.authentication_options(host=HOST, token=TOKEN, now=self.now, who=who)

    def open(self, credential: str, *, staff: bool = False, **given: Any) -> Person | Staff:
        asked: dict[str, Any] = {"host": HOST, "origin": ORIGIN, "token": TOKEN, "now": self.now}
        asked["settings"] = settings.load()
        return passkeys.authenticate(credential, staff=staff, by=VISITOR, **(asked | given))


@pytest.fixture
def door(cast: Cast, env: Environ, now: datetime) -> Door:
    return Door(now)


@pytest.fixture
def key() -> Authenticator:
    return Authenticator()


def events(who: Person | Staff) -> list[str]:
    kind = "person" if isinstance(who, Person) else "staff"
    return [row.event for row in History.select().where(History.subject_kind == kind, History.subject_id == who.id)]


# --- Adding -----------------------------------------------------------------------------------------------------------


def test_a_passkey_is_added_and_signs_in(door: Door, cast: Cast, key: Authenticator, now: datetime) -> None:
    door.register(cast.ada, key, name="  My   phone ")
    assert door.open(key.get(door.options())) == cast.ada
    (view,) = passkeys.of(cast.ada)
    assert (view.name, view.last_used_at) == ("My phone", now)
    assert "passkey_added" in events(cast.ada)


def test_its_owner_is_told_by_mail(door: Door, cast: Cast, key: Authenticator) -> None:
    row = door.register(cast.ada, key)
    passkeys.remove(row, by=cast.ada, now=door.now)
    told = Letter.select().where(Letter.kind == "factor_changed").order_by(Letter.id)
    assert [(letter.to, letter.details["what"]) for letter in told] == [
        ("ada@acme.example", "passkey_added"),
        ("ada@acme.example", "passkey_removed"),
    ]


def test_one_in_the_place_of_a_removed_one_is_told_too(door: Door, cast: Cast, key: Authenticator) -> None:
    passkeys.remove(door.register(cast.ada, key), by=cast.ada, now=door.now)
    passkeys.remove(door.register(cast.ada, Authenticator()), by=cast.ada, now=door.now)
    told = Letter.select().where(Letter.kind == "factor_changed").order_by(Letter.id)
    assert [letter.details["what"] for letter in told] == ["passkey_added", "passkey_removed"] * 2


def test_the_authenticator_learns_no_address_and_no_id(door: Door, cast: Cast) -> None:
    options = passkeys.registration_options(cast.ada, host=HOST, token=TOKEN, site="Hartwell", now=door.now)
    handle = decode(json.loads(options)["user"]["id"])
    assert len(handle) == 32
    assert b"ada" not in handle
    other = passkeys.registration_options(cast.vic, host=HOST, token=TOKEN, site="Hartwell", now=door.now)
    assert json.loads(other)["user"]["id"] != json.loads(options)["user"]["id"]


def test_what_is_asked_for_is_a_verified_user_and_a_key_that_is_found_without_a_name(door: Door, cast: Cast) -> None:
    asked = json.loads(passkeys.registration_options(cast.ada, host=HOST, token=TOKEN, site="Hartwell", now=door.now))
    assert asked["authenticatorSelection"]["userVerification"] == "required"
    assert asked["authenticatorSelection"]["residentKey"] == "required"
    assert (asked["rp"]["id"], asked["attestation"]) == ("localhost", "none")
    assert json.loads(door.options())["userVerification"] == "required"


def test_a_known_passkey_is_left_out_of_the_next_one(door: Door, cast: Cast, key: Authenticator) -> None:
    door.register(cast.ada, key)
    options = passkeys.registration_options(cast.ada, host=HOST, token=TOKEN, site="Hartwell", now=door.now)
    assert [known["id"] for known in json.loads(options)["excludeCredentials"]] == [encode(key.id)]
    with pytest.raises(FactorRefused):
        door.register(cast.mallory, key)
    assert Passkey.select().count() == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": OTHER_TOKEN},
        {"token": ""},
        {"origin": "http://localhost:9000"},
        {"origin": "https://evil.example"},
        {"host": "evil.example"},
        {"rp": "evil.example"},
    ],
    ids=str,
)
def test_none_is_added_for_another_browser_or_place(
    door: Door, cast: Cast, key: Authenticator, wrong: dict[str, str]
) -> None:
    with pytest.raises(FactorRefused):
        door.register(cast.ada, key, **wrong)
    assert Passkey.select().count() == 0


def test_none_is_added_to_somebody_elses_account(door: Door, cast: Cast, key: Authenticator) -> None:
    options = passkeys.registration_options(cast.mallory, host=HOST, token=TOKEN, site="Hartwell", now=door.now)
    with pytest.raises(FactorRefused):
        door.keep(cast.ada, key.create(options))


def test_none_is_added_too_late(door: Door, cast: Cast, key: Authenticator) -> None:
    with pytest.raises(FactorRefused):
        door.register(cast.ada, key, now=door.now + passkeys.LIFE)
    door.register(cast.ada, key, now=door.now + passkeys.LIFE - timedelta(seconds=1))


def test_an_answer_to_the_other_ceremony_adds_none(door: Door, cast: Cast, key: Authenticator) -> None:
    asked = json.loads(passkeys.registration_options(cast.ada, host=HOST, token=TOKEN, site="", now=door.now))
    asked["challenge"] = json.loads(door.options())["challenge"]
    with pytest.raises(FactorRefused):
        door.keep(cast.ada, key.create(json.dumps(asked)))


def test_who_was_not_verified_adds_none_and_comes_not_in(door: Door, cast: Cast, key: Authenticator) -> None:
    key.verifies = False
    with pytest.raises(FactorRefused):
        door.register(cast.ada, key)
    key.verifies = True
    door.register(cast.ada, key)
    key.verifies = False
    with pytest.raises(FactorRefused):
        door.open(key.get(door.options()))


def test_there_is_a_most_of_them(door: Door, cast: Cast, key: Authenticator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passkeys, "MOST", 1)
    door.register(cast.ada, key)
    with pytest.raises(FactorRefused, match="too_many_passkeys"):
        door.register(cast.ada, Authenticator())


# --- Signing in -------------------------------------------------------------------------------------------------------


def refused(door: Door, credential: str, **given: Any) -> FactorRefused:
    with pytest.raises(FactorRefused) as caught:
        door.open(credential, **given)
    return caught.value


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": OTHER_TOKEN},
        {"token": ""},
        {"origin": "http://localhost:9000"},
        {"origin": "https://localhost:8000"},
        {"host": "evil.example"},
    ],
    ids=str,
)
def test_an_answer_given_elsewhere_opens_nothing(
    door: Door, cast: Cast, key: Authenticator, wrong: dict[str, str]
) -> None:
    door.register(cast.ada, key)
    assert refused(door, key.get(door.options()), **wrong).code == "factor_refused"


def test_an_answer_for_another_place_opens_nothing(door: Door, cast: Cast, key: Authenticator) -> None:
    door.register(cast.ada, key)
    refused(door, key.get(door.options(), rp="evil.example"))


def test_an_answer_opens_nothing_after_five_minutes(door: Door, cast: Cast, key: Authenticator) -> None:
    door.register(cast.ada, key)
    credential = key.get(door.options())
    refused(door, credential, now=door.now + timedelta(minutes=5))


def test_nobody_gives_themselves_a_challenge(door: Door, cast: Cast, key: Authenticator) -> None:
    door.register(cast.ada, key)
    until = int((door.now + timedelta(minutes=4)).timestamp()).to_bytes(8, "big")
    for challenge in (b"", until, until + bytes(32), bytes(40), b"\xff" * 40):
        asked = json.loads(door.options()) | {"challenge": encode(challenge)}
        refused(door, key.get(json.dumps(asked)))


def test_an_answer_is_good_once(door: Door, cast: Cast, key: Authenticator) -> None:
    door.register(cast.ada, key)
    credential = key.get(door.options())
    door.open(credential)
    refused(door, credential)


def test_a_key_that_does_not_count_is_held_to_its_browser(door: Door, cast: Cast) -> None:
    key = Authenticator(counts=False)
    door.register(cast.ada, key)
    credential = key.get(door.options())
    door.open(credential)
    refused(door, credential, token=OTHER_TOKEN)  # signing in made a new one


def test_a_key_that_counts_back_is_refused_and_written_down(door: Door, cast: Cast, key: Authenticator) -> None:
    door.register(cast.ada, key)
    key.count = 40
    door.open(key.get(door.options()))
    key.count = 20
    refused(door, key.get(door.options()))
    assert "passkey_counted_back" in events(cast.ada)
    assert Passkey.get().sign_count == 41


def test_a_forged_answer_moves_no_count_and_says_nothing_of_a_copy(door: Door, cast: Cast, key: Authenticator) -> None:
    door.register(cast.ada, key)
    thief = Authenticator(id=key.id, handle=key.handle, count=90)
    refused(door, thief.get(door.options()))
    assert Passkey.get().sign_count == 1
    assert "passkey_counted_back" not in events(cast.ada)
    assert events(cast.ada)[-1] == "sign_in_refused"


def test_a_strangers_key_opens_nothing(door: Door, cast: Cast, key: Authenticator) -> None:
    door.register(cast.ada, key)
    stranger = Authenticator(handle=key.handle)
    refused(door, stranger.get(door.options()))


def test_a_key_says_whose_it_is(door: Door, cast: Cast, key: Authenticator) -> None:
    door.register(cast.ada, key)
    of_ada = key.handle
    other = Authenticator()
    door.register(cast.mallory, other)
    for handle in (other.handle, b"", b"ada"):
        key.handle = handle
        refused(door, key.get(door.options()))
    key.handle = of_ada
    assert door.open(key.get(door.options())) == cast.ada


def test_a_removed_key_opens_nothing_and_signs_out_the_others(
    door: Door, cast: Cast, key: Authenticator, now: datetime
) -> None:
    row = door.register(cast.ada, key)
    sessions.begin(cast.ada, now=now)
    here = sessions.find(sessions.begin(cast.ada, now=now), now)
    passkeys.remove(row, by=cast.ada, now=now, but=here)
    refused(door, key.get(door.options()))
    assert [session.id for session in Session.select().where(Session.ended_at.is_null())] == [here and here.id]
    assert "passkey_removed" in events(cast.ada)


def lock(who: Person | Staff, cast: Cast, now: datetime) -> None:
    type(who).update(locked_at=now).where(type(who).id == who.id).execute()


def shut_out(who: Person | Staff, cast: Cast, now: datetime) -> None:
    if isinstance(who, Staff):
        Staff.update(removed_at=now).where(Staff.id == who.id).execute()
    else:
        Membership.update(removed_at=now).where(Membership.person == who).execute()


@pytest.mark.parametrize("hindrance", [lock, shut_out])
@pytest.mark.parametrize("name", ["ada", "root"])
def test_who_may_not_come_in_is_refused_like_everybody_else(
    door: Door, cast: Cast, key: Authenticator, name: str, hindrance: Callable[[Any, Cast, datetime], None]
) -> None:
    who = getattr(cast, name)
    door.register(who, key)
    hindrance(who, cast, door.now)
    for_staff = isinstance(who, Staff)
    error = refused(door, key.get(door.options()), staff=for_staff)
    stranger = refused(door, Authenticator(handle=b"x").get(door.options()), staff=for_staff)
    assert (error.code, error.values) == (stranger.code, stranger.values)


def test_a_passkey_ends_the_count_of_wrong_passwords(door: Door, cast: Cast, key: Authenticator) -> None:
    door.register(cast.ada, key)
    Person.update(failed_sign_ins=9).execute()
    door.open(key.get(door.options()))
    assert Person.get_by_id(cast.ada.id).failed_sign_ins == 0


def test_a_customers_key_is_nothing_at_the_staff_door_and_the_other_way_round(door: Door, cast: Cast) -> None:
    of_ada, of_root = Authenticator(), Authenticator()
    door.register(cast.ada, of_ada)
    door.register(cast.root, of_root)
    refused(door, of_ada.get(door.options()), staff=True)
    refused(door, of_root.get(door.options()), staff=False)
    assert door.open(of_root.get(door.options()), staff=True) == cast.root


def test_where_it_is_known_who_it_is_anothers_key_is_refused(door: Door, cast: Cast, now: datetime) -> None:
    other = Staff.create(email="second@hartwell.example", name="Second", created_at=now)
    of_root, of_other = Authenticator(), Authenticator()
    door.register(cast.root, of_root)
    door.register(other, of_other)
    assert [known["id"] for known in json.loads(door.options(other))["allowCredentials"]] == [encode(of_other.id)]
    refused(door, of_root.get(door.options(other)), staff=True, who=other)
    of_other.handle = b""  # one that is asked for by name need not say it
    assert door.open(of_other.get(door.options(other)), staff=True, who=other) == other


def test_staff_are_signed_out_elsewhere_when_one_is_added(door: Door, cast: Cast, key: Authenticator) -> None:
    elsewhere = sessions.begin(cast.root, now=door.now)
    door.register(cast.root, key)
    assert sessions.find(elsewhere, door.now) is None


def test_recovery_codes_go_with_the_last_factor(door: Door, cast: Cast, key: Authenticator, now: datetime) -> None:
    RecoveryCode.create(staff=cast.root, code_hash="0" * 64, created_at=now)
    first, second = door.register(cast.root, key), door.register(cast.root, Authenticator())
    passkeys.remove(first, by=cast.root, now=now)
    assert RecoveryCode.select().count() == 1
    passkeys.remove(second, by=cast.root, now=now)
    assert RecoveryCode.select().count() == 0


def test_a_stranger_finds_no_key_of_anothers(door: Door, cast: Cast, key: Authenticator) -> None:
    row = door.register(cast.ada, key)
    assert passkeys.one(cast.ada, row.public_id) == row
    assert passkeys.one(cast.mallory, row.public_id) is None
    assert passkeys.one(cast.root, row.public_id) is None
    assert passkeys.of(cast.mallory) == []


def test_a_key_gets_another_name(door: Door, cast: Cast, key: Authenticator) -> None:
    row = door.register(cast.ada, key, name="")
    assert passkeys.of(cast.ada)[0].name == "Passkey"
    passkeys.rename(row, "Office\x00 computer " + "x" * 200, by=cast.ada, now=door.now)
    assert passkeys.of(cast.ada)[0].name.startswith("Office computer xxx")
    assert len(passkeys.of(cast.ada)[0].name) == passkeys.LONGEST_NAME
    passkeys.rename(row, "   ", by=cast.ada, now=door.now)
    assert passkeys.of(cast.ada)[0].name.startswith("Office")


# --- What anybody may send --------------------------------------------------------------------------------------------

NONSENSE = [
    "",
    "null",
    "[]",
    "{}",
    "[" * 5000,
    '{"id":1,"response":{}}',
    '{"id":"a\\u0000","response":{}}',
    '{"id":"é","response":{}}',
    '{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"!!","authenticatorData":"","signature":""}}',
    '{"id":"AA","response":{"clientDataJSON":["x"]}}',
    "x" * 30_000,
]


@pytest.mark.parametrize("credential", NONSENSE, ids=lambda text: text[:20])
def test_nonsense_is_refused(door: Door, cast: Cast, key: Authenticator, credential: str) -> None:
    door.register(cast.ada, key)
    refused(door, credential)
    with pytest.raises(FactorRefused):
        door.keep(cast.ada, credential)


def test_a_bitten_answer_is_refused_wherever_it_was_bitten(door: Door, cast: Cast, key: Authenticator) -> None:
    door.register(cast.ada, key)
    whole = json.loads(key.get(door.options()))
    for part in ("clientDataJSON", "authenticatorData", "signature", "userHandle"):
        bites: tuple[Any, ...] = ("", None, 7, [], {}, "AAAA", whole["response"][part][:-8], "%%%")
        for bitten in bites:
            answer = json.loads(json.dumps(whole))
            answer["response"][part] = bitten
            refused(door, json.dumps(answer))
    assert door.open(json.dumps(whole)) == cast.ada


# --- Where ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "secure", "can"),
    [
        ("portal.hartwell.example", True, True),
        ("portal.hartwell.example", False, False),
        ("localhost:8000", False, True),
        ("127.0.0.1:8000", False, False),
        ("203.0.113.9", True, False),
        ("[::1]:8000", False, False),
        ("[2001:db8::1]", True, False),
    ],
)
def test_passkeys_are_offered_where_browsers_have_them(host: str, secure: bool, can: bool) -> None:
    assert passkeys.can_be_used_at(host, secure=secure) is can
