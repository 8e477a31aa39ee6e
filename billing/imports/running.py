"""One run of an import: files in, results out, a few documents a transaction, able to go on where it was stopped."""

from __future__ import annotations

import logging
import secrets
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from peewee import DataError, IntegrityError

import database
from accounting import registry
from accounting.contract import Document, Refused
from billing import attention, dates, files, history, settings
from billing.imports import taking
from billing.imports.taking import Original, Outcome
from billing.prepared import insert
from database import db, retried, transaction
from models import Import, ImportItem, Staff, StoredFile
from money import as_decimal
from workers.queue import enqueue

BATCH = 25  # documents a transaction: short enough that somebody who pays meanwhile does not notice
LEASE = timedelta(minutes=5)  # a run that was killed is taken up again after this
NUDGE = timedelta(minutes=1)  # a queued one that no worker took
GIVE_UP_AFTER = timedelta(days=1)  # an upload that never gets through
MEDIA_TYPES = {"pdf": "application/pdf", "xml": "application/xml", "csv": "text/csv"}
WAITING = "waiting"

log = logging.getLogger("tillhouse.imports")


@dataclass(frozen=True)
class Result:
    """What became of one document, as the command line prints it."""

    outcome: str
    file: str
    number: str | None = None
    amount: int | None = None  # due, minor units
    currency: str | None = None
    line: int | None = None
    reason: str | None = None

    @property
    def text(self) -> str:
        """`new|same|revised|held|refused  FILE  NUMBER  AMOUNT CUR  [LINE: REASON]`; "-" for what is not known."""
        due = "-"
        if self.amount is not None and self.currency:
            due = f"{as_decimal(self.amount, self.currency)} {self.currency}"
        parts = [self.outcome, self.file, self.number or "-", due]
        if self.reason:
            parts.append(f"{self.line or '-'}: {self.reason}")
        return "  ".join(parts)


def summary(counts: dict[str, int]) -> str:
    """The last line of a run: `N new, N same, N revised, N held, N refused`."""
    return ", ".join(f"{counts.get(outcome, 0)} {outcome}" for outcome in Outcome)


def run(
    paths: Sequence[Path],
    *,
    dry_run: bool,
    by: Staff | history.Actor,
    now: datetime,
    report: Callable[[Result], None],
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, int]:
    """Take in files and folders now; how many documents came to each outcome.

    `report` is told every result once it is committed, `progress` how many documents of how many known so far. A dry
    run does the same on a copy (SQLite) or in a transaction that is rolled back (PostgreSQL); it leaves nothing behind.
    """
    if dry_run:
        with _rehearsal():
            return run(paths, dry_run=False, by=by, now=now, report=report, progress=progress)
    found = list(_walk(paths))
    row = Import.create(
        public_id=secrets.token_hex(8),
        origin="command",
        state=Import.RUNNING,
        total=len(found),
        created_at=now,
        lease_until=now + LEASE,
    )
    history.record(row, "import_begun", by=by, now=now)
    sources = [_Source(position, str(path), path) for position, path in enumerate(found, 1)]
    return _Desk(row, by=by, now=now, report=report, progress=progress).take_all(sources)


def begin_upload(uploads: Sequence[tuple[str, bytes]], *, by: Staff, now: datetime) -> Import:
    """Keep uploaded (name, content) files and queue their import. A job does the rest: `perform`."""
    digests = [files.write(content) for _, content in uploads]
    with transaction():
        row: Import = Import.create(
            public_id=secrets.token_hex(8), origin="upload", staff=by, total=len(uploads), created_at=now
        )
        for position, ((name, content), digest) in enumerate(zip(uploads, digests, strict=True), 1):
            stored = files.register(digest, MEDIA_TYPES[registry.kind(content)], len(content), now=now)
            ImportItem.insert(run=row, position=position, file_name=name, file=stored, outcome=WAITING).execute()
        history.record(row, "import_begun", by=by, now=now)
    enqueue("workers.imports.run", row.id, queue="bulk")
    return row


def perform(row: Import, *, now: datetime) -> None:
    """Take an uploaded import through, or on from where it was stopped. Does nothing if somebody else has it."""
    with transaction():
        taken = (
            Import.update(state=Import.RUNNING, lease_until=now + LEASE)
            .where(
                Import.id == row.id,
                (Import.state == Import.QUEUED) | ((Import.state == Import.RUNNING) & (Import.lease_until < now)),
            )
            .execute()
        )
    if not taken:
        return
    row = Import.get_by_id(row.id)
    waiting = (
        ImportItem.select().where(ImportItem.run == row.id, ImportItem.outcome == WAITING).order_by(ImportItem.position)
    )
    sources = [
        _Source(
            item.position,
            item.file_name,
            files.path(item.file),
            item.file,
            ImportItem.select()
            .where(ImportItem.run == row.id, ImportItem.position == item.position, ImportItem.outcome != WAITING)
            .count(),
        )
        for item in waiting.order_by(ImportItem.position)
    ]
    _Desk(row, by=row.staff or history.COMMAND, now=now).take_all(sources)


def sweep(now: datetime) -> None:
    """Ask again for uploads nobody took or whose worker died. A command that was stopped is over, and an
    upload that did not get through in a day: either can be redone.
    """
    stopped = (Import.state == Import.RUNNING) & (Import.lease_until < now)
    with transaction():
        Import.update(state=Import.FAILED, ended_at=now, failure="stopped").where(
            stopped, (Import.origin == "command") | (Import.created_at < now - GIVE_UP_AFTER)
        ).execute()
    forgotten = (Import.state == Import.QUEUED) & (Import.created_at < now - NUDGE)
    for (id,) in Import.select(Import.id).where(stopped | forgotten, Import.origin == "upload").tuples():
        enqueue("workers.imports.run", id, queue="bulk")


# --- The desk where documents are taken in, one after the other ---------------------------------------------------


@dataclass
class _Source:
    """A file of an import. `done`: how many of its documents an earlier try already took."""

    position: int
    name: str
    path: Path
    stored: StoredFile | None = None
    done: int = 0
    shape: str = ""
    digest: str = ""
    size: int = 0


@dataclass(frozen=True)
class _Found:
    source: _Source
    document: Document | Refused | None  # None: the file's end


class _Rehearsed(Exception):
    """A dry run is over: nothing of it stays."""


class _Overtaken(Exception):
    """Another worker has the import now."""


class _Desk:
    def __init__(
        self,
        row: Import,
        *,
        by: Staff | history.Actor,
        now: datetime,
        report: Callable[[Result], None] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.row, self.by, self.now = row, by, now
        self.report, self.progress = report, progress
        self.began = time.monotonic()
        self.lease: datetime = row.lease_until
        self.counts: dict[str, int] = dict(row.counts)
        self.files_done = 0
        self.settings = settings.load()
        self.today = dates.day(now, self.settings.timezone)

    def take_all(self, sources: list[_Source]) -> dict[str, int]:
        """Take in every document of the files, a batch a transaction, and close the run."""
        found = self._read(sources)
        try:
            while batch := list(islice(found, BATCH)):  # read before the transaction: nobody waits for a parser
                for result in self._take(batch, len(sources)):
                    if self.report:
                        self.report(result)
                if self.progress:
                    self.progress(sum(self.counts.values()), self.row.total)
            self._close()
        except _Overtaken:
            pass
        except BaseException as error:
            self._fail(error)
            raise
        return self.counts

    def _read(self, sources: Iterable[_Source]) -> Iterator[_Found]:
        for source in sources:
            try:
                content = source.path.read_bytes() if _fits(source.path) else b""
            except OSError as error:
                yield _Found(source, Refused("unreadable", why=error.strerror or "error"))
                yield _Found(source, None)
                continue
            source.shape, source.size = registry.kind(content), len(content)
            documents: Iterator[Document | Refused] = (
                registry.read(content, source.name, currency=self.settings.currency)
                if content or _fits(source.path)
                else iter([registry.too_large()])
            )
            for document in islice(documents, source.done, None):
                if isinstance(document, Document) and not source.digest:
                    source.digest = source.stored.sha256 if source.stored else files.write(content)
                yield _Found(source, document)
            yield _Found(source, None)

    @retried
    def _take(self, batch: list[_Found], total_files: int) -> list[Result]:
        counts, results, files_done = dict(self.counts), [], self.files_done
        lease = self.now + timedelta(seconds=time.monotonic() - self.began) + LEASE
        with transaction():
            taking.take_turns()
            for found in batch:
                if found.document is None:
                    files_done += 1
                    ImportItem.delete().where(
                        ImportItem.run == self.row.id,
                        ImportItem.position == found.source.position,
                        ImportItem.outcome == WAITING,
                    ).execute()
                    continue
                result = self._one(found.source, found.document)
                counts[result.outcome] = counts.get(result.outcome, 0) + 1
                results.append(result)
            done = sum(counts.values())
            held = (
                Import.update(
                    lease_until=lease,
                    done=done,
                    total=max(self.row.total, done + total_files - files_done),
                    counts=counts,
                )
                .where(Import.id == self.row.id, Import.state == Import.RUNNING, Import.lease_until == self.lease)
                .execute()
            )
            if held != 1:
                raise _Overtaken
        self.lease, self.counts, self.files_done = lease, counts, files_done
        self.row.total = max(self.row.total, done + total_files - files_done)
        return results

    def _one(self, source: _Source, document: Document | Refused) -> Result:
        if isinstance(document, Document):
            source.stored = files.register(source.digest, MEDIA_TYPES[source.shape], source.size, now=self.now)
            original = Original(
                Path(source.name).name, source.stored, document.syntax if source.shape == "xml" else source.shape
            )
            try:
                with db.atomic():
                    taken = taking.take_in(
                        document,
                        original,
                        go_live_on=self.settings.go_live_on,
                        by=self.by,
                        now=self.now,
                        today=self.today,
                    )
            except Refused as refused:
                refused.values.setdefault("number", document.number)
                return self._refuse(source, refused)
            except (IntegrityError, DataError, OverflowError) as error:  # too long, too large, credit overdrawn
                log.exception("document-not-kept number=%r", document.number[: taking.OTHERS_FIT])
                return self._refuse(source, Refused("not_kept", number=document.number, why=type(error).__name__))
            self._write_down(
                source,
                outcome=str(taken.outcome),
                number=document.number,
                payable=document.payable,
                currency=document.currency,
                invoice=taken.invoice.id if taken.invoice else None,
                content=taken.content,
                # asked before: it waits there, or was settled
                decided_at=self.now if taken.outcome == Outcome.HELD and taken.content is None else None,
                decision="repeated" if taken.outcome == Outcome.HELD and taken.content is None else None,
            )
            return Result(str(taken.outcome), source.name, document.number, document.payable, document.currency)
        return self._refuse(source, document)

    def _refuse(self, source: _Source, refused: Refused) -> Result:
        number = refused.values.get("number")
        number = str(number)[: taking.OTHERS_FIT] if number else None
        reason = registry.reason(refused)
        self._write_down(
            source,
            outcome=str(Outcome.REFUSED),
            number=number,
            line=refused.line,
            reason=reason,
            content={"code": refused.code, "values": refused.values},
        )
        return Result(str(Outcome.REFUSED), source.name, number, line=refused.line, reason=reason)

    def _write_down(self, source: _Source, **what: Any) -> None:
        stored = source.stored.id if source.stored else None
        insert(ImportItem, run=self.row.id, position=source.position, file_name=source.name, file=stored, **what)

    def _close(self) -> None:
        with transaction():
            closed = (
                Import.update(
                    state=Import.DONE,
                    ended_at=self.now + timedelta(seconds=time.monotonic() - self.began),
                    lease_until=None,
                )
                .where(Import.id == self.row.id, Import.state == Import.RUNNING, Import.lease_until == self.lease)
                .execute()
            )
            if closed != 1:
                raise _Overtaken
            history.record(self.row, "import_done", by=self.by, now=self.now, **self.counts)
            asked = ImportItem.select().where(
                ImportItem.run == self.row.id, ImportItem.outcome == Outcome.HELD, ImportItem.decided_at.is_null()
            )
            if held := asked.count():
                attention.tell("documents_held", self.row, now=self.now, held=held)

    def _fail(self, error: BaseException) -> None:
        """A run from the command line is over; an upload is taken up again when its lease is."""
        if self.row.origin == "command" and not database.in_transaction():
            with transaction():
                Import.update(state=Import.FAILED, ended_at=self.now, failure=type(error).__name__).where(
                    Import.id == self.row.id, Import.state == Import.RUNNING
                ).execute()


def _fits(path: Path) -> bool:
    return path.stat().st_size <= registry.LARGEST_FILE


def _walk(paths: Iterable[Path]) -> Iterator[Path]:
    """The files themselves, and of folders every file that may be one of ours, by name."""
    for path in paths:
        if path.is_dir():
            inside = (item for item in path.rglob("*") if item.suffix.lower() in registry.SUFFIXES)
            yield from sorted(item for item in inside if item.is_file() and not item.name.startswith("."))
        else:
            yield path


@contextmanager
def _rehearsal() -> Iterator[None]:
    """Everything inside leaves nothing behind. On SQLite it works on a copy, so that nobody waits for it meanwhile."""
    with tempfile.TemporaryDirectory(prefix="tillhouse-dry-run-") as folder, files.elsewhere(Path(folder)):
        if not database.is_sqlite():
            try:
                with transaction():
                    yield
                    raise _Rehearsed
            except _Rehearsed:
                return
        copy = Path(folder) / "portal.db"
        database.connect()
        db.execute_sql("VACUUM INTO ?", (str(copy),))
        real = db.obj
        database.open_database(f"sqlite:///{copy}")
        try:
            database.connect()
            yield
        finally:
            database.close()
            db.initialize(real)
