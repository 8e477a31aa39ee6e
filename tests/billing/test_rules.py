"""Access rules: what may be one, what they give, and that two never say something about the same address."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from peewee import IntegrityError

from billing import access, groups, rules, sessions
from billing import settings as settings_of
from billing.errors import BadRule
from billing.settings import Settings
from database import transaction
from models import AccessDomain, AccessRule, BillingGroup, History, Membership, Person, Session
from tests.billing.test_two_at_once import at_once
from tests.cast import Cast, make_group, make_person

TURNS = 12  # how often each race is run

Add = Callable[..., AccessRule]


@pytest.fixture
def listed() -> Settings:
    return Settings(enrolment=settings_of.LISTED)


@pytest.fixture
def add(cast: Cast, now: datetime) -> Add:
    def add(text: str, role: str = "pay", *, group: BillingGroup = cast.acme, **more: Any) -> AccessRule:
        return rules.add(group, text, role, by=cast.root, now=now, **more)

    return add


def visitor(email: str, now: datetime, **columns: Any) -> Person:
    """Somebody who is a member nowhere."""
    return Person.create(public_id=email[:16], email=email, name=email, created_at=now, **columns)  # type: ignore[no-any-return]


def refusal(add: Callable[[], object]) -> BadRule:
    with pytest.raises(BadRule) as caught:
        add()
    return caught.value


def texts(group: BillingGroup, now: datetime) -> list[str]:
    return [rule.text for rule in rules.of(group, now)]


# --- What may be a rule -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "local", "domain"),
    [
        ("company.com", "", "company.com"),
        ("  Company.COM ", "", "company.com"),
        ("@company.com", "", "company.com"),
        ("company.com.", "", "company.com"),
        ("Bücher.example", "", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "", "xn--bcher-kva.example"),
        ("STRASSE.example", "", "strasse.example"),
        ("straße.example", "", "xn--strae-oqa.example"),
        ("sub.company.com", "", "sub.company.com"),
        ("Ada@Company.com", "ada", "company.com"),
        (" ada+bills@bücher.example\t", "ada+bills", "xn--bcher-kva.example"),
        ("@ada@company.com", "ada", "company.com"),
        ("ｃｏｍｐａｎｙ．com", "", "company.com"),
    ],
)
def test_case_spaces_a_leading_at_and_other_alphabets_are_folded(typed: str, local: str, domain: str) -> None:
    assert rules.read(typed) == (local, domain)


@pytest.mark.parametrize(
    "typed",
    [
        *("a.example,b.example", "a.example, b.example", "a.example;b.example", "a.example b.example"),
        *("a.example\nb.example", "a.example\r\nb.example", "a@x.example\tb@x.example", "a.example\u2028b.example"),
        *(
            "a.example\u00a0b.example",
            "a.example，b.example",
            "a.example、b.example",
            "Ada <ada@company.com>",
            "a.example,",
        ),
    ],
)
def test_lists_are_refused(add: Add, typed: str) -> None:
    assert refusal(lambda: add(typed)).code == "not_one"
    assert AccessDomain.select().count() == 0


@pytest.mark.parametrize(
    "typed",
    [
        *(
            "",
            "   ",
            "@",
            "@@company.com",
            "company",
            "com",
            "a@b@c.example",
            "ada@",
            "https://company.com",
            "*.company.com",
        ),
        *("company..com", "-company.com", "company-.com", "a" * 64 + ".com", "a." * 130 + "com", "x" * 5000),
        *(
            "company\x00.com",
            "com\u200bpany.com",
            "\u202eelpmaxe.ynapmoc",
            "192.168.0.1",
            "ada@192.168.0.1",
            "ada@[1.2.3.4]",
        ),
        *(
            "localhost",
            "ada@localhost",
            "xn--a.example",
            "_dmarc.company.com",
            "company_name.com",
            "%.com",
            "'or'1'='1.com",
        ),
    ],
)
def test_what_is_no_domain_and_no_address_is_refused(add: Add, typed: str) -> None:
    assert refusal(lambda: add(typed)).code == "not_an_address"
    assert AccessDomain.select().count() == 0


@pytest.mark.parametrize(
    "domain",
    [
        *(
            "gmail.com",
            "GMAIL.com",
            "googlemail.com",
            "outlook.com",
            "hotmail.co.uk",
            "live.nl",
            "yahoo.com",
            "yahoo.co.jp",
        ),
        *("yahoo.fr", "gmx.net", "gmx.de", "gmx.co.uk", "web.de", "t-online.de", "icloud.com", "me.com", "proton.me"),
        *(
            "protonmail.com",
            "orange.fr",
            "free.fr",
            "laposte.net",
            "qq.com",
            "163.com",
            "mail.ru",
            "yandex.ru",
            "aol.com",
        ),
        *("btinternet.com", "libero.it", "wp.pl", "seznam.cz", "comcast.net", "bigpond.com", "mailinator.com"),
        *("co.uk", "com.au", "github.io", "xn--55qx5d.cn", "公司.cn", "kawasaki.jp", "anything.ck", "my.gmx.net"),
    ],
)
def test_public_mail_domains_and_public_suffixes_are_no_rule(add: Add, domain: str) -> None:
    assert refusal(lambda: add(domain)).code == "public_domain"


@pytest.mark.parametrize(
    "domain",
    [
        "company.com",
        "notgmail.com",
        "gmail.company.com",
        "yahoo-partners.com",
        "outlook-hotel.at",
        "www.ck",
        "acme.example",
    ],
)
def test_a_company_of_its_own_is_not_public(domain: str) -> None:
    assert not rules.is_public(domain)


def test_a_single_address_at_a_public_mail_domain_is_fine(add: Add, now: datetime, cast: Cast) -> None:
    add("ada.lovelace@gmail.com")
    assert texts(cast.acme, now) == ["ada.lovelace@gmail.com"]


def test_the_list_of_providers_is_one_folded_domain_a_line() -> None:
    lines = [line for line in rules.PUBLIC_MAIL.read_text().splitlines() if line and not line.startswith("#")]
    assert len(lines) > 200
    assert len(lines) == len(set(lines))
    for line in lines:
        assert rules.read(line.replace(".*", ".com")) == ("", line.replace(".*", ".com"))


def test_people_read_the_domain_with_its_own_letters(add: Add, cast: Cast, now: datetime) -> None:
    add("Bücher.example")
    (rule,) = rules.of(cast.acme, now)
    assert (rule.text, rule.ascii) == ("bücher.example", "xn--bcher-kva.example")


def test_a_role_that_is_none_is_an_error(add: Add) -> None:
    with pytest.raises(ValueError, match="no such role"):
        add("company.com", "owner")


# --- What a rule gives ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "email", ["a@sub.company.com", "a@evilcompany.com", "a@company.com.evil.example", "a@company.co"]
)
def test_a_domain_lets_in_no_other_domain(add: Add, cast: Cast, now: datetime, listed: Settings, email: str) -> None:
    add("company.com")
    assert access.groups(visitor(email, now), now, listed) == ()
    inside = access.groups(visitor("a@company.com", now), now, listed)
    assert [(place.group, place.role) for place in inside] == [(cast.acme, "pay")]


def test_subdomains_are_rules_of_their_own(add: Add, cast: Cast, now: datetime) -> None:
    add("company.com")
    add("sub.company.com")
    add("ada@other.company.com")
    assert texts(cast.acme, now) == ["company.com", "ada@other.company.com", "sub.company.com"]


def test_another_group_may_have_the_same_rule(add: Add, cast: Cast) -> None:
    add("company.com")
    add("ada@company.com", group=cast.globex)
    assert AccessRule.select().count() == 2


def test_a_rule_tells_who_comes_by_it_and_who_came_last(add: Add, cast: Cast, now: datetime) -> None:
    add("company.com")
    add("solo@gmail.com")
    visitor("one@company.com", now, last_sign_in_at=now - timedelta(days=3))
    visitor("two@company.com", now, last_sign_in_at=now - timedelta(days=1))
    visitor("three@sub.company.com", now, last_sign_in_at=now)
    visitor("xcompany.com@evil.example", now, last_sign_in_at=now)
    make_person("four@company.com", "Has a place of her own", cast.acme, "view", now)
    gone = make_person("five@company.com", "Was removed", cast.acme, "view", now)
    Membership.update(removed_at=now).where(Membership.person == gone).execute()
    over = make_person("six@company.com", "Whose pass is over", cast.acme, "view", now)
    Membership.update(expires_at=now - timedelta(days=1)).where(Membership.person == over).execute()
    domain, solo = rules.of(cast.acme, now)
    assert (domain.people, domain.shut_out, domain.last_sign_in_at) == (3, 1, now - timedelta(days=1))
    assert (solo.people, solo.shut_out, solo.last_sign_in_at) == (0, 0, None)
    assert {person.email for person, _ in access.by_rule(cast.acme, now, Settings())} == {
        *("one@company.com", "two@company.com", "six@company.com")
    }


def test_rules_cost_two_queries_however_many(add: Add, cast: Cast, now: datetime, db: Any, monkeypatch: Any) -> None:
    for n in range(30):
        add(f"company-{n}.com")
        visitor(f"a@company-{n}.com", now)
    asked: list[object] = []
    real = db.execute_sql

    def listen(*given: object, **named: object) -> object:
        asked.append(given)
        return real(*given, **named)

    monkeypatch.setattr(db, "execute_sql", listen)
    assert sum(rule.people for rule in rules.of(cast.acme, now)) == 30
    assert len(asked) == 2


def test_a_group_knows_when_somebody_last_came_by_its_rules(add: Add, cast: Cast, now: datetime) -> None:
    add("company.com")
    add("solo@company.com", group=cast.globex)
    add("solo@sub.company.com")
    visitor("solo@company.com", now, last_sign_in_at=now - timedelta(days=2))
    visitor("other@company.com", now, last_sign_in_at=now - timedelta(days=1))
    visitor("new@company.com", now)
    visitor("other@sub.company.com", now, last_sign_in_at=now)
    assert rules.last_sign_ins([cast.acme.id, cast.globex.id]) == {
        cast.acme.id: now - timedelta(days=1),
        cast.globex.id: now - timedelta(days=2),
    }
    assert rules.last_sign_ins([]) == {}


def test_a_changed_role_holds_at_once(add: Add, cast: Cast, now: datetime, listed: Settings) -> None:
    rule = add("company.com", "manage")
    guest = visitor("a@company.com", now)
    assert rules.change_role(rule, "view", by=cast.root, now=now)
    assert not rules.change_role(rule, "view", by=cast.root, now=now)
    assert access.groups(guest, now, listed)[0].role == "view"


# --- No overlaps ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["company.com", "ada@company.com"])
def test_a_duplicate_is_refused_however_it_is_written(add: Add, text: str) -> None:
    add(text)
    assert refusal(lambda: add(f"  {text.upper()} ")).code == "exists"
    assert AccessRule.select().count() == 1


def test_an_address_under_a_granted_domain_is_refused(add: Add) -> None:
    add("company.com")
    refused = refusal(lambda: add("ada@company.com"))
    assert (refused.code, refused.values["domain"]) == ("under_domain", "company.com")
    assert AccessRule.select().count() == 1


def test_a_domain_over_addresses_is_refused_with_them_and_may_replace_them(add: Add, cast: Cast, now: datetime) -> None:
    for text in ("zoe@bücher.example", "ada@bücher.example", "ada@other.example"):
        add(text)
    refused = refusal(lambda: add("bücher.example", "view"))
    assert refused.code == "over_addresses"
    assert refused.values["addresses"] == ("ada@bücher.example", "zoe@bücher.example")
    assert AccessRule.select().count() == 3
    add("bücher.example", "view", replace=True)
    assert texts(cast.acme, now) == ["ada@other.example", "bücher.example"]
    assert AccessDomain.select().where(AccessDomain.kind == "domain").count() == 1


def test_replacing_with_nothing_there_just_adds(add: Add) -> None:
    add("company.com", replace=True)
    assert refusal(lambda: add("company.com", replace=True)).code == "exists"
    assert refusal(lambda: add("ada@company.com", replace=True)).code == "under_domain"


def test_replacing_signs_nobody_out(add: Add, cast: Cast, now: datetime) -> None:
    add("ada@company.com")
    sessions.begin(visitor("ada@company.com", now), now=now)
    add("company.com", replace=True)
    assert Session.select().where(Session.ended_at.is_null(False)).count() == 0


def test_after_the_last_address_is_gone_the_domain_may_come(add: Add, cast: Cast, now: datetime) -> None:
    one, other = add("ada@company.com"), add("bob@company.com")
    rules.remove(one, by=cast.root, now=now, settings=Settings())
    assert refusal(lambda: add("company.com")).code == "over_addresses"
    rules.remove(other, by=cast.root, now=now, settings=Settings())
    assert AccessDomain.select().count() == 0
    rules.remove(add("company.com"), by=cast.root, now=now, settings=Settings())
    add("ada@company.com")


@pytest.mark.parametrize(
    ("first", "second"),
    [(("domain", ""), ("address", "ada")), (("address", "ada"), ("domain", ""))],
    ids=["under", "over"],
)
def test_the_database_itself_keeps_them_apart(
    cast: Cast, now: datetime, first: tuple[str, str], second: tuple[str, str]
) -> None:
    def write(kind: str, local: str) -> None:
        with transaction():
            common = {"group": cast.acme, "domain": "company.com", "kind": kind}
            AccessDomain.insert(**common).on_conflict_ignore().execute()
            AccessRule.create(**common, local=local, role="pay", created_at=now)

    write(*first)
    with pytest.raises(IntegrityError):
        write(*second)
    with pytest.raises(IntegrityError), transaction():
        AccessDomain.update(kind=second[0]).execute()
    with pytest.raises(IntegrityError), transaction():
        AccessRule.update(kind=second[0], local=second[1]).execute()


# --- Two at once ------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["waiting for each other", "by the constraint alone"])
def turns(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> range:
    """Rounds of a race: as it is, and with nothing but the database's constraints to decide it."""
    if request.param == "by the constraint alone":
        monkeypatch.setattr(groups, "hold", lambda group: None)
        monkeypatch.setattr(groups, "hold_open", lambda group, today: True)
    return range(TURNS)


def said(ends: list[Any]) -> list[str]:
    return sorted(end.code if isinstance(end, BadRule) else "added" for end in ends)


def never_both(group: BillingGroup) -> set[str]:
    """The kinds of rules that a domain has: never two."""
    kinds = {
        rule.kind for rule in AccessRule.select().where(AccessRule.group == group, AccessRule.domain == "company.com")
    }
    decides = {row.kind for row in AccessDomain.select().where(AccessDomain.group == group)}
    assert len(kinds) == 1
    assert kinds == decides
    return kinds


def test_the_same_submitted_twice_at_once_is_added_once(add: Add, cast: Cast, now: datetime, turns: range) -> None:
    for turn in turns:
        group = make_group(f"Race {turn}", f"C-{turn}", now)
        for text in ("company.com", "ada@other.example"):
            assert said(at_once(*[partial(add, text, group=group)] * 3)) == ["added", "exists", "exists"]


def test_a_domain_and_its_address_submitted_at_once_never_both_stand(
    add: Add, cast: Cast, now: datetime, turns: range
) -> None:
    for turn in turns:
        group = make_group(f"Race {turn}", f"C-{turn}", now)
        verbs = [partial(add, text, group=group) for text in ("company.com", "ada@company.com", "bob@company.com")]
        ends = said(at_once(*(verbs if turn % 2 else verbs[::-1])))
        kinds = never_both(group)
        assert ends == (
            ["added", "under_domain", "under_domain"] if kinds == {"domain"} else ["added", "added", "over_addresses"]
        )


def test_a_domain_that_replaces_and_addresses_that_come_meanwhile(
    add: Add, cast: Cast, now: datetime, turns: range
) -> None:
    for turn in turns:
        group = make_group(f"Race {turn}", f"C-{turn}", now)
        add("eve@company.com", group=group)
        ends = at_once(
            partial(add, "ada@company.com", group=group),
            partial(add, "company.com", group=group, replace=True),
            partial(add, "bob@company.com", group=group),
            partial(add, "company.com", group=group, replace=True),
        )
        assert never_both(group) == {"domain"}
        assert AccessRule.select().where(AccessRule.group == group).count() == 1
        assert sum(isinstance(end, AccessRule) for end in (ends[1], ends[3])) == 1
        assert set(said(ends)) <= {"added", "exists", "under_domain"}


def test_a_rule_removed_while_others_come_leaves_nothing_half(
    add: Add, cast: Cast, now: datetime, turns: range
) -> None:
    for turn in turns:
        group = make_group(f"Race {turn}", f"C-{turn}", now)
        rule = add("eve@company.com", group=group)
        remove = partial(rules.remove, rule, by=cast.root, now=now, settings=Settings())
        ends = at_once(
            remove, partial(add, "ada@company.com", group=group), partial(add, "company.com", group=group), remove
        )
        assert sorted(end for end in ends if isinstance(end, bool)) == [False, True]
        never_both(group)


def test_a_contract_ended_meanwhile_decides(add: Add, cast: Cast, now: datetime) -> None:
    for turn in range(TURNS):
        group = make_group(f"Race {turn}", f"C-{turn}", now)
        end = partial(groups.end_contract, group, now.date(), by=cast.root, now=now)
        at_once(end, *(partial(add, f"company-{n}.com", group=group) for n in range(3)))
        events = [
            line.event
            for line in History.select()
            .where(History.subject_kind == "billing_group", History.subject_id == group.id)
            .order_by(History.id)
        ]
        assert events[-1] == "contract_ended"


# --- Removing ---------------------------------------------------------------------------------------------------------


def live(person: Person) -> int:
    return int(Session.select().where(Session.person == person, Session.ended_at.is_null()).count())


def test_who_has_no_place_left_is_signed_out_at_once(add: Add, cast: Cast, now: datetime, listed: Settings) -> None:
    rule = add("company.com")
    add("two@company.com", group=cast.globex)
    one, two = visitor("one@company.com", now), visitor("two@company.com", now)
    other = visitor("one@evilcompany.com", now)
    for person in (one, one, two, other):
        sessions.begin(person, now=now)
    assert rules.remove(rule, by=cast.root, now=now, settings=listed)
    assert (live(one), live(two), live(other)) == (0, 1, 1)
    assert {row.ended_because for row in Session.select().where(Session.person == one)} == {"removed"}
    told = History.get(History.event == "sessions_ended")
    assert (told.subject_kind, told.subject_id, told.actor_kind, told.actor_id) == (
        "person",
        one.id,
        "staff",
        cast.root.id,
    )
    assert access.groups(one, now, listed) == ()
    assert not access.may_sign_in(one, now, listed)


def test_a_member_stays_when_the_rule_goes(add: Add, cast: Cast, now: datetime, listed: Settings) -> None:
    rule = add("acme.example")
    sessions.begin(cast.ada, now=now)
    rules.remove(rule, by=cast.root, now=now, settings=listed)
    assert live(cast.ada) == 1


def test_a_rule_is_removed_once(add: Add, cast: Cast, now: datetime, listed: Settings) -> None:
    rule = add("company.com")
    assert rules.remove(rule, by=cast.root, now=now, settings=listed)
    assert not rules.remove(rule, by=cast.root, now=now, settings=listed)
    assert History.select().where(History.event == "rule_removed").count() == 1


def test_a_rule_is_found_in_its_own_group_only(add: Add, cast: Cast) -> None:
    rule = add("company.com")
    assert rules.one(cast.acme, rule.id, "company.com") == rule
    assert rules.one(cast.globex, rule.id, "company.com") is None


def test_a_number_given_out_again_is_not_the_rule_that_had_it(
    add: Add, cast: Cast, now: datetime, listed: Settings
) -> None:
    old = add("company.com")
    rules.remove(old, by=cast.root, now=now, settings=listed)
    new = add("other.example")
    old.id = new.id  # as SQLite does
    assert rules.one(cast.acme, new.id, "company.com") is None
    assert not rules.change_role(old, "view", by=cast.root, now=now)
    assert not rules.remove(old, by=cast.root, now=now, settings=listed)
    assert texts(cast.acme, now) == ["other.example"]


# --- History ----------------------------------------------------------------------------------------------------------


def test_every_change_is_told_and_nobodys_address_with_it(
    add: Add, cast: Cast, now: datetime, listed: Settings
) -> None:
    add("ada.lovelace@company.com")
    rule = add("company.com", "view", replace=True)
    rules.change_role(rule, "manage", by=cast.root, now=now)
    rules.remove(rule, by=cast.root, now=now, settings=listed)
    lines = list(History.select().where(History.subject_kind == "billing_group").order_by(History.id))
    assert [line.event for line in lines] == [
        "rule_added",
        "rule_replaced",
        "rule_added",
        "rule_changed",
        "rule_removed",
    ]
    assert all((line.subject_id, line.actor_id) == (cast.acme.id, cast.root.id) for line in lines)
    assert "lovelace" not in str([line.details for line in lines])
    assert [line.details["role"] for line in lines] == ["pay", "pay", "view", "manage", "manage"]
    assert lines[-1].details["domain"] == "company.com"
