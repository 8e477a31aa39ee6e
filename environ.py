"""The environment, read once into a frozen object. Every variable is documented in docs/operating.md."""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "::1")
SOCKET_PATH_LIMIT = 107  # bytes; the kernel's limit for a socket's path


class BadEnvironment(ValueError):
    """A variable that cannot be used; the message is one line for the operator."""


@dataclass(frozen=True)
class Environ:
    home: Path
    port: int
    url: str
    proxies: int
    database_url: str
    redis_url: str | None
    sandbox_url: str | None
    smtp_url: str | None
    theme: str | None
    now: datetime | None
    keys: tuple[str, ...]  # signing keys, newest first; the newest signs, all verify

    @property
    def secure(self) -> bool:
        return self.url.startswith("https:")

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts a request may name: the public one, and every loopback name where that one is loopback."""
        host = urlsplit(self.url).hostname or "127.0.0.1"
        return ("127.0.0.1", "localhost", "[::1]") if host in LOOPBACK else (host,)

    @property
    def redis_socket(self) -> Path:
        """Where the private Redis listens. A long data folder moves it into the temporary directory."""
        path = self.home / "redis" / "redis.sock"
        if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
            return path
        return (
            Path(tempfile.gettempdir())
            / f"tillhouse-{hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]}"
            / "redis.sock"
        )

    @property
    def sandbox_file(self) -> Path:
        return self.home / "sandbox.url"


def read(source: Mapping[str, str] | None = None) -> Environ:
    """Read the variables. Makes nothing but, when none is given, the signing key. Raises BadEnvironment."""
    env = os.environ if source is None else source
    home = Path(env.get("PORTAL_HOME") or "var").absolute()
    port = _whole(env, "PORT", 8000)
    url = (env.get("PORTAL_URL") or f"http://127.0.0.1:{port}").rstrip("/")
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise BadEnvironment(f"PORTAL_URL: '{url}' is not an address that starts with http:// or https://")
    database = env.get("DATABASE_URL") or f"sqlite:///{home / 'portal.db'}"
    if not database.startswith(("sqlite:///", "postgresql://")):
        raise BadEnvironment("DATABASE_URL: must start with sqlite:/// or postgresql://")
    return Environ(
        home=home,
        port=port,
        url=url,
        proxies=_whole(env, "PORTAL_PROXIES", 0),
        database_url=database,
        redis_url=env.get("REDIS_URL") or None,
        sandbox_url=env.get("SANDBOX_URL") or None,
        smtp_url=env.get("SMTP_URL") or None,
        theme=env.get("PORTAL_THEME") or None,
        now=_instant(env, "PORTAL_NOW"),
        keys=_keys(env, home),
    )


def names_postgresql(source: Mapping[str, str] | None = None) -> bool:
    """Whether the database is PostgreSQL: asked before anything of the database is loaded."""
    return ((os.environ if source is None else source).get("DATABASE_URL") or "").startswith("postgresql:")


def _whole(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise BadEnvironment(f"{name}: '{text}' is not a whole number up to 65535")
    return int(text)


def _instant(env: Mapping[str, str], name: str) -> datetime | None:
    text = env.get(name)
    if not text:
        return None
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise BadEnvironment(f"{name}: '{text}' is not an ISO instant such as 2026-11-22T10:00:00+00:00") from None
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def _keys(env: Mapping[str, str], home: Path) -> tuple[str, ...]:
    given = env.get("SECRET_KEY")
    if given:
        return tuple(key for key in given.split(",") if key)
    path = home / "secret.key"
    if not path.exists():
        try:
            home.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(48) + "\n")
        except FileExistsError:
            pass  # another process was quicker; its key is ours
        except OSError as error:
            raise BadEnvironment(f"PORTAL_HOME: cannot write to {home}: {error.strerror}") from None
    return tuple(path.read_text().split())
