"""Reading a PDF back as its readers do: text by ToUnicode, tags, links, files, and what it says about itself."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Any

import pikepdf


@dataclass(frozen=True)
class Read:
    """What stands in a PDF. `text` has no spaces or invisible breaks: they are not reliable in a PDF."""

    pages: tuple[str, ...]
    title: str
    language: str
    tags: frozenset[str]
    links: tuple[str, ...]
    files: dict[str, tuple[bytes, str, str]]  # content, relationship, description
    xmp: str
    fonts: frozenset[str]

    @property
    def text(self) -> str:
        return "".join(self.pages)

    def says(self, words: str) -> bool:
        return squeezed(words) in self.text


def squeezed(text: str) -> str:
    return re.sub(r"[\s\u200b-\u200f\u2060-\u2069]+", "", text)


def read(content: bytes) -> Read:
    with pikepdf.open(io.BytesIO(content)) as pdf:
        links = [
            str(note.A.URI)
            for page in pdf.pages
            for note in page.get("/Annots", [])
            if note.Subtype == "/Link" and "/A" in note
        ]
        files = {
            name: (spec.get_file().read_bytes(), str(spec.obj.AFRelationship), spec.description)
            for name, spec in pdf.attachments.items()
        }
        fonts = {str(font.BaseFont) for page in pdf.pages for font in page.Resources.get("/Font", {}).values()}
        return Read(
            pages=tuple(squeezed(_text(page)) for page in pdf.pages),
            title=str(pdf.docinfo.get("/Title", "")),
            language=str(pdf.Root.Lang),
            tags=frozenset(str(item.S) for item in pdf.objects if _is_tag(item)),
            links=tuple(dict.fromkeys(links)),
            files=files,
            xmp=pdf.Root.Metadata.read_bytes().decode(),
            fonts=frozenset(fonts),
        )


def _is_tag(item: Any) -> bool:
    return isinstance(item, pikepdf.Dictionary) and "/S" in item and "/P" in item and item.get("/Type") == "/StructElem"


def _text(page: pikepdf.Page) -> str:
    maps = {name: _characters(font) for name, font in page.Resources.get("/Font", {}).items()}
    current: dict[int, str] = {}
    found: list[str] = []
    for step in pikepdf.parse_content_stream(page):
        operands, operator = step.operands, step.operator
        if str(operator) == "Tf":
            current = maps[str(operands[0])]
        elif str(operator) in ("Tj", "TJ"):
            parts = operands[0] if str(operator) == "TJ" else [operands[0]]
            for part in parts:
                if isinstance(part, pikepdf.String):
                    codes = bytes(part)
                    found += [current.get(codes[i] << 8 | codes[i + 1], "") for i in range(0, len(codes), 2)]
    return "".join(found)


def _characters(font: Any) -> dict[int, str]:
    """Glyph codes to text, from the ToUnicode map."""
    cmap = font.ToUnicode.read_bytes().decode("latin-1")
    found: dict[int, str] = {}
    for block in re.findall(r"beginbfchar(.*?)endbfchar", cmap, re.S):
        for code, text in re.findall(r"<(\w+)>\s*<(\w+)>", block):
            found[int(code, 16)] = bytes.fromhex(text).decode("utf-16-be")
    for block in re.findall(r"beginbfrange(.*?)endbfrange", cmap, re.S):
        for first, last, text in re.findall(r"<(\w+)>\s*<(\w+)>\s*<(\w+)>", block):
            for code in range(int(first, 16), int(last, 16) + 1):
                found[code] = chr(int(text, 16) + code - int(first, 16))
    return found
