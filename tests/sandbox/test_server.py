from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateways.contract import Attempt, Outcome
from tests.gateways.running import ROOT, RunningSandbox, running_sandbox
from tests.sandbox.orders import charge


@pytest.fixture
def process(tmp_path: Path) -> Iterator[RunningSandbox]:
    with running_sandbox(tmp_path, process=True) as running:
        yield running


def test_what_was_charged_is_still_charged_after_kill_9(process: RunningSandbox) -> None:
    order = charge(process.keep("visa"), "o1")
    paid = process.gateway().charge(order, key="k")
    process.kill()
    assert process.gateway().charge(order, key="k").outcome is Outcome.NOT_SUBMITTED
    process.start(process=True)
    assert process.gateway().charge(order, key="k") == paid
    assert process.captured() == {"o1": 1}


def test_killed_while_it_says_nothing_it_has_the_charge_and_its_key(process: RunningSandbox) -> None:
    order, answers = charge(process.keep("timeout"), "o1"), list[Attempt]()
    caller = threading.Thread(target=lambda: answers.append(process.gateway().charge(order, key="k")))
    caller.start()
    while not process.captured():
        time.sleep(0.01)
    process.kill()
    caller.join()
    assert answers[0].outcome is Outcome.UNKNOWN
    process.start(process=True)
    found = process.gateway().lookup(ours="o1")
    assert found
    assert found.outcome is Outcome.SUCCEEDED
    process.set(hang_ms=0)
    replayed = process.gateway().charge(order, key="k")
    assert replayed.outcome is Outcome.SUCCEEDED
    assert process.captured() == {"o1": 1}


def test_killed_before_the_slow_card_was_charged_it_knows_nothing(process: RunningSandbox) -> None:
    order = charge(process.keep("slow"), "o1")
    caller = threading.Thread(target=lambda: process.gateway().charge(order, key="k"))
    caller.start()
    time.sleep(0.3)
    process.kill()
    caller.join()
    process.start(process=True)
    assert process.gateway().lookup(ours="o1") is None
    process.set(slow_ms=0)
    assert process.gateway().charge(order, key="k").outcome is Outcome.SUCCEEDED


def test_forty_slow_orders_are_served_at_once(process: RunningSandbox) -> None:
    process.set(slow_ms=1000)
    token, begun = process.keep("slow"), time.monotonic()
    callers = [threading.Thread(target=lambda n=n: process.gateway().charge(charge(token, f"o{n}"), key=f"k{n}"))
               for n in range(40)]  # fmt: skip
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert time.monotonic() - begun < 8
    assert process.captured() == {f"o{n}": 1 for n in range(40)}


def test_term_ends_it_at_once_even_while_somebody_waits(process: RunningSandbox) -> None:
    order = charge(process.keep("slow"), "o1")
    caller = threading.Thread(target=lambda: process.gateway().charge(order, key="k"))
    caller.start()
    time.sleep(0.3)
    begun = time.monotonic()
    process.stop()
    caller.join()
    assert time.monotonic() - begun < 2


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys;"
        "p = subprocess.Popen([sys.executable, '-m', 'sandbox', sys.argv[1], '--secret', 's', '--die-with-parent'],"
        " stdout=subprocess.PIPE, text=True); p.stdout.readline(); print(p.pid, flush=True); input()"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:  # fmt: skip
        assert parent.stdout
        child = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 5
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(child)


def test_a_port_that_is_taken_is_one_clear_line(process: RunningSandbox, tmp_path: Path) -> None:
    port = process.url.rsplit(":", 1)[1]
    told = subprocess.run([sys.executable, "-m", "sandbox", str(tmp_path / "other"), "--secret", "s", "--port", port],
                          cwd=ROOT, capture_output=True, text=True, timeout=20)  # fmt: skip
    assert told.returncode == 1
    assert told.stderr == f"sandbox: 127.0.0.1:{port}: Address already in use\n"


def alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and not yet buried does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
