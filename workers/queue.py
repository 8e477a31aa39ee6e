"""The queue: the only place that knows Redis. It carries nudges, never truth: the row a job is about is the job.

`now` is for what somebody waits for (payments, webhooks), `letters` for mail, since a mail server may hang, `bulk` for
what is long (imports, runs, sync).
redis and rq are imported when first needed: the web process starts and serves pages without them.
"""

from __future__ import annotations

import gc
import logging
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import database
from environ import Environ

QUEUES = ("now", "letters", "bulk")  # one process each
WEB_TIMEOUT = 0.5  # seconds; redis-py's own ten tries would cost a request 9.7 s when Redis hangs
LONGEST = 300  # seconds a job of `now` or `letters` may take; one of `bulk` takes what it takes
MOST_WAITING = 10_000  # jobs in a queue; nobody takes them then, and the clock asks again for every row
ENDING = 20.0  # seconds a worker's children have to finish their jobs when told to end
RESULT_TTL = 0  # seconds RQ keeps what a job returned: our rows hold what came of it
FAILURE_TTL = 24 * 3600  # seconds RQ keeps a job that raised

Parameters = ParamSpec("Parameters")

log = logging.getLogger("tillhouse.queue")
strict = False  # tests: a forgotten "after the transaction" is an error there, a few lost seconds elsewhere
_state: dict[str, Any] = {}


class EnqueuedTooEarly(AssertionError):
    """A job was enqueued inside a transaction: its worker could look for a row that is not there yet."""


def configure(environ: Environ) -> None:
    """Take Redis's address. Connects when something is enqueued, not before."""
    _state.clear()
    _state["address"] = address(environ)


def address(environ: Environ) -> str:
    """Where Redis is: the one named, else the private one's socket."""
    return environ.redis_url or f"unix://{environ.redis_socket}"


def limiter_address(environ: Environ) -> str:
    """The same for Flask-Limiter, which writes a socket in its own way."""
    return environ.redis_url or f"redis+unix://{environ.redis_socket}"


def job(function: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """A function that the queue runs: takes ids, is safe to run twice, has a live database connection while it runs."""

    @wraps(function)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        began = time.perf_counter()
        name = f"{function.__module__}.{function.__qualname__}"
        ended = "failed"
        try:
            with database.connection():
                function(*args, **kwargs)
            ended = "done"
        finally:
            spent = (time.perf_counter() - began) * 1000
            log.info("job name=%s args=%s end=%s ms=%.1f", name, ",".join(map(str, args)) or "-", ended, spent)

    return run


def for_limits(environ: Environ) -> tuple[str, dict[str, Any]]:
    """The same Redis in the form Flask-Limiter takes, with the web process's patience: a hung one costs 0.3 s."""
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    patience = {"socket_timeout": 0.3, "socket_connect_timeout": 0.3, "retry": Retry(NoBackoff(), 0)}
    return re.sub("^unix:", "redis+unix:", address(environ)), patience


def enqueue(name: str, *args: Any, queue: str = "now") -> None:
    """Ask for a job by its dotted name, after the transaction that wrote its row.

    Redis away is one logged line, not an error: the clock finds the row and asks again.
    """
    if database.in_transaction():
        if strict:
            raise EnqueuedTooEarly(name)
        log.warning("enqueued-in-transaction job=%s", name)
    push(queue, name, args)


def push(queue: str, name: str, args: tuple[Any, ...]) -> None:
    """Hand one job to Redis. Tests put their own in its place."""
    import redis

    try:
        waiting = _queue(queue, _connection())
        if waiting.count >= MOST_WAITING:
            log.warning("queue-full queue=%s job=%s", queue, name)
            return
        waiting.enqueue_call(
            name, args=args, result_ttl=RESULT_TTL, failure_ttl=FAILURE_TTL, timeout=-1 if queue == "bulk" else LONGEST
        )
    except (redis.RedisError, OSError) as error:
        log.warning("redis-away job=%s reason=%s", name, type(error).__name__)


def answers() -> bool:
    """Whether Redis answers just now."""
    import redis

    try:
        return bool(_connection().ping())
    except (redis.RedisError, OSError):
        return False


def lengths() -> dict[str, int]:
    """How many jobs wait in each queue. Raises ConnectionError where Redis is away."""
    import redis

    try:
        return {name: _queue(name, _connection()).count for name in QUEUES}
    except (redis.RedisError, OSError) as error:
        raise ConnectionError(str(error)) from None


def clean_up() -> None:
    """Forget jobs whose worker was killed: RQ calls them started for minutes. Their rows are swept by the clock."""
    import redis
    from rq.registry import StartedJobRegistry
    from rq.serializers import JSONSerializer

    try:
        for name in QUEUES:
            StartedJobRegistry(name, connection=_connection(), serializer=JSONSerializer).cleanup()
    except (redis.RedisError, OSError) as error:
        log.warning("redis-away job=- reason=%s", type(error).__name__)


def _queue(name: str, connection: Any) -> Any:
    """A queue whose jobs are JSON: a name and ids. Whoever could write into Redis must not choose what is run here."""
    import rq
    from rq.serializers import JSONSerializer

    return rq.Queue(name, connection=connection, serializer=JSONSerializer)


def _connection() -> Any:
    """One client per process; its pool notices a fork by itself."""
    if "client" not in _state:
        _state["client"] = _client(socket_timeout=WEB_TIMEOUT)
    return _state["client"]


def _client(**options: Any) -> Any:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return redis.Redis.from_url(
        _state["address"], socket_connect_timeout=WEB_TIMEOUT, retry=Retry(NoBackoff(), 0), **options
    )


# --- The worker -------------------------------------------------------------------------------------------------------


def run_worker(die_with_parent: Callable[[], None]) -> None:
    """Fork the children, start again one that dies, until TERM. Everything is imported, nothing connected.

    INT is ignored: at Ctrl-C in a terminal the supervisor says when. A child finishes its job before it ends.
    """

    assert database.db.is_closed(), "a connection open across a fork belongs to nobody"
    heard = (signal.SIGTERM, signal.SIGCHLD)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in heard:
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_BLOCK, heard)
    gc.collect()
    gc.freeze()  # the collector would write to, and so copy, every page the children share
    children = {_fork(name, die_with_parent): name for name in QUEUES}
    while signal.sigwait(heard) != signal.SIGTERM:
        for pid in _ended(children):
            name = children.pop(pid)
            log.warning("worker-died queue=%s", name)
            time.sleep(0.5)  # a child that cannot start must not take the machine with it
            children[_fork(name, die_with_parent)] = name
    for pid in children:
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + ENDING
    while children and time.monotonic() < deadline:
        for pid in _ended(children):
            del children[pid]
        time.sleep(0.05)
    for pid in children:
        log.warning("worker-killed queue=%s", children[pid])
        os.kill(pid, signal.SIGKILL)


def _ended(children: dict[int, str]) -> list[int]:
    return [pid for pid in children if os.waitpid(pid, os.WNOHANG) != (0, 0)]


def _fork(name: str, die_with_parent: Callable[[], None]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        parent = os.getppid()
        die_with_parent()
        if os.getppid() != parent:
            os._exit(1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # until the worker's own handler stands
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGCHLD))
        work(name, die_with_parent)
        os._exit(0)
    except BaseException:
        log.exception("worker-failed queue=%s", name)
        os._exit(1)


def work(name: str, die_with_parent: Callable[[], None], burst: bool = False) -> None:
    """Take jobs of one queue until told to stop; `burst`: until it is empty. Waits for a Redis that is away."""
    import rq
    from rq.serializers import JSONSerializer

    class Patient:
        """RQ's workers with our manners: quick to find Redis again, silent about each job (`job` writes its line)."""

        max_connection_wait_time = 2.0
        log_result_lifespan = False

        def procline(self, message: str) -> None:
            return None

        def _install_signal_handlers(self) -> None:
            signal.signal(signal.SIGTERM, self.request_stop)  # type: ignore[attr-defined]
            signal.signal(signal.SIGINT, signal.SIG_IGN)

        def request_stop(self, number: Any, frame: Any) -> None:
            # RQ asks Redis whether it is at work; with Redis gone it would forget that it was told to end
            last = threading.Timer(ENDING, os._exit, (1,))
            last.daemon = True
            last.start()
            super().request_stop(number, frame)  # type: ignore[misc]
            signal.signal(signal.SIGINT, signal.SIG_IGN)

        def main_work_horse(self, *args: Any, **kwargs: Any) -> None:
            die_with_parent()
            super().main_work_horse(*args, **kwargs)  # type: ignore[misc]

    class Simple(Patient, rq.SimpleWorker):  # type: ignore[misc]
        """In this process: what somebody waits for should not wait for a fork."""

    class Forking(Patient, rq.Worker):  # type: ignore[misc]
        """A fork for each job: what is long, or prints PDFs, may grow and die alone."""

    kind = Simple if name == "now" else Forking
    while not answers():
        if burst:
            raise ConnectionError("Redis is away")
        time.sleep(1)
    queues = [_queue(name, _client())]
    worker = kind(queues, connection=queues[0].connection, serializer=JSONSerializer, log_job_description=False)
    worker.work(burst=burst, logging_level="WARNING")
