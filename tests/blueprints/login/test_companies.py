from __future__ import annotations

import pytest

from billing import links
from models import AccessRequest, Invoice, Membership, Person, Session
from tests.bills import bill
from tests.blueprints.conftest import Clock
from tests.blueprints.login.conftest import PASSWORD, bare, set_to
from tests.browser import Browser
from tests.cast import Cast


@pytest.fixture
def both(cast: Cast, clock: Clock) -> None:
    """Ada pays for Globex too."""
    Membership.create(person=cast.ada, group=cast.globex, role="pay", created_at=clock.now)


@pytest.fixture
def invoice(cast: Cast, clock: Clock) -> Invoice:
    return bill(cast.acme, 124000, now=clock.now, number="2026-0142")


@pytest.fixture
def lost(visitor: Browser, cast: Cast, clock: Clock) -> Browser:
    """Eve, signed in where everybody may enrol: no company knows her."""
    set_to(clock.now, enrolment="open")
    eve = Person.create(public_id="EVE", email="eve@nowhere.example", name="Eve", created_at=clock.now)
    return visitor.sign_in(eve)


def access_path(invoice: Invoice) -> str:
    return links.pay(invoice.id).removeprefix("http://127.0.0.1:8000") + "/access"


# --- Several companies ------------------------------------------------------------------------------------------------


def test_who_sees_several_chooses_after_signing_in(knows: Browser, both: None) -> None:
    answer = knows.post("/sign-in/password", {"email": "ada@acme.example", "password": PASSWORD})
    assert answer.headers["Location"] == "/account/company"
    knows.token = ""
    page = knows.follow().text
    assert "<h1>Choose a company</h1>" in page
    assert "Acme Ltd" in page
    assert "Globex GmbH" in page

    assert knows.post("/account/company", {"group": "G-GLOBEX"}).headers["Location"] == "/"
    assert knows.company() == "Globex GmbH"
    page = " ".join(knows.get("/account/company").text.split())
    assert 'Globex GmbH · EUR</button> <span class="soft">(this one)</span>' in page
    assert page.count("(this one)") == 1


def test_a_page_that_was_wanted_goes_before_the_choice(knows: Browser, both: None) -> None:
    fields = {"email": "ada@acme.example", "password": PASSWORD, "next": "/payments"}

    assert knows.post("/sign-in/password", fields).headers["Location"] == "/payments"


def test_a_strangers_company_is_not_among_them(ada: Browser) -> None:
    assert "Globex" not in ada.get("/account/company").text
    assert ada.post("/account/company", {"group": "G-GLOBEX"}).status_code == 404


def test_a_visitor_chooses_nothing(visitor: Browser) -> None:
    assert visitor.get("/account/company").headers["Location"] == "/sign-in?next=%2Faccount%2Fcompany"


# --- A company's own link ---------------------------------------------------------------------------------------------


def test_a_companys_link_opens_it_to_its_people(ada: Browser, both: None, cast: Cast) -> None:
    assert ada.company() == "Acme Ltd"

    assert ada.get("/company/G-GLOBEX").headers["Location"] == "/"

    assert ada.company() == "Globex GmbH"
    assert Session.get().group == cast.globex


def test_it_is_nothing_to_others(ada: Browser, mallory: Browser) -> None:
    for path in ("/company/G-GLOBEX", "/company/G-NONE", "/company/%00"):
        assert ada.get(path).status_code == 404
    assert mallory.get("/company/G-ACME").status_code == 404
    assert ada.company() == "Acme Ltd"


def test_a_visitor_signs_in_first_and_lands_there(knows: Browser, both: None) -> None:
    door = knows.get("/company/G-GLOBEX").headers["Location"]
    assert door == "/sign-in?next=%2Fcompany%2FG-GLOBEX"
    unknown = knows.get("/company/G-NONE").headers["Location"]
    assert unknown == "/sign-in?next=%2Fcompany%2FG-NONE"  # nobody learns which there are
    knows.get(door)
    fields = {"email": "ada@acme.example", "password": PASSWORD, "next": "/company/G-GLOBEX"}

    assert knows.post("/sign-in/password", fields).headers["Location"] == "/company/G-GLOBEX"
    knows.follow()
    assert knows.company() == "Globex GmbH"


# --- Asking to be let in ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("enrolment", ["open", "listed", "invited"])
def test_with_an_invoices_link_anybody_may_ask(
    visitor: Browser, invoice: Invoice, cast: Cast, clock: Clock, enrolment: str
) -> None:
    set_to(clock.now, enrolment=enrolment)
    path = access_path(invoice)
    page = visitor.get(path).text
    assert "<h1>Ask for access</h1>" in page
    assert "1,240" not in page
    assert "Acme" not in page

    answer = visitor.post(path, {"name": "Eve", "email": "Eve@nowhere.example", "group": "2", "proved": "1"})

    assert answer.headers["Location"] == f"{path}?asked=1"
    assert "<h1>Hartwell is asked</h1>" in visitor.follow().text
    request = AccessRequest.get()
    assert (request.group, request.email, request.name) == (cast.acme, "eve@nowhere.example", "Eve")
    assert not request.proved


def test_the_answer_is_the_same_for_who_sees_it_already(visitor: Browser, invoice: Invoice) -> None:
    path = access_path(invoice)
    pages = set()
    for email in ("eve@nowhere.example", "ada@acme.example", "root@hartwell.example"):
        visitor.get(path)
        visitor.post(path, {"name": "Eve", "email": email})
        pages.add(bare(visitor.follow().text))

    assert len(pages) == 1


def test_asking_twice_is_one_question(visitor: Browser, invoice: Invoice) -> None:
    for _ in range(2):
        visitor.get(access_path(invoice))
        visitor.post(access_path(invoice), {"name": "Eve", "email": "eve@nowhere.example"})

    assert AccessRequest.select().count() == 1


def test_who_is_signed_in_has_proved_their_address(mallory: Browser, invoice: Invoice, cast: Cast) -> None:
    page = mallory.get(access_path(invoice)).text
    assert 'value="mallory@globex.example"' in page

    mallory.post(access_path(invoice), {"name": "Mallory", "email": "mallory@globex.example"})
    assert AccessRequest.get().proved

    mallory.post(access_path(invoice), {"name": "Mallory", "email": "other@globex.example"})
    assert not AccessRequest.get(AccessRequest.email == "other@globex.example").proved


def test_a_link_of_no_invoice_asks_nobody(visitor: Browser) -> None:
    visitor.get("/sign-in")

    assert visitor.get("/pay/x/access").status_code == 410
    assert visitor.post("/pay/x/access", {"name": "Eve", "email": "eve@nowhere.example"}).status_code == 410
    assert AccessRequest.select().count() == 0


def test_what_is_missing_is_said_and_the_rest_kept(visitor: Browser, invoice: Invoice) -> None:
    visitor.get(access_path(invoice))

    answer = visitor.post(access_path(invoice), {"name": "Eve", "email": "eve"})

    assert answer.status_code == 422
    assert 'value="Eve"' in answer.text
    assert AccessRequest.select().count() == 0


def test_the_sign_in_page_knows_the_invoice_that_led_there(visitor: Browser, invoice: Invoice) -> None:
    token = access_path(invoice).split("/")[2]

    page = visitor.get(f"/sign-in?next=/invoices/2026-0142&invoice={token}").text

    assert "<h1>Open invoice 2026-0142</h1>" in page
    assert f'href="/pay/{token}/access"' in page
    assert f"/create-account?next=%2Finvoices%2F2026-0142&amp;invoice={token}" in page
    assert "/access" not in visitor.get("/sign-in?invoice=made-up").text


# --- No company for this address --------------------------------------------------------------------------------------


def test_who_has_no_company_is_told_and_may_ask(lost: Browser, invoice: Invoice, cast: Cast) -> None:
    assert lost.get("/").headers["Location"] == "/welcome"
    page = lost.get("/welcome").text
    assert "We know no account for this address." in page
    assert 'href="/account/sign-in"' in page
    for path in ("/invoices", "/payments", "/payment-methods", "/account"):
        assert f'href="{path}"' not in page, "it would only lead back here"

    lost.post("/welcome", {"number": " 2026-0142 "})

    assert "Hartwell is asked" in lost.follow().text
    request = AccessRequest.get()
    assert (request.group, request.email, request.proved) == (cast.acme, "eve@nowhere.example", True)


def test_whether_there_is_such_an_invoice_nobody_learns(
    lost: Browser, invoice: Invoice, cast: Cast, clock: Clock
) -> None:
    hidden = bill(cast.acme, 100, now=clock.now, number="LATER", issued_on=clock.now.date().replace(year=2027))
    pages = set()
    lost.get("/welcome")
    for number in ("2026-0142", "NONE", hidden.number):
        lost.post("/welcome", {"number": number})
        pages.add(bare(lost.follow().text))

    assert len(pages) == 1
    assert AccessRequest.select().count() == 1


def test_who_has_a_company_is_not_welcomed(ada: Browser, visitor: Browser) -> None:
    assert ada.get("/welcome").headers["Location"] == "/"
    assert visitor.get("/welcome").headers["Location"] == "/sign-in?next=%2Fwelcome"


def test_where_only_listed_people_come_nobody_without_a_company_is_signed_in(lost: Browser, clock: Clock) -> None:
    set_to(clock.now, enrolment="listed")

    assert lost.name() is None
    assert lost.get("/welcome").headers["Location"].startswith("/sign-in")
