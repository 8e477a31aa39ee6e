"""Section 2: from the command to the first answer of the web server, and to the demo's last sign-in link.

`python -m bench.start [--rounds N]`
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

from bench import Line, merchant
from bench.demo import running_demo


def measure(*, rounds: int = 5) -> list[Line]:
    spent = []
    with tempfile.TemporaryDirectory() as folder:
        made = merchant.merchant(Path(folder) / "home", invoices=1000)
        for _ in range(rounds):
            port = merchant.free_port()
            began = time.perf_counter()
            with merchant.portal(made.home, port, Path(folder) / "log"):
                spent.append(time.perf_counter() - began)
        with running_demo(Path(folder) / "demo") as demo:
            up = demo.seconds
    return [
        ("web: start to first answer", f"{median(spent):.2f} s", "≤ 1.0 s"),
        ("demo: command to sign-in links", f"{up:.1f} s", "≤ 60 s"),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    for line in measure(**vars(parser.parse_args())):
        print(" | ".join(line))
