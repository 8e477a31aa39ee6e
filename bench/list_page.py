"""Section 2: the list of 50 invoices for a signed-in customer, against the floor; small against large; staff's desk.

`python -m bench.list_page [--seconds S] [--rounds N] [--large N]`
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import database
from bench import Line, merchant
from bench.load import Load, load
from billing import customers, inbox, settings, today
from billing.dates import day

LIST = "/invoices?show=all"


def against_the_floor(folder: Path, *, seconds: float, rounds: int) -> list[Line]:
    """A B A B of the portal's list and the floor's, both with two processes of four threads."""
    made = merchant.merchant(folder / "ten", invoices=10_000)
    ours, floors = merchant.free_port(), merchant.free_port()
    floor = [sys.executable, "-m", "bench.floor", made.database, str(floors), str(made.group)]
    log = folder / "log"
    with (
        merchant.portal(made.home, ours, log) as portal,
        merchant.serving(floor, made.home, floors, log, "/invoices") as bare,
    ):
        load(ours, LIST, cookie=made.customer, seconds=1, server=portal)  # both warm
        load(floors, "/invoices", seconds=1, server=bare)
        a, b = [], []
        for _ in range(rounds):
            a.append(load(ours, LIST, cookie=made.customer, seconds=seconds, server=portal))
            b.append(load(floors, "/invoices", seconds=seconds, server=bare))
    return [
        ("list page, requests/s", f"{_of(a, 'rate'):.0f} (floor {_of(b, 'rate'):.0f})", ""),
        ("list page against the floor", f"{_of(a, 'rate') / _of(b, 'rate'):.2f}", "≥ 0.60"),
        ("the same by CPU of one request", f"{_of(a, 'cpu'):.0f} µs, floor {_of(b, 'cpu'):.0f} µs", ""),
        ("p99 at 8 connections against the floor", f"{_of(a, 'p99') / _of(b, 'p99'):.2f} ×", "≤ 2.5 ×"),
    ]


def small_against_large(folder: Path, *, seconds: float, rounds: int, large: int) -> list[Line]:
    """The same customer's list among 1,000 invoices and among many, A B A B; what staff ask of the many."""
    few = merchant.merchant(folder / "few", invoices=1000)
    many = merchant.merchant(folder / "many", invoices=large, customers=50_000 if large > 100_000 else 500)
    staff = _staff()
    a, b = [], []
    ports, log = (merchant.free_port(), merchant.free_port()), folder / "log"
    with merchant.portal(few.home, ports[0], log) as one, merchant.portal(many.home, ports[1], log) as other:
        load(ports[0], LIST, cookie=few.customer, seconds=1, server=one)
        load(ports[1], LIST, cookie=many.customer, seconds=1, server=other)
        for _ in range(rounds):
            a.append(load(ports[0], LIST, cookie=few.customer, seconds=seconds, server=one))
            b.append(load(ports[1], LIST, cookie=many.customer, seconds=seconds, server=other))
    return [
        (f"list page, {large:,} invoices against 1,000", f"{_of(a, 'rate') / _of(b, 'rate'):.2f} ×", "≤ 1.2 ×"),
        *staff,
    ]


def _staff() -> list[Line]:
    """Straight from the rules, over the database opened last."""
    on = day(merchant.NOW, "Europe/London")
    with database.connection():
        known = settings.load()

        def desk() -> None:
            today.came_in(today=on, settings=known)
            today.owed(today=on)
            today.waiting()
            today.first_steps(known)
            inbox.page(limit=5)

        return [
            ("staff dashboard, all its rules", f"{_timed(desk):.1f} ms", "≤ 20 ms in the database"),
            (
                "staff customer search",
                f"{_timed(lambda: customers.page(q='customer 499', today=on)):.1f} ms",
                "≤ 5 ms in the database",
            ),
        ]


def _timed(run: Callable[[], object], times: int = 9) -> float:
    """Median milliseconds."""
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        run()
        spent.append((time.perf_counter() - began) * 1000)
    return median(spent)


def _of(loads: list[Load], name: str) -> float:
    return median(getattr(one, name) for one in loads)


def measure(*, seconds: float = 4, rounds: int = 5, large: int = 1_000_000) -> list[Line]:
    with tempfile.TemporaryDirectory() as folder:
        lines = against_the_floor(Path(folder), seconds=seconds, rounds=rounds)
        return lines + (small_against_large(Path(folder), seconds=seconds, rounds=rounds, large=large) if large else [])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--large", type=int, default=1_000_000, help="invoices of the large merchant; 0: leave it out")
    for line in measure(**vars(parser.parse_args())):
        print(" | ".join(line))
