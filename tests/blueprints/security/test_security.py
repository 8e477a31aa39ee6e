"""Sign-in and devices: what customers choose themselves, and where they are signed in."""

from __future__ import annotations

import pytest
from flask import Flask

from billing import history, passwords, settings
from models import Letter, Membership, Person, Session, SignIn
from tests.blueprints.conftest import Clock
from tests.browser import Browser
from tests.cast import Cast
from tests.synchronous import Queue

PHONE = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Mobile Safari/537.36"
)
GOOD = "three hedges and a gate"


def test_who_is_not_signed_in_is_led_to_sign_in(visitor: Browser) -> None:
    assert visitor.get("/account/sign-in").headers["Location"] == "/sign-in?next=%2Faccount%2Fsign-in"


def test_the_page_says_how_one_signs_in_and_where(app: Flask, cast: Cast, clock: Clock) -> None:
    phone, other = Browser(app), Browser(app)
    phone.client.environ_base["HTTP_USER_AGENT"] = PHONE
    phone.sign_in(cast.ada)
    other.client.environ_base["HTTP_USER_AGENT"] = "curl/8"
    other.sign_in(cast.ada)
    page = phone.get("/account/sign-in").text
    assert "<h1>Sign-in and devices</h1>" in page
    assert "ada@acme.example" in page
    assert 'Chrome on Android <span class="soft">(this one)</span>' in page
    assert page.index("Chrome on Android") < page.index(">A browser</th>")
    assert "22 November 2026, 10:00" in page
    assert "<bdi>127.0.0.1</bdi>" in page
    assert 'id="passkeys"' in page


def test_another_browser_is_ended_and_this_one_stays(app: Flask, ada: Browser, cast: Cast, clock: Clock) -> None:
    other = Browser(app).sign_in(cast.ada)
    theirs = Session.select().where(Session.person == cast.ada).order_by(Session.id.desc()).get()
    answer = ada.post(f"/account/sign-in/sessions/{theirs.id}/end")
    assert answer.headers["Location"] == "/account/sign-in"
    assert "That browser is signed out." in ada.follow().text
    assert other.get("/").status_code == 303
    assert Session.get_by_id(theirs.id).ended_because == "elsewhere"


def test_all_others_are_ended_at_once(app: Flask, ada: Browser, vic: Browser, cast: Cast) -> None:
    others = [Browser(app).sign_in(cast.ada) for _ in range(2)]
    ada.post("/account/sign-in/sessions/end")
    assert [other.get("/").status_code for other in others] == [303, 303]
    assert (ada.get("/").status_code, vic.get("/").status_code) == (200, 200)


def test_nobody_ends_anybody_elses(ada: Browser, mallory: Browser, root: Browser, cast: Cast) -> None:
    for row in Session.select().where(Session.person == cast.ada):
        assert mallory.post(f"/account/sign-in/sessions/{row.id}/end").status_code == 404
        assert root.post(f"/admin/settings/security/sessions/{row.id}/end").status_code == 404
    assert mallory.post(f"/account/sign-in/sessions/{10**12}/end").status_code == 404
    assert ada.get("/").status_code == 200


def test_staff_see_and_end_their_own(app: Flask, root: Browser, cast: Cast) -> None:
    other = Browser(app).sign_in(cast.root)
    assert "(this one)" in root.get("/admin/settings/security/sessions").text
    row = Session.select().where(Session.staff == cast.root).order_by(Session.id.desc()).get()
    assert root.post(f"/admin/settings/security/sessions/{row.id}/end").status_code == 303
    assert other.get("/admin").status_code == 303
    another = Browser(app).sign_in(cast.root)
    root.post("/admin/settings/security/sessions/end")
    assert another.get("/admin").status_code == 303
    assert root.get("/admin").status_code == 200


def test_a_password_is_chosen_and_every_other_browser_is_signed_out(
    app: Flask, ada: Browser, cast: Cast, clock: Clock, queue: Queue
) -> None:
    other = Browser(app).sign_in(cast.ada)
    assert ada.get("/account/sign-in/password").status_code == 200
    answer = ada.post("/account/sign-in/password", {"password": GOOD, "again": GOOD})
    assert answer.status_code == 303
    assert "Every other browser of yours is signed out." in ada.follow().text
    assert other.get("/").status_code == 303
    checked = passwords.check("ada@acme.example", GOOD, by=history.COMMAND, now=clock.now, settings=settings.load())
    assert checked.person == cast.ada
    assert Letter.get(Letter.kind == "password_changed").to == "ada@acme.example"


@pytest.mark.parametrize(
    ("password", "again", "said"),
    [
        ("short", "short", "Choose a password of 12 to 256 characters."),
        ("x" * 257, "x" * 257, "Choose a password of 12 to 256 characters."),
        (GOOD, GOOD + "x", "The two are not the same."),
        ("password1234", "password1234", "guessed too easily"),
        ("ada@acme.example", "ada@acme.example", "Do not make it of your name"),
    ],
)
def test_a_bad_password_is_told_at_its_field(ada: Browser, password: str, again: str, said: str) -> None:
    answer = ada.post("/account/sign-in/password", {"password": password, "again": again})
    assert answer.status_code == 422
    assert said in answer.text
    assert "<title>Error:" in answer.text
    assert Person.get(Person.email == "ada@acme.example").password_hash is None


def test_where_one_signs_in_by_mail_alone_there_are_no_passwords(ada: Browser, clock: Clock) -> None:
    settings.save({"sign_in_by": "mail"}, by=history.COMMAND, now=clock.now)
    assert "assword" not in ada.get("/account/sign-in").text
    assert ada.get("/account/sign-in/password").status_code == 404
    assert ada.post("/account/sign-in/password", {"password": GOOD, "again": GOOD}).status_code == 404


def test_a_user_id_is_chosen_and_dropped(ada: Browser, cast: Cast) -> None:
    assert ada.post("/account/sign-in/user-id", {"user_id": " Ada.Acme "}).status_code == 303
    assert Person.get_by_id(cast.ada.id).user_id == "ada.acme"
    assert "<bdi>ada.acme</bdi>" in ada.get("/account/sign-in").text
    assert 'value="ada.acme"' in ada.get("/account/sign-in/user-id").text
    ada.post("/account/sign-in/user-id", {"user_id": ""})
    assert Person.get_by_id(cast.ada.id).user_id is None


@pytest.mark.parametrize("text", ["x", "ada@acme.example", "a b c", "taken.one", "\0abc"])
def test_a_user_id_that_cannot_be_had_is_told_at_its_field(ada: Browser, cast: Cast, text: str) -> None:
    Person.update(user_id="taken.one").where(Person.id == cast.vic.id).execute()
    answer = ada.post("/account/sign-in/user-id", {"user_id": text})
    assert answer.status_code == 422
    assert 'id="user_id-wrong"' in answer.text
    assert Person.get_by_id(cast.ada.id).user_id is None


def test_where_the_merchant_changes_addresses_the_page_says_whom_to_call(ada: Browser) -> None:
    page = ada.get("/account/sign-in").text
    assert "Hartwell changes the address you sign in with." in page
    assert "Call Hartwell on 01234 567890." in page
    assert "Hartwell changes the address" in ada.get("/account/sign-in/email").text
    assert ada.post("/account/sign-in/email", {"email": "ada@new.example"}).status_code == 403
    assert Letter.select().count() == 0


def test_a_new_address_is_mailed_a_link_and_nothing_changes_yet(ada: Browser, cast: Cast, clock: Clock) -> None:
    settings.save({"allow_manage_emails": True}, by=history.COMMAND, now=clock.now)
    assert ada.post("/account/sign-in/email", {"email": "nonsense"}).status_code == 422
    assert ada.post("/account/sign-in/email", {"email": "Ada@New.example"}).status_code == 303
    letter = Letter.get()
    assert (letter.kind, letter.to) == ("email_confirm", "ada@new.example")
    assert Person.get_by_id(cast.ada.id).email == "ada@acme.example"


def test_an_address_that_is_somebodys_reads_the_same_and_gets_no_mail(ada: Browser, clock: Clock) -> None:
    settings.save({"allow_manage_emails": True}, by=history.COMMAND, now=clock.now)
    free = ada.post("/account/sign-in/email", {"email": "free@new.example"})
    told = ada.follow().text
    taken = ada.post("/account/sign-in/email", {"email": "mallory@globex.example"})
    assert (free.status_code, free.headers["Location"]) == (taken.status_code, taken.headers["Location"])
    assert ("We mailed a link" in told, "We mailed a link" in ada.follow().text) == (True, True)
    assert [letter.to for letter in Letter.select()] == ["free@new.example"]


@pytest.mark.parametrize("asked", ["ada@new.example", "mallory@globex.example"])
def test_an_address_asked_for_is_shown_until_it_is_over_whosever_it_is(ada: Browser, clock: Clock, asked: str) -> None:
    settings.save({"allow_manage_emails": True}, by=history.COMMAND, now=clock.now)
    assert 'id="email-asked"' not in ada.get("/account/sign-in").text
    ada.post("/account/sign-in/email", {"email": asked})
    assert f"Once you open the link we mailed there: {asked}" in " ".join(ada.get("/account/sign-in").text.split())
    SignIn.update(link_expires_at=clock.now).execute()
    assert 'id="email-asked"' not in ada.get("/account/sign-in").text


@pytest.mark.parametrize("path", ["/password", "/user-id", "/email"])
def test_what_protects_the_account_asks_again_who_one_is(ada: Browser, clock: Clock, path: str) -> None:
    settings.save({"allow_manage_emails": True}, by=history.COMMAND, now=clock.now)
    ada.get(f"/account/sign-in{path}")
    clock.forward(minutes=16)
    way = f"/account/prove?next=%2Faccount%2Fsign-in{path.replace('/', '%2F')}"
    assert ada.get(f"/account/sign-in{path}").headers["Location"] == way
    clock.forward(minutes=15)
    assert ada.post(f"/account/sign-in{path}").headers["Location"] == "/account/prove"


def test_the_menu_leads_there_and_to_people_for_who_manages(ada: Browser, cast: Cast, app: Flask) -> None:
    assert '<a href="/account/sign-in">Sign-in and devices</a>' in ada.get("/").text
    assert "/account/people" not in ada.get("/").text
    Membership.update(role="manage").where(Membership.person == cast.ada).execute()
    assert '<a href="/account/people">People with access</a>' in ada.get("/").text
