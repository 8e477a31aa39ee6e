"""The worker and the clock as they are, with short patience: `python -m tests.kill.office worker|clock`.

A call gives up after a second and the clock ticks twice a second, so that what takes minutes in a shop takes seconds
in a test. Nothing else is different from `python -m workers`.
"""

from __future__ import annotations

import sys
from datetime import timedelta

from billing import connections
from billing.payments import outcome, repair
from workers import clock
from workers.__main__ import main


def hurry() -> None:
    connections.CALL_TIMEOUT = 1  # seconds; the lease is twice that
    outcome.BACK_OFF = (1, 1, 1, 1, 1, 1)
    repair.ASKS = (0, 1, 2, 4, 8)
    repair.HOURLY = 5
    repair.NUDGE_AFTER = timedelta(seconds=1)
    clock.TICK = 0.5
    clock.LEASE = timedelta(seconds=2)


if __name__ == "__main__":
    hurry()
    sys.exit(main(sys.argv[1]))
