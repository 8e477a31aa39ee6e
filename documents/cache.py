"""PDFs once made, kept by the hash of what they are made from. Safe for several processes; losing it loses a moment."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from pathlib import Path

from documents.sheet import Sheet

LARGEST = 500 * 1024 * 1024  # bytes of PDFs; beyond it the ones not read for longest go
SWEEP_EVERY = 16  # one write in so many looks how large the cache is
LEFT_BEHIND = 3600  # seconds after which a half-written file belongs to nobody

log = logging.getLogger(__name__)


def fetch(home: Path, sheet: Sheet) -> bytes:
    """The PDF: kept under the data folder `home`, or made now. A full or read-only disk only means it is not kept."""
    path = _path(home, sheet)
    try:
        content = path.read_bytes()
        os.utime(path)
        return content
    except OSError:
        content = sheet.make()
    try:
        _write(path, content)
        if int(sheet.key[:8], 16) % SWEEP_EVERY == 0:
            sweep(home)
    except OSError as error:
        log.warning("a PDF could not be kept: %s", error)
    return content


def size_of(home: Path, sheet: Sheet) -> int | None:
    """Bytes of the PDF if it is kept already; None where it would have to be made first."""
    try:
        return _path(home, sheet).stat().st_size
    except OSError:
        return None


def sweep(home: Path, *, largest: int = LARGEST) -> None:
    """Remove the PDFs not read for longest until `largest` bytes remain, and what was left half-written."""
    kept: list[tuple[float, int, Path]] = []
    for path in _folder(home).glob("*/*"):
        try:
            found = path.stat()
            if path.suffix == ".part":
                if found.st_mtime < time.time() - LEFT_BEHIND:
                    path.unlink()
                continue
        except FileNotFoundError:
            continue  # another process swept it
        kept.append((found.st_mtime, found.st_size, path))
    size = sum(item[1] for item in kept)
    for _, bytes_of_it, path in sorted(kept):
        if size <= largest:
            break
        path.unlink(missing_ok=True)
        size -= bytes_of_it


def _folder(home: Path) -> Path:
    return home / "cache" / "pdf"


def _path(home: Path, sheet: Sheet) -> Path:
    return _folder(home) / sheet.key[:2] / f"{sheet.key[2:]}.pdf"


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: whoever reads at the same time finds the finished file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
