"""Jobs about imports. They take ids, are safe to run twice, and hold no logic."""

from __future__ import annotations

from billing import dates, imports
from models import Import
from workers.queue import job


@job
def run(import_id: int) -> None:
    if row := Import.get_or_none(Import.id == import_id):
        imports.perform(row, now=dates.now())
