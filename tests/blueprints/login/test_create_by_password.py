from __future__ import annotations

import re

import pytest

from models import Letter, Person, Session, SignIn
from tests.blueprints.conftest import Clock
from tests.blueprints.login.conftest import PASSWORD, bare, set_to, temporary
from tests.browser import Browser
from tests.cast import Cast

REFUSED = "That is not right. Check the e-mail address or user id, and the password."
# What browsers make another host of, or a way round in a circle.
ELSEWHERE = (
    "https://evil.example/",
    "http:evil.example",
    "//evil.example/",
    "///evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "/\t/evil.example/",
    "\t//evil.example/",
    "/\n/evil.example/",
    "javascript:alert(1)",
    "evil.example/",
    "http://127.0.0.1:8000@evil.example/",
    "/sign-out",
)


def enter(browser: Browser, name: str = "ada@acme.example", password: str = PASSWORD, **fields: str) -> int:
    return browser.post("/sign-in/password", {"email": name, "password": password, **fields}).status_code


def test_a_password_signs_in_with_a_new_token_and_leads_back(knows: Browser, cast: Cast) -> None:
    before = knows.cookie()

    assert enter(knows, next="/invoices?q=1") == 303

    assert knows.last is not None
    assert knows.last.headers["Location"] == "/invoices?q=1"
    assert knows.cookie() != before
    assert (Session.get().person, Session.get().way) == (cast.ada, "password")
    assert knows.name() == "Ada Acme"


def test_enter_presses_sign_in(knows: Browser) -> None:
    page = knows.get("/sign-in").text

    buttons = re.findall(r"<button[^>]*>[^<]*", page[page.index('id="ask"') :])
    assert 'formaction="/sign-in/password"' in buttons[0]


def test_a_user_id_does_as_well(knows: Browser, cast: Cast) -> None:
    Person.update(user_id="ada.pays").where(Person.id == cast.ada.id).execute()

    assert enter(knows, "Ada.Pays") == 303


def test_without_a_password_the_field_says_so(knows: Browser) -> None:
    assert enter(knows, password="") == 422

    assert knows.last is not None
    assert "Enter your password, or have a link sent." in knows.last.text
    assert 'value="ada@acme.example"' in knows.last.text


def test_what_was_typed_stays_but_for_the_password(knows: Browser) -> None:
    assert enter(knows, password="wrong and long enough", next="/invoices", remember="y") == 422

    assert knows.last is not None
    assert REFUSED in knows.last.text
    assert "wrong and long enough" not in knows.last.text
    assert 'name="next" value="/invoices"' in knows.last.text
    assert "checked" in knows.last.text


def test_every_refusal_reads_the_same(knows: Browser, cast: Cast, clock: Clock) -> None:
    pages = []
    Person.update(locked_at=clock.now, password_hash=Person.get_by_id(cast.ada.id).password_hash).where(
        Person.id == cast.vic.id
    ).execute()
    for name, password in (
        ("ada@acme.example", "wrong"),
        ("vic@acme.example", PASSWORD),  # locked
        ("mallory@globex.example", PASSWORD),  # has none
        ("eve@evil.example", PASSWORD),
        ("eve", PASSWORD),
    ):
        assert enter(knows, name, password) == 422
        assert knows.last is not None
        pages.append(bare(knows.last.text))
    assert len(set(pages)) == 1
    assert Session.select().count() == 0


def test_after_ten_wrong_ones_the_right_one_reads_the_same(knows: Browser) -> None:
    for _ in range(10):
        assert enter(knows, password="wrong") == 422
    assert knows.last is not None
    wrong = bare(knows.last.text)

    assert enter(knows) == 422

    assert bare(knows.last.text) == wrong
    assert Letter.select().where(Letter.kind == "locked").count() == 1


@pytest.mark.parametrize("next", ELSEWHERE)
def test_nobody_is_led_elsewhere(knows: Browser, next: str) -> None:
    assert enter(knows, next=next) == 303

    assert knows.last is not None
    assert knows.last.headers["Location"] == "/"


@pytest.mark.parametrize(("tick", "lasts"), [({"remember": "y"}, True), ({"remember": "y", "passing": "y"}, False)])
def test_staying_signed_in_is_asked_for(knows: Browser, tick: dict[str, str], lasts: bool) -> None:
    assert enter(knows, **tick) == 303

    assert knows.last is not None
    assert ("Max-Age" in knows.last.headers["Set-Cookie"]) is lasts


def test_neither_box_is_ticked(knows: Browser) -> None:
    assert "checked" not in knows.get("/sign-in").text


def test_a_device_that_is_not_theirs_is_signed_out_soon(knows: Browser, clock: Clock) -> None:
    enter(knows, passing="y")
    assert "no-store" in knows.get("/").headers["Cache-Control"]
    clock.forward(minutes=29)
    assert knows.name() == "Ada Acme"
    clock.forward(minutes=30)
    assert knows.name() is None


@pytest.mark.parametrize(
    ("by", "password", "mail"), [("both", True, True), ("password", True, False), ("mail", False, True)]
)
def test_the_merchant_says_which_ways_there_are(
    knows: Browser, clock: Clock, by: str, password: bool, mail: bool
) -> None:
    set_to(clock.now, sign_in_by=by)

    page = knows.get("/sign-in").text

    assert ('name="password"' in page) is password
    assert ("Forgot your password?" in page) is password
    assert ("Send the link" in page) is mail
    assert "Create an account" in page
    assert enter(knows) == (303 if password else 404)
    knows.get("/nowhere")
    assert knows.get("/forgot-password").status_code == (200 if password else 404)


def test_where_there_is_no_mail_a_link_is_not_sent(knows: Browser, clock: Clock) -> None:
    set_to(clock.now, sign_in_by="password")

    assert knows.post("/sign-in", {"email": "ada@acme.example"}).status_code == 422
    assert SignIn.select().count() == 0


def test_one_address_is_not_tried_without_end(knows: Browser) -> None:
    for _ in range(12):
        enter(knows, "somebody@acme.example", "wrong")

    assert enter(knows, "somebody@acme.example", "wrong") == 429
    assert knows.last is not None
    assert 'value="somebody@acme.example"' in knows.last.text
    assert enter(knows) == 303


def test_htmx_is_led_on_as_a_whole_page(knows: Browser) -> None:
    fields = {"email": "ada@acme.example", "password": PASSWORD}

    answer = knows.post("/sign-in/password", fields, htmx=True)

    assert (answer.status_code, answer.headers["HX-Redirect"]) == (200, "/")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_no_other_method_is_answered(visitor: Browser, method: str) -> None:
    for path in ("/sign-in/password", "/create-account", "/forgot-password", "/account/password/new", "/welcome"):
        assert visitor.ask(method, path).status_code == 405


def test_a_form_without_its_token_changes_nothing(knows: Browser) -> None:
    fields = {"email": "ada@acme.example", "password": PASSWORD}

    assert knows.post("/sign-in/password", fields, token="").status_code == 400
    assert Session.select().count() == 0


# --- The merchant's temporary password --------------------------------------------------------------------------------


@pytest.fixture
def owing(knows: Browser, cast: Cast, clock: Clock) -> Browser:
    """Ada, come in by a temporary password."""
    assert enter(knows, password=temporary(cast.ada, cast, clock), next="/invoices") == 303
    assert knows.last is not None
    assert knows.last.headers["Location"] == "/account/password/new?next=%2Finvoices"
    return knows


def test_a_temporary_password_leads_to_one_of_their_own_and_then_on(owing: Browser, cast: Cast, clock: Clock) -> None:
    owing.token = ""
    page = owing.follow()
    assert "<h1>Choose a password</h1>" in page.text
    before = owing.cookie()

    answer = owing.post("/account/password/new", {"password": "nine blue teapots", "next": "/invoices"})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/invoices")
    assert owing.cookie() != before
    assert "Your password is saved." in owing.get("/invoices").text
    assert owing.name() == "Ada Acme"
    assert [row.stage for row in Session.select().where(Session.ended_at.is_null())] == [""]


def test_no_route_escapes_the_change_and_no_fragment(owing: Browser) -> None:
    app = owing.client.application
    values = {"token": "x", "id": "1", "number": "7", "provider": "sandbox", "filename": "x", "key": "x"}
    tried = 0
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(("/admin", "/hooks", "/healthz", "/static")) or rule.endpoint == "static":
            continue
        path = re.sub(r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>", lambda found: values.get(found[1], "1"), rule.rule)
        if path in ("/account/password/new", "/sign-out"):
            continue
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            for htmx in (False, True):
                tried += 1
                if method == "GET":
                    answer = owing.get(path, htmx=htmx)
                else:
                    answer = owing.post(path, {"password": "nine blue teapots"}, htmx=htmx)
                led = answer.headers.get("HX-Redirect" if htmx else "Location", "")
                assert led.startswith("/account/password/new"), (method, path, htmx, answer.status_code)
                assert not (htmx and answer.data)
    assert tried > 100
    assert Session.get(Session.ended_at.is_null()).stage == Session.CHANGE


@pytest.mark.parametrize("password", ["", "short", "password1234", "ada@acme.example"])
def test_a_bad_choice_is_said_at_its_field(owing: Browser, password: str) -> None:
    owing.token = ""
    owing.follow()

    answer = owing.post("/account/password/new", {"password": password})

    assert answer.status_code == 422
    assert 'aria-describedby="password-hint password-wrong"' in answer.text
    assert owing.get("/").headers["Location"] == "/account/password/new"


def test_the_temporary_one_cannot_be_kept(knows: Browser, cast: Cast, clock: Clock) -> None:
    password = temporary(cast.ada, cast, clock)
    enter(knows, password=password)
    knows.token = ""
    knows.follow()

    answer = knows.post("/account/password/new", {"password": password})

    assert answer.status_code == 422
    assert "That is the temporary password. Choose one of your own." in answer.text


def test_signing_out_is_open_meanwhile(owing: Browser) -> None:
    owing.token = ""
    owing.follow()

    assert owing.post("/sign-out").status_code == 303
    assert Session.select().where(Session.ended_at.is_null()).count() == 0


def test_who_owes_nothing_has_nothing_to_choose_there(ada: Browser, visitor: Browser) -> None:
    assert ada.get("/account/password/new").headers["Location"] == "/"
    assert visitor.get("/account/password/new").headers["Location"] == "/sign-in"
    assert ada.post("/account/password/new", {"password": "nine blue teapots"}).headers["Location"] == "/"


@pytest.mark.parametrize("path", ["/sign-in/password", "/sign-in/passkey"])
def test_who_reloads_where_the_form_went_finds_the_page_to_sign_in(visitor: Browser, path: str) -> None:
    assert visitor.get(path).headers["Location"] == "/sign-in"
    assert visitor.get(f"{path}?next=/invoices").headers["Location"] == "/sign-in?next=%2Finvoices"
    assert visitor.get(f"{path}?next=https://else.example").headers["Location"] == "/sign-in"
    assert visitor.follow().status_code == 200
