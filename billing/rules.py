"""Access rules: whose mail domain or address a billing group lets in by itself, without an invitation.

One at a time, and never two that say something about the same address: the database decides that, whoever submits
first (`AccessRule` in models.py). Rules make nobody a member; `access` asks them whenever somebody comes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache, wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import idna
from peewee import JOIN, Expression, IntegrityError, ModelSelect, fn
from publicsuffixlist import PublicSuffixList

from billing import access, dates, groups, history, people, sessions
from billing import settings as settings_of
from billing.errors import BadRule
from billing.settings import Settings
from database import in_transaction, insert_once, retried, transaction
from models import AccessDomain, AccessRule, BillingGroup, Membership, Person, Session, Staff

PUBLIC_MAIL = Path(__file__).with_name("public_mail_domains.txt")
LONGEST_TEXT = 320  # characters typed: more than any address or domain has
TRIES = 5  # before two who change the same rules at the same moment are told to look again

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


@dataclass(frozen=True)
class RuleView:
    """An access rule as staff read it.

    `text`: the domain or address with its own letters; `ascii`: how the mail's own language writes it, where that
    differs. `people`: who comes in by this rule alone; `shut_out`: who was removed from the group and stays out.
    `last_sign_in_at`: of anybody with such an address, whatever let them in.
    """

    id: int
    text: str
    ascii: str
    kind: str
    role: str
    since: datetime
    last_sign_in_at: datetime | None
    people: int
    shut_out: int


def _quickest_wins(verb: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Look again where the database refused: somebody else was quicker, and now the rules say so in words."""

    @retried
    @wraps(verb)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        for left in range(TRIES - 1, -1, -1):
            try:
                with transaction():
                    return verb(*args, **kwargs)
            except IntegrityError:
                if in_transaction():  # the caller's transaction is spoilt: only the caller can begin again
                    raise
                if not left:
                    raise BadRule("exists") from None
        raise AssertionError("unreachable")

    return run


@_quickest_wins
def add(
    group: BillingGroup,
    text: str,
    role: str,
    *,
    by: Staff | history.Actor,
    now: datetime,
    replace: bool = False,
) -> AccessRule:
    """Let a whole mail domain, or one address, into a group. `replace`: a domain takes the place of its addresses.

    Raises BadRule: not_one, not_an_address, public_domain, contract_ended, exists, under_domain
    (`values["domain"]`), over_addresses (`values["addresses"]`).
    """
    if role not in people.RANK:
        raise ValueError(f"no such role: {role}")
    local, domain = read(text)
    kind = AccessDomain.ADDRESS if local else AccessDomain.DOMAIN
    if not local and is_public(domain):
        raise BadRule("public_domain", domain=shown(domain))
    if not groups.hold_open(group, dates.day(now, settings_of.load().timezone)):
        raise BadRule("contract_ended")
    insert_once(AccessDomain, group=group, domain=domain, kind=kind)
    here = (AccessDomain.group == group, AccessDomain.domain == domain)
    decides: AccessDomain = AccessDomain.get(*here)
    if decides.kind != kind:
        if decides.kind == AccessDomain.DOMAIN:
            raise BadRule("under_domain", domain=shown(domain))
        if not replace:
            raise BadRule("over_addresses", addresses=_addresses(group, domain))
        _replace(group, domain, by=by, now=now)
    id = insert_once(AccessRule, group=group, domain=domain, kind=kind, local=local, role=role, created_at=now)
    if id is None:
        raise BadRule("exists")
    rule: AccessRule = AccessRule.get_by_id(id)
    _record(rule, "rule_added", by=by, now=now)
    return rule


@_quickest_wins
def remove(rule: AccessRule, *, by: Staff | history.Actor, now: datetime, settings: Settings) -> bool:
    """Take a rule away; whether it was there. Whoever has no place left is signed out everywhere."""
    group: BillingGroup = rule.group
    groups.hold(group)
    if not _delete(_same(rule)):
        return False
    _tidy(group, rule.domain)
    _record(rule, "rule_removed", by=by, now=now)
    for person in _signed_in(rule, now):
        if not access.groups(person, now, settings):
            sessions.end_all(person, now=now, by=history.actor(by), because=sessions.REMOVED)
    return True


@retried
def change_role(rule: AccessRule, role: str, *, by: Staff | history.Actor, now: datetime) -> bool:
    """Let people of a rule do more or less, from their next page on; whether anything changed."""
    if role not in people.RANK:
        raise ValueError(f"no such role: {role}")
    with transaction():
        changed = AccessRule.update(role=role).where(_same(rule), AccessRule.role != role).execute()
        if changed:
            rule.role = role
            _record(rule, "rule_changed", by=by, now=now)
        return bool(changed)


def one(group: BillingGroup, id: int, text: str) -> AccessRule | None:
    """A rule of this group by its id and by what it says: the number of one that is gone may be another's by now."""
    found: AccessRule | None = AccessRule.get_or_none(AccessRule.id == id, AccessRule.group == group)
    return found if found is not None and text_of(found) == text else None


def of(group: BillingGroup, now: datetime) -> list[RuleView]:
    """A group's rules, by domain and address, with who comes in by each. Two queries."""
    decided = (
        (Membership.person == Person.id)
        & (Membership.group == group)
        & (Membership.removed_at.is_null(False) | Membership.expires_at.is_null() | (Membership.expires_at > now))
    )
    found = list(AccessRule.select().where(AccessRule.group == group).order_by(AccessRule.domain, AccessRule.local))
    query = (
        Person.select(Person.email, Person.last_sign_in_at, Membership.id, Membership.removed_at)
        .join(Membership, JOIN.LEFT_OUTER, on=decided)
        .where(access.host().in_({rule.domain for rule in found}))
    )
    named: dict[int, list[tuple[datetime | None, int | None, datetime | None]]] = {rule.id: [] for rule in found}
    by_address = {_folded(rule): rule.id for rule in found}
    for email, *rest in query.tuples() if found else ():
        id = by_address.get(email.partition("@")[2], by_address.get(email))
        if id is not None:
            named[id].append(tuple(rest))
    return [
        RuleView(
            id=rule.id,
            text=(text := text_of(rule)),
            ascii=folded if (folded := _folded(rule)) != text else "",
            kind=rule.kind,
            role=rule.role,
            since=rule.created_at,
            last_sign_in_at=max((came for came, _, _ in named[rule.id] if came is not None), default=None),
            people=sum(membership is None for _, membership, _ in named[rule.id]),
            shut_out=sum(removed is not None for _, _, removed in named[rule.id]),
        )
        for rule in found
    ]


def last_sign_ins(groups: list[int]) -> dict[int, datetime]:
    """When somebody last signed in whom a rule lets in, by group id. Three queries; who was removed does not count."""
    theirs: dict[str, set[int]] = {}  # group ids, by the domain or address that is let in
    hosts = set()
    for rule in AccessRule.select().where(AccessRule.group.in_(groups)) if groups else ():
        theirs.setdefault(_folded(rule), set()).add(rule.group_id)
        hosts.add(rule.domain)
    if not hosts:
        return {}
    came = Person.select(Person.id, Person.email, Person.last_sign_in_at).where(
        access.host().in_(hosts), Person.last_sign_in_at.is_null(False)
    )
    removed = Membership.select(Membership.group, Membership.person).where(
        Membership.group.in_(groups), Membership.removed_at.is_null(False)
    )
    shut = set(removed.tuples())
    found: dict[int, datetime] = {}
    for person, email, at in came.tuples():
        for group in theirs.get(email, set()) | theirs.get(email.partition("@")[2], set()):
            if (group, person) not in shut:
                found[group] = max(at, found.get(group, at))
    return found


def customers_who_came() -> ModelSelect:
    """Ids of the customers to whom a rule let somebody in who has signed in. One look at everybody's address."""
    shut = Membership.select(1).where(
        Membership.person == Person.id, Membership.group == AccessRule.group, Membership.removed_at.is_null(False)
    )
    named = (AccessRule.domain == access.host()) & AccessRule.local.in_(("", access.local_part()))
    return (
        Person.select(BillingGroup.customer)
        .join(AccessRule, on=named)
        .join(BillingGroup)
        .where(Person.last_sign_in_at.is_null(False), ~fn.EXISTS(shut))
    )


# --- What was typed ---------------------------------------------------------------------------------------------------


def read(text: str) -> tuple[str, str]:
    """The local part and the domain of what was typed, folded; the local part is "" for a domain.

    Spaces around it and an @ in front of a domain are forgiven. Raises BadRule: not_one, not_an_address.
    """
    wanted = text.strip()
    if len(wanted) > LONGEST_TEXT:
        raise BadRule("not_an_address")
    if any(mark.isspace() or mark in ",;，；、" for mark in wanted):
        raise BadRule("not_one")
    if not wanted or not wanted.isprintable():
        raise BadRule("not_an_address")
    wanted = wanted.removeprefix("@")
    try:
        local, _, domain = people.fold(wanted if "@" in wanted else f"x@{wanted}").rpartition("@")
    except ValueError:
        raise BadRule("not_an_address") from None
    if domain.rpartition(".")[2].isdigit():  # an IP address is nobody's mail domain
        raise BadRule("not_an_address")
    return (local if "@" in wanted else ""), domain


def is_public(domain: str) -> bool:
    """Whether anybody can have an address there, so that the domain says nothing about who somebody is.

    A public mail provider's (public_mail_domains.txt), or a suffix under which anybody may register: those of
    publicsuffix.org (co.uk, github.io). The first question loads its list: about 40 ms and 4 MB, then none.
    """
    known = _suffixes()
    if known.is_public(domain):
        return True
    providers, names = _providers()
    labels = domain.split(".")
    own = known.privatesuffix(domain) or domain
    return own.partition(".")[0] in names or any(".".join(labels[at:]) in providers for at in range(len(labels)))


def shown(domain: str) -> str:
    """A folded domain with its own letters: `xn--bcher-kva.example` as `bücher.example`."""
    try:
        return idna.decode(domain)
    except UnicodeError:
        return domain


def text_of(rule: AccessRule) -> str:
    """A rule as people read it: the domain, or the address, with its own letters."""
    return f"{rule.local}@{shown(rule.domain)}" if rule.local else shown(rule.domain)


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@cache
def _providers() -> tuple[frozenset[str], frozenset[str]]:
    """Whole domains of mail providers, and the names that are theirs under every suffix."""
    lines = {line.strip() for line in PUBLIC_MAIL.read_text(encoding="utf-8").splitlines()}
    listed = {line for line in lines if line and not line.startswith("#")}
    names = {line.removesuffix(".*") for line in listed if line.endswith(".*")}
    return frozenset(line for line in listed if not line.endswith(".*")), frozenset(names)


# --- Rows -------------------------------------------------------------------------------------------------------------


def _addresses(group: BillingGroup, domain: str) -> tuple[str, ...]:
    rows = AccessRule.select().where(AccessRule.group == group, AccessRule.domain == domain)
    return tuple(text_of(row) for row in rows.order_by(AccessRule.local))


def _replace(group: BillingGroup, domain: str, *, by: Staff | history.Actor, now: datetime) -> None:
    """Take a domain's addresses away, so that the domain itself may stand. Nobody loses their place."""
    there = (AccessRule.group == group) & (AccessRule.domain == domain) & (AccessRule.local != "")
    for row in list(AccessRule.select().where(there)):
        _record(row, "rule_replaced", by=by, now=now)
    _delete(there)
    AccessDomain.update(kind=AccessDomain.DOMAIN).where(
        AccessDomain.group == group, AccessDomain.domain == domain
    ).execute()


def _delete(which: Expression) -> int:
    return int(AccessRule.delete().where(which).execute())


def _same(rule: AccessRule) -> Expression:
    """This rule and none that got its number after it: SQLite gives the highest one out again."""
    return (
        (AccessRule.id == rule.id)
        & (AccessRule.group == rule.group_id)
        & (AccessRule.domain == rule.domain)
        & (AccessRule.local == rule.local)
    )


def _tidy(group: BillingGroup, domain: str) -> None:
    """A domain without a rule decides nothing any more."""
    left = AccessRule.select().where(AccessRule.group == group, AccessRule.domain == domain)
    AccessDomain.delete().where(AccessDomain.group == group, AccessDomain.domain == domain, ~fn.EXISTS(left)).execute()


def _signed_in(rule: AccessRule, now: datetime) -> list[Person]:
    """People whom a rule names and who are signed in somewhere."""
    mine = Person.email == _folded(rule) if rule.local else access.host() == rule.domain
    live = Session.select(Session.person).where(
        Session.person.is_null(False), Session.ended_at.is_null(), Session.expires_at > now
    )
    return list(Person.select().where(mine, Person.id.in_(live)).order_by(Person.id))


def _folded(rule: AccessRule) -> str:
    return f"{rule.local}@{rule.domain}" if rule.local else str(rule.domain)


def _record(rule: AccessRule, event: str, *, by: Staff | history.Actor, now: datetime) -> None:
    """About the group, where people look for it. A company's domain may be told; of an address only whose it is."""
    about: dict[str, int | str] = {"domain": rule.domain} if not rule.local else {}
    if rule.local and (person := people.person_by_email(_folded(rule))) is not None:
        about["person"] = person.id
    history.record(rule.group, event, by=by, now=now, rule=rule.id, role=rule.role, **about)
