"""A demo in a folder of its own, from its first start on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.merchant import ROOT, free_port
from processes import die_with_parent


@dataclass(frozen=True)
class Demo:
    """`pid` is its supervisor's; `seconds` is what it took until it had printed its last link."""

    pid: int
    seconds: float


@contextmanager
def running_demo(home: Path) -> Iterator[Demo]:
    began = time.perf_counter()
    with (home.parent / "demo.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "portal.py", "demo", "--port", str(free_port())],
            cwd=ROOT,
            env=os.environ | {"PORTAL_HOME": str(home)},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            preexec_fn=die_with_parent,
        )
    try:
        assert process.stdout is not None
        if not any(line.startswith("merchant ") for line in process.stdout):
            raise RuntimeError(f"the demo did not come up: {home.parent / 'demo.log'}")
        yield Demo(process.pid, time.perf_counter() - began)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()
