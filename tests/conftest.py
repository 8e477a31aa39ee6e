"""What every test stands on: a real database of either engine, a fixed clock, a queue that waits, no network.

`TEST_DATABASE=sqlite|postgresql` names the engine; `make test` runs the suite once for each. A test that asks for `db`
or `database_url` runs on both, every other one with SQLite's run alone.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

import database
import environ
import migrations
import startup
from mail import transport
from tests.cast import Cast, make_cast
from tests.postgres import Server
from tests.synchronous import Queue
from workers import queue as real_queue

ENGINES = ("sqlite", "postgresql")
ENGINE = os.environ.get("TEST_DATABASE") or "sqlite"
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)  # a Sunday
LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")

_run: dict[str, Any] = {}  # of the process that holds the run: the server, the folder


def pytest_configure(config: pytest.Config) -> None:
    """Make this run's migrated template once; the processes of pytest-xdist find it through the environment."""
    if ENGINE not in ENGINES:
        raise pytest.UsageError(f"TEST_DATABASE must be one of {', '.join(ENGINES)}")
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    folder = Path(tempfile.mkdtemp(prefix="tillhouse-tests-"))
    _run["folder"] = folder
    if ENGINE == "postgresql":
        _run["server"] = server = Server()
        os.environ["TEST_SERVER"] = server.url("{}")
        url = server.create("template_of_tests")
    else:
        os.environ["TEST_TEMPLATE"] = str(folder / "template.db")
        url = f"sqlite:///{folder / 'template.db'}"
    database.open_database(url)
    database.connect()
    migrations.bring_up()
    if ENGINE == "sqlite":
        database.db.execute_sql("PRAGMA journal_mode=delete")  # one file, nothing beside it
    database.close()


def pytest_unconfigure(config: pytest.Config) -> None:
    if server := _run.pop("server", None):
        server.stop()
    if folder := _run.pop("folder", None):
        shutil.rmtree(folder, ignore_errors=True)


def pytest_report_header(config: pytest.Config) -> str:
    server = _run.get("server")
    return f"database: {ENGINE}" + (f" {server.version}" if server else "")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if ENGINE == "sqlite":
        return
    once = [item for item in items if not _runs_on_both(item)]
    if once:
        config.hook.pytest_deselected(items=once)
        items[:] = [item for item in items if _runs_on_both(item)]


def _runs_on_both(item: pytest.Item) -> bool:
    if item.get_closest_marker("browser") or item.get_closest_marker("sqlite"):
        return False
    uses = getattr(item, "fixturenames", ())
    return "database_url" in uses or item.get_closest_marker("both_databases") is not None


# --- The network ------------------------------------------------------------------------------------------------------


class NetworkForbidden(AssertionError):
    """A test tried to reach another machine."""


@pytest.fixture(autouse=True, scope="session")
def _no_network_but_loopback() -> Iterator[None]:
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> Any:
        if self.family != socket.AF_UNIX and not str(address[0]).startswith(LOOPBACK):
            raise NetworkForbidden(f"tests reach nothing but this machine: {address}")
        return real(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        yield


# --- Time, folder, queue ----------------------------------------------------------------------------------------------


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of this test's own; the environment names it and nothing of the machine's."""
    folder = tmp_path / "home"
    folder.mkdir()
    for name in environ_names():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PORTAL_HOME", str(folder))
    monkeypatch.setenv("SECRET_KEY", "a key for tests only - long enough to sign with")
    return folder


def environ_names() -> tuple[str, ...]:
    return (
        *("PORTAL_HOME", "PORTAL_URL", "PORTAL_PROXIES", "PORT", "DATABASE_URL", "REDIS_URL", "SANDBOX_URL"),
        *("SMTP_URL", "SECRET_KEY", "PORTAL_THEME", "PORTAL_NOW"),
    )


@pytest.fixture
def env(home: Path) -> environ.Environ:
    """What `environ.read()` gives in this test, handed to who needs it. After `db` it names that database."""
    read = environ.read()
    startup.configure(read)
    transport.configure(read)
    return read


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    """Every `enqueue` lands here, in `queue.jobs`; `queue.run()` runs them and what they enqueue, in order."""
    synchronous = Queue()
    monkeypatch.setattr(real_queue, "push", synchronous.push)
    monkeypatch.setattr(real_queue, "strict", True)
    return synchronous


# --- The database -----------------------------------------------------------------------------------------------------


@pytest.fixture
def database_url(home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A migrated, empty database of this test's own, also named by DATABASE_URL for the processes it starts."""
    if ENGINE == "sqlite":
        shutil.copyfile(os.environ["TEST_TEMPLATE"], home / "portal.db")
        url = f"sqlite:///{home / 'portal.db'}"
    else:
        url = _own_database()
    monkeypatch.setenv("DATABASE_URL", url)
    return url


def _own_database() -> str:
    """This process's copy of the template, emptied. Made once: a copy costs more than emptying a few tables."""
    server = os.environ["TEST_SERVER"]
    name = f"tests_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    url = server.replace("{}", name).replace("%7B%7D", name)
    if _run.get("own") != url:
        with psycopg.connect(server.replace("{}", "postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template_of_tests')
        with psycopg.connect(url) as connection:
            tables = connection.execute(
                "SELECT c.relname FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"
            ).fetchall()
            sequences = connection.execute("SELECT sequencename FROM pg_sequences").fetchall()
        _run["empty"] = "".join(f'DELETE FROM "{table}";' for (table,) in tables if table != "schema_migration") + (
            "SELECT " + ", ".join(f"setval('\"{name}\"', 1, false)" for (name,) in sequences)
        )
        _run["own"] = url
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SET session_replication_role = replica; SET lock_timeout = '10s'"
        )  # no triggers, no waiting
        connection.execute(_run["empty"])
    return url


@pytest.fixture
def db(database_url: str, queue: Queue) -> Iterator[Any]:
    """The models bound to this test's database, connected. The queue is synchronous."""
    opened = database.open_database(database_url)
    if ENGINE == "sqlite":
        opened._pragmas = [*opened._pragmas, ("synchronous", 0)]  # the power never fails in a test
    database.connect()
    yield opened
    database.close()


@pytest.fixture
def cast(db: Any, now: datetime) -> Cast:
    return make_cast(now)
