"""Payments while everything dies: a real database, Redis, worker, clock and provider, and a seeded killer.

Shared by the short test of the suite and the long one in bench/.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import database
import environ
import processes
import startup
from billing import connections, dates, ledger, payments, settings
from billing.errors import Refusal
from models import Attempt, Connection, Invoice, Payment, PaymentMethod
from money import Money
from tests.bills import bill, books_agree
from tests.cast import Cast, make_cast
from tests.gateways.running import RunningSandbox
from workers import queue

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Told:
    """What one session was answered."""

    paid: list[Payment] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


@dataclass
class House:
    """Everything that runs, and how to kill it."""

    folder: Path
    random: random.Random
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    kills: int = 0

    def __enter__(self) -> House:
        self.env = environ.read()
        startup.configure(self.env)
        database.open_database(self.env.database_url)
        database.connect()
        service = processes._redis(self.env)
        self.redis = subprocess.Popen(service.command, preexec_fn=processes.die_with_parent)
        while not queue.answers():
            time.sleep(0.05)
        self.provider = RunningSandbox(self.folder / "sandbox", secret=connections.sandbox_secret())
        self.provider.start(process=True)
        self.env.sandbox_file.write_text(self.provider.url)
        for name in ("worker", "clock"):
            self.start(name)
        return self

    def __exit__(self, *_: Any) -> None:
        for process in [*self.running.values(), self.redis]:
            process.kill()
            process.wait()
        self.provider.stop()
        database.close()

    def start(self, name: str) -> None:
        command = [sys.executable, "-m", "tests.kill.office", name]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                command, cwd=ROOT, stdout=log, stderr=log, preexec_fn=processes.die_with_parent
            )

    def kill_something(self) -> None:
        """kill -9: mostly the child at work, sometimes the whole worker, now and then the clock."""
        self.kills += 1
        name = self.random.choices(("child", "worker", "clock"), (6, 3, 1))[0]
        if name == "child":
            children = self._children(self.running["worker"].pid)
            if children:
                _kill(self.random.choice(children))
                return
            name = "worker"
        self.running[name].kill()
        self.running[name].wait()
        self.start(name)

    def _children(self, pid: int) -> list[int]:
        try:
            return [int(id) for id in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except OSError:
            return []


def rehearse(folder: Path, *, count: int, kills: int, seed: int, patience: float = 120.0) -> dict[str, int]:
    """Make `count` payments, some pressed twice at once, with `kills` kills; hold the end to the law. Figures."""
    chance = random.Random(seed)
    with House(folder, random.Random(seed + 1)) as house:
        now = dates.now()
        cast = make_cast(now)
        connection = connections.open_sandbox(now=now)
        method = PaymentMethod.create(
            public_id="M-1",
            group=cast.acme,
            connection=connection,
            token=house.provider.keep("visa"),
            kind="card",
            brand="Visa",
            last4="4242",
            created_at=now,
        )
        # answers lost before and after the charge; a stored 500 would stay unknown until staff decide, as it should
        house.provider.set(latency_ms=15, jitter_ms=40, drop_before=3, drop_after=4, error_after=2)
        bills = [bill(cast.acme, 1000 + chance.randrange(50_000), now=now) for _ in range(count)]
        told = Told()
        # killed and started again from the main thread: a child ends with the thread that started it
        pressing = threading.Thread(target=_press_all, args=(bills, cast, method, told, chance, settings.load()))
        pressing.start()
        _kill_now_and_then(house, kills, count * 0.05)
        pressing.join()
        _settle(patience)
        return _judge(house, bills, told, connection)


def _kill_now_and_then(house: House, kills: int, seconds: float) -> None:
    for _ in range(kills):
        time.sleep(house.random.uniform(0.2, 2 * seconds / kills))
        house.kill_something()


def _press_all(
    bills: list[Invoice], cast: Cast, method: PaymentMethod, told: Told, chance: random.Random, saved: settings.Settings
) -> None:
    """Press Pay for each invoice; every third by two tabs at once, every fifth by a double click."""
    for number, invoice in enumerate(bills):
        token = f"form {number}"
        tokens = [token]
        if number % 3 == 0:
            tokens.append(f"{token}, second tab")
        if number % 5 == 0:
            tokens.append(token)
        threads = [threading.Thread(target=_press, args=(invoice, cast, method, t, saved, told)) for t in tokens]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        time.sleep(chance.uniform(0, 0.05))


def _press(invoice: Invoice, cast: Cast, method: PaymentMethod, token: str, saved: Any, told: Told) -> None:
    try:
        with database.connection():
            payment = payments.request(
                [invoice],
                amount=Money(invoice.total, "EUR"),
                method=method,
                keep=False,
                token=token,
                by=cast.ada,
                settings=saved,
                now=dates.now(),
            )
        told.paid.append(payment)
    except Refusal as refusal:
        told.refused.append(refusal.code)
    finally:
        database.close()


def _settle(patience: float) -> None:
    deadline = time.monotonic() + patience
    while Payment.select().where(Payment.state.in_(Payment.LIVE)).exists():
        left = list(Payment.select(Payment.state, Payment.id).where(Payment.state.in_(Payment.LIVE)).tuples())
        assert time.monotonic() < deadline, f"never settled: {left[:20]}"
        time.sleep(0.2)


def _judge(house: House, bills: list[Invoice], told: Told, connection: Connection) -> dict[str, int]:
    captured = house.provider.captured()
    paid = {payment.secret for payment in Payment.select().where(Payment.state == Payment.PAID)}
    assert {secret for secret, times in captured.items() if times} == paid, "charges and paid payments differ"
    assert all(times <= 1 for times in captured.values()), "somebody was charged twice"
    accepted = {payment.secret for payment in told.paid}
    known = {payment.secret for payment in Payment.select()}
    assert accepted <= known, "an accepted payment was lost"
    per_invoice = dict(Invoice.select(Invoice.id, Invoice.open).tuples())
    for invoice in bills:
        assert per_invoice[invoice.id] in (0, invoice.total), "an invoice is paid in part or too much"
    assert Invoice.select().where(Invoice.claimed != 0).count() == 0
    books_agree()
    assert ledger.wrong_payments() == []
    return {
        "invoices": len(bills),
        "payments": len(known),
        "paid": len(paid),
        "refused": len(told.refused),
        "kills": house.kills,
        "attempts asked about": Attempt.select().where(Attempt.asked > 0).count(),
    }


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
