"""A group's contract: active until somebody ends it, and open again when somebody says so."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import partial

import pytest

from billing import access, groups, rules
from billing.errors import BadRule
from billing.settings import Settings
from models import AccessRule, BillingGroup, History
from tests.billing.test_two_at_once import at_once
from tests.cast import Cast

TODAY = date(2026, 11, 22)


def end(cast: Cast, now: datetime, on: date = TODAY) -> bool:
    return groups.end_contract(BillingGroup.get_by_id(cast.acme.id), on, by=cast.root, now=now)


def reopen(cast: Cast, now: datetime) -> bool:
    return groups.reopen_contract(BillingGroup.get_by_id(cast.acme.id), by=cast.root, now=now)


def test_a_contract_is_active_from_the_beginning(cast: Cast) -> None:
    assert not groups.has_ended(cast.acme, TODAY)


def test_an_ended_contract_takes_no_rules_and_keeps_the_people(cast: Cast, now: datetime) -> None:
    rules.add(cast.acme, "company.com", "pay", by=cast.root, now=now)
    assert end(cast, now)
    for text in ("other.example", "ada@other.example"):
        with pytest.raises(BadRule) as refused:
            rules.add(cast.acme, text, "pay", by=cast.root, now=now, replace=True)
        assert refused.value.code == "contract_ended"
    assert AccessRule.select().count() == 1
    assert access.groups(cast.ada, now, Settings())[0].role == "pay"


def test_a_stale_row_does_not_open_it(cast: Cast, now: datetime) -> None:
    end(cast, now)
    assert cast.acme.contract_ended_on is None
    with pytest.raises(BadRule):
        rules.add(cast.acme, "company.com", "pay", by=cast.root, now=now)


def test_rules_of_an_ended_contract_can_be_taken_away(cast: Cast, now: datetime) -> None:
    rule = rules.add(cast.acme, "company.com", "pay", by=cast.root, now=now)
    end(cast, now)
    assert rules.change_role(rule, "view", by=cast.root, now=now)
    assert rules.remove(rule, by=cast.root, now=now, settings=Settings())


def test_an_end_to_come_takes_effect_on_its_day(cast: Cast, now: datetime) -> None:
    end(cast, now, TODAY + timedelta(days=1))
    rules.add(cast.acme, "company.com", "pay", by=cast.root, now=now)
    with pytest.raises(BadRule):
        rules.add(cast.acme, "other.example", "pay", by=cast.root, now=now + timedelta(days=1))


def test_reopened_it_takes_rules_again(cast: Cast, now: datetime) -> None:
    end(cast, now)
    assert reopen(cast, now)
    assert not reopen(cast, now)
    rules.add(cast.acme, "company.com", "pay", by=cast.root, now=now)


def test_it_ends_once_whoever_presses(cast: Cast, now: datetime) -> None:
    assert end(cast, now, date(2026, 10, 1))
    assert not end(cast, now, date(2026, 11, 1))
    assert BillingGroup.get_by_id(cast.acme.id).contract_ended_on == date(2026, 10, 1)
    reopen(cast, now)
    assert sum(at_once(*[partial(end, cast, now)] * 4)) == 1


def test_history_tells_both_with_the_day(cast: Cast, now: datetime) -> None:
    end(cast, now)
    reopen(cast, now)
    lines = list(History.select().where(History.subject_kind == "billing_group").order_by(History.id))
    assert [(line.event, line.actor_id) for line in lines] == [
        ("contract_ended", cast.root.id),
        ("contract_reopened", cast.root.id),
    ]
    assert lines[0].details["on"] == "2026-11-22"
