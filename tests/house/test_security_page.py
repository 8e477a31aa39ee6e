"""docs/security.md: it judges every requirement of levels 1 and 2 once, and the tests it names are there."""

from __future__ import annotations

import re
from collections import Counter

from tests.house import source

PAGE = source.ROOT / "docs" / "security.md"
# Of ASVS 5.0.0: how many requirements of levels 1 and 2 each section has; they come first in it, those of level 3
# after them. Chapters 5, 10 and 17 are not judged there.
SECTIONS = {
    "1": (2, 9, 11, 3, 2),
    "2": (3, 3, 4, 1),
    "3": (0, 2, 4, 6, 5, 0, 2),
    "4": (3, 1, 2, 4),
    "6": (3, 12, 4, 4, 5, 3, 0, 4),
    "7": (3, 4, 2, 5, 2, 2),
    "8": (2, 3, 1, 1),
    "9": (3, 4),
    "11": (2, 3, 3, 4, 1, 1),
    "12": (3, 2, 4),
    "13": (1, 5, 2, 5),
    "14": (2, 4, 3),
    "15": (3, 3, 7),
    "16": (1, 5, 4, 3, 3),
}
ALL = [
    f"{chapter}.{section}.{number}"
    for chapter, counts in SECTIONS.items()
    for section, count in enumerate(counts, 1)
    for number in range(1, count + 1)
]
ROW = re.compile(r"^\| ([0-9][0-9., –]*) \| [^|]* \| (met|partly|not met|operator|n/a) \|", re.M)
TEST = re.compile(r"`((?:\w+/)*test_\w+\.py|conftest\.py)`")


def judged() -> list[str]:
    """The numbers of the rows' first cells, "1.2.6–1.2.8" and "6.8.1, 6.8.2" spelt out."""
    found: list[str] = []
    for cell, _ in ROW.findall(PAGE.read_text()):
        for part in cell.split(", "):
            first, _, last = part.partition("–")
            found += ALL[ALL.index(first) : ALL.index(last or first) + 1]
    return found


def test_every_requirement_is_judged_once() -> None:
    assert Counter(judged()) == Counter(ALL)


def test_every_row_says_whether_it_is_met() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if re.match(r"\| \d+\.\d+\.\d", line)]
    assert [line for line in rows if not ROW.match(line)] == []


def test_the_tests_it_names_are_there() -> None:
    named = TEST.findall(PAGE.read_text())
    assert len(named) > 100
    assert sorted({name for name in named if not (source.ROOT / "tests" / name).exists()}) == []
