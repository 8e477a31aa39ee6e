"""Rules added, replaced, changed and removed by hand."""

from __future__ import annotations

from datetime import datetime

import pytest

from billing import rules, sessions
from models import AccessRule, History, Person, Session
from tests.blueprints.admin.access.conftest import PAGE
from tests.browser import Browser
from tests.cast import Cast


def stand() -> list[tuple[str, str]]:
    return [(rules.text_of(row), row.role) for row in AccessRule.select().order_by(AccessRule.domain, AccessRule.local)]


def test_a_domain_is_added_and_told(root: Browser, cast: Cast) -> None:
    answer = root.post(PAGE + "/rules", {"text": " @Bücher.example ", "role": "view"})
    assert (answer.status_code, answer.headers["Location"]) == (303, PAGE)
    page = root.follow().text
    assert "Everybody at bücher.example may sign in now." in page
    assert "xn--bcher-kva.example" in page
    assert stand() == [("bücher.example", "view")]
    told = History.get(History.event == "rule_added")
    assert (told.actor_kind, told.actor_id) == ("staff", cast.root.id)
    assert "from" in told.details


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("a.example, b.example", "one domain or one address at a time"),
        ("a.example\r\nb.example", "one domain or one address at a time"),
        ("", "Enter a domain such as company.com"),
        ("<b>x</b>.com", "Enter a domain such as company.com"),
        ("gmail.com", "Anybody can have an address there"),
        ("co.uk", "Anybody can have an address there"),
        ("acme-group.example", "It is in the list already"),
        ("ada@acme-group.example", "Its whole domain is in the list already"),
    ],
)
def test_a_refusal_says_why_and_keeps_what_was_typed(root: Browser, rule: AccessRule, typed: str, words: str) -> None:
    answer = root.post(PAGE + "/rules", {"text": typed, "role": "manage"})
    assert answer.status_code == 422
    assert "<title>Error:" in answer.text
    assert words in answer.text
    shown = typed.replace("<", "&lt;").replace(">", "&gt;")
    if "\n" not in typed:
        assert f'value="{shown}"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert '<option value="manage" selected>' in answer.text[answer.text.index('id="rule-role"') :]
    assert stand() == [("acme-group.example", "pay")]


@pytest.mark.parametrize("role", ["", "owner", "staff"])
def test_a_role_that_is_none_is_422(root: Browser, rule: AccessRule, role: str) -> None:
    for form in ("/rules", f"/rules/{rule.id}"):
        answer = root.post(PAGE + form, {"text": "acme-group.example", "role": role})
        assert answer.status_code == 422
        assert "Choose what they may do." in answer.text
    assert stand() == [("acme-group.example", "pay")]


def test_a_domain_over_addresses_is_offered_to_replace_them(root: Browser, cast: Cast, now: datetime) -> None:
    for text in ("ada@new.example", "bob@new.example"):
        rules.add(cast.acme, text, "manage", by=cast.root, now=now)
    answer = root.post(PAGE + "/rules", {"text": "new.example", "role": "view"})
    assert answer.status_code == 422
    for text in ("ada@new.example", "bob@new.example", "Replace them by the domain", 'name="replace" value="y"'):
        assert text in answer.text
    assert len(stand()) == 2
    assert root.post(PAGE + "/rules", {"text": "new.example", "role": "view", "replace": "y"}).status_code == 303
    assert stand() == [("new.example", "view")]


def test_a_role_is_changed(root: Browser, rule: AccessRule) -> None:
    page = root.get(f"{PAGE}/rules/{rule.id}/edit").text
    assert '<option value="pay" selected>' in page
    answer = root.post(f"{PAGE}/rules/{rule.id}", {"text": "acme-group.example", "role": "view"})
    assert (answer.status_code, stand()) == (303, [("acme-group.example", "view")])
    assert '<td role="cell">may look</td>' in root.follow().text


def test_the_page_that_asks_says_how_many_lose_access(root: Browser, rule: AccessRule, now: datetime) -> None:
    page = root.get(f"{PAGE}/rules/{rule.id}/delete").text
    assert "Nobody loses access" in page
    for n in range(2):
        Person.create(public_id=f"P{n}", email=f"p{n}@acme-group.example", name="P", created_at=now)
    page = root.get(f"{PAGE}/rules/{rule.id}/delete").text
    assert "2 people lose access" in page
    assert "Keep it" in page
    assert stand() == [("acme-group.example", "pay")]  # asking removes nothing


def test_a_removed_rule_signs_out_who_came_by_it(root: Browser, rule: AccessRule, cast: Cast, now: datetime) -> None:
    guest = Person.create(public_id="P", email="p@acme-group.example", name="P", created_at=now)
    sessions.begin(guest, now=now)
    answer = root.post(f"{PAGE}/rules/{rule.id}/delete", {"text": "acme-group.example"})
    assert (answer.status_code, stand()) == (303, [])
    assert "Removed: acme-group.example." in root.follow().text
    assert Session.get(Session.person == guest).ended_because == "removed"
    assert "acme-group.example" in root.get("/admin/customers/C-ACME").text  # told by the history


def test_a_page_left_open_removes_no_other_rule_that_got_its_number(
    root: Browser, rule: AccessRule, cast: Cast, now: datetime
) -> None:
    form = f"{PAGE}/rules/{rule.id}"
    root.post(f"{form}/delete", {"text": "acme-group.example"})
    other = rules.add(cast.acme, "other.example", "pay", by=cast.root, now=now)
    for path in (form, f"{form}/delete", f"{PAGE}/rules/{other.id}", f"{PAGE}/rules/{other.id}/delete"):
        assert root.post(path, {"text": "acme-group.example", "role": "view"}).status_code == 303
        assert "Nothing was changed." in root.follow().text
    assert stand() == [("other.example", "pay")]
