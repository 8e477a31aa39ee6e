"""An e-invoice as XML, whichever of the two syntaxes it is written in."""

from __future__ import annotations

from collections.abc import Iterator

from accounting import cii, ubl, xml
from accounting.contract import Document, Refused


def read(content: bytes, *, currency: str | None = None) -> Iterator[Document]:
    """The one document of a file; it names its currency itself. Raises Refused."""
    root = xml.parse(content)
    if root.tag in ubl.ROOTS:
        yield ubl.read(root)
    elif root.tag == cii.ROOT:
        yield cii.read(root)
    else:
        raise Refused("unknown_format", root.sourceline, root=str(root.tag)[:120])
