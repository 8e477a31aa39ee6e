from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from documents import pdf
from money import Money
from records import AdjustmentView, InvoicePaymentView, LineView, PartyView, TaxView
from tests.documents.papers import HARTWELL, PAY_URL, TODAY, invoice, payment, printed, words
from tests.documents.reading import read

CII = b"<?xml version='1.0'?>\r\n<rsm:CrossIndustryInvoice xmlns:rsm='x'>\xc3\xa4</rsm:CrossIndustryInvoice>"


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


# --- What stands on it ------------------------------------------------------------------------------------------------


def test_an_invoice_says_who_whom_what_and_how_much() -> None:
    paper = printed()
    for said in (
        *("Invoice 2026-0142", "Hartwell Garden Services", "Acme Holdings Ltd", "2 Foundry Road", "PO-7781"),
        *("To pay by 3 November 2026", "€1,240.00", "Hedge cutting", "6 h", "150.00", "900.00", "20 %"),
        *("VAT 20 %", "206.67", "14 days net.", "GB82 WEST 1234 5698 7654 32", "VAT number GB123456789"),
        *("01234 567890", "Thank you for your order.", "Page 1 of 1"),
    ):
        assert paper.says(said), said
    assert len(paper.pages) == 1


def test_a_copy_says_so_and_what_we_issue_does_not() -> None:
    assert printed().says("Copy")
    assert printed().title == "Invoice 2026-0142 (copy)"
    issued = printed(invoice(is_copy=False))
    assert not issued.says("Copy")
    assert issued.title == "Invoice 2026-0142"


def test_the_pay_link_leads_where_it_should() -> None:
    paper = printed()
    assert paper.links == (PAY_URL,)
    assert paper.says(f"Pay online: {PAY_URL}")


@pytest.mark.parametrize(
    "shown",
    [
        invoice(open=eur(0), free=eur(0), settled_on=date(2026, 10, 30)),
        invoice(status="void"),
        invoice(kind="credit_note", open=eur(0), free=eur(0)),
    ],
)
def test_nothing_to_pay_has_no_pay_link(shown: pdf.InvoiceView) -> None:
    assert printed(shown).links == ()


def test_no_address_to_pay_at_means_no_link() -> None:
    assert printed(pay_url=None).links == ()


def test_a_credit_note_is_called_one() -> None:
    paper = printed(invoice(kind="credit_note", open=eur(0), free=eur(0)))
    assert paper.says("Credit note 2026-0142")
    assert paper.says("In your favour")
    assert not paper.says("To pay")


def test_a_rehearsal_says_that_no_money_moves() -> None:
    assert printed(merchant=replace(HARTWELL, rehearsal=True)).says("Rehearsal: no money moves")
    assert not printed().says("Rehearsal")


def test_a_paid_invoice_says_when() -> None:
    assert printed(invoice(open=eur(0), free=eur(0), settled_on=date(2026, 10, 30))).says("Paid on 30 October 2026")


def test_a_late_invoice_does_not_pretend_it_can_still_be_on_time() -> None:
    assert printed(today=date(2026, 11, 4)).says("Was to be paid by 3 November 2026")
    assert printed(today=date(2026, 11, 3)).says("To pay by 3 November 2026")


def test_from_the_lines_to_the_amount_due_nothing_is_left_out() -> None:
    paper = printed(
        invoice(
            adjustments=(AdjustmentView("Bulk", False, eur(1000), "10.00"), AdjustmentView("", True, eur(500))),
            prepaid=eur(20000),
            rounding=eur(1),
            payable=eur(104001),
            open=eur(54001),
            free=eur(34001),
            taxes=(
                TaxView("S", "19.00", eur(90000), eur(17100)),
                TaxView("AE", "0", eur(10000), eur(0), "Reverse charge, article 196"),
            ),
            tax_in=Money(17800, "GBP"),
            third_party=(("Deposit", eur(100)),),
            payments=(InvoicePaymentView("payment", date(2026, 10, 25), eur(50000), "P-7K3M-92"),),
            delivery=PartyView("Acme North", ("7 Mill Lane",)),
        )
    )
    for said in (
        *("Sum of lines 1,033.33", "Bulk, 10 % −10.00", "Charge 5.00", "Total without VAT", "Already paid −200.00"),
        *("VAT 19 % on 900.00 171.00", "VAT, reverse charge on 100.00", "VAT in GBP 178.00", "Rounding 0.01"),
        *("Deposit 1.00", "Amount due EUR 1,040.01", "Payment P-7K3M-92, 25 October 2026 −500.00", "7 Mill Lane"),
        *("Still to pay EUR 540.01", "of it on its way 200.00", "Reverse charge, article 196"),
    ):
        assert paper.says(said), said


def test_german_writes_dates_amounts_and_figures_its_own_way() -> None:
    paper = printed(language="de")
    for said in ("1.240,00 €", "3. November 2026", "150,00", "1.033,33"):
        assert paper.says(said), said
    assert paper.language == "de-DE" or paper.language == "de"


def test_words_come_from_the_catalogue() -> None:
    made = pdf.invoice_pdf(
        invoice(),
        HARTWELL,
        pay_url=PAY_URL,
        language="de",
        words=lambda text: {"Invoice %(number)s": "Rechnung %(number)s", "Copy": "Kopie"}.get(text, text),
        today=TODAY,
    )
    assert read(made).says("Rechnung 2026-0142")
    assert read(made).says("Kopie")


def test_a_cash_discount_in_code_becomes_a_sentence() -> None:
    paper = printed(invoice(terms="#SKONTO#TAGE=14#PROZENT=2.00#\nElse 30 days net."))
    assert paper.says("2 % off if paid within 14 days")
    assert "#" not in paper.text


def test_sixty_lines_repeat_their_header_and_count_their_pages() -> None:
    lines = tuple(LineView(str(i), f"Position {i}", eur(1000 + i), price="10") for i in range(1, 61))
    paper = printed(invoice(lines=lines))
    assert len(paper.pages) > 1
    carrying = [page for page in paper.pages if "Position" in page]
    assert all("Description" in page for page in carrying)
    assert all(f"Page{n}of{len(paper.pages)}" in page for n, page in enumerate(paper.pages, start=1))
    assert "Position60" in paper.text


def test_text_of_strangers_stays_text() -> None:
    nasty = '#panic("x") $x$ *bold* <b> \\ @ref `raw` // gone? "quoted" = heading'
    assert printed(invoice(notes=(nasty,))).says(nasty)


@pytest.mark.parametrize(("currency", "said"), [("JPY", "¥124,000"), ("KWD", "124.000"), ("UYW", "12.4000")])
def test_every_currency_has_its_own_decimals(currency: str, said: str) -> None:
    assert printed(invoice(currency=currency)).says(said)


# --- Receipts ---------------------------------------------------------------------------------------------------------


def test_a_receipt_fits_one_page_and_says_what_was_paid() -> None:
    refunds = (InvoicePaymentView("refund", date(2026, 11, 25), eur(5000), "R-1"),)
    paper = read(pdf.receipt_pdf(payment(), HARTWELL, language="en", words=words, refunds=refunds))
    for said in (
        *("Receipt P-7K3M-92", "Paid. Thank you.", "€1,500.00", "22 November 2026", "Visa ending 4242", "Ada Okafor"),
        *("Invoice 2026-0142 1,240.00", "Invoice 2026-0143 200.00", "Kept as credit 60.00", "Refund R-1", "1,450.00"),
    ):
        assert paper.says(said), said
    assert len(paper.pages) == 1
    assert paper.title == "Receipt P-7K3M-92"


def test_money_that_has_not_arrived_has_no_receipt() -> None:
    with pytest.raises(ValueError, match="not arrived"):
        pdf.receipt_pdf(payment(captured=eur(0)), HARTWELL, language="en", words=words)


# --- Archival and accessible ------------------------------------------------------------------------------------------


def test_it_is_tagged_archival_and_says_so() -> None:
    paper = printed(language="en-GB")
    assert {"/H1", "/H2", "/Table", "/TH", "/TD", "/Link", "/P"} <= paper.tags
    assert paper.language == "en-GB"
    assert "<pdfaid:part>3</pdfaid:part>" in paper.xmp
    assert "<pdfaid:conformance>A</pdfaid:conformance>" in paper.xmp
    assert "<pdfuaid:part>1</pdfuaid:part>" in paper.xmp
    assert "Invoice 2026-0142 (copy)" in paper.xmp


def test_only_our_fonts_are_used_for_usual_text() -> None:
    names = {name.split("+")[-1].removesuffix("-Identity-H") for name in printed().fonts}
    assert names <= {"NotoSans-Regular", "NotoSans-Bold", "NotoSerif-Bold"}


def test_the_original_travels_inside_unchanged() -> None:
    picture = bytes(range(256))
    paper = printed(
        files=(
            ("xrechnung.xml", "text/xml", CII, "The invoice as data"),
            ("photo of hedge.png", "image/png", picture, ""),
            ("photo-of-hedge.png", "not a type", b"", "Again"),
        )
    )
    assert paper.files["xrechnung.xml"] == (CII, "/Alternative", "The invoice as data")
    assert paper.files["photo-of-hedge.png"] == (picture, "/Supplement", "photo of hedge.png")
    assert paper.files["3-photo-of-hedge.png"] == (b"", "/Supplement", "Again")


def test_the_same_invoice_gives_the_same_bytes() -> None:
    def made(today: date) -> bytes:
        return pdf.invoice_pdf(invoice(), HARTWELL, pay_url=PAY_URL, language="en", words=words, today=today)

    assert made(TODAY) == made(TODAY)
    assert made(TODAY) == made(date(2026, 10, 23))


def test_threads_print_at_the_same_time() -> None:
    with ThreadPoolExecutor(4) as threads:
        papers = list(threads.map(lambda n: printed(invoice(number=f"N-{n}")), range(8)))
    assert [paper.title for paper in papers] == [f"Invoice N-{n} (copy)" for n in range(8)]


def test_an_invoice_with_its_e_invoice_inside_stays_small() -> None:
    line = b"<ram:IncludedSupplyChainTradeLineItem><ram:Name>%d</ram:Name></ram:IncludedSupplyChainTradeLineItem>\n"
    original = CII + b"".join(line % i for i in range(150))
    made = pdf.invoice_pdf(
        invoice(),
        HARTWELL,
        pay_url=PAY_URL,
        language="en",
        attachments=(("xrechnung.xml", "text/xml", original, "The invoice as data"),),
        words=words,
        today=TODAY,
    )
    assert len(made) <= 45_000  # the stretch budget; 60 KB is the limit


@pytest.mark.parametrize("accent", ["#ffcc00", "#ffffff", "#1d4e80", "red; evil", ""])
def test_the_merchants_colour_is_readable_on_paper(accent: str) -> None:
    colour = pdf.readable_accent(accent)
    parts = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    assert 1.05 / (pdf._luminance(parts) + 0.05) >= pdf.INK_ON_PAPER
    assert printed(merchant=replace(HARTWELL, accent=accent)).says("Invoice 2026-0142")


# --- Awkward input never fails ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["ar", "he", "ja", "fa", "el", "ru", "pt-BR", "zh-Hant"])
def test_any_language_prints(language: str) -> None:
    assert printed(language=language).says("2026-0142")


def test_right_to_left_text_stands_in_either_direction() -> None:
    buyer = PartyView("شركة المثال", ("שדרות רוטשילד 1", "PO Box 7 (Haifa)."))
    for language in ("en", "ar"):
        paper = printed(invoice(buyer=buyer), language=language)
        assert "NotoSansArabic-Regular" in " ".join(paper.fonts)
        assert paper.says("PO Box 7 (Haifa).")


def test_very_long_words_break_and_lose_nothing() -> None:
    long = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 3
    lines = (LineView("1" * 30, long, eur(10**14), quantity="123456789.123456", unit="Kubikmeter", price="1" * 20),)
    paper = printed(invoice(number="9" * 60, buyer=PartyView(long, (long,)), lines=lines, po_number="X" * 200))
    assert paper.text.count("bauunterbeamtengesellschaft") >= 6
    assert "X" * 200 in paper.text


def test_an_invoice_of_nothing_prints() -> None:
    bare = replace(invoice(), lines=(), taxes=(), notes=(), terms="", means=(), buyer=PartyView(""), number="")
    assert printed(bare).says("Invoice")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=st.text(max_size=60))
def test_no_text_makes_it_fail(text: str) -> None:
    shown = invoice(
        number=text or "1",
        buyer=PartyView(text, (text, text)),
        lines=(LineView(text, text, eur(-1), text, text, text, text, text, text),),
        notes=(text,),
        terms=text,
        po_number=text,
        references=((text, text),),
    )
    assert len(printed(shown, files=((text, text, text.encode("utf-8", "replace"), text),)).pages) >= 1
