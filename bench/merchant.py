"""A merchant of any size, written straight into a database, and the servers that show it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path

import database
import environ
import migrations
import startup
from billing import connections, history, sessions, settings
from models import BillingGroup, Customer, Invoice, Membership, Person, Staff
from processes import die_with_parent

ROOT = Path(__file__).resolve().parent.parent
MINE = 500  # invoices of the customer who looks
CHUNK = 500
NOW = datetime.now(UTC)


@dataclass(frozen=True)
class Merchant:
    """A data folder with so many invoices, and the cookies of one customer and one of staff."""

    home: Path
    group: int
    customer: str
    staff: str

    @property
    def database(self) -> str:
        return str(self.home / "portal.db")


def merchant(home: Path, *, invoices: int, customers: int = 100) -> Merchant:
    """Rows alone, neither ledger nor documents: what lists and sums read. One in ten is open."""
    os.environ["PORTAL_HOME"] = str(home)
    env = environ.read()
    database.open_database(env.database_url)
    startup.configure(env)
    startup.connect(env)
    migrations.bring_up()
    database.db.execute_sql("PRAGMA synchronous=off")
    settings.save({"portal_enabled": True, "business_name": "Hartwell"}, by=history.COMMAND, now=NOW)
    connections.open_sandbox(now=NOW)  # somebody takes payments: rows can be ticked
    with database.transaction():
        groups = _groups(customers)
        _invoices(groups, invoices)
    person = Person.create(public_id="ADA", email="ada@acme.example", name="Ada Okafor", created_at=NOW)
    Membership.create(person=person, group=groups[0], role=Membership.PAY, created_at=NOW)
    staff = Staff.create(email="root@hartwell.example", name="Root", created_at=NOW)
    made = Merchant(
        home,
        groups[0],
        f"portal={sessions.begin(person, now=NOW)}",
        f"portal_staff={sessions.begin(staff, now=NOW)}",
    )
    database.db.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return made


def _groups(count: int) -> list[int]:
    found = []
    for number in range(count):
        customer = Customer.create(
            public_id=f"C-{number}", name=f"Customer {number}", match_key=f"key {number}", created_at=NOW
        )
        group = BillingGroup.create(
            public_id=f"G-{number}", customer=customer, name=f"Customer {number}", currency="EUR", created_at=NOW
        )
        found.append(group.id)
    return found


def _invoices(groups: list[int], count: int) -> None:
    today = NOW.date()
    rows = []
    for number in range(count):
        group = groups[0] if number < MINE else groups[1 + number % (len(groups) - 1)]
        issued = today - timedelta(days=1 + number * 7 % 1400)
        rows.append(_invoice(number, group, issued, is_open=number % 10 == 0))
        if len(rows) == CHUNK:
            Invoice.insert_many(rows).execute()
            rows = []
    if rows:
        Invoice.insert_many(rows).execute()


def _invoice(number: int, group: int, issued: date, *, is_open: bool) -> dict[str, object]:
    total = 1000 + number * 977 % 200_000
    due = issued + timedelta(days=30)
    return {
        "address": f"R-{number:07}",
        "number": f"R-{number:07}",
        "group": group,
        "issued_on": issued,
        "due_on": due,
        "currency": "EUR",
        "total": total,
        "payable": total,
        "open": total if is_open else 0,
        "settled_on": None if is_open else due,
        "source": "file",
        "identity": f"bench {number}",
        "created_at": NOW,
    }


# --- Servers ----------------------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


@contextmanager
def portal(home: Path, port: int, log: Path) -> Iterator[int]:
    """The portal's own web server on that data folder; the id of its process."""
    with serving([sys.executable, "portal.py", "web", "--port", str(port)], home, port, log, "/healthz") as pid:
        yield pid


@contextmanager
def serving(command: list[str], home: Path, port: int, log: Path, path: str) -> Iterator[int]:
    """A server until the block ends; entered when it has answered."""
    extra = {"PORTAL_HOME": str(home), "PYTHONPATH": str(ROOT), "SANDBOX_URL": "http://127.0.0.1:9"}  # nobody pays here
    with log.open("ab") as said:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | extra, stdout=said, stderr=said, preexec_fn=die_with_parent
        )
    try:
        wait_for(port, path)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def wait_for(port: int, path: str, *, seconds: float = 30) -> int:
    """Ask until something answers; its status."""
    deadline = time.monotonic() + seconds
    while True:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        finally:
            connection.close()
