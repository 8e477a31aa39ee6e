from __future__ import annotations

from typing import Any

import startup
from billing import connections
from environ import Environ
from models import Connection


def test_a_portal_that_knows_a_sandbox_rehearses_with_it(db: Any, env: Environ) -> None:
    startup.rehearse(env)
    assert connections.current() is None
    env.sandbox_file.write_text("http://127.0.0.1:1\n")
    startup.rehearse(env)
    startup.rehearse(env)
    assert Connection.select().count() == 1
    assert connections.is_rehearsal()


def test_a_live_connection_is_not_joined_by_a_sandbox(db: Any, env: Environ, now: Any) -> None:
    Connection.create(provider="stripe", account="acct_1", live=True, created_at=now)
    env.sandbox_file.write_text("http://127.0.0.1:1\n")
    startup.rehearse(env)
    assert Connection.select().count() == 1
    assert not connections.is_rehearsal()
