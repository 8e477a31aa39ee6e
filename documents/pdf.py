"""Invoices, credit notes and receipts as PDFs: what stands on them, in which words. How they look: the .typ files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

from babel import Locale
from babel.dates import format_date
from babel.numbers import get_decimal_symbol, get_group_symbol

import money
from documents import glyphs
from documents.sheet import Attachment, Sheet
from money import Money
from records import (
    AdjustmentView,
    InvoicePaymentView,
    InvoiceView,
    LineView,
    MerchantView,
    MethodView,
    PartyView,
    PaymentView,
)

Words = Callable[[str], str]
File = tuple[str, str, bytes, str]  # name, media type, content, description
Row = dict[str, str]

NARROW = {
    "number": 8,
    "quantity": 16,
    "price": 14,
    "tax": 8,
}  # longer ones get a fixed width and break, or no room is left for words
INK_ON_PAPER = 4.5  # WCAG 2.2 contrast of text
COLOUR = re.compile("#[0-9a-fA-F]{6}")
SENDER_LINE = 74  # characters that fit on the one line above the address
PLAIN_ACCENT = "#1d4e80"
E_INVOICE = re.compile(rb"<(?:\w+:)?(?:CrossIndustryInvoice|Invoice|CreditNote)[\s>]")
SKONTO = re.compile(
    r"#SKONTO#TAGE=(\d+)#PROZENT=(\d+(?:\.\d+)?)#(?:BASISBETRAG=(\d+(?:\.\d+)?)#)?"
)  # XRechnung, BR-DE-18
SUBJECT_CODE = re.compile(r"^#[A-Z]{3}#")  # UNTDID 4451 before a note, as BT-21 is written in one field

missing = glyphs.missing


def invoice_pdf(
    invoice: InvoiceView,
    merchant: MerchantView,
    *,
    pay_url: str | None,
    language: str,
    attachments: Sequence[File] = (),
    words: Words,
    today: date,
) -> bytes:
    """The invoice or credit note as PDF/A-3a and PDF/UA-1. `pay_url` is absolute; None: no paying online."""
    return invoice_sheet(
        invoice, merchant, pay_url=pay_url, language=language, attachments=attachments, words=words, today=today
    ).make()


def receipt_pdf(
    payment: PaymentView,
    merchant: MerchantView,
    *,
    language: str,
    words: Words,
    addressee: PartyView | None = None,
    refunds: Sequence[InvoicePaymentView] = (),
) -> bytes:
    """The receipt of a payment that arrived. ValueError for one that has not: a receipt says money moved."""
    return receipt_sheet(payment, merchant, language=language, words=words, addressee=addressee, refunds=refunds).make()


def invoice_sheet(
    invoice: InvoiceView,
    merchant: MerchantView,
    *,
    pay_url: str | None,
    language: str,
    attachments: Sequence[File] = (),
    words: Words,
    today: date,
) -> Sheet:
    """The same, not yet set; its `key` finds it in the cache."""
    _ = words
    pen = _Pen(language, invoice.currency)
    seller = invoice.seller if invoice.seller.name else _as_party(merchant)
    named = _("Credit note %(number)s") if invoice.kind == "credit_note" else _("Invoice %(number)s")
    heading = named % {"number": invoice.number}
    can_pay = pay_url is not None and invoice.open.minor > 0 and invoice.status == "open"
    data: dict[str, Any] = {
        **_paper(merchant, seller, language, words),
        **_title(_("%(heading)s (copy)") % {"heading": heading} if invoice.is_copy else heading, seller, words),
        "date": [invoice.issued_on.year, invoice.issued_on.month, invoice.issued_on.day],
        "addressee": _address(invoice.buyer),
        "facts": _facts(invoice, pen, words),
        "heading": heading,
        "mark": _("Copy") if invoice.is_copy else "",
        "hints": _hints(invoice, merchant, words),
        "lead": _lead(invoice, pen, words, today),
        "pay": {"text": _("Pay online:"), "url": pay_url, "shown": pay_url} if can_pay else None,
        **_table(invoice, pen, words),
        "totals": _totals(invoice, pen, words),
        "payments": _payments(invoice, pen, words),
        "sections": _sections(invoice, pen, words),
        "words": {"payments": _("Payments so far")},
    }
    return Sheet("invoice.typ", data, invoice.issued_on, _attached(attachments))


def receipt_sheet(
    payment: PaymentView,
    merchant: MerchantView,
    *,
    language: str,
    words: Words,
    addressee: PartyView | None = None,
    refunds: Sequence[InvoicePaymentView] = (),
) -> Sheet:
    """The same, not yet set."""
    if payment.captured.minor <= 0:
        raise ValueError(f"{payment.reference} has not arrived; there is nothing to receipt")
    _ = words
    pen = _Pen(language, payment.amount.currency)
    on = payment.paid_on or payment.created_on
    heading = _("Receipt %(reference)s") % {"reference": payment.reference}
    party = addressee or PartyView(payment.customer or payment.payer)
    pairs = [
        (_("Paid on"), pen.day(on)),
        (_("Reference"), payment.reference),
        (_("Paid with"), method_name(payment.method, words)),
        (_("Paid by"), payment.payer),
    ]
    rows = [
        (_("Invoice %(number)s") % {"number": part.number}, pen.number(part.amount)) for part in payment.allocations
    ]
    if payment.credited:
        rows.append((_("Kept as credit"), pen.number(payment.credited)))
    given_back: list[Row] = []
    if refunds:
        kept = payment.captured + money.add((_towards(refund.amount) for refund in refunds), payment.captured.currency)
        given_back = [_row("line", _payment_label(r, pen, words), pen, _towards(r.amount)) for r in refunds]
        given_back.append(_row("total", _("Paid in the end"), pen, kept))
    data: dict[str, Any] = {
        **_paper(merchant, _as_party(merchant), language, words),
        **_title(heading, _as_party(merchant), words),
        "date": [on.year, on.month, on.day],
        "addressee": _address(party),
        "facts": [(_("Receipt"), payment.reference), (_("Date"), pen.day(on))],
        "heading": heading,
        "mark": "",
        "hints": [_("Rehearsal: no money moves")] if merchant.rehearsal else [],
        "lead": {"text": _("Paid. Thank you."), "amount": pen.amount(payment.captured)},
        "pay": None,
        "pairs": [pair for pair in pairs if pair[1]],
        "header": [_("Paid for"), _("Amount (%(currency)s)") % {"currency": payment.amount.currency}],
        "rows": rows,
        "totals": [_row("total", _("Paid"), pen, payment.captured)],
        "refunds": given_back,
        "words": {"invoices": _("What it paid"), "refunds": _("Given back later")},
    }
    return Sheet("receipt.typ", data, on)


def method_name(method: MethodView | None, words: Words) -> str:
    """ "Visa ending 4242"; empty where the method is not known."""
    _ = words
    if method is None:
        return ""
    brand = method.brand or (_("Card") if method.kind == "card" else _("Bank account"))
    return _("%(brand)s ending %(last4)s") % {"brand": brand, "last4": method.last4} if method.last4 else brand


class _Pen:
    """Writes amounts, dates and figures in one language; a document has one currency but for a few rows."""

    def __init__(self, language: str, currency: str) -> None:
        self.language = language
        self.currency = currency
        self.locale = Locale.parse(language.replace("-", "_"))

    def amount(self, amount: Money) -> str:
        return _with_minus(money.format(amount, self.language))

    def number(self, amount: Money) -> str:
        return _with_minus(money.format_number(amount, self.language))

    def day(self, day: date) -> str:
        """With the month in letters; plain English puts the day first, as the portal does."""
        return format_date(day, "d MMMM y" if str(self.locale) == "en" else "long", locale=self.locale)

    def figure(self, text: str) -> str:
        """A document's own decimal ("1500.5", "19") in the language's signs; anything else stays as it was written."""
        found = re.fullmatch(r"(-?)(\d{1,24})(?:\.(\d{1,24}))?", text.strip(), re.ASCII)
        if not found:
            return text
        sign, whole, rest = found.groups()
        whole = re.sub(r"(?<=\d)(?=(?:\d{3})+$)", lambda _found: get_group_symbol(self.locale), whole)
        return ("−" if sign else "") + whole + (get_decimal_symbol(self.locale) + rest if rest else "")

    def price(self, text: str, exponent: int) -> str:
        """A price: as many decimals as the document gives, at least the currency's."""
        found = re.fullmatch(r"(-?\d{1,24})(?:\.(\d{1,24}))?(.*)", text.strip(), re.ASCII | re.DOTALL)
        if not found:
            return text
        rest = (found[2] or "").rstrip("0").ljust(exponent, "0")
        return self.figure(found[1] + ("." + rest if rest else "")) + found[3]

    def period(self, period: tuple[date | None, date | None], words: Words) -> str:
        _ = words
        start, end = period
        if start and end:
            return _("%(start)s to %(end)s") % {"start": self.day(start), "end": self.day(end)}
        if start:
            return _("from %(start)s") % {"start": self.day(start)}
        return _("until %(end)s") % {"end": self.day(end)} if end else ""


def _with_minus(text: str) -> str:
    """The minus of book-keepers, as wide as a figure."""
    return text.replace("-", "−")


# --- The paper --------------------------------------------------------------------------------------------------------


def _paper(merchant: MerchantView, seller: PartyView, language: str, words: Words) -> dict[str, Any]:
    _ = words
    locale = Locale.parse(language.replace("-", "_"))
    contact = [merchant.phone, merchant.email, merchant.website]
    if seller.name != merchant.name:
        contact = [merchant.name, *contact]
    same = seller.name == merchant.name
    vat = seller.vat_number or (merchant.vat_number if same else "")
    registration = seller.registration_number or (merchant.registration_number if same else "")
    numbers = [
        (_("VAT number %(number)s") % {"number": vat}) if vat else "",
        (_("Registration number %(number)s") % {"number": registration}) if registration else "",
    ]
    lines = seller.lines or (merchant.address if same else ())
    columns = [[seller.name, *lines], contact, numbers]
    return {
        "lang": locale.language,
        "region": locale.territory,
        "rtl": locale.text_direction == "rtl",
        "accent": merchant.accent if COLOUR.fullmatch(merchant.accent) else PLAIN_ACCENT,
        "link": readable_accent(merchant.accent),
        "page": _("Page %(page)s of %(pages)s") % {"page": "{page}", "pages": "{pages}"},
        "sender": {"name": seller.name, "line": _sender_line([seller.name, *lines])},
        "foot": [kept for column in columns if (kept := _whole(column))],
    }


def _title(title: str, sender: PartyView, words: Words) -> dict[str, Any]:
    """What the head of later pages prints, and what the file says about itself."""
    _ = words
    description = _("%(title)s from %(name)s") % {"title": title, "name": sender.name}
    return {"title": title, "about": {"title": title, "description": description, "author": sender.name}}


def _sender_line(parts: Iterable[str]) -> str:
    """As many parts of the address as one line holds; the whole stands at the foot of the page."""
    line = ""
    for part in _whole(parts):
        longer = f"{line} · {part}" if line else part
        if line and len(longer) > SENDER_LINE:
            break
        line = longer
    return line


def readable_accent(accent: str) -> str:
    """The merchant's colour, darkened until it can be read on white paper; the plain one where it is not a colour."""
    if not COLOUR.fullmatch(accent):
        return PLAIN_ACCENT
    parts = [int(accent[i : i + 2], 16) for i in (1, 3, 5)]
    while 1.05 / (_luminance(parts) + 0.05) < INK_ON_PAPER:
        parts = [part * 9 // 10 for part in parts]
    return "#" + "".join(f"{part:02x}" for part in parts)


def _luminance(parts: Sequence[int]) -> float:
    """Relative luminance of sRGB (WCAG 2.2)."""
    linear = [part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _as_party(merchant: MerchantView) -> PartyView:
    return PartyView(
        merchant.name,
        merchant.address,
        merchant.vat_number,
        merchant.registration_number,
        phone=merchant.phone,
        email=merchant.email,
    )


def _address(party: PartyView) -> list[str]:
    return _whole([party.name, party.contact, *party.lines])


def _whole(texts: Iterable[str]) -> list[str]:
    return [text for text in texts if text.strip()]


def _attached(files: Sequence[File]) -> tuple[Attachment, ...]:
    """Names are made unique and plain; an e-invoice is the same invoice as data, everything else goes with it."""
    taken: set[str] = set()
    attached = []
    for place, (name, media_type, content, description) in enumerate(files, start=1):
        plain = re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip("-.") or f"file-{place}"
        if plain in taken:
            plain = f"{place}-{plain}"
        taken.add(plain)
        known = media_type if re.fullmatch(r"[\w.+-]+/[\w.+-]+", media_type, re.ASCII) else "application/octet-stream"
        is_e_invoice = "xml" in known and E_INVOICE.search(content[:20_000])
        relation = "alternative" if is_e_invoice else "supplement"
        attached.append(Attachment(plain, known, content, description or name, relation))
    return tuple(attached)


# --- The invoice ------------------------------------------------------------------------------------------------------


def _facts(invoice: InvoiceView, pen: _Pen, words: Words) -> list[tuple[str, str]]:
    _ = words
    facts = [(_("Number"), invoice.number), (_("Date"), pen.day(invoice.issued_on))]
    if invoice.kind != "credit_note" and invoice.status != "void":
        facts.append((_("To pay by"), _("on receipt") if invoice.due_on_receipt else pen.day(invoice.due_on)))
    facts += [(_("Your order"), invoice.po_number), (_("Your reference"), invoice.buyer_reference)]
    facts += [(_reference_name(code, words), text) for code, text in invoice.references]
    if invoice.period:
        facts.append((_("Period"), pen.period(invoice.period, words)))
    if invoice.delivered_on:
        facts.append((_("Delivered"), pen.day(invoice.delivered_on)))
    facts.append((_("Your VAT number"), invoice.buyer.vat_number))
    return [fact for fact in facts if fact[1]]


def _reference_name(code: str, words: Words) -> str:
    _ = words
    names = {
        "contract": _("Contract"),
        "project": _("Project"),
        "preceding invoice": _("Earlier invoice"),
        "article": _("Item number"),
        "buyer's article": _("Your item number"),
        "standard article": _("Standard item number"),
        "order line": _("Order line"),
        "object": _("Object"),
        "account": _("Your account code"),
        "origin": _("Country of origin"),
        "classification": _("Classification"),
    }
    return names.get(code.replace("_", " "), code.replace("_", " ").capitalize())


def _hints(invoice: InvoiceView, merchant: MerchantView, words: Words) -> list[str]:
    _ = words
    hints = []
    if merchant.rehearsal:
        hints.append(_("Rehearsal: no money moves"))
    if invoice.is_copy:
        hints.append(_("This is a copy. The original is the document you were sent."))
    if invoice.status == "void":
        hints.append(_("This invoice was cancelled. There is nothing to pay."))
    return hints


def _lead(invoice: InvoiceView, pen: _Pen, words: Words, today: date) -> dict[str, str]:
    """The one thing to know: how much, and until when."""
    _ = words
    if invoice.status == "void":
        return {"text": "", "amount": ""}
    if invoice.kind == "credit_note":
        return {"text": _("In your favour"), "amount": pen.amount(invoice.total)}
    if invoice.open.minor <= 0:
        if invoice.settled_on:
            return {
                "text": _("Paid on %(date)s. Nothing to pay.") % {"date": pen.day(invoice.settled_on)},
                "amount": "",
            }
        return {"text": _("Nothing to pay"), "amount": ""}
    by = {"date": pen.day(invoice.due_on)}
    if invoice.pays_itself:
        text = _("Taken automatically. You need do nothing.")
    elif invoice.due_on_receipt:
        text = _("To pay on receipt")
    elif invoice.due_on < today:
        text = _("Was to be paid by %(date)s") % by
    else:
        text = _("To pay by %(date)s") % by
    return {"text": text, "amount": pen.amount(invoice.open)}


def _table(invoice: InvoiceView, pen: _Pen, words: Words) -> dict[str, Any]:
    """The lines, without the columns that would be empty. The currency is named once, in the header."""
    _ = words
    exponent = money.EXPONENTS[invoice.currency]
    rows: list[dict[str, Any]] = [
        {
            "number": line.number,
            "text": line.name,
            "small": _small_print(line, pen, words),
            "level": min(line.level, 6),
            "quantity": " ".join(_whole([pen.figure(line.quantity), line.unit])),
            "price": pen.price(line.price, exponent),
            "tax": f"{pen.figure(_short(line.tax_rate))} %" if line.tax_rate else "",
            "net": pen.number(line.net),
        }
        for line in invoice.lines
    ]
    columns: list[dict[str, Any]] = [
        {"key": "number", "title": _("No.")},
        {"key": "text", "title": _("Description")},
        {"key": "quantity", "title": _("Quantity")},
        {"key": "price", "title": _("Price")},
        {"key": "tax", "title": _("VAT")},
        {"key": "net", "title": _("Amount (%(currency)s)") % {"currency": invoice.currency}},
    ]
    always = ("text", "net")
    kept = [c for c in columns if c["key"] in always or any(row[c["key"]] for row in rows)]
    for column in kept:
        key = column["key"]
        column["narrow"] = key in NARROW and any(len(row[key]) > NARROW[key] for row in rows)
        if column["narrow"]:
            for row in rows:
                row[key] = glyphs.breakable(row[key], NARROW[key])
    return {"columns": kept, "rows": rows}


def _small_print(line: LineView, pen: _Pen, words: Words) -> list[str]:
    _ = words
    small = [*line.description.splitlines(), *line.note.splitlines()]
    if line.period:
        small.append(pen.period(line.period, words))
    small += [f"{_reference_name(code, words)}: {text}" for code, text in line.references]
    small += [f"{_adjustment_name(a, pen, words)}: {pen.number(_signed(a))}" for a in line.adjustments]
    return _whole(small)


def _signed(adjustment: AdjustmentView) -> Money:
    return adjustment.amount if adjustment.is_charge else -adjustment.amount


def _adjustment_name(adjustment: AdjustmentView, pen: _Pen, words: Words) -> str:
    _ = words
    is_code = re.fullmatch(r"\d{1,3}|[A-Z]{2,3}", adjustment.text.strip())  # UNTDID 5189, 7161: not for people
    bare = _("Charge") if adjustment.is_charge else _("Discount")
    name = bare if is_code else adjustment.text or bare
    return f"{name}, {pen.figure(_short(adjustment.percent))} %" if adjustment.percent else name


def _short(figure: str) -> str:
    """Without zeros at the end: "19.00" is "19"."""
    return figure.rstrip("0").rstrip(".") if "." in figure else figure


def _row(kind: str, label: str, pen: _Pen, amount: Money) -> Row:
    return {
        "kind": kind,
        "label": label,
        "currency": amount.currency if kind == "total" else "",
        "amount": pen.number(amount),
    }


def _totals(invoice: InvoiceView, pen: _Pen, words: Words) -> list[Row]:
    """From the sum of lines to the amount due, in the order of EN 16931 (BT-106 to BT-115)."""
    _ = words
    rows: list[Row] = []
    if invoice.adjustments or invoice.line_total != invoice.net:
        rows.append(_row("line", _("Sum of lines"), pen, invoice.line_total))
    rows += [_row("line", _adjustment_name(a, pen, words), pen, _signed(a)) for a in invoice.adjustments]
    if not invoice.adjustments:
        if invoice.allowances:
            rows.append(_row("line", _("Discounts"), pen, -invoice.allowances))
        if invoice.charges:
            rows.append(_row("line", _("Charges"), pen, invoice.charges))
    if invoice.taxes or invoice.tax:
        rows.append(_row("line", _("Total without VAT"), pen, invoice.net))
    for tax in invoice.taxes:
        label = _tax_name(tax.category, tax.rate, pen, words)
        if len(invoice.taxes) > 1:
            label = _("%(tax)s on %(amount)s") % {"tax": label, "amount": pen.number(tax.basis)}
        rows.append(_row("line", label, pen, tax.amount))
    if invoice.tax and not invoice.taxes:
        rows.append(_row("line", _("VAT"), pen, invoice.tax))
    if invoice.tax_in:
        rows.append(_row("soft", _("VAT in %(currency)s") % {"currency": invoice.tax_in.currency}, pen, invoice.tax_in))
    total = _("Total credited") if invoice.kind == "credit_note" else _("Total")
    rows.append(_row("total", total, pen, invoice.total))
    if invoice.payable != invoice.total:
        if invoice.prepaid:
            rows.append(_row("line", _("Already paid"), pen, -invoice.prepaid))
        if invoice.rounding:
            rows.append(_row("line", _("Rounding"), pen, invoice.rounding))
        rows += [_row("line", text, pen, amount) for text, amount in invoice.third_party]
        due = _("Still in your favour") if invoice.kind == "credit_note" else _("Amount due")
        rows.append(_row("total", due, pen, invoice.payable))
    return rows


def _tax_name(category: str, rate: str, pen: _Pen, words: Words) -> str:
    """The VAT category in words (UNCL 5305 as EN 16931 uses it); with a rate the rate says enough."""
    _ = words
    names = {
        "AE": _("VAT, reverse charge"),
        "E": _("VAT, exempt"),
        "G": _("VAT, export outside the EU"),
        "K": _("VAT, supply within the EU"),
        "O": _("Not subject to VAT"),
        "L": _("IGIC %(rate)s %%"),
        "M": _("IPSI %(rate)s %%"),
    }
    return names.get(category, _("VAT %(rate)s %%")) % {"rate": pen.figure(_short(rate or "0"))}


def _towards(amount: Money) -> Money:
    return -amount


def _payments(invoice: InvoiceView, pen: _Pen, words: Words) -> list[Row]:
    """What has come in since; what was paid before is part of the totals already."""
    _ = words
    since = [payment for payment in invoice.payments if payment.code != "prepaid"]
    if not since:
        return []
    rows = [_row("line", _("Amount due"), pen, invoice.payable)]
    rows += [_row("line", _payment_label(payment, pen, words), pen, _towards(payment.amount)) for payment in since]
    rows.append(_row("total", _("Still to pay"), pen, invoice.open))
    if invoice.open.minor > invoice.free.minor and not invoice.pays_itself:
        rows.append(_row("soft", _("of it on its way"), pen, invoice.open - invoice.free))
    return rows


def _payment_label(payment: InvoicePaymentView, pen: _Pen, words: Words) -> str:
    _ = words
    names = {
        "payment": _("Payment"),
        "elsewhere": _("Settled elsewhere"),
        "credit": _("Credit"),
        "credit_note": _("Credit note"),
        "refund": _("Refund"),
    }
    name = names.get(payment.code, _("Payment"))
    return ", ".join(_whole([" ".join(_whole([name, payment.reference])), pen.day(payment.on)]))


def _sections(invoice: InvoiceView, pen: _Pen, words: Words) -> list[dict[str, Any]]:
    _ = words
    reasons = list(dict.fromkeys(tax.reason for tax in invoice.taxes if tax.reason.strip()))
    sections: list[dict[str, Any]] = []

    def add(kind: str, title: str, rows: Sequence[object]) -> None:
        if rows:
            sections.append({"kind": kind, "title": title, "rows": rows})

    add("text", _("Terms of payment"), _paragraphs([_terms_in_words(invoice.terms, pen, words)]))
    to_pay = invoice.status == "open" and invoice.open.minor > 0 and not invoice.pays_itself
    add("pairs", _("To pay by transfer") if to_pay else _("Bank details"), _means(invoice.means, words))
    add("text", _("About VAT"), _paragraphs(reasons))
    if invoice.delivery:
        add("text", _("Delivered to"), [_address(invoice.delivery)] if _address(invoice.delivery) else [])
    add("text", _("Notes"), _paragraphs(SUBJECT_CODE.sub("", note) for note in invoice.notes))
    return sections


def _paragraphs(texts: Iterable[str]) -> list[list[str]]:
    """Paragraphs of lines, as the author broke them."""
    return [_whole(part.splitlines()) for text in texts for part in re.split(r"\n\s*\n", text.strip()) if part.strip()]


def _terms_in_words(terms: str, pen: _Pen, words: Words) -> str:
    """XRechnung writes cash discounts in a code; people get a sentence."""
    _ = words

    def told(found: re.Match[str]) -> str:
        days, percent = found[1], pen.figure(_short(found[2]))
        return _("%(percent)s %% off if paid within %(days)s days") % {"percent": percent, "days": days}

    return SKONTO.sub(told, terms)


def _means(means: Sequence[tuple[str, str]], words: Words) -> list[tuple[str, str]]:
    _ = words
    names = {
        "iban": _("IBAN"),
        "bic": _("BIC"),
        "account_name": _("Account holder"),
        "reference": _("Reference"),
        "mandate": _("Permission to debit"),
        "card_last": _("Card ending"),
        "text": _("How to pay"),
    }
    rows: list[tuple[str, str]] = []
    for code, text in means:
        if text.strip() and code in names:
            bare = re.sub(r"\s", "", text)
            grouped = " ".join(bare[i : i + 4] for i in range(0, len(bare), 4)) if code == "iban" else text
            rows.append((names[code], grouped))
    return list(dict.fromkeys(rows))
