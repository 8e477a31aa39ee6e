"""What all tables hold at an instant, so that a test can say that nothing changed; and how to go back to it."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import database
from models import TABLES


def contents(*, but: tuple[str, ...] = ()) -> dict[str, tuple[int, str]]:
    """By table: how many rows, and a checksum over all of them."""
    found = {}
    for table in TABLES:
        name = table._meta.table_name
        if name not in but:
            rows = table.select().order_by(*table._meta.get_primary_keys()).tuples()
            held = [repr(row) for row in rows]
            found[name] = (len(held), hashlib.sha256("\n".join(held).encode()).hexdigest())
    return found


class Kept:
    """SQLite's file as it is now; `put_back` undoes whatever came after."""

    def __init__(self, db: Any) -> None:
        self.db = db
        self.path = Path(db.obj.database if hasattr(db, "obj") else db.database)
        self.copy = self.path.with_suffix(".kept")
        db.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copyfile(self.path, self.copy)

    def put_back(self) -> None:
        database.close()
        for beside in ("-wal", "-shm"):
            self.path.with_name(self.path.name + beside).unlink(missing_ok=True)
        shutil.copyfile(self.copy, self.path)
        database.connect()
