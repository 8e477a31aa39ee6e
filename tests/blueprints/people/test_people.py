"""People with access, as who manages the account sees and changes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from billing import access, invitations, people, settings
from models import BillingGroup, History, Letter, Membership, Person, SignIn
from tests.blueprints.conftest import Clock
from tests.browser import Browser
from tests.cast import Cast, make_group

HOME = "/account/people"
NEW = "new@acme.example"


@pytest.fixture
def manager(cast: Cast, ada: Browser) -> Browser:
    Membership.update(role="manage").where(Membership.person == cast.ada).execute()
    return ada


@pytest.fixture
def rival(cast: Cast, mallory: Browser) -> Browser:
    """Mallory, who manages another company."""
    Membership.update(role="manage").where(Membership.person == cast.mallory).execute()
    return mallory


def role(person: Person | None, group: BillingGroup, now: datetime) -> str | None:
    return access.role_in(access.groups(person, now), group) if person else None


def of(cast: Cast, **fields: str) -> dict[str, str]:
    return {"company": cast.acme.public_id, **fields}


def test_the_page_lists_who_may_see_the_account(manager: Browser, cast: Cast) -> None:
    Membership.update(expires_at=datetime(2026, 12, 31, 23, 59, tzinfo=UTC)).where(
        Membership.person == cast.vic
    ).execute()
    page = manager.get(HOME).text
    for said in ("Ada Acme", "(you)", "Vic Viewer", "until 31 December 2026", "Send the invitation"):
        assert said in page
    assert "Mallory" not in page


@pytest.mark.parametrize("where", ["", "/VIC", "/VIC/delete"])
def test_who_does_not_manage_gets_no_page(vic: Browser, ada: Browser, cast: Cast, where: str) -> None:
    assert vic.get(HOME + where).status_code == 403
    assert ada.get(HOME + where).status_code == 403  # she may pay


def test_a_stranger_signs_in_first(visitor: Browser) -> None:
    assert visitor.get(HOME).headers["Location"] == "/sign-in?next=%2Faccount%2Fpeople"


def test_who_proved_it_too_long_ago_proves_it_again(manager: Browser, clock: Clock, cast: Cast) -> None:
    clock.forward(minutes=16)
    assert manager.get(HOME).headers["Location"].startswith("/account/prove?next=")
    clock.forward(minutes=15)
    answer = manager.post(f"{HOME}/VIC", of(cast, role="manage"))
    assert answer.headers["Location"].startswith("/account/prove")
    assert role(cast.vic, cast.acme, clock.now) == "view"


def every_post(cast: Cast, row: SignIn) -> list[tuple[str, dict[str, str]]]:
    return [
        (f"{HOME}/invitations", of(cast, email="x@acme.example", role="manage")),
        (f"{HOME}/invitations/{row.id}/resends", of(cast)),
        (f"{HOME}/invitations/{row.id}/delete", of(cast)),
        (f"{HOME}/VIC", of(cast, role="manage")),
        (f"{HOME}/VIC/delete", of(cast)),
        (f"{HOME}/VIC/return", of(cast)),
    ]


def unchanged(cast: Cast, row: SignIn, now: datetime) -> bool:
    return (
        role(cast.vic, cast.acme, now) == "view"
        and SignIn.get_by_id(row.id).replaced_at is None
        and SignIn.select().where(SignIn.purpose == SignIn.INVITE).count() == 1
    )


def test_nobody_else_changes_a_thing(
    vic: Browser, ada: Browser, rival: Browser, visitor: Browser, cast: Cast, now: datetime
) -> None:
    row = invitations.invite(cast.acme, NEW, "view", by=cast.root, now=now)
    for path, fields in every_post(cast, row):
        assert vic.post(path, fields).status_code == 403, path
        assert ada.post(path, fields).status_code == 403, path
        answer = rival.post(path, fields)
        assert answer.status_code == (303 if path.endswith("/invitations") else 404), path
        assert visitor.post(path, fields).headers["Location"].startswith("/sign-in"), path
    assert unchanged(cast, row, now)
    assert SignIn.select().where(SignIn.group == cast.globex).count() == 0


def test_no_form_goes_without_its_token(manager: Browser, cast: Cast, now: datetime) -> None:
    row = invitations.invite(cast.acme, NEW, "view", by=cast.root, now=now)
    for path, fields in every_post(cast, row):
        assert manager.post(path, fields, token="").status_code == 400, path
    assert unchanged(cast, row, now)


def test_a_form_drawn_for_another_company_does_nothing(manager: Browser, cast: Cast, now: datetime) -> None:
    row = invitations.invite(cast.acme, NEW, "view", by=cast.root, now=now)
    for path, fields in every_post(cast, row):
        assert manager.post(path, fields | {"company": cast.globex.public_id}).status_code == 303
        assert "Nothing was changed" in manager.follow().text
    assert unchanged(cast, row, now)


def test_two_tabs_of_two_companies_do_not_mix(manager: Browser, cast: Cast, now: datetime) -> None:
    other = make_group("Zeta", "C-ZETA", now)
    Membership.create(person=cast.ada, group=other, role="manage", created_at=now)
    manager.get(HOME)
    manager.post("/account/company", {"group": other.public_id})

    manager.post(f"{HOME}/invitations", of(cast, email=NEW, role="manage"))

    assert SignIn.select().where(SignIn.purpose == SignIn.INVITE).count() == 0


def test_what_a_form_is_not_for_changes_nothing(manager: Browser, cast: Cast, now: datetime) -> None:
    more = {"group": "2", "group_id": str(cast.globex.id), "person": "3", "email": "evil@acme.example", "id": "1"}
    manager.post(f"{HOME}/VIC", of(cast, role="pay", **more))
    manager.post(f"{HOME}/invitations", of(cast, role="view", **(more | {"email": NEW, "purpose": "reset"})))

    assert role(cast.vic, cast.acme, now) == "pay"
    assert access.groups(cast.vic, now)[0].group == cast.acme
    row = SignIn.get(SignIn.purpose == SignIn.INVITE)
    assert (row.group, row.role, row.email, row.person) == (cast.acme, "view", NEW, None)
    assert role(cast.mallory, cast.globex, now) == "pay"


# --- Inviting ---------------------------------------------------------------------------------------------------------


def test_somebody_is_invited(manager: Browser, cast: Cast, now: datetime) -> None:
    until = (now + timedelta(days=30)).date()
    answer = manager.post(
        f"{HOME}/invitations", of(cast, email=" New@acme.example", name="Nora", role="view", until=until.isoformat())
    )
    assert answer.headers["Location"] == HOME
    page = manager.follow().text
    assert "The invitation is on its way to new@acme.example." in page
    assert f"until 22 December {until.year}, 23:59" in page
    row = SignIn.get(SignIn.purpose == SignIn.INVITE)
    assert (row.name, row.role, row.group) == ("Nora", "view", cast.acme)
    assert Letter.get().kind == "invitation"
    line = History.get(History.event == "invited")
    assert (line.actor_id, "from" in line.details) == (cast.ada.id, True)


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("email", "nobody", "Enter an e-mail address"),
        ("email", "", "Enter an e-mail address"),
        ("email", "vic@acme.example", "They may see this account already"),
        ("role", "owner", "Choose what they may do."),
        ("role", "", "Choose what they may do."),
        ("until", "2026-11-21", "Enter a day to come"),
        ("until", "soon", "Enter a day to come"),
        ("until", "9999-12-31", "Enter a day to come"),
        ("name", "N" * 121, "at most 120 characters"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(manager: Browser, cast: Cast, field: str, typed: str, said: str) -> None:
    answer = manager.post(f"{HOME}/invitations", of(cast, email=NEW, role="pay") | {field: typed})
    assert answer.status_code == 422
    assert said in answer.text
    assert "<title>Error: " in answer.text
    assert SignIn.select().where(SignIn.purpose == SignIn.INVITE).count() == 0


def test_after_the_contract_ended_the_page_says_so(manager: Browser, cast: Cast, now: datetime) -> None:
    BillingGroup.update(contract_ended_on=now.date()).where(BillingGroup.id == cast.acme.id).execute()
    assert "the contract of this account has ended" in manager.get(HOME).text
    assert manager.post(f"{HOME}/invitations", of(cast, email=NEW, role="pay")).status_code == 422
    assert SignIn.select().where(SignIn.purpose == SignIn.INVITE).count() == 0


def test_an_invitation_is_sent_again_or_withdrawn(manager: Browser, cast: Cast, clock: Clock) -> None:
    row = invitations.invite(cast.acme, NEW, "view", by=cast.root, now=clock.now)
    clock.forward(minutes=5)
    assert NEW in manager.get(HOME).text

    assert manager.post(f"{HOME}/invitations/{row.id}/resends", of(cast)).status_code == 303
    (again,) = invitations.open_of(cast.acme, clock.now)
    assert again.id != row.id

    manager.post(f"{HOME}/invitations/{again.id}/delete", of(cast))
    assert invitations.open_of(cast.acme, clock.now) == ()
    manager.post(f"{HOME}/invitations/{again.id}/resends", of(cast))
    assert "That invitation is over." in manager.follow().text


# --- Changing and removing --------------------------------------------------------------------------------------------


def test_what_somebody_may_do_is_changed(manager: Browser, cast: Cast, now: datetime) -> None:
    page = manager.get(f"{HOME}/VIC").text
    assert 'value="view" checked' in page

    assert manager.post(f"{HOME}/VIC", of(cast, role="pay")).headers["Location"] == HOME

    assert "Changed what Vic Viewer may do." in manager.follow().text
    assert role(cast.vic, cast.acme, now) == "pay"


def test_the_last_manager_stays(manager: Browser, cast: Cast, now: datetime) -> None:
    answer = manager.post(f"{HOME}/ADA", of(cast, role="view"))
    assert (answer.status_code, "Nobody else manages this account." in answer.text) == (422, True)
    answer = manager.post(f"{HOME}/ADA/delete", of(cast))
    assert (answer.status_code, "Nobody else manages this account." in answer.text) == (422, True)
    assert role(cast.ada, cast.acme, now) == "manage"


def test_somebody_is_removed_after_a_page_that_says_what_follows_and_put_back(
    manager: Browser, vic: Browser, cast: Cast, now: datetime
) -> None:
    page = manager.get(f"{HOME}/VIC/delete")
    assert "Remove Vic Viewer?" in page.text
    assert role(cast.vic, cast.acme, now) == "view"

    assert manager.post(f"{HOME}/VIC/delete", of(cast)).headers["Location"] == HOME
    assert "You can put them back below." in manager.follow().text
    assert vic.get("/").headers["Location"].startswith("/sign-in")
    assert manager.get(f"{HOME}/VIC").status_code == 404

    manager.post(f"{HOME}/VIC/return", of(cast))
    assert role(cast.vic, cast.acme, now) == "view"
    assert [one.state for one in people.people_of_group(cast.acme, now, settings.load())] == ["in", "in"]


def test_a_removed_manager_changes_nothing_any_more(manager: Browser, app: Flask, cast: Cast, now: datetime) -> None:
    Membership.update(role="manage").where(Membership.person == cast.vic).execute()
    other = Browser(app).sign_in(cast.vic)
    other.get(HOME)
    manager.post(f"{HOME}/VIC/delete", of(cast))

    other.post(f"{HOME}/ADA", of(cast, role="view"))

    assert role(cast.ada, cast.acme, now) == "manage"


def test_details_lead_there_only_who_manages(manager: Browser, vic: Browser) -> None:
    assert f'href="{HOME}"' in manager.get("/account").text
    assert f'href="{HOME}"' not in vic.get("/account").text


@pytest.mark.parametrize("id", ["MALLORY", "nobody", "%00", "1"])
def test_who_is_not_of_the_account_is_not_there(manager: Browser, cast: Cast, id: str) -> None:
    for path in ("", "/delete"):
        assert manager.get(f"{HOME}/{id}{path}").status_code == 404
    for path in ("", "/delete", "/return"):
        assert manager.post(f"{HOME}/{id}{path}", of(cast, role="view")).status_code == 404


def test_a_page_is_only_read(manager: Browser) -> None:
    assert manager.post(HOME).status_code == 405


def test_in_a_preview_the_page_is_seen_and_nothing_is_done(root: Browser, cast: Cast, now: datetime) -> None:
    root.post("/admin/preview", {"group": cast.acme.public_id})
    assert "Vic Viewer" in root.get(HOME).text
    assert root.get(f"{HOME}/VIC/delete").status_code == 200

    assert root.post(f"{HOME}/VIC/delete", of(cast)).status_code == 403
    assert root.post(f"{HOME}/invitations", of(cast, email=NEW, role="view")).status_code == 403

    assert role(cast.vic, cast.acme, now) == "view"
    assert SignIn.select().where(SignIn.purpose == SignIn.INVITE).count() == 0
