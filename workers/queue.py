"""The queue: the only place that knows Redis. It carries nudges, never truth: the row a job is about is the job.

`now` is for what somebody waits for (payments, letters, webhooks), `bulk` for what is long (imports, runs, sync).
redis and rq are imported when first needed: the web process starts and serves pages without them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import database
import environ

QUEUES = ("now", "bulk")
WEB_TIMEOUT = 0.5  # seconds; redis-py's own ten tries would cost a request 9.7 s when Redis hangs
RESULT_TTL = 0  # seconds RQ keeps what a job returned: our rows hold what came of it
FAILURE_TTL = 24 * 3600  # seconds RQ keeps a job that raised

Parameters = ParamSpec("Parameters")

log = logging.getLogger("tillhouse.queue")
strict = False  # tests: a forgotten "after the transaction" is an error there, a few lost seconds elsewhere
_state: dict[str, Any] = {}


class EnqueuedTooEarly(AssertionError):
    """A job was enqueued inside a transaction: its worker could look for a row that is not there yet."""


def job(function: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """A function that the queue runs: takes ids, is safe to run twice, has a live database connection while it runs."""

    @wraps(function)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        with database.connection():
            function(*args, **kwargs)

    return run


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
    import rq

    try:
        rq.Queue(queue, connection=_connection()).enqueue_call(
            name, args=args, result_ttl=RESULT_TTL, failure_ttl=FAILURE_TTL, timeout=-1 if queue == "bulk" else 300
        )
    except (redis.RedisError, OSError) as error:
        log.warning("redis-away job=%s error=%s", name, error)


def address(env: environ.Environ) -> str:
    """Where Redis is: the one named, else the private one's socket. Flask-Limiter takes the same form."""
    return env.redis_url or f"unix://{env.redis_socket}"


def answers(where: str) -> bool:
    """Whether a Redis answers at this address just now."""
    import redis

    try:
        with _client(where) as client:
            return bool(client.ping())
    except (redis.RedisError, OSError):
        return False


def _connection() -> Any:
    if "connection" not in _state:
        _state["connection"] = _client(address(environ.read()))
    return _state["connection"]


def _client(where: str) -> Any:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return redis.Redis.from_url(
        where, socket_timeout=WEB_TIMEOUT, socket_connect_timeout=WEB_TIMEOUT, retry=Retry(NoBackoff(), 0)
    )
