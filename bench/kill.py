"""Section 6: payments while worker and clock are killed with -9, in long.

`python -m bench.kill [--count N] [--kills N] [--seed N]`

The rehearsal holds the end to the law by itself: an AssertionError is money lost or doubled. DATABASE_URL chooses the
engine; without it: SQLite in a folder of its own.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import database
import environ
import migrations
from bench import Line
from tests.kill.rehearsal import rehearse


def measure(*, count: int = 1000, kills: int = 60, seed: int = 1) -> list[Line]:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PORTAL_HOME"] = folder
        database.open_database(environ.read().database_url)
        with database.connection():
            migrations.bring_up()
        database.close()
        began = time.perf_counter()
        figures = rehearse(Path(folder), count=count, kills=kills, seed=seed)
        spent = time.perf_counter() - began
    said = ", ".join(f"{value} {name}" for name, value in figures.items())
    return [
        (f"payments under kill -9, seed {seed}", f"none lost or doubled in {spent:.0f} s: {said}", "0 lost, 0 doubled")
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    for line in measure(**vars(parser.parse_args())):
        print(" | ".join(line))
