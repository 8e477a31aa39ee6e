"""The merchant's customers: found, filtered, paged; one page with everything."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from billing import customers, rules, settings
from models import BillingGroup, Customer, Membership, Person
from tests.bills import bill
from tests.blueprints.admin.conftest import MakePayment
from tests.browser import Browser
from tests.cast import Cast, make_group


def test_the_list_names_everybody_with_what_they_owe(root: Browser, cast: Cast, now: datetime) -> None:
    bill(cast.acme, 124000, now=now)
    page = root.get("/admin/customers").text
    assert "Acme Ltd" in page
    assert "Globex GmbH" in page
    assert "€1,240.00" in page


def test_a_search_finds_by_a_part_of_the_name(root: Browser, cast: Cast) -> None:
    page = root.get("/admin/customers?q=glob").text
    assert "Globex GmbH" in page
    assert "Acme Ltd" not in page
    assert "No customer with “nobody”." in root.get("/admin/customers?q=nobody").text


def test_htmx_gets_the_list_alone(root: Browser, cast: Cast) -> None:
    answer = root.get("/admin/customers?q=acme", htmx=True, headers={"HX-Target": "div#customers"})
    assert "<h1>" not in answer.text
    assert "Acme Ltd" in answer.text
    assert "HX-Request" in answer.headers["Vary"]


def test_an_empty_portal_says_what_comes_next(root: Browser, cast: Cast) -> None:
    for table in (Membership, BillingGroup, Customer):
        table.delete().execute()
    page = root.get("/admin/customers").text
    assert "No customers yet." in page
    assert 'href="/admin/imports"' in page


def test_pages_follow_the_alphabet_whatever_the_case(cast: Cast, now: datetime) -> None:
    for n in range(120):
        make_group(f"{'Büro' if n % 2 else 'büro'} {n:03d}", f"C-{n:04d}", now)
    seen, after = [], ""
    while True:
        page = customers.page(after=after, today=now.date())
        seen += [row.name for row in page.rows]
        if not page.older:
            break
        after = page.older
    assert len(seen) == len(set(seen)) == 122
    assert seen[0] == "Acme Ltd"
    assert seen[1:121] == sorted(seen[1:121], key=str.lower)
    back = customers.page(before=f"{seen[100]}_{Customer.get(Customer.name == seen[100]).id}", today=now.date())
    assert [row.name for row in back.rows] == seen[50:100]


@pytest.mark.parametrize("key", ["x", "_", "a_b", "_99999999999999", "Acme Ltd_1", "%_1", "\x00_1"])
def test_any_key_gives_a_page(root: Browser, key: str) -> None:
    assert root.get("/admin/customers", headers={}).status_code == 200
    assert root.client.get("/admin/customers", query_string={"after": key}, base_url=root.url).status_code == 200


def test_filters_tell_who_was_invited_and_who_came(cast: Cast, now: datetime) -> None:
    Person.update(last_sign_in_at=now).where(Person.id == cast.mallory.id).execute()
    lonely = make_group("Lonely Ltd", "C-LONE", now)
    Customer.update(email="a@lonely.example").where(Customer.id == lonely.customer_id).execute()
    make_group("Silent Ltd", "C-SIL", now)
    bill(cast.acme, 100, now=now)

    def names(which: str) -> list[str]:
        return [row.name for row in customers.page(which, today=now.date()).rows]

    assert names("invited") == ["Acme Ltd"]
    assert names("signed-in") == ["Globex GmbH"]
    assert names("not-invited") == ["Lonely Ltd"]
    assert names("no-email") == ["Silent Ltd"]
    assert names("owing") == ["Acme Ltd"]


@pytest.fixture
def listed(cast: Cast, now: datetime) -> Callable[[str], list[str]]:
    """Names in the list under a filter, whose badges and own pages say the same."""

    def names(which: str) -> list[str]:
        rows = customers.page(which, today=now.date()).rows
        assert {row.access for row in rows} <= {which}
        for row in rows:
            customer = customers.one(row.id)
            assert customer is not None
            assert customers.view(customer, now=now, today=now.date(), settings=settings.load()).access == which
        return [row.name for row in rows]

    return names


def test_who_comes_by_a_rule_counts(cast: Cast, now: datetime, listed: Callable[[str], list[str]]) -> None:
    settings.save({"enrolment": settings.OPEN}, by=cast.root, now=now)
    for name in ("By Domain", "By Address", "Nobody There"):
        group = make_group(name, name.upper().replace(" ", "-"), now)
        Customer.update(email="office@x.example").where(Customer.id == group.customer_id).execute()
        text = {"By Domain": "two.example", "By Address": "bo@three.example"}.get(name)
        if text:
            rules.add(group, text, "view", by=cast.root, now=now)
    for email in ("al@two.example", "bo@three.example", "notbo@three.example", "al@not-two.example"):
        Person.create(public_id=email[:12], email=email, name="", created_at=now, last_sign_in_at=None)
    assert listed("invited") == ["Acme Ltd", "By Address", "By Domain", "Globex GmbH"]
    assert listed("not-invited") == ["Nobody There"]

    Person.update(last_sign_in_at=now).where(Person.email != "bo@three.example", Person.id > cast.mallory.id).execute()
    assert listed("signed-in") == ["By Domain"]
    Person.update(last_sign_in_at=now).where(Person.email == "bo@three.example").execute()
    assert listed("signed-in") == ["By Address", "By Domain"]
    assert listed("invited") == ["Acme Ltd", "Globex GmbH"]

    settings.save({"enrolment": settings.INVITED}, by=cast.root, now=now)
    assert listed("signed-in") == []
    assert listed("not-invited") == ["By Address", "By Domain", "Nobody There"]


def test_who_was_removed_does_not_count(cast: Cast, now: datetime, listed: Callable[[str], list[str]]) -> None:
    settings.save({"enrolment": settings.OPEN}, by=cast.root, now=now)
    Customer.update(email="office@x.example").execute()
    Person.update(last_sign_in_at=now).execute()
    assert listed("signed-in") == ["Acme Ltd", "Globex GmbH"]
    Membership.update(removed_at=now).where(Membership.person == cast.mallory).execute()
    assert listed("not-invited") == ["Globex GmbH"]
    rules.add(cast.globex, cast.mallory.email.partition("@")[2], "view", by=cast.root, now=now)
    assert listed("invited") == ["Globex GmbH"]  # the rule lets others in, and her not


def test_one_page_shows_money_people_and_the_portal_link(
    root: Browser, cast: Cast, make_payment: MakePayment, now: datetime
) -> None:
    make_payment(bill(cast.acme, 5000, now=now))
    bill(cast.acme, 7000, now=now, number="LATE-1", issued_on=now.date() - timedelta(days=60))
    page = root.get("/admin/customers/C-ACME").text
    for text in ("€70.00", "LATE-1", "P-TEST-01", "ada@acme.example", "may look and pay", "/sign-in"):
        assert text in page
    assert "mallory" not in page


def test_a_page_costs_the_same_queries_however_much_there_is(
    root: Browser, cast: Cast, now: datetime, make_payment: MakePayment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def count() -> int:
        asked: list[object] = []
        real = Customer._meta.database.obj.execute_sql

        def listen(*given: object, **named: object) -> object:
            asked.append(given)
            return real(*given, **named)

        with monkeypatch.context() as patch:
            patch.setattr(Customer._meta.database.obj, "execute_sql", listen)
            root.get("/admin/customers/C-ACME")
            root.get("/admin/customers")
        return len(asked)

    make_payment(bill(cast.acme, 5000, now=now))
    rules.add(cast.acme, "two.example", "view", by=cast.root, now=now)
    before = count()
    for n in range(4):
        make_payment(bill(cast.acme, 5000, now=now))
        rules.add(make_group(f"More {n}", f"C-{n}", now), f"more-{n}.example", "view", by=cast.root, now=now)
    assert count() == before
