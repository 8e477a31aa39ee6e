"""Which account at which provider takes money just now, and the adapter that talks to it."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from peewee import ModelSelect

from billing import links, prepared
from billing.errors import Refusal
from environ import Environ
from gateways import registry
from gateways.contract import Gateway
from models import Connection

SANDBOX, SANDBOX_ACCOUNT = "sandbox", "rehearsal"
CALL_TIMEOUT = 20  # seconds; adapters get it, leases are twice as long

_environ: Environ | None = None


class NoGateway(Refusal):
    """Nobody takes payments: no connection, or its address is not known."""

    code = "no_gateway"


def configure(environ: Environ) -> None:
    global _environ
    _environ = environ
    _load.cache_clear()


def sandbox_secret() -> str:
    """What the sandbox and its adapter share: made from the signing key, so that it needs no keeping."""
    return links.digest("sandbox", "secret")


def current() -> Connection | None:
    """The connection new payments take. A live one ends the rehearsal."""
    rows = prepared.found("current connection", _newest)
    return rows[0] if rows else None


def _newest() -> ModelSelect:
    query = Connection.select().where(Connection.ended_at.is_null())
    return query.order_by(Connection.live.desc(), Connection.id.desc()).limit(1)


def is_rehearsal() -> bool:
    """Whether only the sandbox is connected: no money moves."""
    return not prepared.tuples("live connections", _live)


def _live() -> ModelSelect:
    return Connection.select(Connection.id).where(Connection.live == True, Connection.ended_at.is_null())  # noqa: E712


def open_sandbox(*, now: datetime) -> Connection:
    """The rehearsal's connection, made where it is missing."""
    Connection.insert(
        provider=SANDBOX, account=SANDBOX_ACCOUNT, live=False, created_at=now
    ).on_conflict_ignore().execute()
    found: Connection = Connection.get(provider=SANDBOX, account=SANDBOX_ACCOUNT, live=False)
    return found


def in_use() -> list[Connection]:
    """Every connection whose changes are read."""
    return list(Connection.select().where(Connection.ended_at.is_null()))


def find(provider: str) -> list[Connection]:
    return list(Connection.select().where(Connection.provider == provider, Connection.ended_at.is_null()))


def gateway(connection: Connection) -> Gateway:
    """The adapter of a connection. Raises NoGateway where its address is not known."""
    if connection.provider == SANDBOX:
        return _load(SANDBOX, _sandbox_url(), connection.account, sandbox_secret(), CALL_TIMEOUT)
    raise NoGateway(provider=connection.provider)


def gateway_address(connection: Connection) -> str:
    """Where a connection's provider is reached, for the rehearsal's own controls. Raises NoGateway."""
    if connection.provider != SANDBOX:
        raise NoGateway(provider=connection.provider)
    return _sandbox_url()


def _sandbox_url() -> str:
    assert _environ is not None, "connections.configure() comes first"
    if _environ.sandbox_url:
        return _environ.sandbox_url
    try:
        return _environ.sandbox_file.read_text().strip()
    except OSError:
        raise NoGateway(provider=SANDBOX) from None


@lru_cache(maxsize=16)
def _load(provider: str, url: str, account: str, secret: str, timeout: float) -> Gateway:
    return registry.load(provider, {"url": url, "account": account, "secret": secret, "timeout": str(timeout)})
