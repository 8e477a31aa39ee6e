"""Importing in tests: files in a folder of the test's own, results as the command line prints them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from billing import history, imports, ledger
from models import BillingGroup, Invoice

NOTHING = dict.fromkeys(("new", "same", "revised", "held", "refused"), 0)


class Desk:
    def __init__(self, folder: Path, now: datetime) -> None:
        self.folder, self.now = folder, now
        self.printed: list[str] = []

    def take(self, *contents: bytes, suffix: str = "xml", dry_run: bool = False) -> list[imports.Result]:
        """Import documents, each a file of its own; what became of each."""
        paths = []
        for content in contents:
            self.folder.mkdir(exist_ok=True)
            path = self.folder / f"{len(list(self.folder.iterdir()))}.{suffix}"
            path.write_bytes(content)
            paths.append(path)
        return self.run(*paths, dry_run=dry_run)

    def run(self, *paths: Path, dry_run: bool = False) -> list[imports.Result]:
        found: list[imports.Result] = []
        imports.run(paths, dry_run=dry_run, by=history.COMMAND, now=self.now, report=found.append)
        self.printed += [result.text for result in found]
        return found

    def outcomes(self, *contents: bytes, suffix: str = "xml", dry_run: bool = False) -> list[str]:
        return [result.outcome for result in self.take(*contents, suffix=suffix, dry_run=dry_run)]


def invoice(number: str = "R-1") -> Invoice:
    return Invoice.get(Invoice.number == number, Invoice.identity.is_null(False))


def credit() -> int:
    return sum(group.credit for group in BillingGroup.select())


def assert_books_agree() -> None:
    assert ledger.unbalanced_entries() == []
    assert ledger.wrong_open() == []
    assert ledger.wrong_credit() == []
