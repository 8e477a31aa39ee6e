"""Real processes: started, answered, killed, ended. Each of these tests costs seconds; they are few."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from processes import ROOT, Service, Supervisor, redis_answers

PATIENCE = 60.0  # seconds; the machine may be busy
PORTAL = [sys.executable, str(ROOT / "portal.py")]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def until(true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def of_home(home: Path) -> dict[int, str]:
    """The processes that carry this data folder in their environment or command line, and what they run."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            ended = (folder / "stat").read_text().rsplit(") ", 1)[1][0] == "Z"
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            carried = f"PORTAL_HOME={home}\0".encode() in (folder / "environ").read_bytes() or str(home) in command
        except OSError:
            continue
        if carried and not ended and int(folder.name) != os.getpid():
            found[int(folder.name)] = command
    return found


class Running:
    """A `serve` or `demo` in a session of its own, as a terminal would start it."""

    def __init__(self, home: Path, command: str, port: int) -> None:
        self.home, self.port = home, port
        self.output = home.parent / f"{command}.out"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*PORTAL, command, "--port", str(port)], stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )

    @property
    def text(self) -> str:
        return self.output.read_text()

    def wait_for(self, pattern: str, flags: re.RegexFlag = re.M) -> None:
        def said() -> bool:
            assert self.process.poll() is None, self.text
            return re.search(pattern, self.text, flags) is not None

        until(said, f"no {pattern!r} in:\n{self.text}")

    def get(self, path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                answer.read()
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            refused.close()
            return refused.code
        except OSError:
            return 0

    def pid(self, words: str) -> int:
        """The process whose command line ends with these words; of several, the oldest."""
        found = [pid for pid, command in sorted(of_home(self.home).items()) if words in command]
        return found[0] if found else 0


@pytest.fixture
def start(home: Path) -> Iterator[Callable[..., Running]]:
    running: list[Running] = []

    def start(command: str, port: int | None = None) -> Running:
        running.append(Running(home, command, port or free_port()))
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()
    until(lambda: not of_home(home), f"left behind: {of_home(home)}")


def test_the_demo_comes_up_prints_its_links_and_ctrl_c_ends_every_process(
    start: Callable[..., Running], database_url: str, home: Path
) -> None:
    demo = start("demo")
    demo.wait_for(r"^merchant  root@hartwell\.example  http://127\.0\.0\.1:\d+/sign-in/\S+$")
    links = [line.split("  ") for line in demo.text.splitlines() if re.match(r"(customer|merchant)  ", line)]
    assert [link[0] for link in links] == ["customer", "customer", "merchant"]
    assert links[0][1] == "ada@acme.example"
    assert links[1][1].split("@")[1] != "acme.example"
    path = links[0][2].split(str(demo.port))[1]
    assert demo.get(path) == 200
    assert demo.get(path) == 200
    assert (home / "sandbox.url").read_text().startswith("http://127.0.0.1:")
    assert path.split("/")[-1] not in "".join(line for line in demo.text.splitlines() if "request" in line)

    os.killpg(demo.process.pid, signal.SIGINT)  # Ctrl-C reaches the whole group
    assert demo.process.wait(PATIENCE) == 0
    assert of_home(home) == {}

    again = start("demo", demo.port)
    again.wait_for(r"^merchant  root@hartwell\.example  http")
    assert again.get(path) == 410  # the first one's links worked until it stopped
    again.process.send_signal(signal.SIGTERM)
    assert again.process.wait(PATIENCE) == 0
    assert of_home(home) == {}


@pytest.mark.parametrize("victim", ["redis-server", "web", "workers worker", "workers clock"])
def test_what_is_killed_comes_back(start: Callable[..., Running], home: Path, victim: str) -> None:
    serve = start("serve")
    serve.wait_for("serving url=")
    until(lambda: serve.pid(victim), f"no {victim}")
    before = serve.pid(victim)
    os.kill(before, signal.SIGKILL)
    until(lambda: serve.pid(victim) not in (0, before), f"{victim} did not come back")
    until(lambda: serve.get("/healthz") == 200, "no answer")
    socket = home / "redis" / "redis.sock"
    until(lambda: redis_answers(socket), "no Redis")
    assert serve.process.poll() is None


def test_a_killed_supervisor_leaves_nobody_and_the_next_one_starts_at_once(
    start: Callable[..., Running], home: Path
) -> None:
    serve = start("serve")
    serve.wait_for("serving url=")
    serve.process.kill()
    serve.process.wait()
    after = start("serve", serve.port)
    after.wait_for("serving url=")
    until(lambda: after.get("/healthz") == 200, "no answer")
    after.process.terminate()
    assert after.process.wait(PATIENCE) == 0
    assert of_home(home) == {}


def _fails(*command: str) -> str:
    run = subprocess.run([*PORTAL, *command], capture_output=True, text=True, timeout=PATIENCE)
    assert run.returncode == 1, run.stderr
    lines = run.stderr.splitlines()
    assert len(lines) == 1, run.stderr
    return lines[0]


def test_a_taken_port_is_one_line(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert _fails("serve", "--port", port) == f"portal.py: port {port} on 127.0.0.1 is taken"


def test_a_missing_redis_is_one_line(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processes.shutil.which", lambda name: None)
    monkeypatch.setattr("processes.importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("processes.sys.executable", str(tmp_path / "python"))
    with pytest.raises(Exception, match="there is no redis-server"):
        __import__("processes")._redis_program()


def test_a_database_that_does_not_answer_is_one_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://nobody:secret@127.0.0.1:{free_port()}/none")
    said = _fails("migrate")
    assert said.startswith("portal.py: the database cannot be used")
    assert "secret" not in said


def test_a_file_that_is_no_database_is_one_line(home: Path) -> None:
    (home / "portal.db").write_bytes(b"this is not a database at all, but a text of some length " * 99)
    assert "not a database" in _fails("migrate")


@pytest.mark.parametrize("command", ["web", "worker", "clock"])
def test_a_database_behind_this_program_is_refused(home: Path, command: str) -> None:
    assert "run portal.py migrate" in _fails(command)


def test_a_variable_that_cannot_be_used_is_one_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_PROXIES", "some")
    assert "PORTAL_PROXIES" in _fails("doctor")


def test_a_second_serve_of_one_data_folder_is_refused(start: Callable[..., Running], home: Path) -> None:
    first = start("serve")
    first.wait_for("serving url=")
    assert "belongs to another serve or demo" in _fails("serve", "--port", str(free_port()))


def test_a_service_that_cannot_start_ends_the_supervisor() -> None:
    with pytest.raises(Exception, match="bad ended at its start"), Supervisor() as house:
        house.start(Service("bad", [sys.executable, "-c", "raise SystemExit(1)"], answers=lambda: False))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD))
