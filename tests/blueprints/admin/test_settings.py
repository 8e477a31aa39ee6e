"""Settings: saved values come back, an unticked box is off, what cannot be saved stays in the form."""

from __future__ import annotations

import re
from datetime import date

import pytest

from billing import history, passwords, rules, settings
from models import History, Membership, Person, Session, Staff
from tests.blueprints.conftest import Clock
from tests.browser import Browser
from tests.cast import Cast

PORTAL, BUSINESS, PASSWORD = "/admin/settings/portal", "/admin/settings/business", "/admin/settings/password"
GOOD = {
    "business_name": "Hartwell Garden Services",
    "business_phone": "01234 567890",
    "business_email": "accounts@hartwell.example",
    "business_address": "12 Mill Lane\r\nOxford",
    "timezone": "Europe/Berlin",
    "currency": "eur",
    "language": "en",
    "go_live_on": "2026-12-01",
}


def test_the_index_leads_to_what_exists(root: Browser) -> None:
    page = root.get("/admin/settings").text
    for path in (PORTAL, BUSINESS, "/admin/settings/security", "/admin/imports", "/admin/health", "/admin/history"):
        assert f'href="{path}"' in page
        assert root.get(path).status_code == 200


@pytest.mark.parametrize("name", ["portal_enabled", "hide_future_invoices", "portal_link_in_mails", "allow_pay"])
def test_a_ticked_box_is_on_and_an_unticked_one_off(root: Browser, name: str) -> None:
    root.get(PORTAL)
    assert root.post(PORTAL, {name: "y"}).status_code == 303
    switches = ("portal_enabled", "hide_future_invoices", "portal_link_in_mails", "allow_pay")
    assert {switch for switch in switches if getattr(settings.load(), switch)} == {name}
    assert len(re.findall(r' checked [^>]*type="checkbox"', root.get(PORTAL).text)) == 1


def test_turning_the_portal_off_closes_it_at_the_next_request(root: Browser, ada: Browser) -> None:
    assert ada.get("/").status_code == 200
    root.post(PORTAL, {"allow_pay": "y"})
    assert ada.get("/").status_code == 503
    assert "The customer portal is off" in root.get("/admin").text


def test_the_colour_is_kept_while_no_page_asks_for_it(root: Browser, cast: Cast, clock: Clock) -> None:
    settings.save({"accent": "#7a1f5c"}, by=cast.root, now=clock.now)
    assert "accent" not in root.get(PORTAL).text
    root.post(PORTAL, {"allow_pay": "y"})
    assert settings.load().accent == "#7a1f5c"


def test_the_business_is_saved_and_comes_back(root: Browser) -> None:
    root.get(BUSINESS)
    assert root.post(BUSINESS, GOOD).status_code == 303
    saved = settings.load()
    assert saved.business_address == "12 Mill Lane\nOxford"
    assert (saved.timezone, saved.currency, saved.go_live_on) == ("Europe/Berlin", "EUR", date(2026, 12, 1))
    page = root.get(BUSINESS).text
    assert "accounts@hartwell.example" in page
    assert 'value="2026-12-01"' in page
    assert History.select().where(History.event == "setting_changed", History.actor_kind == "staff").count() >= 5


@pytest.mark.parametrize(
    "typed", ["2026-12-01", "1 Dec 2026", "01 December 2026", " 1. dec. 2026 ", "Dec 1, 2026", "1 DECEMBER 2026"]
)
def test_a_day_is_read_as_people_write_it(root: Browser, typed: str) -> None:
    root.get(BUSINESS)
    assert root.post(BUSINESS, {**GOOD, "go_live_on": typed}).status_code == 303
    assert settings.load().go_live_on == date(2026, 12, 1)


def test_a_day_is_taken_away_again(root: Browser) -> None:
    for typed, kept in (("2026-12-01", date(2026, 12, 1)), ("", None), ("", None), ("2026-12-02", date(2026, 12, 2))):
        assert root.post(BUSINESS, {**GOOD, "go_live_on": typed}).status_code == 303
        assert settings.load().go_live_on == kept


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("business_name", "", "Enter a name"),
        ("business_name", "x" * 121, "Enter a name"),
        ("business_email", "nobody", "Enter an e-mail address"),
        ("business_address", "x" * 500, "at most 400"),
        ("timezone", "Mars/Olympus", "Choose a time zone"),
        ("currency", "XXX", "currency code"),
        ("language", "tlh", "Choose a language"),
        ("go_live_on", "soon", "Enter a date"),
        ("go_live_on", "31 Feb 2026", "Enter a date"),
        ("go_live_on", "next week", "Enter a date"),
        ("go_live_on", "some day soon", "Enter a date"),
        ("go_live_on", "² Dec 2026", "Enter a date"),
        ("go_live_on", "1 Dec 99999999999999999999", "Enter a date"),
        ("go_live_on", "01/12/2026", "Enter a date"),
    ],
)
def test_what_cannot_be_is_told_at_its_field_and_nothing_is_saved(
    root: Browser, name: str, value: str, told: str
) -> None:
    answer = root.post(BUSINESS, {**GOOD, "business_phone": "0800 123", name: value})
    assert answer.status_code == 422
    assert told in answer.text
    assert "<title>Error:" in answer.text
    assert "0800 123" in answer.text
    assert settings.load().business_phone == "01234 567890"
    assert settings.load().go_live_on is None


def test_what_customers_sign_in_by_is_saved_and_comes_back(root: Browser, clock: Clock) -> None:
    sent = {
        "portal_enabled": "y",
        "sign_in_by": "password",
        "enrolment": "open",
        "lockout_ends_by": "timer",
        "remember_days": "30",
        "allow_manage_emails": "y",
        "allow_guest_payment": "y",
        "allow_payment_form": "y",
        "payment_form_minimum": "€1,234.5",
    }
    assert root.post(PORTAL, sent).status_code == 303
    saved = settings.load()
    assert (saved.sign_in_by, saved.enrolment, saved.lockout_ends_by) == ("password", "open", "timer")
    assert (saved.remember_days, saved.payment_form_minimum) == (30, 123_450)
    assert saved.allow_manage_emails
    assert saved.allow_guest_payment
    assert saved.allow_payment_form
    page = root.get(PORTAL).text
    assert 'value="1234.50"' in page
    assert re.search(r'checked [^>]*value="timer"', page)
    assert "reports of who did what miss them" in page


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("sign_in_by", "post", "Choose how customers sign in."),
        ("enrolment", "everybody", "Choose who may sign in."),
        ("lockout_ends_by", "", "Choose what ends a lock."),
        ("remember_days", "0", "from 1 to 365"),
        ("remember_days", "366", "from 1 to 365"),
        ("remember_days", "a month", "from 1 to 365"),
        ("remember_days", "", "from 1 to 365"),
        ("payment_form_minimum", "0", "Enter an amount above nothing"),
        ("payment_form_minimum", "-5", "Enter an amount above nothing"),
        ("payment_form_minimum", "five", "Enter an amount above nothing"),
        ("payment_form_minimum", "5.0001", "Enter an amount above nothing"),
        ("payment_form_minimum", "", "Enter an amount above nothing"),
    ],
)
def test_anything_else_is_told_at_its_field(root: Browser, name: str, value: str, told: str) -> None:
    before = settings.load()
    answer = root.post(PORTAL, {"portal_enabled": "y", "allow_guest_payment": "y", name: value})
    assert answer.status_code == 422
    assert f'id="{name}-wrong"' in answer.text
    assert told in answer.text
    assert settings.load() == before


def test_what_a_form_does_not_bear_stays_as_it_is(root: Browser, clock: Clock) -> None:
    settings.save({"enrolment": "open", "payment_form_minimum": 700}, by=history.COMMAND, now=clock.now)
    assert root.post(PORTAL, {"portal_enabled": "y"}).status_code == 303
    assert (settings.load().enrolment, settings.load().payment_form_minimum) == ("open", 700)


def test_it_says_how_many_invitations_alone_would_shut_out(root: Browser, cast: Cast, clock: Clock) -> None:
    assert "would be shut out" not in root.get(PORTAL).text
    rules.add(cast.acme, "acme.example", "pay", by=cast.root, now=clock.now)
    assert "would be shut out" not in root.get(PORTAL).text  # Ada and Vic were invited themselves
    make_rule_guest("zoe@acme.example", clock)
    assert "1 person who comes in by an access rule would be shut out" in root.get(PORTAL).text
    make_rule_guest("max@acme.example", clock)
    make_rule_guest("nobody@elsewhere.example", clock)
    Membership.create(
        person=make_rule_guest("out@acme.example", clock),
        group=cast.acme,
        role="pay",
        created_at=clock.now,
        removed_at=clock.now,
    )
    assert "2 people who come in by access rules would be shut out" in root.get(PORTAL).text


def make_rule_guest(email: str, clock: Clock) -> Person:
    return Person.create(public_id=email[:8], email=email, name=email, created_at=clock.now)


def test_lines_for_the_merchants_own_site_are_there_to_copy(root: Browser, clock: Clock) -> None:
    page = root.get(PORTAL).text
    assert "&lt;a href=&#34;http://127.0.0.1:8000/sign-in&#34;&gt;" in page
    assert "/pay&#34;" not in page
    settings.save({"allow_payment_form": True}, by=history.COMMAND, now=clock.now)
    assert "&lt;a href=&#34;http://127.0.0.1:8000/pay&#34;&gt;" in root.get(PORTAL).text


def test_a_second_factor_for_everybody_is_a_switch_of_the_business(root: Browser) -> None:
    root.post(BUSINESS, GOOD)
    assert not settings.load().require_second_factor
    assert root.post(BUSINESS, {**GOOD, "require_second_factor": "y"}).status_code == 303
    assert settings.load().require_second_factor


def test_a_first_password_is_chosen(root: Browser, cast: Cast) -> None:
    assert root.post(PASSWORD, {"password": "a long enough one", "again": "a long enough one"}).status_code == 303
    assert passwords.check_staff(
        cast.root.email, "a long enough one", by=history.COMMAND, now=cast.root.created_at, settings=settings.load()
    )
    assert root.get("/admin").status_code == 200


def test_a_password_is_changed_only_by_who_knows_it(root: Browser, cast: Cast) -> None:
    passwords.choose(cast.root, "the one before now", by=cast.root, now=cast.root.created_at, keep=Session.get())
    new = {"password": "a long enough one", "again": "a long enough one"}
    hashed = Staff.get().password_hash
    assert root.post(PASSWORD, {**new, "current": "guessed it is"}).status_code == 422
    assert Staff.get().password_hash == hashed
    assert root.post(PASSWORD, {**new, "current": "the one before now"}).status_code == 303
    assert Staff.get().password_hash != hashed


@pytest.mark.parametrize(
    ("password", "again"), [("short", "short"), ("a long enough one", "another long one"), ("", "")]
)
def test_a_password_that_is_too_short_or_mistyped_is_refused(
    root: Browser, cast: Cast, password: str, again: str
) -> None:
    answer = root.post(PASSWORD, {"password": password, "again": again})
    assert answer.status_code == 422
    assert Staff.get().password_hash is None
    if password:
        assert password not in answer.text
