from __future__ import annotations

from datetime import timedelta

import pytest

from billing import access, invitations, passwords, people, settings
from models import AccessRule, Letter, Person, Session, SignIn
from tests.blueprints.conftest import Clock
from tests.blueprints.login.conftest import PASSWORD, bare, let, newest, set_to
from tests.browser import HTMX, Browser
from tests.cast import Cast

EVE = "eve@nowhere.example"


def want(browser: Browser, email: str, **fields: str) -> str:
    browser.get("/create-account")
    answer = browser.post("/create-account", {"name": "Eve", "email": email, **fields})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/create-account/sent"), answer.text
    return bare(browser.follow().text)


def forget(browser: Browser, email: str) -> str:
    browser.get("/forgot-password")
    answer = browser.post("/forgot-password", {"email": email})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/forgot-password/sent"), answer.text
    return bare(browser.follow().text)


def kinds() -> list[str]:
    return [letter.kind for letter in Letter.select().order_by(Letter.id)]


# --- Create account ---------------------------------------------------------------------------------------------------


def test_from_the_form_by_the_letter_to_the_page_that_was_wanted(visitor: Browser, cast: Cast, clock: Clock) -> None:
    let(cast.acme, "nowhere.example", clock.now)
    page = visitor.get("/sign-in?next=/invoices%3Fq%3D1").text
    assert 'href="/create-account?next=%2Finvoices%3Fq%3D1"' in page
    want(visitor, EVE, next="/invoices?q=1")
    path = newest("enrol")
    page = visitor.get(path).text
    assert "<h1>Create your account</h1>" in page
    assert "e•••@nowhere.example" in page
    assert 'autocomplete="new-password"' in page

    answer = visitor.post(path, {"password": PASSWORD})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/invoices?q=1")
    assert visitor.name() == "Eve"
    assert Session.get().way == "link"


@pytest.mark.parametrize("enrolment", ["open", "listed", "invited"])
@pytest.mark.parametrize("by", ["mail", "password", "both"])
def test_everybody_reads_the_same_screen(visitor: Browser, cast: Cast, clock: Clock, enrolment: str, by: str) -> None:
    set_to(clock.now, enrolment=enrolment, sign_in_by=by)
    let(cast.acme, "nowhere.example", clock.now)
    Person.update(locked_at=clock.now).where(Person.id == cast.vic.id).execute()

    pages = {want(visitor, email) for email in ("ada@acme.example", "vic@acme.example", EVE, "mad@hatter.example")}

    assert len(pages) == 1
    known = "sign_in" if by == "mail" else "reset"
    assert kinds() == {"open": [known, "enrol", "enrol"], "listed": [known, "enrol"], "invited": [known]}[enrolment]


def test_scanners_make_no_account(visitor: Browser, cast: Cast, clock: Clock) -> None:
    let(cast.acme, "nowhere.example", clock.now)
    want(visitor, EVE)
    for method in ("GET", "HEAD", "OPTIONS"):
        assert visitor.ask(method, newest("enrol")).status_code == 200

    assert Person.get_or_none(Person.email == EVE) is None
    assert SignIn.get().used_at is None


def test_a_bad_password_is_said_at_its_field_and_uses_nothing_up(visitor: Browser, cast: Cast, clock: Clock) -> None:
    let(cast.acme, "nowhere.example", clock.now)
    want(visitor, EVE)
    path = newest("enrol")
    visitor.get(path)

    answer = visitor.post(path, {"password": "short", "remember": "y"})

    assert answer.status_code == 422
    assert "Choose a password of at least 12 characters." in answer.text
    assert 'value="short"' not in answer.text
    assert "checked" in answer.text
    assert visitor.post(path, {"password": PASSWORD}).status_code == 303


def test_by_mail_alone_one_button_makes_the_account(visitor: Browser, cast: Cast, clock: Clock) -> None:
    set_to(clock.now, sign_in_by="mail")
    let(cast.acme, "nowhere.example", clock.now)
    want(visitor, EVE)
    path = newest("enrol")

    assert 'type="password"' not in visitor.get(path).text
    assert visitor.post(path).headers["Location"] == "/"
    assert visitor.name() == "Eve"


def test_a_used_link_offers_another(visitor: Browser, cast: Cast, clock: Clock) -> None:
    let(cast.acme, "nowhere.example", clock.now)
    want(visitor, EVE)
    path = newest("enrol")
    visitor.get(path)
    visitor.post(path, {"password": PASSWORD})
    other = Browser(visitor.client.application)

    for answer in (other.get(path), other.post(path, {"password": PASSWORD})):
        assert answer.status_code == 410
        assert "more than 24 hours old" in answer.text
        assert 'href="/create-account"' in answer.text


def test_who_is_let_in_by_rule_is_out_with_the_rule(visitor: Browser, cast: Cast, clock: Clock) -> None:
    let(cast.acme, "nowhere.example", clock.now)
    want(visitor, EVE)
    visitor.get(newest("enrol"))
    visitor.post(newest("enrol"), {"password": PASSWORD})
    AccessRule.delete().execute()

    assert visitor.name() is None


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"name": "", "email": EVE}, "Enter your name."), ({"name": "Eve", "email": "eve"}, "Enter an e-mail address")],
)
def test_what_is_missing_is_said_and_the_rest_kept(visitor: Browser, fields: dict[str, str], said: str) -> None:
    visitor.get("/create-account")

    answer = visitor.post("/create-account", {**fields, "next": "/invoices"})

    assert answer.status_code == 422
    assert said in answer.text
    assert "<title>Error: " in answer.text
    assert all(f'value="{typed}"' in answer.text for typed in fields.values() if typed)
    assert 'name="next" value="/invoices"' in answer.text


def test_one_address_is_not_mailed_without_end(visitor: Browser) -> None:
    for _ in range(4):
        want(visitor, "ada@acme.example")

    answer = visitor.post("/create-account", {"name": "Eve", "email": "ADA@acme.example"})

    assert answer.status_code == 429
    assert 'value="ADA@acme.example"' in answer.text
    assert len(kinds()) == 4


def test_who_is_signed_in_is_led_on(ada: Browser) -> None:
    assert ada.get("/create-account?next=/invoices").headers["Location"] == "/invoices"


def test_mass_assignment_gives_no_role(visitor: Browser, cast: Cast, clock: Clock) -> None:
    let(cast.acme, "nowhere.example", clock.now)
    want(visitor, EVE, role="manage", group=str(cast.globex.id), purpose="sign_in", person=str(cast.ada.id))
    visitor.get(newest("enrol"))
    visitor.post(newest("enrol"), {"password": PASSWORD, "role": "manage", "group": str(cast.globex.id)})

    eve = Person.get(Person.email == EVE)
    assert [(place.group, place.role) for place in access.groups(eve, clock.now)] == [(cast.acme, "pay")]


def test_whoever_proves_an_address_of_nobodys_under_open_may_ask(visitor: Browser, clock: Clock) -> None:
    set_to(clock.now, enrolment="open")
    want(visitor, EVE)
    visitor.get(newest("enrol"))

    assert visitor.post(newest("enrol"), {"password": PASSWORD}).headers["Location"] == "/welcome"
    visitor.token = ""
    assert "We know no account for this address." in visitor.get("/welcome").text


# --- Forgotten passwords ----------------------------------------------------------------------------------------------


def test_a_forgotten_password_is_chosen_anew(knows: Browser, cast: Cast) -> None:
    forget(knows, "Ada@acme.example")
    path = newest("reset")
    assert "<h1>Choose a new password</h1>" in knows.get(path).text

    answer = knows.post(path, {"password": "nine blue teapots"})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert knows.name() == "Ada Acme"
    assert passwords._fits(Person.get_by_id(cast.ada.id), "nine blue teapots")


def test_other_browsers_are_signed_out_by_it(ada: Browser, cast: Cast, clock: Clock) -> None:
    other = Browser(ada.client.application)
    forget(other, "ada@acme.example")
    other.get(newest("reset"))
    other.post(newest("reset"), {"password": PASSWORD})

    assert ada.name() is None
    assert kinds() == ["reset", "password_changed"]


def test_everybody_reads_the_same_answer(visitor: Browser, cast: Cast, clock: Clock) -> None:
    let(cast.acme, "nowhere.example", clock.now)
    Person.update(locked_at=clock.now).where(Person.id == cast.vic.id).execute()

    pages = {forget(visitor, email) for email in ("ada@acme.example", "vic@acme.example", EVE, "mad@hatter.example")}

    assert len(pages) == 1
    assert kinds() == ["reset"]


def test_a_lock_closes_a_link_that_was_mailed_before(knows: Browser, cast: Cast, clock: Clock) -> None:
    forget(knows, "ada@acme.example")
    path = newest("reset")
    Person.update(locked_at=clock.now).where(Person.id == cast.ada.id).execute()

    assert knows.get(path).status_code == 410
    assert knows.post(path, {"password": PASSWORD}).status_code == 410
    assert Session.select().count() == 0


def test_an_old_one_is_asked_for_again_by_one_press(visitor: Browser, clock: Clock) -> None:
    forget(visitor, "ada@acme.example")
    path = newest("reset")
    clock.forward(minutes=60)

    page = visitor.get(path)

    assert page.status_code == 410
    assert "more than 60 minutes old" in page.text
    asked = page.text.split('name="asked" value="')[1].split('"')[0]
    assert visitor.post("/forgot-password", {"asked": asked}).status_code == 303
    assert kinds() == ["reset", "reset"]


def test_a_forgotten_user_id_is_not_told(visitor: Browser, cast: Cast) -> None:
    Person.update(user_id="ada.pays").where(Person.id == cast.ada.id).execute()

    page = visitor.get("/forgot-password").text

    assert "Forgot your user id? Use your e-mail, or call Hartwell on 01234 567890." in page
    assert "ada.pays" not in page + forget(visitor, "ada@acme.example")


def test_while_the_portal_is_off_all_of_it_is_closed(visitor: Browser, clock: Clock) -> None:
    forget(visitor, "ada@acme.example")
    set_to(clock.now, portal_enabled=False)

    for path in ("/create-account", "/forgot-password", "/welcome", "/company/G-ACME", newest("reset")):
        assert visitor.get(path).status_code == 503


# --- Invitations and new addresses ------------------------------------------------------------------------------------


@pytest.fixture
def invited(visitor: Browser, cast: Cast, clock: Clock) -> str:
    invitations.invite(cast.globex, EVE, "manage", name="Eve", by=cast.root, now=clock.now)
    return newest("invite")


def test_an_invitation_says_what_it_gives_and_opens_that_company(
    visitor: Browser, invited: str, cast: Cast, clock: Clock
) -> None:
    page = visitor.get(invited).text
    assert "<h1>Join Globex GmbH</h1>" in page
    assert "You may look, pay, and say who else may." in page

    assert visitor.post(invited).headers["Location"] == "/"
    assert visitor.name() == "Eve"
    assert Session.get().group == cast.globex


def test_where_passwords_are_needed_the_invited_choose_one_first(visitor: Browser, invited: str, clock: Clock) -> None:
    set_to(clock.now, sign_in_by="password")
    visitor.get(invited)

    assert visitor.post(invited).headers["Location"] == "/account/password/new"
    assert visitor.get("/").headers["Location"] == "/account/password/new"


def test_an_old_invitation_says_whom_to_ask(visitor: Browser, invited: str, clock: Clock) -> None:
    clock.forward(days=14)

    answer = visitor.get(invited)

    assert answer.status_code == 410
    assert "Ask whoever invited you for another." in answer.text


def test_a_new_address_is_confirmed_where_they_are_signed_in(ada: Browser, cast: Cast, clock: Clock) -> None:
    set_to(clock.now, allow_manage_emails=True)
    people.ask_new_email(cast.ada, EVE, by=cast.ada, now=clock.now, settings=settings.load())
    path = newest("email")
    assert "<h1>Confirm your new address</h1>" in ada.get(path).text

    assert ada.post(path, headers=HTMX).headers["HX-Redirect"].startswith("/account")
    assert Person.get_by_id(cast.ada.id).email == EVE
    assert ada.name() == "Ada Acme"


def test_a_new_address_is_not_confirmed_where_somebody_else_reads_the_mail(
    visitor: Browser, mallory: Browser, cast: Cast, clock: Clock
) -> None:
    """Whoever reads the new address's mail would bring another's password to it, and let them into its companies."""
    set_to(clock.now, allow_manage_emails=True)
    row = SignIn.create(
        purpose="email",
        person=cast.ada,
        email=EVE,
        created_at=clock.now,
        link_expires_at=clock.now + timedelta(hours=24),
    )
    for browser in (visitor, mallory):
        assert "<h1>Sign in first</h1>" in browser.get(newest("email")).text
        assert "<h1>Sign in first</h1>" in browser.post(newest("email")).text

    assert Person.get_by_id(cast.ada.id).email == "ada@acme.example"
    assert SignIn.get_by_id(row.id).used_at is None


def test_a_switch_turned_off_closes_the_link_of_a_new_address(ada: Browser, cast: Cast, clock: Clock) -> None:
    set_to(clock.now, allow_manage_emails=True)
    people.ask_new_email(cast.ada, EVE, by=cast.ada, now=clock.now, settings=settings.load())
    set_to(clock.now, allow_manage_emails=False)

    ada.post(newest("email"))
    assert Person.get_by_id(cast.ada.id).email == "ada@acme.example"


def test_an_invitation_is_no_way_into_an_account_there_is(
    visitor: Browser, ada: Browser, cast: Cast, clock: Clock
) -> None:
    invitations.invite(cast.globex, cast.ada.email, "view", by=cast.root, now=clock.now)

    answer = visitor.post(newest("invite"))

    assert answer.headers["Location"].startswith("/sign-in?next=%2Fcompany%2F")
    assert "You have joined. Sign in as you always do." in visitor.follow().text
    assert visitor.name() is None
    assert ada.get(f"/company/{cast.globex.public_id}").headers["Location"] == "/"
    assert ada.company() == "Globex GmbH"
