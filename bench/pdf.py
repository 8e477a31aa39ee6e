"""Section 2: an invoice's PDF, warm, made anew each time. `python -m bench.pdf [--count N]`"""

from __future__ import annotations

import argparse
import time
from statistics import median

from bench import Line
from documents import pdf
from tests.documents import papers


def measure(*, count: int = 60) -> list[Line]:
    spent, size = [], 0
    for number in range(count + 10):
        began = time.perf_counter()
        made = pdf.invoice_pdf(
            papers.invoice(number=f"2026-{number:04}"),
            papers.HARTWELL,
            pay_url=papers.PAY_URL,
            language="en",
            words=papers.words,
            today=papers.TODAY,
        )
        spent.append((time.perf_counter() - began) * 1000)
        size = len(made)
    return [
        ("invoice PDF, warm", f"{median(spent[10:]):.1f} ms", "≤ 15 ms"),
        ("its size, no e-invoice inside", f"{size / 1000:.0f} KB", "≤ 60 KB with one"),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=60)
    for line in measure(**vars(parser.parse_args())):
        print(" | ".join(line))
