"""Factur-X, ZUGFeRD and XRechnung PDFs: the e-invoice that a PDF/A-3 carries inside."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator

import pikepdf

from accounting import e_invoice
from accounting.contract import Document, Refused
from accounting.xml import LARGEST

# Factur-X 1.0, ZUGFeRD 2.0 and 1.0, XRechnung: the names their specifications give the embedded file.
NAMES = ("factur-x.xml", "xrechnung.xml", "zugferd-invoice.xml")


def read(content: bytes, *, currency: str | None = None) -> Iterator[Document]:
    """The document inside a PDF; it names its currency itself. Raises Refused."""
    return e_invoice.read(embedded(content), currency=currency)


def embedded(content: bytes) -> bytes:
    """The XML inside a PDF. Raises Refused: pdf_unreadable, pdf_encrypted, pdf_without_xml, too_large."""
    try:
        with pikepdf.open(io.BytesIO(content)) as pdf:
            files = {name: spec for name, spec in pdf.attachments.items() if name.lower().endswith(".xml")}
            known = sorted(
                (name for name in files if name.lower() in NAMES), key=lambda name: NAMES.index(name.lower())
            )
            if not known and len(files) != 1:
                raise Refused("pdf_without_xml")
            return _bytes(files[known[0] if known else next(iter(files))])
    except pikepdf.PasswordError:
        raise Refused("pdf_encrypted") from None
    except Refused:
        raise
    except (pikepdf.PdfError, pikepdf.ForeignObjectError, zlib.error):
        raise Refused("pdf_unreadable") from None
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError, OverflowError):
        raise Refused("pdf_unreadable") from None  # a damaged structure shows as whichever of these pikepdf meets first


def _bytes(spec: pikepdf.AttachedFileSpec) -> bytes:
    """The file's content, unpacked no further than the limit: a small stream can hold gigabytes."""
    stream = spec.get_file().obj
    filters = stream.get("/Filter")
    names = [] if filters is None else [filters] if isinstance(filters, pikepdf.Name) else list(filters)
    raw = stream.read_raw_bytes()
    if not names:
        return bytes(raw)
    if names != [pikepdf.Name.FlateDecode] or "/DecodeParms" in stream:
        raise Refused("pdf_unreadable")
    found = zlib.decompressobj().decompress(raw, LARGEST + 1)
    if len(found) > LARGEST:
        raise Refused("too_large", limit=LARGEST // 1024 // 1024)
    return found
