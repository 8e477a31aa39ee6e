"""What is well and what is not: the books against the columns, who is at work, what waits, what runs short.

`portal.py doctor` prints it, the merchant's health page shows it. It only reads; a few questions pass over all rows.
"""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from peewee import JOIN, Case, PeeweeException, Value, fn

from billing import connections, ledger, refunds, settings, suspense
from billing.payments import claims
from database import is_sqlite
from environ import Environ
from models import Attention, ClockRun, Customer, Import, Invoice, LedgerEntry, LedgerLine, Letter, Payment, Refund
from workers import queue

OK, WARN, FAIL = "ok", "warn", "FAIL"
NAMED = 5  # of the rows that are wrong, so many are named
CLOCK_SILENT_AFTER = timedelta(minutes=2)
WAITS_TOO_LONG = timedelta(minutes=5)
REACH_WITHIN = 1.0  # seconds
LITTLE_SPACE, SOME_SPACE = 200_000_000, 1_000_000_000  # bytes
NEWEST = 1000  # customers whose names are held against the fonts


@dataclass(frozen=True)
class Finding:
    """One line: `level` is ok, warn or FAIL, `text` the English sentence that `values` complete."""

    level: str
    name: str
    text: str
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> str:
        return self.text % self.values


def mark(text: str) -> str:
    """Marks a sentence for the catalogues; the page translates it."""
    return text


def check(
    now: datetime,
    *,
    env: Environ,
    lacking: Sequence[str] = (),
    undrawable: Callable[[str], set[str]] | None = None,
) -> list[Finding]:
    """All findings, the books first.

    `lacking`: migrations still to run. `undrawable`: which characters of a text no font of ours has.
    """
    found = list(_database(lacking))
    if found[-1].level == FAIL:
        return found
    for question in (_ledger, _open, _documents, _credit, _claims, _payments, _suspense, _refunds):
        found.append(question())
    found += [*_clock(now), *_worker(now), *_mail(now, env), *_gateway(env), *_imports(now), *_inbox(), *_disk(env)]
    if undrawable is not None:
        found.append(_fonts(undrawable))
    return found


def worst(findings: Iterable[Finding]) -> str:
    levels = {finding.level for finding in findings}
    return FAIL if FAIL in levels else WARN if WARN in levels else OK


def mail_is_kept(env: Environ) -> bool:
    """Whether letters are written to files because no mail server is set."""
    return env.smtp_url is None


# --- The books --------------------------------------------------------------------------------------------------------


def _database(lacking: Sequence[str]) -> Iterator[Finding]:
    kind = "SQLite" if is_sqlite() else "PostgreSQL"
    if lacking:
        text = mark("migrations still to run: %(count)s. Run portal.py migrate")
        yield Finding(FAIL, "database", text, {"count": len(lacking)})
        return
    try:
        count = Invoice.select().count()
    except PeeweeException as error:
        yield Finding(FAIL, "database", mark("it does not answer: %(reason)s"), {"reason": type(error).__name__})
        return
    yield Finding(OK, "database", mark("%(kind)s answers; %(count)s invoices"), {"kind": kind, "count": count})


def _ledger() -> Finding:
    entries = LedgerEntry.select().count()
    text = mark("every one of %(count)s entries sums to zero")
    return _none_wrong("ledger", ledger.unbalanced_entries(), text, {"count": entries})


def _open() -> Finding:
    wrong = [_of_invoice(row[0]) for row in ledger.wrong_open()]
    return _none_wrong("open", wrong, mark("what is open on every invoice is what the ledger says"))


def _documents() -> Finding:
    text = mark("every invoice asks for its document's amount due, less what was paid and credited on it")
    return _none_wrong("documents", [_of_invoice(id) for id, _, _ in wrong_documents()], text)


def _credit() -> Finding:
    wrong = [f"group {row[0]}" for row in ledger.wrong_credit()]
    return _none_wrong("credit", wrong, mark("every credit is what the ledger says"))


def _claims() -> Finding:
    wrong = [_of_invoice(row[0]) for row in claims.wrong()]
    return _none_wrong("claimed", wrong, mark("what is claimed on every invoice is what live payments hold"))


def _payments() -> Finding:
    wrong = [Payment.get_by_id(row[0]).public_id for row in ledger.wrong_payments()]
    return _none_wrong("payments", wrong, mark("what every payment took is in the ledger, once"))


def _suspense() -> Finding:
    wrong = [Payment.get_by_id(row[0]).public_id for row in suspense.wrong()]
    return _none_wrong("suspense", wrong, mark("what waits to be matched of every payment is what the ledger says"))


def _refunds() -> Finding:
    wrong = [Payment.get_by_id(row[0]).public_id for row in [*refunds.wrong(), *refunds.wrong_due()]]
    return _none_wrong("refunds", wrong, mark("no more was sent back of any payment than it took, and it is booked"))


def wrong_documents() -> list[tuple[int, int, int]]:
    """(invoice id, the document's amount due, what the ledger made of it) where the two differ: must be none.

    What a document's own entries moved on the customer's side (receivable, and credit for what went below zero) is its
    amount due; of a credit note its opposite. With `open` equal to the receivable this says: open is the amount due
    less what was paid and credited, and what does not fit is credit.
    """
    moved = (
        LedgerLine.select(LedgerEntry.cause, fn.SUM(LedgerLine.amount).alias("owed"))
        .join(LedgerEntry)
        .where(LedgerLine.account.in_((ledger.RECEIVABLE, ledger.CREDIT)), LedgerEntry.cause.startswith("invoice "))
        .group_by(LedgerEntry.cause)
        .alias("moved")
    )
    owed = fn.COALESCE(moved.c.owed, 0)
    asks = Case(Invoice.kind, ((Invoice.CREDIT_NOTE, Invoice.payable * -1),), Invoice.payable)
    query = (
        Invoice.select(Invoice.id, asks, owed)
        .join(moved, JOIN.LEFT_OUTER, on=(moved.c.cause == Value("invoice ").concat(Invoice.id.cast("TEXT"))))
        .where(Invoice.status == Invoice.OPEN, asks != owed)
        .tuples()
    )
    return [(id, int(due), int(books)) for id, due, books in query]


def _none_wrong(name: str, wrong: Sequence[object], text: str, values: dict[str, Any] | None = None) -> Finding:
    if not wrong:
        return Finding(OK, name, text, values or {})
    named = ", ".join(str(one) for one in wrong[:NAMED])
    more = "" if len(wrong) <= NAMED else ", …"
    return Finding(
        FAIL, name, mark("not in agreement: %(count)s (%(named)s)"), {"count": len(wrong), "named": f"{named}{more}"}
    )


def _of_invoice(id: int) -> str:
    return str(Invoice.select(Invoice.number).where(Invoice.id == id).scalar() or id)


# --- Who is at work, and what waits ---------------------------------------------------------------------------------


def _clock(now: datetime) -> Iterator[Finding]:
    last = ClockRun.select(fn.MAX(ClockRun.ran_at)).scalar()
    if last is None:
        yield Finding(WARN, "clock", mark("has not run yet: nothing is swept or asked again"))
    elif now - last > CLOCK_SILENT_AFTER:
        text = mark("has been silent for %(minutes)s minutes: nothing is swept or asked again")
        yield Finding(WARN, "clock", text, {"minutes": _minutes(now - last)})
    else:
        yield Finding(OK, "clock", mark("is at work"))


def _worker(now: datetime) -> Iterator[Finding]:
    try:
        waiting = sum(queue.lengths().values())
    except ConnectionError:
        yield Finding(WARN, "queue", mark("Redis does not answer; work waits until it does"))
    else:
        yield Finding(OK, "queue", mark("Redis answers; %(count)s jobs wait"), {"count": waiting})
    late = Payment.select().where(
        Payment.state == Payment.QUEUED,
        Payment.created_at < now - WAITS_TOO_LONG,
        Payment.not_before.is_null() | (Payment.not_before < now - WAITS_TOO_LONG),
    )
    late_refunds = Refund.select().where(
        Refund.state == Refund.QUEUED,
        Refund.created_at < now - WAITS_TOO_LONG,
        Refund.not_before.is_null() | (Refund.not_before < now - WAITS_TOO_LONG),
    )
    if count := late.count() + late_refunds.count():
        text = mark(
            "payments and refunds that have waited for more than five minutes: %(count)s. Is the worker running?"
        )
        yield Finding(WARN, "worker", text, {"count": count})
    else:
        yield Finding(OK, "worker", mark("no payment waits for it"))


def _mail(now: datetime, env: Environ) -> Iterator[Finding]:
    failed = Letter.select().where(Letter.state == Letter.FAILED).count()
    late = Letter.select().where(Letter.state == Letter.QUEUED, Letter.not_before < now - WAITS_TOO_LONG).count()
    if failed:
        yield Finding(WARN, "mail", mark("letters that could not be sent: %(count)s"), {"count": failed})
    if late:
        text = mark("letters that have waited for more than five minutes: %(count)s")
        yield Finding(WARN, "mail", text, {"count": late})
    if mail_is_kept(env):
        text = mark("no mail server is set: mails are kept in %(folder)s, not sent")
        yield Finding(WARN, "mail", text, {"folder": str(env.home / "mail")})
    elif not failed and not late:
        yield Finding(OK, "mail", mark("nothing waits and nothing failed"))


def _gateway(env: Environ) -> Iterator[Finding]:
    current = connections.current()
    if current is None:
        yield Finding(WARN, "gateway", mark("nobody takes payments: no connection"))
    elif current.provider != connections.SANDBOX:
        yield Finding(OK, "gateway", mark("payments go to %(provider)s"), {"provider": current.provider})
    elif _reachable(_sandbox_address(env)):
        yield Finding(OK, "gateway", mark("the sandbox answers; this is a rehearsal, no money moves"))
    else:
        yield Finding(WARN, "gateway", mark("the sandbox does not answer: payments wait"))


def _sandbox_address(env: Environ) -> str:
    try:
        return env.sandbox_url or env.sandbox_file.read_text().strip()
    except OSError:
        return ""


def _reachable(address: str) -> bool:
    try:
        parts = urlsplit(address)
        with socket.create_connection((parts.hostname or "", parts.port or 443), timeout=REACH_WITHIN):
            return True
    except (OSError, ValueError):
        return False


def _imports(now: datetime) -> Iterator[Finding]:
    stuck = Import.select().where(
        (Import.state == Import.QUEUED) & (Import.created_at < now - WAITS_TOO_LONG)
        | (Import.state == Import.RUNNING) & (Import.lease_until < now - WAITS_TOO_LONG)
    )
    failed = Import.select().where(Import.state == Import.FAILED).count()
    if count := stuck.count():
        yield Finding(WARN, "imports", mark("standing still: %(count)s. Is the worker running?"), {"count": count})
    elif failed:
        yield Finding(WARN, "imports", mark("broken off: %(count)s"), {"count": failed})
    else:
        yield Finding(OK, "imports", mark("none stands still"))


def _inbox() -> Iterator[Finding]:
    count = Attention.select().where(Attention.settled_at.is_null()).count()
    if count:
        yield Finding(WARN, "to-do", mark("waiting for somebody under To do: %(count)s"), {"count": count})
    else:
        yield Finding(OK, "to-do", mark("nothing needs anybody"))


def _disk(env: Environ) -> Iterator[Finding]:
    try:
        free = shutil.disk_usage(env.home).free
    except OSError as error:
        yield Finding(FAIL, "disk", mark("the data folder cannot be read: %(reason)s"), {"reason": error.strerror})
        return
    level = FAIL if free < LITTLE_SPACE else WARN if free < SOME_SPACE else OK
    yield Finding(level, "disk", mark("%(megabytes)s MB free for the data folder"), {"megabytes": free // 1_000_000})


def _fonts(undrawable: Callable[[str], set[str]]) -> Finding:
    known = settings.load()
    names = Customer.select(Customer.name).order_by(Customer.id.desc()).limit(NEWEST).tuples()
    text = " ".join([known.business_name, known.business_address, *(name for (name,) in names)])
    lost = sorted(undrawable(text))
    if not lost:
        return Finding(OK, "fonts", mark("PDFs can write every customer's name"))
    marks = " ".join(lost[:20])
    return Finding(WARN, "fonts", mark("PDFs write ? for characters no font here has: %(marks)s"), {"marks": marks})


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)
