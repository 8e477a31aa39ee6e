from __future__ import annotations

import json
import logging
import os
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from billing import dates
from environ import Environ
from models import History
from processes import _redis_program, redis_answers
from workers import queue
from workers.queue import job, push  # the real one, taken before a fixture puts its own in its place

Redis = subprocess.Popen[bytes]


@pytest.fixture
def redis(env: Environ) -> Iterator[Path]:
    """A Redis of this test's own, where the private one would be."""
    socket = env.redis_socket
    socket.parent.mkdir(parents=True)
    process = subprocess.Popen(
        [_redis_program(), "--port", "0", "--unixsocket", str(socket), "--dir", str(socket.parent), "--save", ""],
        stdout=subprocess.DEVNULL,
    )
    while not redis_answers(socket):
        assert process.poll() is None
    yield socket
    queue._state.pop("client", None)
    process.kill()
    process.wait()


@job
def mark(id: int) -> None:
    History.create(at=dates.now(), actor_kind="clock", subject_kind="test", subject_id=id, event=str(os.getpid()))


@job
def fail(id: int) -> None:
    raise RuntimeError("no")


def _work(name: str) -> None:
    queue.work(name, lambda: None, burst=True)


def test_a_queue_nobody_takes_from_does_not_grow_for_ever(
    redis: Path, db: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "MOST_WAITING", 2)
    for id in (1, 2, 3):
        push("now", "tests.workers.test_queue.mark", (id,))
    assert queue.lengths()["now"] == 2


def test_the_worker_runs_what_was_enqueued_in_order(redis: Path, db: Any) -> None:
    for id in (1, 2, 3):
        push("now", "tests.workers.test_queue.mark", (id,))
    assert queue.lengths() == {"now": 3, "letters": 0, "bulk": 0}
    _work("now")
    assert [row.subject_id for row in History.select().order_by(History.id)] == [1, 2, 3]
    assert queue.lengths() == {"now": 0, "letters": 0, "bulk": 0}


def test_a_long_job_runs_in_a_process_of_its_own(redis: Path, db: Any) -> None:
    push("bulk", "tests.workers.test_queue.mark", (7,))
    db.close()
    _work("bulk")
    db.connect()
    row = History.get()
    assert row.subject_id == 7
    assert row.event != str(os.getpid())


def test_a_job_that_fails_stops_no_other(redis: Path, db: Any, caplog: pytest.LogCaptureFixture) -> None:
    push("now", "tests.workers.test_queue.fail", (1,))
    push("now", "tests.workers.test_queue.mark", (2,))
    with caplog.at_level(logging.INFO, "tillhouse"):
        _work("now")
    assert [row.subject_id for row in History.select()] == [2]
    assert "end=failed" in caplog.text


def test_redis_away_is_a_line_and_not_an_error(env: Environ, caplog: pytest.LogCaptureFixture) -> None:
    push("now", "tests.workers.test_queue.mark", (1,))
    assert "redis-away job=tests.workers.test_queue.mark" in caplog.text
    assert not queue.answers()
    with pytest.raises(ConnectionError):
        queue.lengths()


def test_what_was_done_leaves_nothing_behind_in_redis(redis: Path, db: Any) -> None:
    push("now", "tests.workers.test_queue.mark", (1,))
    _work("now")
    queue.clean_up()
    assert not queue._connection().keys("rq:job:*")
    assert not queue._connection().keys("rq:results:*")


def test_a_dead_connection_is_replaced_for_the_next_job(redis: Path, db: Any) -> None:
    db.close()
    push("now", "tests.workers.test_queue.mark", (1,))
    _work("now")
    assert History.select().count() == 1


def test_a_job_waits_as_json_so_that_redis_decides_nothing_about_what_runs(redis: Path) -> None:
    push("now", "workers.payments.capture", (7,))
    (key,) = [key for key in queue._connection().keys("rq:job:*") if b":" not in key.removeprefix(b"rq:job:")]
    kept = queue._connection().hget(key, "data")
    assert json.loads(zlib.decompress(kept)) == ["workers.payments.capture", None, [7], {}]
