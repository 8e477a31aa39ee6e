"""Kept files: originals and attachments, each under its SHA-256 in the data folder, written before its row is."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from billing.prepared import insert, rows
from models import StoredFile

_home: dict[str, Path] = {}


def configure(home: Path) -> None:
    """Name the data folder, once per process."""
    _home["files"] = home / "files"


def keep(content: bytes, media_type: str, *, now: datetime) -> StoredFile:
    """The row of these bytes, stored if they were not yet; safe on disk before the caller commits.

    Inside the caller's transaction. If that rolls back, a file without a row is left: it costs room, nothing else.
    """
    return register(write(content), media_type, len(content), now=now)


def write(content: bytes) -> str:
    """Put bytes into the store, synced; their SHA-256. Best called before a transaction begins: syncing is slow."""
    digest = hashlib.sha256(content).hexdigest()
    _write(_place(digest), content)
    return digest


def register(digest: str, media_type: str, size: int, *, now: datetime) -> StoredFile:
    """The row of bytes that `write` stored. `size` in bytes."""
    known = rows(StoredFile, "by digest", lambda value: StoredFile.select().where(StoredFile.sha256 == value), digest)
    if known:
        return known[0]
    values = {"sha256": digest, "media_type": media_type, "size": size, "stored_at": now}
    id = insert(StoredFile, ignore_conflict=True, **values)
    return StoredFile.get(StoredFile.sha256 == digest) if id is None else StoredFile(id=id, **values)


@contextmanager
def elsewhere(folder: Path) -> Iterator[None]:
    """Keep files in another folder meanwhile: what a dry run stores is thrown away with it."""
    before = _home.get("files")
    configure(folder)
    try:
        yield
    finally:
        _home.pop("files")
        if before:
            _home["files"] = before


def path(stored: StoredFile) -> Path:
    """Where its bytes are."""
    return _place(stored.sha256)


def read(stored: StoredFile) -> bytes:
    """Its bytes. Raises OSError where they are gone or are not what was stored."""
    content = path(stored).read_bytes()
    if hashlib.sha256(content).hexdigest() != stored.sha256:
        raise OSError(f"the stored file {stored.sha256} is damaged")
    return content


def _place(digest: str) -> Path:
    return _home["files"] / digest[:2] / digest


def _write(place: Path, content: bytes) -> None:
    """Whole or not at all: written beside its place, synced, then moved there, and the folder synced."""
    if place.exists() and place.stat().st_size == len(content):
        return
    if not place.parent.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        _sync_folder(place.parent.parent)
    beside = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    try:
        with open(beside, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, place)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    _sync_folder(place.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
