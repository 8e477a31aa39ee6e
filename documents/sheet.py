"""A sheet is a document ready to be set: a Typst source and its data. The same sheet makes the same bytes, always."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cached_property, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pikepdf
import typst

from documents import glyphs

HERE = Path(__file__).parent
STANDARDS: list[typst.PDFStandard] = ["a-3a", "ua-1"]  # archival with files inside, and readable by screen readers
ONE_PAGE = 66  # with more lines than this (addresses and all) it is not worth trying whether one page is enough
PAGES = re.compile(rb"/Type\s*/Pages\s*/Count (\d+)")
SETTINGS = ("about", "lang", "region", "rtl", "accent", "link", "url", "key", "kind")  # of a sheet's data: not printed
UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")  # not allowed in XMP, which is XML
LATIN = re.compile(r"[^ -~\n\u00a1-\u00ff\u20ac]")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attachment:
    """A file inside the PDF. `relation`, as PDF/A-3 says it: alternative (the same invoice as data) or supplement."""

    name: str
    media_type: str
    content: bytes
    description: str
    relation: str = "supplement"


@dataclass(frozen=True)
class Sheet:
    """`data` is what the source lays out, all words and amounts ready; `on` dates the file."""

    source: str
    data: dict[str, Any]
    on: date
    attachments: tuple[Attachment, ...] = ()

    @cached_property
    def key(self) -> str:
        """Names the bytes it will make: a hash of data, attachments, sources, fonts and Typst's version."""
        digest = hashlib.sha256(_edition().encode())
        digest.update(json.dumps([self.source, self.data, self.on.isoformat()], sort_keys=True).encode())
        for file in self.attachments:
            digest.update(
                json.dumps([file.name, file.media_type, file.description, file.relation, len(file.content)]).encode()
            )
            digest.update(file.content)
        return digest.hexdigest()

    def make(self) -> bytes:
        """Set it. A few milliseconds when warm; the first one of a thread reads the fonts."""
        try:
            return self._set(lambda text: glyphs.drawable(text))
        except typst.TypstError as error:
            log.warning("document set again with our own fonts only: %s", error)
        try:
            return self._set(lambda text: glyphs.drawable(text, machine=False))
        except typst.TypstError as error:
            log.warning("document set again in plain letters: %s", error)
        return self._set(lambda text: replace(glyphs.drawable(LATIN.sub(glyphs.INSTEAD, text)), families=()))

    def _set(self, drawable: Callable[[str], glyphs.Drawable]) -> bytes:
        families: dict[str, None] = {}
        right_to_left = bool(self.data["rtl"])

        def cleaned(value: Any) -> Any:
            if isinstance(value, str):
                ready = drawable(value)
                families.update(dict.fromkeys(ready.families))
                return glyphs.isolated(ready.text, right_to_left)
            if isinstance(value, dict):
                return {key: item if key in SETTINGS else cleaned(item) for key, item in value.items()}
            if isinstance(value, list | tuple):
                return [cleaned(item) for item in value]
            return value

        data = cleaned(self.data)
        data["about"] = {name: UNWRITABLE.sub(" ", text) for name, text in self.data["about"].items()}
        data["families"] = list(families)
        data["attachments"] = [
            [
                file.name,
                _transportable(file.content),
                file.media_type,
                UNWRITABLE.sub(" ", file.description),
                file.relation,
            ]
            for file in self.attachments
        ]
        compiler = _compiler(bool(families))
        made = b""
        for single in (True, False) if _lines(data) <= ONE_PAGE else (False,):
            set_once = compiler.compile(
                input=str(HERE / self.source),
                format="pdf",
                sys_inputs={"d": json.dumps(data | {"single": single}, ensure_ascii=False)},
                pdf_standards=STANDARDS,
                timestamp=datetime(self.on.year, self.on.month, self.on.day, 12, tzinfo=UTC),
            )
            assert isinstance(set_once, bytes)
            made = set_once
            if single and (pages := PAGES.search(made)) and pages[1] == b"1":
                break
        return _packed(made)


def _lines(value: Any) -> int:
    """About how many lines of type it makes: one for everything in a list. A guess; only speed depends on it."""
    if isinstance(value, dict):
        return sum(_lines(part) for part in value.values())
    return sum(1 + _lines(part) for part in value) if isinstance(value, list) else 0


def _packed(made: bytes) -> bytes:
    """The same document with its small objects compressed: 3 ms for two fifths of the size."""
    packed = io.BytesIO()
    with pikepdf.open(io.BytesIO(made)) as document:
        document.save(
            packed,
            object_stream_mode=pikepdf.ObjectStreamMode.generate,
            deterministic_id=True,
            fix_metadata_version=False,
        )
    return packed.getvalue()


def _transportable(content: bytes) -> str | list[int]:
    """Text stays text, byte for byte (Typst writes it as UTF-8 again); anything else goes as a list of numbers."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return list(content)


_mine = threading.local()


def _compiler(with_machine_fonts: bool) -> typst.Compiler:
    """One compiler per thread and set of fonts: Typst's answers "Already borrowed" to a second thread."""
    name = "machine" if with_machine_fonts else "shipped"
    compiler: typst.Compiler | None = getattr(_mine, name, None)
    if compiler is None:
        compiler = typst.Compiler(
            root=str(HERE), font_paths=_fonts(with_machine_fonts), ignore_system_fonts=not with_machine_fonts
        )
        setattr(_mine, name, compiler)
    return compiler


@lru_cache(maxsize=2)
def _fonts(with_machine_fonts: bool) -> typst.Fonts:
    return typst.Fonts(include_system_fonts=with_machine_fonts, include_embedded_fonts=False, font_paths=[glyphs.FONTS])


@lru_cache(maxsize=1)
def _edition() -> str:
    """Changes whenever the same data would give other bytes."""
    digest = hashlib.sha256(version("typst").encode())
    for path in sorted([*HERE.glob("*.typ"), *HERE.glob("*.py"), *glyphs.FONTS.glob("*.ttf")]):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
