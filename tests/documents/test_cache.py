from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from documents import cache, pdf
from documents.sheet import Attachment, Sheet
from tests.documents.papers import HARTWELL, invoice, words


def sheet(number: str = "1", today: date = date(2026, 10, 22)) -> Sheet:
    return pdf.invoice_sheet(invoice(number=number), HARTWELL, pay_url=None, language="en", words=words, today=today)


def kept(home: Path) -> list[Path]:
    return list((home / "cache" / "pdf").glob("*/*"))


def test_it_is_made_once_and_its_size_is_known_from_then_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache.size_of(tmp_path, sheet()) is None
    first = cache.fetch(tmp_path, sheet())
    monkeypatch.setattr(Sheet, "make", lambda self: pytest.fail("made twice"))
    assert cache.fetch(tmp_path, sheet()) == first
    assert cache.size_of(tmp_path, sheet()) == len(first)


def test_the_name_follows_the_content() -> None:
    plain = sheet()
    assert plain.key == sheet(today=date(2026, 10, 23)).key
    assert plain.key != sheet("2").key
    assert plain.key != replace(plain, attachments=(Attachment("a", "text/xml", b"<a/>", "a"),)).key


def test_whoever_reads_meanwhile_finds_whole_files(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        contents = set(threads.map(lambda _: cache.fetch(tmp_path, sheet()), range(8)))
    assert len(contents) == 1
    assert [path.suffix for path in kept(tmp_path)] == [".pdf"]


def test_the_ones_not_read_for_longest_go_first(tmp_path: Path) -> None:
    sizes = [len(cache.fetch(tmp_path, sheet(str(n)))) for n in range(3)]
    for age, n in ((300, 0), (100, 1), (200, 2)):
        path = cache._path(tmp_path, sheet(str(n)))
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - age))
    cache.fetch(tmp_path, sheet("0"))  # read just now
    cache.sweep(tmp_path, largest=sizes[0] + sizes[1])
    assert [cache.size_of(tmp_path, sheet(str(n))) is not None for n in range(3)] == [True, True, False]


def test_half_written_files_are_cleared_away(tmp_path: Path) -> None:
    cache.fetch(tmp_path, sheet())
    folder = kept(tmp_path)[0].parent
    (folder / "old.part").write_bytes(b"x")
    (folder / "new.part").write_bytes(b"x")
    os.utime(folder / "old.part", (0, 0))
    cache.sweep(tmp_path)
    assert not (folder / "old.part").exists()
    assert (folder / "new.part").exists()


def test_a_disk_that_takes_nothing_still_gives_the_document(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert cache.fetch(tmp_path, sheet()).startswith(b"%PDF")
