"""Section 4: proportional set sizes of the demo's processes, idle after its seeding. `python -m bench.memory`"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from pathlib import Path

from bench import Line
from bench.demo import running_demo
from bench.load import tree

PARTS = {"web": "portal.py web", "worker": "workers worker", "clock": "workers clock", "Redis": "redis-server"}


def measure(*, rest: float = 15) -> list[Line]:
    with tempfile.TemporaryDirectory() as folder, running_demo(Path(folder) / "home") as demo:
        time.sleep(rest)
        sizes = dict.fromkeys(PARTS, 0.0)
        counts = dict.fromkeys(PARTS, 0)
        for pid in tree(demo.pid):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            part = next((name for name, words in PARTS.items() if words in command), None)
            if part:
                sizes[part] += pss(pid)
                counts[part] += 1
    each = ", ".join(f"{name} {sizes[name]:.0f} in {counts[name]}" for name in PARTS)
    return [("memory, idle after the demo (MB PSS in processes)", f"{sum(sizes.values()):.0f} ({each})", "≤ 200")]


def pss(pid: int) -> float:
    """Megabytes of one process, what it shares counted by its share."""
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
    return int(found[1]) / 1024 if found else 0.0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rest", type=float, default=15, help="seconds of idling before measuring")
    for line in measure(**vars(parser.parse_args())):
        print(" | ".join(line))
