"""The connection behind models.py: SQLite or PostgreSQL, `transaction()`, and the field types both engines agree on."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import environ

# Peewee and playhouse import every driver they find. PostgreSQL's costs 10 MB and a tenth of a second in each process:
# where the database is SQLite it is not found.
if not environ.names_postgresql():
    sys.modules.setdefault("psycopg", None)  # type: ignore[arg-type]  # as the import system says that there is none

from peewee import (
    Database,
    DatabaseProxy,
    DateTimeField,
    InterfaceError,
    Model,
    OperationalError,
    PostgresqlDatabase,
    SqliteDatabase,
    TextField,
)

TRIES = 3
LOCK_PATIENCE = 20.0  # seconds a writer waits for its turn before it says that the database is busy

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

db = DatabaseProxy()
_local = threading.local()


class InstantField(DateTimeField):  # type: ignore[misc]
    """An aware UTC datetime in Python, a naive UTC one in the column: what both engines give back unchanged."""

    if TYPE_CHECKING:  # a row's attribute is the value, the class's the column: no type says both

        def __get__(self, row: Any, owner: Any) -> Any: ...

        def __set__(self, row: Any, value: Any) -> None: ...

    def db_value(self, value: datetime | None) -> Any:
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise ValueError("an instant needs a time zone")
            value = value.astimezone(UTC).replace(tzinfo=None)
        return super().db_value(value)

    def python_value(self, value: Any) -> datetime | None:
        value = super().python_value(value)
        return value.replace(tzinfo=UTC) if isinstance(value, datetime) else None


class JsonField(TextField):  # type: ignore[misc]
    """JSON in a text column, the same on both engines; never searched by its inside."""

    if TYPE_CHECKING:  # a row's attribute is the value, the class's the column: no type says both

        def __get__(self, row: Any, owner: Any) -> Any: ...

        def __set__(self, row: Any, value: Any) -> None: ...

    def db_value(self, value: Any) -> str | None:
        return None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)

    def python_value(self, value: Any) -> Any:
        return None if value is None else json.loads(value)


def open_database(url: str) -> Database:
    """Bind the models to a database, SQLite or PostgreSQL, without connecting yet. One connection per thread."""
    if url.startswith("sqlite:///"):
        path = url.removeprefix("sqlite:///")
        database: Database = SqliteDatabase(
            path,
            pragmas={
                "journal_mode": "wal",
                "synchronous": "full",  # acknowledged money survives a power cut
                "foreign_keys": 1,
                "recursive_triggers": 1,  # otherwise REPLACE would slip past the ledger's triggers
                "mmap_size": 256 * 1024 * 1024,
                "busy_timeout": int(LOCK_PATIENCE * 1000),
            },
        )
    else:
        database = PostgresqlDatabase(url, prefer_psycopg3=True, options="-c timezone=UTC")
    database.autoconnect = False
    db.initialize(database)
    return database


def is_sqlite() -> bool:
    return isinstance(db.obj, SqliteDatabase)


def connect() -> None:
    """See to a live connection for this thread; a kept one may have died with the server."""
    if not db.is_closed() and getattr(db.connection(), "closed", False):
        db.close()
    if db.is_closed():
        db.connect()


def close() -> None:
    if not db.is_closed():
        db.close()


@contextmanager
def connection() -> Iterator[None]:
    """A live connection for a job or a command; it is kept for the thread's next one."""
    connect()
    try:
        yield
    finally:
        if db.in_transaction():  # an error inside a driver can leave one open
            db.rollback()


def in_transaction() -> bool:
    return bool(getattr(_local, "depth", 0))


@contextmanager
def transaction() -> Iterator[None]:
    """Everything inside is committed together or not at all.

    `BEGIN IMMEDIATE` on SQLite, READ COMMITTED on PostgreSQL; a nested one joins the outermost. On SQLite a file lock
    is taken first, so that waiting writers queue fairly. Use `retried` around a verb that may meet a deadlock.
    """
    if in_transaction():
        yield
        return
    _local.depth = 1
    try:
        if is_sqlite():
            with _turn(Path(db.database)), db.atomic("IMMEDIATE"):
                yield
        else:
            with db.atomic():
                yield
    finally:
        _local.depth = 0


def insert_once(table: type[Model], **values: Any) -> int | None:
    """Insert a row unless a unique constraint says that it is there already; its id, or None.

    By RETURNING: after an ignored insert SQLite still answers with the id of some earlier row.
    """
    rows = list(table.insert(**values).on_conflict_ignore().returning(table.id).tuples().execute())
    return int(rows[0][0]) if rows else None


def retried(verb: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Run a verb that opens its own transaction up to three times when the database reports a deadlock."""

    @wraps(verb)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        for left in range(TRIES - 1, -1, -1):
            try:
                return verb(*args, **kwargs)
            except (OperationalError, InterfaceError) as error:
                if in_transaction() or not left or not _is_deadlock(error):
                    raise
                time.sleep(0.05 * (TRIES - left))
        raise AssertionError("unreachable")

    return run


def _is_deadlock(error: Exception) -> bool:
    text = str(error).lower()
    return "deadlock" in text or "database is locked" in text or "could not serialize" in text


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    """Wait for this database's writers' turn: `flock` queues where SQLite's own busy handler lets the quickest win."""
    files = _local.__dict__.setdefault("files", {})
    if path not in files:
        files[path] = os.open(f"{path}.turn", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(files[path], fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(files[path], fcntl.LOCK_UN)
