"""Customers' passkeys over HTTP: added after a proof, used at the door, renamed, removed."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from billing import history, passkeys, settings
from models import History, Membership, Passkey, Session
from tests.authenticator import Authenticator
from tests.blueprints.ceremony import Keeper, answer
from tests.blueprints.conftest import Clock
from tests.browser import Browser
from tests.cast import Cast

PLACE, DOOR = "/account/passkeys", "/sign-in/passkey"


@pytest.fixture(autouse=True)
def _at_a_name(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_URL", "http://localhost:8000")


@pytest.fixture
def ada(app: Flask, cast: Cast) -> Keeper:
    keeper = Keeper(app)
    keeper.sign_in(cast.ada)
    return keeper


@pytest.fixture
def mallory(app: Flask, cast: Cast) -> Keeper:
    keeper = Keeper(app)
    keeper.sign_in(cast.mallory)
    return keeper


@pytest.fixture
def visitor(app: Flask) -> Keeper:
    return Keeper(app)


@pytest.fixture
def key(ada: Keeper) -> Authenticator:
    """Ada's, added."""
    made = Authenticator()
    assert ada.add(PLACE, made).status_code == 303
    return made


def asked(browser: Keeper, **fields: str) -> TestResponse:
    """A page that asks for a passkey: what a try without one is answered with."""
    page = browser.post(DOOR, {"credential": "", **fields})
    assert page.status_code == 422
    return page


def come_in(browser: Keeper, key: Authenticator, **fields: str) -> int:
    return browser.open(asked(browser, **fields), DOOR, key, **fields).status_code


def test_a_passkey_is_added_and_signs_in(ada: Keeper, key: Authenticator, visitor: Keeper, cast: Cast) -> None:
    assert come_in(visitor, key) == 303
    assert visitor.name() == "Ada Acme"
    newest = Session.select().order_by(Session.id.desc()).get()
    assert (newest.person, newest.way) == (cast.ada, "passkey")


def test_one_comes_back_to_where_one_wanted_to_go_and_nowhere_else(key: Authenticator, visitor: Keeper) -> None:
    come_in(visitor, key, next="/invoices")
    assert visitor.last is not None and visitor.last.headers["Location"] == "/invoices"
    come_in(visitor, key, next="//evil.example")
    assert visitor.last.headers["Location"] == "/"


def test_who_has_several_companies_chooses_one(key: Authenticator, visitor: Keeper, cast: Cast) -> None:
    Membership.create(person=cast.ada, group=cast.globex, role="view", created_at=cast.ada.created_at)
    come_in(visitor, key)
    assert visitor.last is not None and visitor.last.headers["Location"] == "/account/company"


def test_another_browsers_answer_opens_nothing(ada: Keeper, key: Authenticator, visitor: Keeper, app: Flask) -> None:
    refused = visitor.open(asked(ada), DOOR, key)
    assert refused.status_code == 422
    assert "That passkey did not work here." in refused.text
    assert visitor.name() is None


def test_an_answer_is_worth_nothing_after_it_signed_in(key: Authenticator, visitor: Keeper) -> None:
    key.counts, key.count = False, 0  # as one that is synced: nothing but the browser's token is left to hold it
    Passkey.update(sign_count=0).execute()
    credential = answer(asked(visitor), key)
    assert visitor.post(DOOR, {"credential": credential}).status_code == 303
    visitor.token = ""
    assert visitor.post(DOOR, {"credential": credential}).status_code == 422


def test_somebody_shut_out_reads_what_a_stranger_reads(key: Authenticator, visitor: Keeper, cast: Cast) -> None:
    Membership.update(removed_at=cast.ada.created_at).execute()
    assert come_in(visitor, key) == 422
    refused = visitor.last
    assert come_in(visitor, Authenticator(handle=b"x" * 32)) == 422
    assert refused is not None and visitor.last is not None
    said = [answer.text.split("<main")[1].split("<form")[0] for answer in (refused, visitor.last)]
    assert said[0] == said[1]
    assert visitor.name() is None


def test_refusals_are_written_down_with_where_they_came_from(key: Authenticator, visitor: Keeper, cast: Cast) -> None:
    Membership.update(removed_at=cast.ada.created_at).execute()
    come_in(visitor, key)
    row = History.select().where(History.event == "sign_in_refused").order_by(History.id.desc()).get()
    assert (row.subject_kind, row.subject_id, row.actor_kind) == ("person", cast.ada.id, "visitor")
    assert "from" in row.details


def test_a_door_without_a_form_token_is_closed(visitor: Keeper) -> None:
    assert visitor.post(DOOR, {"credential": "{}"}, token="").status_code == 400
    assert visitor.ask("GET", "/account/passkeys").status_code == 405


@pytest.mark.parametrize("path", [f"{PLACE}/new", f"{PLACE}/abc/edit", f"{PLACE}/abc/delete"])
def test_who_is_not_signed_in_is_led_to_the_door(visitor: Keeper, path: str) -> None:
    assert visitor.get(path).headers["Location"].startswith("/sign-in")


@pytest.mark.parametrize("path", [PLACE, f"{PLACE}/abc/edit", f"{PLACE}/abc/delete"])
def test_no_form_of_who_is_not_signed_in_changes_anything(
    ada: Keeper, key: Authenticator, visitor: Keeper, path: str
) -> None:
    path = path.replace("abc", Passkey.get().public_id)
    assert visitor.post(path, {"name": "Theirs"}).headers["Location"].startswith("/sign-in")
    assert [row.name for row in Passkey.select()] == ["Phone"]


def test_after_a_while_one_proves_again_who_one_is(ada: Keeper, key: Authenticator, clock: Clock) -> None:
    clock.forward(minutes=16)
    assert ada.get(f"{PLACE}/new").headers["Location"].startswith("/account/prove")
    clock.forward(minutes=16)
    public_id = Passkey.get().public_id
    assert ada.post(f"{PLACE}/{public_id}/delete").headers["Location"].startswith("/account/prove")
    assert Passkey.select().count() == 1


def test_a_stranger_finds_no_passkey_of_anothers(key: Authenticator, mallory: Keeper) -> None:
    public_id = Passkey.get().public_id
    for path in (f"{PLACE}/{public_id}/edit", f"{PLACE}/{public_id}/delete", f"{PLACE}/none/edit", f"{PLACE}/%00/edit"):
        assert mallory.get(path).status_code == 404
        assert mallory.post(path, {"name": "Mine"}).status_code == 404
    assert Passkey.get().name == "Phone"


def test_it_gets_another_name(ada: Keeper, key: Authenticator) -> None:
    public_id = Passkey.get().public_id
    assert 'value="Phone"' in ada.get(f"{PLACE}/{public_id}/edit").text
    assert ada.post(f"{PLACE}/{public_id}/edit", {"name": "x" * 81}).status_code == 422
    assert ada.post(f"{PLACE}/{public_id}/edit", {"name": "Office <b>"}).status_code == 303
    assert Passkey.get().name == "Office <b>"


def test_removing_asks_first_and_signs_out_the_others(
    ada: Keeper, key: Authenticator, app: Flask, cast: Cast, visitor: Keeper
) -> None:
    elsewhere = Browser(app, ada.url).sign_in(cast.ada)
    public_id = Passkey.get().public_id
    assert "Every other browser of yours is signed out." in ada.get(f"{PLACE}/{public_id}/delete").text
    assert Passkey.select().count() == 1
    assert ada.post(f"{PLACE}/{public_id}/delete").status_code == 303
    assert Passkey.select().count() == 0
    assert (ada.name(), elsewhere.name()) == ("Ada Acme", None)
    assert come_in(visitor, key) == 422


def test_what_was_not_made_here_is_said_and_what_was_typed_stays(ada: Keeper) -> None:
    refused = ada.post(PLACE, {"credential": "{}", "name": "My phone"})
    assert refused.status_code == 422
    assert "The passkey was not added." in refused.text
    assert 'value="My phone"' in refused.text
    assert "<title>Error:" in refused.text
    assert Passkey.select().count() == 0


def test_without_a_name_it_is_called_by_browser_and_device_with_a_number_where_that_is_taken(ada: Keeper) -> None:
    ada.client.environ_base["HTTP_USER_AGENT"] = "Mozilla/5.0 (Linux; Android 14) Chrome/130.0 Mobile Safari/537.36"
    for _ in range(3):
        assert ada.add(PLACE, Authenticator(), name="").status_code == 303
    names = [row.name for row in Passkey.select().order_by(Passkey.id)]
    assert names == ["Chrome on Android", "Chrome on Android 2", "Chrome on Android 3"]


def test_it_is_not_renamed_to_nothing(ada: Keeper, key: Authenticator) -> None:
    row = Passkey.get()
    refused = ada.post(f"{PLACE}/{row.public_id}/edit", {"name": "  "})
    assert refused.status_code == 422
    assert "Enter a name." in refused.text
    assert Passkey.get().name == row.name


def test_there_is_a_most_of_them(ada: Keeper, key: Authenticator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passkeys, "MOST", 1)
    refused = ada.add(PLACE, Authenticator())
    assert refused.status_code == 422
    assert "You have 1 passkeys. Remove one first." in refused.text


def test_the_page_loads_one_script_and_works_without(ada: Keeper) -> None:
    text = ada.get(f"{PLACE}/new").text
    assert text.count("<script") == 1
    assert "/static/passkey." in text
    assert "data-without-passkeys" in text
    bare = ada.get(f"{PLACE}/new", headers={"Save-Data": "on"}).text
    assert "<script" not in bare


def test_at_a_bare_address_none_is_offered(app: Flask, cast: Cast) -> None:
    browser = Browser(app, "http://localhost:8000").sign_in(cast.ada)
    assert "data-passkey=" in browser.get(f"{PLACE}/new").text
    bare = Browser(app, "http://127.0.0.1:8000")
    bare.client.set_cookie("portal", browser.cookie() or "", domain="127.0.0.1")
    text = bare.get(f"{PLACE}/new").text
    assert "data-passkey=" not in text
    assert "browsers keep no passkeys" in text


def test_the_door_bears_so_many_tries(visitor: Keeper) -> None:
    answers = [visitor.post(DOOR, {"credential": ""}).status_code for _ in range(21)]
    assert set(answers[:20]) == {422}
    assert answers[20] == 429


def test_while_the_portal_is_off_no_passkey_opens_it(key: Authenticator, visitor: Keeper, clock: Clock) -> None:
    settings.save({"portal_enabled": False}, by=history.COMMAND, now=clock.now)
    assert visitor.post(DOOR, {"credential": ""}, token="x").status_code == 503
