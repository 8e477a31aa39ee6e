"""What a customer's page says about who has access: members, who comes in by a rule, nobody who was removed."""

from __future__ import annotations

from datetime import datetime, timedelta

from billing import history, settings
from models import AccessRule, Membership, Person
from tests.blueprints.admin.access.conftest import PAGE
from tests.browser import Browser
from tests.cast import Cast

CUSTOMER = "/admin/customers/C-ACME"


def test_who_comes_in_by_a_rule_is_named_and_counts(root: Browser, cast: Cast, rule: AccessRule, now: datetime) -> None:
    Person.update(last_sign_in_at=now - timedelta(days=40)).where(Person.id == cast.ada.id).execute()
    Person.create(
        public_id="P",
        email="guest@acme-group.example",
        name="G",
        created_at=now,
        last_sign_in_at=now - timedelta(days=3),
    )
    page = root.get(CUSTOMER).text
    assert "guest@acme-group.example" in page
    assert "19 November 2026" in page
    card = page[page.index('id="group-G-ACME"') : page.index("Account number")]
    assert "19 November 2026" in card
    assert "mallory" not in page


def test_who_was_removed_is_not(root: Browser, cast: Cast, now: datetime) -> None:
    Membership.update(removed_at=now).where(Membership.person == cast.vic).execute()
    page = root.get(CUSTOMER).text
    assert "ada@acme.example" in page
    assert "vic@acme.example" not in page


def test_a_pass_that_is_over_gives_way_to_the_rule(root: Browser, cast: Cast, rule: AccessRule, now: datetime) -> None:
    guest = Person.create(public_id="P", email="guest@acme-group.example", name="G", created_at=now)
    Membership.create(person=guest, group=cast.acme, role="view", created_at=now, expires_at=now - timedelta(days=1))
    assert root.get(CUSTOMER).text.count("guest@acme-group.example") == 1


def test_where_only_invited_people_sign_in_a_rule_names_nobody(
    root: Browser, cast: Cast, rule: AccessRule, now: datetime
) -> None:
    Person.create(public_id="P", email="guest@acme-group.example", name="G", created_at=now)
    settings.save({"enrolment": settings.INVITED}, by=history.COMMAND, now=now)
    assert "guest@acme-group.example" not in root.get(CUSTOMER).text
    answer = root.post(PAGE + "/rules", {"text": "new.example", "role": "pay"})
    assert answer.status_code == 303
    assert "opens nothing just now" in root.follow().text


def test_the_people_section_leads_to_where_it_is_changed(root: Browser, cast: Cast) -> None:
    page = root.get(CUSTOMER).text
    assert f'<a href="{PAGE}">Change who may see this account</a>' in page
