"""The files of an invoice with their bytes: as it came, and what was attached to it."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from peewee import ModelSelect

from billing import files
from models import Invoice, InvoiceFile, StoredFile

XML_SYNTAXES = ("ubl", "cii")

log = logging.getLogger("tillhouse.originals")


@dataclass(frozen=True)
class Original:
    name: str
    media_type: str
    content: bytes


def one(invoice: Invoice, id: int) -> Original | None:
    """A file of this very invoice, of any version, by its row's id; None where there is none or its bytes are lost."""
    row = _files(invoice).where(InvoiceFile.id == id).first()
    return _read(row) if row else None


def e_invoices(invoice: Invoice) -> list[tuple[str, str, bytes, str]]:
    """The e-invoices an imported invoice came as, unchanged, as a PDF carries them: name, type, bytes, description."""
    rows = _files(invoice).where(
        InvoiceFile.version == invoice.version,
        InvoiceFile.role == InvoiceFile.ORIGINAL,
        InvoiceFile.syntax.in_(XML_SYNTAXES),
    )
    found = [_read(row) for row in rows.order_by(InvoiceFile.id)]
    return [(kept.name, kept.media_type, kept.content, "") for kept in found if kept]


def _files(invoice: Invoice) -> ModelSelect:
    return InvoiceFile.select(InvoiceFile, StoredFile).join(StoredFile).where(InvoiceFile.invoice == invoice.id)


def _read(row: InvoiceFile) -> Original | None:
    try:
        return Original(row.name, row.file.media_type, files.read(row.file))
    except OSError as error:
        log.error("file-lost file=%s error=%s", row.id, type(error).__name__)
        return None
