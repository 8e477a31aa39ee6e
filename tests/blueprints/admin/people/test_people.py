"""One person, on the merchant's pages."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from billing import history, passwords, requests, sessions, settings
from models import Attention, History, Letter, Membership, Person, Session, SignIn
from tests.blueprints.conftest import Clock
from tests.browser import Browser
from tests.cast import Cast

HOME = "/admin/people/ADA"
PAGES = ("", "/edit", "/temporary-password")
DEEDS = ("", "/email", "/unlock", "/temporary-password", "/resets", "/sessions/end", "/sessions/1/end")


def ada(cast: Cast) -> Person:
    found: Person = Person.get_by_id(cast.ada.id)
    return found


def test_the_page_says_who_they_are_and_what_they_may(root: Browser, cast: Cast) -> None:
    Person.update(user_id="boss").where(Person.id == cast.ada.id).execute()
    page = root.get(HOME).text
    for said in ("Ada Acme", "ada@acme.example", "boss", "Acme Ltd", "may look and pay", "Mail a temporary password"):
        assert said in page
    assert "Locked out" not in page


@pytest.mark.parametrize("path", PAGES)
def test_only_staff_look(visitor: Browser, path: str) -> None:
    assert visitor.get(HOME + path).headers["Location"].startswith("/admin/sign-in")


@pytest.mark.parametrize("path", DEEDS)
def test_only_staff_do(visitor: Browser, mallory: Browser, cast: Cast, path: str) -> None:
    for browser in (visitor, mallory):
        answer = browser.post(HOME + path, {"email": "x@evil.example", "name": "X", "user_id": "evil"})
        assert answer.headers["Location"].startswith("/admin/sign-in")
    assert (ada(cast).email, ada(cast).user_id, ada(cast).password_hash) == ("ada@acme.example", None, None)


@pytest.mark.parametrize("path", DEEDS)
def test_who_proved_it_long_ago_proves_it_again(root: Browser, cast: Cast, clock: Clock, path: str) -> None:
    root.get("/admin")
    clock.forward(minutes=31)
    answer = root.post(HOME + path, {"email": "x@evil.example", "name": "X", "user_id": "evil"})
    assert answer.headers["Location"].startswith("/admin/prove")
    assert (ada(cast).email, ada(cast).user_id) == ("ada@acme.example", None)
    assert Letter.select().count() == 0


@pytest.mark.parametrize("path", DEEDS)
def test_no_form_goes_without_its_token(root: Browser, path: str) -> None:
    assert root.post(HOME + path, token="").status_code == 400


@pytest.mark.parametrize("id", ["nobody", "1", "%00", "ada"])
def test_nobody_is_not_there(root: Browser, id: str) -> None:
    for path in PAGES:
        assert root.get(f"/admin/people/{id}{path}").status_code == 404
    for path in DEEDS:
        assert root.post(f"/admin/people/{id}{path}").status_code == 404


# --- Names ------------------------------------------------------------------------------------------------------------


def test_name_and_user_id_are_changed(root: Browser, cast: Cast) -> None:
    root.get(f"{HOME}/edit")
    more = {"email": "x@evil.example", "role": "manage", "group": "2", "locked_at": "1", "password_hash": "x"}
    assert root.post(HOME, {"name": "Ada L.", "user_id": "Boss"} | more).headers["Location"] == HOME
    assert (ada(cast).name, ada(cast).user_id, ada(cast).email) == ("Ada L.", "boss", "ada@acme.example")
    assert Membership.get(Membership.person == cast.ada).role == "pay"


def test_a_taken_user_id_is_said_at_its_field(root: Browser, cast: Cast) -> None:
    Person.update(user_id="boss").where(Person.id == cast.vic.id).execute()
    for typed, said in (("BOSS", "Somebody else has this user id."), ("a@b", "no @.")):
        answer = root.post(HOME, {"name": "X", "user_id": typed})
        assert (answer.status_code, said in answer.text, typed in answer.text) == (422, True, True)
    assert ada(cast).name == "Ada Acme"


def test_the_address_is_changed_at_once_and_the_old_one_told(root: Browser, cast: Cast, now: datetime) -> None:
    assert root.post(f"{HOME}/email", {"email": "ada@new.example"}).status_code == 303
    assert ada(cast).email == "ada@new.example"
    assert (Letter.get().kind, Letter.get().to) == ("email_changed", "ada@acme.example")
    assert "The old address was told." in root.follow().text


@pytest.mark.parametrize(
    ("typed", "said"), [("vic@acme.example", "Another person signs in with this address."), ("x", "Enter an e-mail")]
)
def test_an_address_that_cannot_be_is_said(root: Browser, cast: Cast, typed: str, said: str) -> None:
    answer = root.post(f"{HOME}/email", {"email": typed})
    assert (answer.status_code, said in answer.text) == (422, True)
    assert ada(cast).email == "ada@acme.example"


# --- Signing in -------------------------------------------------------------------------------------------------------


def test_somebody_locked_out_is_unlocked(root: Browser, cast: Cast, now: datetime) -> None:
    Person.update(locked_at=now, failed_sign_ins=10).where(Person.id == cast.ada.id).execute()
    assert "Locked out" in root.get(HOME).text

    root.post(f"{HOME}/unlock")

    assert (ada(cast).locked_at, ada(cast).failed_sign_ins) == (None, 0)
    page = root.follow().text
    assert "Ada Acme may sign in again." in page
    assert "Unlocked" in page  # the history


def test_a_temporary_password_is_mailed_after_a_page_that_says_what_follows(
    root: Browser, cast: Cast, now: datetime
) -> None:
    assert "Nobody here can see it." in root.get(f"{HOME}/temporary-password").text
    assert Letter.select().count() == 0

    root.post(f"{HOME}/temporary-password")

    assert Letter.get().kind == "temporary_password"
    assert ada(cast).password_temporary_until is not None
    page = root.follow().text
    assert passwords.temporary_of(Letter.get().details["nonce"]) not in page
    assert "a temporary one, until" in page


def test_the_reset_letter_is_mailed(root: Browser, cast: Cast) -> None:
    root.post(f"{HOME}/resets")
    assert SignIn.get(SignIn.purpose == SignIn.RESET).person == cast.ada
    assert Letter.get().kind == "reset"


def test_where_nobody_has_passwords_a_link_is_mailed(root: Browser, cast: Cast, now: datetime) -> None:
    settings.save({"sign_in_by": "mail"}, by=history.COMMAND, now=now)
    assert "temporary password" not in root.get(HOME).text
    assert root.get(f"{HOME}/temporary-password").status_code == 404
    assert root.post(f"{HOME}/temporary-password").status_code == 404
    root.post(f"{HOME}/resets")
    assert Letter.get().kind == "sign_in"


def test_nothing_is_mailed_to_who_is_locked_out(root: Browser, cast: Cast, now: datetime) -> None:
    Person.update(locked_at=now).where(Person.id == cast.ada.id).execute()
    root.post(f"{HOME}/resets")
    assert "Nothing was sent" in root.follow().text
    assert Letter.select().count() == 0


def test_browsers_are_listed_and_ended(root: Browser, cast: Cast, now: datetime) -> None:
    sessions.begin(cast.ada, now=now, agent="Mozilla/5.0 (iPhone; CPU iPhone OS 18_0)", address="192.0.2.9")
    sessions.begin(cast.ada, now=now)
    sessions.begin(cast.vic, now=now)
    page = root.get(HOME).text
    assert "iPhone" in page
    assert "192.0.2.9" in page
    mine, other, strange = Session.select().where(Session.person.is_null(False)).order_by(Session.id)

    root.post(f"{HOME}/sessions/{mine.id}/end")
    assert Session.get_by_id(mine.id).ended_because == sessions.STAFF_ENDED
    assert root.post(f"{HOME}/sessions/{strange.id}/end").status_code == 404
    assert root.post(f"{HOME}/sessions/{2**40}/end").status_code == 404
    root.post(f"{HOME}/sessions/end")
    assert Session.get_by_id(other.id).ended_at == now
    assert Session.get_by_id(strange.id).ended_at is None


def test_the_history_says_what_happened_who_did_it_and_from_where(root: Browser, cast: Cast, now: datetime) -> None:
    passwords.failed(cast.ada, by=history.Actor("visitor", None, "192.0.2.66"), now=now)
    root.post("/admin/customers/C-ACME/groups/G-ACME/people/ADA", {"role": "manage"})
    own = root.get(HOME).text
    assert f'href="{HOME}"' not in own[own.index('id="history"') :]
    for path in (HOME, "/admin/customers/C-ACME", "/admin/history"):
        page = root.get(path).text
        for said in ("192.0.2.66", "Sign-in refused", "wrong code", "May do something else now", "before: may", "Root"):
            assert said in page, (path, said)


# --- People of an account ---------------------------------------------------------------------------------------------

GROUP = "/admin/customers/C-ACME/groups/G-ACME"
NEW = "new@acme.example"


def test_the_customers_page_leads_to_a_person(root: Browser, cast: Cast) -> None:
    assert 'href="/admin/people/VIC"' in root.get("/admin/customers/C-ACME").text


def test_the_accounts_page_lists_people_and_invitations(root: Browser, cast: Cast, now: datetime) -> None:
    root.post(f"{GROUP}/invitations", {"email": NEW, "role": "view", "until": "2027-01-31", "name": "Nora"})
    page = root.get(GROUP).text
    for said in ("Ada Acme", "Vic Viewer", NEW, "Nora", "until 31 January 2027, 23:59", f"{GROUP}/people/VIC/delete"):
        assert said in page
    assert "Mallory" not in page
    row = SignIn.get(SignIn.purpose == SignIn.INVITE)
    assert History.get(History.event == "invited").actor_id == cast.root.id

    root.post(f"{GROUP}/invitations/{row.id}/delete")
    assert SignIn.get_by_id(row.id).replaced_at == now
    root.post(f"{GROUP}/invitations/{row.id}/resends")
    assert "That invitation is over." in root.follow().text


def test_a_role_is_changed_and_somebody_removed_and_put_back(root: Browser, cast: Cast) -> None:
    root.post(f"{GROUP}/people/VIC", {"role": "manage", "group": "2", "person": "1"})
    assert Membership.get(Membership.person == cast.vic).role == "manage"
    assert "Remove Vic Viewer?" in root.get(f"{GROUP}/people/VIC/delete").text
    root.post(f"{GROUP}/people/VIC/delete")
    assert Membership.get(Membership.person == cast.vic).removed_at is not None
    assert "Put back" in root.follow().text
    assert root.get(f"{GROUP}/people/VIC").status_code == 200
    root.post(f"{GROUP}/people/VIC/return")
    assert Membership.get(Membership.person == cast.vic).removed_at is None
    assert Membership.get(Membership.person == cast.ada).role == "pay"


def test_what_cannot_be_is_said(root: Browser, cast: Cast) -> None:
    assert root.post(f"{GROUP}/people/VIC", {"role": "owner"}).status_code == 422
    for fields in ({"email": "x", "role": "pay"}, {"email": "vic@acme.example", "role": "pay"}, {"email": NEW}):
        assert root.post(f"{GROUP}/invitations", fields).status_code == 422
    assert SignIn.select().where(SignIn.purpose == SignIn.INVITE).count() == 0


@pytest.mark.parametrize(
    "group",
    [
        "/admin/customers/C-GLOBEX/groups/G-ACME",
        "/admin/customers/C-ACME/groups/G-GLOBEX",
        "/admin/customers/x/groups/x",
    ],
)
def test_another_customers_account_is_not_there(root: Browser, cast: Cast, group: str) -> None:
    for path in ("/people/VIC", "/people/VIC/delete", "/invitations/new"):
        assert root.get(group + path).status_code == 404
    for path in ("/people/VIC", "/people/VIC/delete", "/people/VIC/return", "/invitations", "/invitations/1/delete"):
        assert root.post(group + path, {"role": "manage", "email": NEW}).status_code == 404
    assert root.get(f"{GROUP}/people/MALLORY").status_code == 404


# --- Access requests --------------------------------------------------------------------------------------------------


def asked(cast: Cast, now: datetime) -> str:
    request = requests.ask(cast.acme, NEW, name="<b>Nora", proved=True, by=history.Actor("visitor"), now=now)
    return f"/admin/access-requests/{request.public_id}"


def test_a_request_is_decided_right_in_to_do(root: Browser, cast: Cast, now: datetime) -> None:
    path = asked(cast, now)
    page = root.get("/admin/attention").text
    assert f"Access for {NEW}" in page
    assert f'action="{path}"' in page
    assert f'action="/admin/attention/{Attention.get().id}"' not in page

    assert root.post(path, {"decision": "allow", "role": "view", "group": "2"}).status_code == 303

    assert Membership.get(Membership.person == Person.get(Person.email == NEW)).role == "view"
    assert Letter.get().kind == "access_allowed"
    page = root.follow().text
    assert f"{NEW} may see Acme Ltd now" in page
    assert '<section id="people">' in page
    assert "Nothing needs you." in root.get("/admin/attention").text
    assert "Allowed by Root" in root.get(path).text


def test_a_refused_one_is_told_and_twice_is_once(root: Browser, cast: Cast, now: datetime) -> None:
    path = asked(cast, now)
    root.post(path, {"decision": "refuse"})
    root.post(path, {"decision": "allow", "role": "manage"})
    assert "That was decided before." in root.follow().text
    assert Person.get_or_none(Person.email == NEW) is None
    assert [letter.kind for letter in Letter.select()] == ["access_refused"]


@pytest.mark.parametrize(
    "fields", [{}, {"decision": "maybe"}, {"decision": "allow"}, {"decision": "allow", "role": "x"}]
)
def test_without_a_choice_nothing_is_decided(root: Browser, cast: Cast, now: datetime, fields: dict[str, str]) -> None:
    path = asked(cast, now)
    assert root.post(path, fields).status_code == 422
    assert Letter.select().count() == 0


def test_a_request_is_the_staffs_alone(
    visitor: Browser, ada: Browser, root: Browser, cast: Cast, now: datetime
) -> None:
    path = asked(cast, now)
    for browser in (visitor, ada):
        assert browser.get(path).headers["Location"].startswith("/admin/sign-in")
        assert browser.post(path, {"decision": "allow", "role": "manage"}).headers["Location"].startswith("/admin")
    assert Person.get_or_none(Person.email == NEW) is None
    assert root.get("/admin/access-requests/x").status_code == 404
    page = root.get(path).text
    assert "&lt;b&gt;Nora" in page


def test_a_pass_is_shown_until_its_day(root: Browser, cast: Cast, now: datetime) -> None:
    Membership.update(expires_at=now - timedelta(days=1)).where(Membership.person == cast.vic).execute()
    assert "ended 21 November 2026" in root.get(GROUP).text
    assert "Their time ended" in root.get(f"{GROUP}/people/VIC").text
    root.post(f"{GROUP}/people/VIC", {"role": "manage"})
    assert Membership.get(Membership.person == cast.vic).role == "view"
