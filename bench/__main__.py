"""Every measurement, each in a process of its own, written to bench/RESULTS.md. `python -m bench [NAME…]`"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

PROGRAMS = ("list_page", "pdf", "start", "imports", "memory", "kill")
LIBRARIES = ("Flask", "peewee", "granian", "redis", "rq", "typst", "lxml")
RESULTS = Path(__file__).with_name("RESULTS.md")


def main(names: list[str]) -> int:
    rows, failed = [], False
    for name in names or PROGRAMS:
        print(f"… {name}", file=sys.stderr)
        run = subprocess.run([sys.executable, "-m", f"bench.{name}"], stdout=subprocess.PIPE, text=True)
        found = [line for line in run.stdout.splitlines() if line.count(" | ") == 2]
        rows += found or [f"{name} | failed | "]
        failed |= run.returncode != 0
        print("\n".join(found), file=sys.stderr)
    if not names:
        RESULTS.write_text(_page(rows), encoding="utf-8")
    return 1 if failed else 0


def _page(rows: list[str]) -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return "\n".join(
        (
            "# What it costs",
            "",
            "Written by `make bench`; the budgets are the project's own. Compare figures of one run only.",
            "",
            f"{datetime.now(UTC):%-d %B %Y}; {os.cpu_count()} cores, {_processor()}, Linux {platform.release()}; "
            f"Python {platform.python_version()}, {libraries}.",
            "",
            "| What | Figure | Budget |",
            "|---|---|---|",
            *(f"| {row} |" for row in rows),
            "",
        )
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
