from __future__ import annotations

import pytest

from billing import history, settings, sign_ins
from blueprints.asking import carry
from models import Membership, Person, Session, SignIn, Staff
from tests.blueprints.conftest import Clock
from tests.browser import HTMX, Browser
from tests.cast import Cast


def link_for(who: Person | Staff, clock: Clock, next: str = "") -> str:
    return sign_ins.for_command(who, now=clock.now, next=next).removeprefix("http://127.0.0.1:8000")


def test_the_link_shows_one_button_and_whose_it_is(visitor: Browser, cast: Cast, clock: Clock) -> None:
    page = visitor.get(link_for(cast.ada, clock)).text

    assert "a•••@acme.example" in page
    assert page.count("<button") == 1
    assert 'name="remember"' in page
    assert "checked" not in page


def test_scanners_use_nothing_up(visitor: Browser, cast: Cast, clock: Clock) -> None:
    path = link_for(cast.ada, clock)
    for _ in range(20):
        assert visitor.get(path).status_code == 200
        assert visitor.ask("HEAD", path).status_code == 200
        assert visitor.ask("OPTIONS", path).status_code == 200

    assert SignIn.get().used_at is None
    assert Session.select().count() == 0
    assert visitor.post(path).status_code == 303


def test_the_button_signs_in_with_a_new_token_and_leads_back(visitor: Browser, cast: Cast, clock: Clock) -> None:
    path = link_for(cast.ada, clock, next="/invoices/7")
    visitor.get(path)
    before = visitor.cookie()

    answer = visitor.post(path)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/invoices/7")
    assert visitor.cookie() not in (None, before)
    assert Session.get().person == cast.ada
    assert "Max-Age" not in answer.headers["Set-Cookie"]


def test_a_used_link_says_so_and_offers_a_new_one(ada: Browser, app: object, cast: Cast, clock: Clock) -> None:
    path = link_for(cast.ada, clock, next="/invoices/7")
    other = Browser(ada.client.application)
    assert other.post(path).status_code == 303
    third = Browser(ada.client.application)

    for answer in (third.get(path), third.post(path)):
        assert answer.status_code == 410
        assert "<h1>This link no longer works</h1>" in answer.text
        assert "It was used before or is more than 30 minutes old. Nothing is wrong with your account." in answer.text
        assert "Send me a new link" in answer.text
    asked = carry(cast.ada, "/invoices/7")
    assert f'value="{asked}"' in answer.text
    assert third.post("/sign-in", {"asked": asked}).status_code == 303
    assert SignIn.select().order_by(SignIn.id.desc()).get().next == "/invoices/7"


def test_an_old_link_says_so(visitor: Browser, cast: Cast, clock: Clock) -> None:
    path = link_for(cast.ada, clock)
    clock.forward(minutes=30)

    assert visitor.get(path).status_code == 410
    assert visitor.post(path).status_code == 410
    assert Session.select().count() == 0


def test_a_replaced_link_says_so(visitor: Browser, cast: Cast, clock: Clock) -> None:
    older = link_for(cast.ada, clock)
    link_for(cast.ada, clock)

    assert visitor.post(older).status_code == 410


def test_a_made_up_link_says_so(visitor: Browser) -> None:
    for token in ("x", "1.2.3", "%00", "é"):
        assert visitor.get(f"/sign-in/{token}").status_code == 410
        assert visitor.post(f"/sign-in/{token}").status_code == 410


def test_an_old_link_leads_on_who_is_signed_in_already(ada: Browser, cast: Cast, clock: Clock) -> None:
    path = link_for(cast.ada, clock, next="/invoices/7")
    clock.forward(hours=1)

    answer = ada.get(path)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/invoices/7")


def test_staying_signed_in_keeps_the_cookie_for_ninety_days(visitor: Browser, cast: Cast, clock: Clock) -> None:
    answer = visitor.post(link_for(cast.ada, clock), {"remember": "y"})

    assert f"Max-Age={90 * 24 * 3600}" in answer.headers["Set-Cookie"]
    clock.forward(days=89)
    assert visitor.name() == "Ada Acme"
    clock.forward(days=1)
    assert visitor.name() is None


def test_a_staff_link_signs_in_staff_and_never_remembers(visitor: Browser, cast: Cast, clock: Clock) -> None:
    path = link_for(cast.root, clock)
    assert "remember" not in visitor.get(path).text

    answer = visitor.post(path, {"remember": "y"})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin")
    assert "portal_staff=" in answer.headers["Set-Cookie"]
    assert "Max-Age" not in answer.headers["Set-Cookie"]
    assert visitor.name() is None  # staff are nobody on the customers' side


def test_the_same_browser_may_be_both(ada: Browser, cast: Cast, clock: Clock) -> None:
    ada.sign_in(cast.root)

    assert ada.name() == "Ada Acme"
    assert ada.cookie("portal_staff") not in (None, ada.cookie())


def test_signing_in_as_another_ends_the_session_before(ada: Browser, cast: Cast) -> None:
    ada.sign_in(cast.vic)

    assert [row.person for row in Session.select().where(Session.ended_at.is_null())] == [cast.vic]


def test_while_the_portal_is_off_customers_links_are_closed_and_staffs_go_on(
    visitor: Browser, cast: Cast, clock: Clock
) -> None:
    customers, staffs = link_for(cast.ada, clock), link_for(cast.root, clock)
    visitor.get(customers)
    settings.save({"portal_enabled": False}, by=history.COMMAND, now=clock.now)

    assert visitor.get(customers).status_code == 503
    assert visitor.post(customers).status_code == 503
    assert visitor.get("/sign-in/made-up").status_code == 503
    assert visitor.get(staffs).status_code == 200
    assert visitor.post(staffs).status_code == 303
    assert SignIn.get(SignIn.person == cast.ada).used_at is None


def test_a_removed_member_is_refused_and_their_open_session_ends(ada: Browser, cast: Cast, clock: Clock) -> None:
    path = link_for(cast.ada, clock)
    Membership.delete().where(Membership.person == cast.ada).execute()

    assert ada.name() is None
    assert Browser(ada.client.application).post(path).status_code == 410


def test_a_link_needs_the_form_token(visitor: Browser, cast: Cast, clock: Clock) -> None:
    path = link_for(cast.ada, clock)

    assert visitor.post(path, token="").status_code == 400
    assert SignIn.get().used_at is None


def test_htmx_is_led_on_as_a_whole_page(visitor: Browser, cast: Cast, clock: Clock) -> None:
    path = link_for(cast.ada, clock, next="/invoices/7")
    visitor.get(path)

    answer = visitor.post(path, headers=HTMX)

    assert (answer.status_code, answer.headers["HX-Redirect"]) == (200, "/invoices/7")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_no_other_method_is_answered(visitor: Browser, cast: Cast, clock: Clock, method: str) -> None:
    assert visitor.ask(method, link_for(cast.ada, clock)).status_code == 405
