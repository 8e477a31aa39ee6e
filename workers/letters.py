"""Jobs of the outbox: take a letter, have it written, hand it over, write down what became of it."""

from __future__ import annotations

from billing import dates, letters, originals, writing
from documents import pdf
from mail import transport
from mail.letters import gettext, write
from models import Letter
from records import LetterView, PaperView
from workers.queue import job

MOST_ATTACHED = 200_000  # bytes; what is larger waits behind the letter's link


@job
def send(letter_id: int) -> None:
    if (letter := letters.take(letter_id, now=dates.now())) is None:
        return
    if (view := writing.material(letter, now=dates.now())) is None:
        letters.drop(letter, now=dates.now())
        return
    message = write(view, _papers(letter, view))
    delivery = transport.deliver(
        message, kind=letter.kind, hand_over=lambda: letters.hand_over(letter, now=dates.now())
    )
    letters.ended(letter, delivery, now=dates.now())


def _papers(letter: Letter, view: LetterView) -> list[PaperView]:
    """The PDF that goes with it: the invoice as it came, or as we print it; the receipt."""
    words = gettext(view.language)
    if letter.kind == "receipt" and view.payment is not None:
        made = pdf.receipt_pdf(view.payment, view.merchant, language=view.language, words=words)
        found = PaperView(f"{view.payment.reference}.pdf", writing.PDF, made)
    elif letter.kind == "invoice_issued" and view.invoice is not None:
        if writing.is_pdf_original(letter):
            original = writing.original(letter, most=MOST_ATTACHED)
            return [original] if original else []
        assert view.today is not None
        made = pdf.invoice_pdf(
            view.invoice,
            view.merchant,
            pay_url=view.url,
            language=view.language,
            attachments=originals.e_invoices(letter.invoice),
            words=words,
            today=view.today,
        )
        found = PaperView(f"{view.invoice.address}.pdf", writing.PDF, made)
    else:
        return []
    return [found] if len(found.content) <= MOST_ATTACHED else []
