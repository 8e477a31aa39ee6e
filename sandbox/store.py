"""The provider's own books: one SQLite file. What is committed here is what really happened, also after a kill -9."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FILE = "sandbox.db"

# Milliseconds; `fault_percent` is the share of orders that meet one of TROUBLES; the rest count down to 0.
TROUBLES = ("drop_before", "drop_after", "error_before", "error_after", "busy")
DEFAULTS = {
    "latency_ms": 0,
    "jitter_ms": 0,
    "slow_ms": 6_000,
    "hang_ms": 30_000,
    "settle_ms": 20_000,
    "search_lag_ms": 0,
    "webhook_delay_ms": 0,
    "webhook_copies": 1,
    "fault_percent": 0,
    **dict.fromkeys(TROUBLES, 0),
}

SCHEMA = """
CREATE TABLE IF NOT EXISTS intents (          -- one wish to take money ("payment") or to keep a method ("setup")
    id TEXT PRIMARY KEY, object TEXT NOT NULL, ours TEXT NOT NULL, status TEXT NOT NULL, step TEXT,
    amount INTEGER, currency TEXT NOT NULL, kinds TEXT NOT NULL, keep INTEGER NOT NULL DEFAULT 0,
    initiator TEXT, description TEXT NOT NULL DEFAULT '', payer_ours TEXT NOT NULL, payer_name TEXT NOT NULL,
    return_url TEXT, expires_at TEXT, settles_at TEXT, instrument TEXT, method TEXT, setup TEXT, decline TEXT,
    fee INTEGER, refunded INTEGER NOT NULL DEFAULT 0, returned INTEGER NOT NULL DEFAULT 0, returned_code TEXT,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
    CHECK (refunded + returned <= coalesce(amount, 0)));
CREATE INDEX IF NOT EXISTS intents_ours ON intents (ours);
CREATE INDEX IF NOT EXISTS intents_created ON intents (created_at);
CREATE INDEX IF NOT EXISTS intents_live ON intents (status) WHERE status IN ('open', 'processing');
CREATE TABLE IF NOT EXISTS refunds (
    id TEXT PRIMARY KEY, ours TEXT NOT NULL, payment TEXT NOT NULL REFERENCES intents (id), status TEXT NOT NULL,
    amount INTEGER NOT NULL, currency TEXT NOT NULL, settles_at TEXT, created_at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS refunds_ours ON refunds (ours);
CREATE TABLE IF NOT EXISTS methods (
    token TEXT PRIMARY KEY, instrument TEXT NOT NULL, profile TEXT NOT NULL, mandate TEXT, expires TEXT,
    detached_at TEXT, created_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, type TEXT NOT NULL, object TEXT NOT NULL,
    ours TEXT, created_at TEXT NOT NULL, tries INTEGER NOT NULL DEFAULT 0, send_at REAL);
CREATE INDEX IF NOT EXISTS events_unsent ON events (send_at) WHERE send_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS answers (          -- idempotency keys with the answer first given
    key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,
    created_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""

Row = sqlite3.Row


class Store:
    """The file, one connection behind a lock, and the clock that everything business-like goes by."""

    def __init__(self, folder: Path, clock: Callable[[], datetime]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.clock = clock
        self.news = threading.Event()  # set when there may be an event to send
        self._lock = threading.RLock()
        self._depth = 0
        self._db = sqlite3.connect(folder / FILE, timeout=10, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = 1"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.executescript(SCHEMA)
        with self.transaction():
            for name, value in DEFAULTS.items():
                self.run("INSERT OR IGNORE INTO settings VALUES (?, ?)", name, value)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, on disk when the block has ended. A nested one joins the outermost."""
        with self._lock:
            self._depth += 1
            try:
                if self._depth > 1:
                    yield
                    return
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield
                except BaseException:
                    self._db.execute("ROLLBACK")
                    raise
                self._db.execute("COMMIT")
            finally:
                self._depth -= 1

    def run(self, sql: str, *values: Any) -> int:
        """How many rows a statement changed."""
        with self._lock:
            return self._db.execute(sql, values).rowcount

    def one(self, sql: str, *values: Any) -> Row | None:
        with self._lock:
            row: Row | None = self._db.execute(sql, values).fetchone()
            return row

    def all(self, sql: str, *values: Any) -> list[Row]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def insert(self, table: str, values: Mapping[str, Any]) -> None:
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        self.run(f"INSERT INTO {table} ({names}) VALUES ({marks})", *values.values())

    def now(self) -> str:
        return instant(self.clock())

    def settings(self) -> dict[str, int]:
        return {row["name"]: row["value"] for row in self.all("SELECT * FROM settings")}

    def set(self, changes: Mapping[str, int]) -> None:
        """Change settings. Raises ValueError for a name there is not or a value below zero."""
        with self.transaction():
            for name, value in changes.items():
                if name not in DEFAULTS or value < 0:
                    raise ValueError(f"{name}={value}")
                self.run("UPDATE settings SET value = ? WHERE name = ?", value, name)

    def take(self, trouble: str) -> bool:
        """Whether this order is one of the next N that shall meet this trouble; counts down."""
        return self.run("UPDATE settings SET value = value - 1 WHERE name = ? AND value > 0", trouble) == 1


def instant(when: datetime) -> str:
    """An instant as text that sorts: UTC with microseconds."""
    return when.astimezone(UTC).isoformat(timespec="microseconds")
