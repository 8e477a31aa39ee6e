"""The page of who may see an account: link, preview, rules, contract; and who never reaches it."""

from __future__ import annotations

import re
from datetime import datetime

import pytest

from billing import groups, history, invitations, settings
from models import AccessRule, Person
from tests.blueprints.admin.access.conftest import PAGE
from tests.blueprints.conftest import Clock
from tests.browser import Browser
from tests.cast import Cast

FORMS = ["/rules", "/rules/1", "/rules/1/delete", "/contract-end", "/contract-end/delete"]


def test_the_page_shows_the_link_the_preview_the_rules_and_the_contract(
    root: Browser, cast: Cast, rule: AccessRule, now: datetime
) -> None:
    Person.create(public_id="P", email="a@acme-group.example", name="A", created_at=now, last_sign_in_at=now)
    page = root.get(PAGE).text
    assert re.search(r'<input[^>]* readonly value="http://127.0.0.1:8000/company/G-ACME"', page)
    assert re.search(r'action="/admin/preview".*?name="group" value="G-ACME"', page, re.S)
    for text in (
        "<h1>Customer portal</h1>",
        "Acme Ltd",
        "acme-group.example",
        "1 person comes in by it",
        "Active since",
    ):
        assert text in page
    assert '<td role="cell">may look and pay</td>' in page
    assert "22 Nov" in page


def test_every_form_works_without_a_script(root: Browser, rule: AccessRule) -> None:
    page = root.get(PAGE).text
    forms = re.findall(r"<form ([^>]*)>(.*?)</form>", page, re.S)
    for attributes, inside in forms:
        assert 'method="post"' in attributes
        assert "action=" in attributes
        assert 'name="csrf_token"' in inside


def test_the_page_shows_people_and_open_invitations(root: Browser, cast: Cast, rule: AccessRule, now: datetime) -> None:
    invitations.invite(cast.acme, "new@elsewhere.example", "view", by=cast.root, now=now)
    page = root.get(PAGE).text
    for text in ("ada@acme.example", "vic@acme.example", "new@elsewhere.example", f'href="{PAGE}/invitations/new"'):
        assert text in page
    assert "mallory" not in page


def test_only_invited_people_may_sign_in_and_the_page_says_so(root: Browser, rule: AccessRule, now: datetime) -> None:
    assert "open nothing just now" not in root.get(PAGE).text
    settings.save({"enrolment": settings.INVITED}, by=history.COMMAND, now=now)
    assert "open nothing just now" in root.get(PAGE).text


def test_a_customer_and_a_stranger_never_reach_it(
    visitor: Browser, ada: Browser, mallory: Browser, rule: AccessRule
) -> None:
    for browser in (visitor, ada, mallory):
        for path in ("", "/rules/1/edit", "/rules/1/delete"):
            answer = browser.get(PAGE + path)
            assert answer.status_code == 303
            assert answer.headers["Location"].startswith("/admin/sign-in")
        for form in FORMS:
            answer = browser.post(PAGE + form, {"text": "acme-group.example", "role": "manage", "on": "2026-01-01"})
            assert answer.status_code in (303, 400)
            assert answer.headers.get("Location", "/admin/sign-in").startswith("/admin/sign-in")
    (left,) = AccessRule.select()
    assert left.role == "pay"


def test_no_form_is_taken_without_its_token(root: Browser, cast: Cast, rule: AccessRule) -> None:
    for form in FORMS:
        fields = {"text": "acme-group.example", "role": "manage", "on": "2026-01-01"}
        assert root.post(PAGE + form, fields, token="").status_code == 400
    assert AccessRule.get().role == "pay"
    assert not groups.reopen_contract(cast.acme, by=cast.root, now=rule.created_at)


@pytest.mark.parametrize(
    "path",
    [
        *("/admin/customers/C-GLOBEX/groups/G-ACME", "/admin/customers/C-ACME/groups/G-GLOBEX"),
        *("/admin/customers/C-ACME/groups/nobody", "/admin/customers/%00/groups/G-ACME"),
        *("/admin/customers/C-ACME/groups/%00", PAGE + "/rules/99/delete", PAGE + "/rules/99999999999999/delete"),
        PAGE + "/rules/99/edit",
    ],
)
def test_what_is_not_there_is_404(root: Browser, rule: AccessRule, path: str) -> None:
    assert root.get(path).status_code == 404


def test_a_form_sent_through_another_group_changes_nothing(root: Browser, rule: AccessRule) -> None:
    for page in ("/admin/customers/C-GLOBEX/groups/G-GLOBEX", "/admin/customers/C-GLOBEX/groups/G-ACME"):
        for form in (f"/rules/{rule.id}", f"/rules/{rule.id}/delete"):
            root.post(page + form, {"text": "acme-group.example", "role": "manage"})
    assert AccessRule.get().role == "pay"


@pytest.mark.parametrize("path", ["/rules", "/contract-end", "/contract-end/delete"])
def test_another_method_is_405(root: Browser, path: str) -> None:
    assert root.get(PAGE + path).status_code == 405


def test_who_has_not_proved_lately_who_they_are_is_asked_first(
    root: Browser, cast: Cast, rule: AccessRule, clock: Clock
) -> None:
    root.get(PAGE)
    clock.forward(minutes=20)
    answer = root.get(PAGE)
    assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (303, "/admin/prove")
    assert root.post(PAGE + "/rules", {"text": "still.example", "role": "pay"}).status_code == 303
    assert AccessRule.select().count() == 2  # a form may be sent a while longer than its page opens
    clock.forward(minutes=11)
    for form in FORMS:
        answer = root.post(PAGE + form, {"text": "acme-group.example", "role": "manage", "on": "2026-01-01"})
        assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (303, "/admin/prove")
    assert {row.role for row in AccessRule.select()} == {"pay"}
