"""What every process of ours does first: read the environment, log, bind the database, set the clock, take the keys."""

from __future__ import annotations

import os
import time
from datetime import datetime
from pathlib import Path

from peewee import InterfaceError, OperationalError

import database
import environ
import logs
import migrations
from billing import connections, dates, files, links, secrets_kept
from environ import Environ
from mail import transport
from workers import queue


class CannotStart(Exception):
    """What hinders a process; the message is one line for the operator."""


def make_ready(process: str) -> Environ:
    """Everything but the schema's version. Nothing is connected yet. Raises BadEnvironment."""
    os.umask(0o077)  # database, files, mails and keys are nobody else's to read
    env = environ.read()
    logs.start(process)
    database.open_database(env.database_url)
    configure(env)
    return env


def configure(env: Environ) -> None:
    """Hand the environment to the modules that need it, the database apart."""
    dates.start_at(env.now, _since(env))
    files.configure(env.home)
    links.configure(env)
    secrets_kept.configure(env)
    connections.configure(env)
    queue.configure(env)
    transport.configure(env)


def check_database(env: Environ) -> None:
    """Connect, and see that the tables are today's. Raises CannotStart."""
    connect(env)
    if lacking := migrations.pending():
        raise CannotStart(f"the database is {len(lacking)} step(s) behind this program: run portal.py migrate")
    if newer := migrations.unknown():
        raise CannotStart(f"the database was used by a newer version of this program: {', '.join(newer)}")
    if env.now and not connections.is_rehearsal():
        raise CannotStart("PORTAL_NOW is refused beside a live connection")
    rehearse(env)


def rehearse(env: Environ) -> None:
    """Take payments at the sandbox where one is known and nobody else takes them. Again: no change."""
    known = env.sandbox_url is not None or env.sandbox_file.exists()
    if known and connections.current() is None:
        connections.open_sandbox(now=dates.now())


def connect(env: Environ) -> None:
    """Connect this thread. Raises CannotStart with the database's own words, on one line."""
    try:
        env.home.mkdir(parents=True, exist_ok=True)
        database.connect()
        database.db.execute_sql("SELECT 1")
    except (OperationalError, InterfaceError) as error:
        said = " ".join(str(error).split())
        raise CannotStart(f"the database cannot be used: {logs.cut(said)}") from None


def _since(env: Environ) -> float | None:
    """When (seconds of the epoch) it was PORTAL_NOW: kept in the data folder, so that all processes agree."""
    if env.now is None:
        return None
    path = env.home / "now.since"
    known = _read_since(path, env.now)
    if known is None:
        env.home.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{env.now.isoformat()} {time.time()}\n")
        known = _read_since(path, env.now)
    return known


def _read_since(path: Path, moment: datetime) -> float | None:
    try:
        at, since = path.read_text().split()
        return float(since) if at == moment.isoformat() else None
    except (OSError, ValueError):
        return None
