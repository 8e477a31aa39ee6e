"""Section 2: taking documents in, from the files to committed invoices.

`python -m bench.imports [--rows N] [--files N]`
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import database
from bench import Line, merchant
from billing import history, imports
from tests.accounting.documents import ubl

ROWS_OF_ONE = 5


def measure(*, rows: int = 100_000, files: int = 400) -> list[Line]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        merchant.merchant(home / "home", invoices=0, customers=2)
        (home / "rows.csv").write_text(_csv(rows), encoding="utf-8")
        (home / "files").mkdir()
        for number in range(files):
            (home / "files" / f"{number}.xml").write_bytes(ubl(f"U-{number}", buyer_id=f"C-{number % 50}"))
        with database.connection():
            read = rows / _timed(home / "rows.csv", rows // ROWS_OF_ONE)
            each = files / _timed(home / "files", files)
        database.close()
    return [
        (f"CSV import, {ROWS_OF_ONE} rows to an invoice", f"{read:.0f} rows/s", "≥ 20,000 rows/s"),
        ("e-invoices (UBL), one file each", f"{each:.0f}/s", "≥ 200/s"),
    ]


def _timed(path: Path, wanted: int) -> float:
    began = time.perf_counter()
    counts = imports.run([path], dry_run=False, by=history.COMMAND, now=merchant.NOW, report=lambda _: None)
    spent = time.perf_counter() - began
    assert counts.get(imports.Outcome.NEW) == wanted, counts
    return spent


def _csv(rows: int) -> str:
    lines = ["number,issued_on,due_on,currency,customer_id,customer_name,item,quantity,line_net,tax_rate"]
    for row in range(rows):
        number = row // ROWS_OF_ONE
        issued = date(2026, 1, 1) + timedelta(days=number % 300)
        lines.append(
            f"K-{number},{issued},{issued + timedelta(days=30)},EUR,C-{number % 500},Customer {number % 500},"
            f"Hedge cutting {row},1,{10 + row % 90}.00,20"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--files", type=int, default=400)
    for line in measure(**vars(parser.parse_args())):
        print(" | ".join(line))
