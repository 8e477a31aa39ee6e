"""The back office's own door, `python -m workers worker|clock`: without the counters, so that both stay small."""

from __future__ import annotations

import database  # first: it decides which drivers Peewee finds

# isort: split
import importlib
import logging
import pkgutil
import sys

import environ
import startup
import workers
from mail import transport
from processes import die_with_parent
from workers import clock, queue

log = logging.getLogger("tillhouse.workers")


def main(what: str) -> int:
    try:
        env = startup.make_ready(what)
        transport.configure(env)
        startup.check_database(env)
    except (startup.CannotStart, environ.BadEnvironment) as error:
        print(f"portal.py: {error}", file=sys.stderr)
        return 1
    database.close()
    if not queue.answers():
        log.warning("redis-away: going on without it; what is asked for is done when it returns")
    if what == "worker":
        for module in pkgutil.iter_modules(workers.__path__):
            if not module.name.startswith("_"):
                importlib.import_module(f"workers.{module.name}")
        queue.run_worker(die_with_parent)
    else:
        clock.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
