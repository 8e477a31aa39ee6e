"""CSV as spreadsheets write it: one row an invoice, or one row a line of it. Columns: docs/accounting.md.

Two passes: the first judges how the whole file writes numbers and dates, the second reads the rows by that. What one
row leaves open (is "1.234" a thousand?) the others decide; what none decides is refused, never guessed.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import Any

from accounting.cells import Unclear, clean, day, day_first_of, folded, minor, number, point_of
from accounting.contract import Document, Kind, Line, Party, Refused, Tax
from accounting.sums import CREDIT_NOTES, INVOICES, check
from accounting.xml import plain, vat
from money import EXPONENTS, BadAmount, allocate, as_decimal

# What a column means, by the names it goes by: lower case, anything but letters and digits left out.
COLUMNS: dict[str, tuple[str, ...]] = {
    "number": ("number", "invoicenumber", "invoiceno", "invoice", "documentnumber", "rechnungsnummer", "belegnummer"),
    "kind": ("kind", "type", "invoicetype", "documenttype", "typecode", "art"),
    "issued_on": ("issuedon", "date", "invoicedate", "issuedate", "documentdate", "rechnungsdatum", "datum"),
    "due_on": ("dueon", "duedate", "paymentdue", "faelligam", "fälligam", "fälligkeit"),
    "currency": ("currency", "currencycode", "invoicecurrency", "waehrung", "währung"),
    "customer_id": ("customerid", "customernumber", "customerno", "clientid", "accountnumber", "kundennummer"),
    "customer_name": (
        "customername",
        "customer",
        "client",
        "clientname",
        "contactname",
        "company",
        "kunde",
        "kundenname",
    ),
    "customer_vat_number": ("customervatnumber", "vatnumber", "vatid", "taxid", "ustidnr", "ustid"),
    "customer_registration_number": ("customerregistrationnumber", "registrationnumber"),
    "customer_email": ("customeremail", "email", "emailaddress"),
    "customer_phone": ("customerphone", "phone"),
    "customer_address": (
        "customeraddress",
        "address",
        "street",
        "billingaddress",
        "poaddressline1",
        "strasse",
        "straße",
    ),
    "customer_address_2": ("customeraddress2", "address2", "street2", "poaddressline2"),
    "customer_postcode": ("customerpostcode", "postcode", "postalcode", "zip", "zipcode", "popostalcode", "plz"),
    "customer_city": ("customercity", "city", "town", "pocity", "ort"),
    "customer_region": ("customerregion", "region", "state", "poregion"),
    "customer_country": ("customercountry", "country", "countrycode", "pocountry", "land"),
    "seller_name": ("sellername", "seller"),
    "seller_vat_number": ("sellervatnumber",),
    "po_number": ("ponumber", "po", "purchaseorder", "ordernumber"),
    "contract_number": ("contractnumber", "contract"),
    "buyer_reference": ("buyerreference", "reference", "yourreference"),
    "project": ("project",),
    "terms": ("terms", "paymentterms"),
    "note": ("note", "notes", "memo"),
    "credits": ("credits", "creditsinvoice", "originalinvoice", "precedinginvoice"),
    "item": ("item", "itemname", "product", "description", "itemdescription", "bezeichnung"),
    "item_details": ("itemdetails", "details"),
    "article": ("article", "sku", "itemcode", "articlenumber", "inventoryitemcode", "artikelnummer"),
    "quantity": ("quantity", "qty", "menge"),
    "unit": ("unit", "uom", "einheit"),
    "price": ("price", "unitprice", "unitamount", "rate", "einzelpreis"),
    "line_net": ("linenet", "lineamount", "linetotal", "linenetamount"),
    "tax_rate": ("taxrate", "vatrate", "taxpercent", "vatpercent", "steuersatz"),
    "tax_category": ("taxcategory",),
    "line_tax": ("linetax", "linetaxamount", "taxamount"),
    "net": ("net", "nettotal", "subtotal", "netamount", "totalnet", "netto"),
    "tax": ("tax", "taxtotal", "vat", "totaltax", "vattotal", "mwst", "steuer"),
    "total": ("total", "grosstotal", "totalamount", "invoicetotal", "gross", "amount", "brutto", "gesamtbetrag"),
    "prepaid": ("prepaid", "paid", "amountpaid", "paidamount", "invoiceamountpaid"),
    "rounding": ("rounding",),
    "payable": ("payable", "due", "amountdue", "balance", "balancedue", "openbalance", "invoiceamountdue", "offen"),
}
NAMES = {alias: column for column, aliases in COLUMNS.items() for alias in aliases}
NEEDED = ("number", "issued_on", "customer_name")
AMOUNTS = ("line_net", "line_tax", "net", "tax", "total", "prepaid", "rounding", "payable")
FRACTIONS = ("quantity", "price", "tax_rate")
DATES = ("issued_on", "due_on")
OF_A_LINE = (
    *("item", "item_details", "article", "quantity", "unit"),
    *("price", "line_net", "tax_rate", "tax_category", "line_tax"),
)
CREDIT_WORDS = ("credit note", "credit memo", "creditnote", "credit", "gutschrift", "accreccredit")
INVOICE_WORDS = ("", "invoice", "bill", "rechnung", "accrec")
CORRECTION_WORDS = ("correction", "corrected invoice", "korrektur")


def read(content: bytes, *, currency: str | None = None) -> Iterator[Document | Refused]:
    """Every invoice of a CSV file, in the order in which they end; a Refused for each that cannot be.

    `currency`: for rows that name none. Raises Refused for what concerns the file as a whole: its encoding, its
    columns, mixed ways of writing numbers or dates.
    """
    text = _decoded(content)
    sheet = _Sheet.of(text, currency)
    sheet.judge()
    for rows in sheet.invoices():
        try:
            yield sheet.document(rows)
        except Refused as refused:
            values = {"number": sheet.number(rows[0]) or None, **refused.values}
            yield Refused(refused.code, refused.line or rows[0][0], **values)


def _decoded(content: bytes) -> str:
    """Text from the encodings that spreadsheets use. Raises Refused: not_text, empty."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    elif content[1:2] == b"\0":
        encodings = ["utf-16-le"]
    elif content[:1] == b"\0":
        encodings = ["utf-16-be"]
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        if not text.strip():
            raise Refused("empty")
        return text
    raise Refused("not_text")


Row = tuple[int, list[str]]  # the line where it starts, and its cells


@dataclass
class _Sheet:
    text: str
    skipped: int  # lines before the header
    delimiter: str
    columns: dict[str, int]
    width: int
    default_currency: str | None
    point: str = ""  # the decimal sign, once judged; "" if no cell tells
    day_first: bool | None = None  # of dates with slashes; None if no cell tells
    runs: dict[str, int] = field(default_factory=dict)  # numbers whose rows do not stand together: how many runs

    def __post_init__(self) -> None:
        self.of_invoice = [(column, at) for column, at in self.columns.items() if column not in OF_A_LINE]
        self.of_line = [(column, at) for column, at in self.columns.items() if column in OF_A_LINE]

    @classmethod
    def of(cls, text: str, currency: str | None) -> _Sheet:
        skipped, delimiters = 0, ";,\t|"
        if found := re.match(r"sep=(.)\r?\n", text, re.IGNORECASE):  # Excel's own hint
            skipped, delimiters = 1, found[1]
            text = text[found.end() :]
        best: tuple[int, str, list[str]] | None = None
        for delimiter in delimiters:
            try:
                header = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), [])
            except csv.Error:
                continue
            score = sum(folded(name) in NAMES for name in header)
            if best is None or score > best[0]:
                best = (score, delimiter, header)
        if best is None:
            raise Refused("bad_csv", 1 + skipped, why="the header has an open quote")
        columns: dict[str, int] = {}
        for at, name in enumerate(best[2]):
            if column := NAMES.get(folded(name)):
                if column in columns:
                    raise Refused("double_column", 1 + skipped, column=column)
                columns[column] = at
        for column in NEEDED:
            if column not in columns:
                raise Refused("missing_column", 1 + skipped, column=column)
        if not any(column in columns for column in ("total", "payable", "line_net", "price")):
            raise Refused("missing_column", 1 + skipped, column="total")
        if "currency" not in columns and currency is None:
            raise Refused("missing_column", 1 + skipped, column="currency")
        return cls(text, skipped, best[1], columns, len(best[2]), currency)

    def rows(self) -> Iterator[Row]:
        """The rows below the header that hold anything. Raises Refused("bad_csv")."""
        reader = csv.reader(io.StringIO(self.text, newline=""), delimiter=self.delimiter, strict=True)
        start = 0
        try:
            for cells in reader:
                if start and any(cells):
                    yield start + 1 + self.skipped, cells
                start = reader.line_num
        except csv.Error as error:
            raise Refused("bad_csv", start + 1 + self.skipped, why=str(error)[:80]) from None

    def number(self, row: Row) -> str:
        at = self.columns["number"]
        return clean(row[1][at]) if at < len(row[1]) else ""

    def judge(self) -> None:
        """How does the file write decimals and dates, and which invoices' rows stand apart?"""
        numbers = [self.columns[name] for name in (*AMOUNTS, *FRACTIONS) if name in self.columns]
        dates = [self.columns[name] for name in DATES if name in self.columns]
        points: dict[str, tuple[int, str]] = {}
        orders: dict[bool, tuple[int, str]] = {}
        runs: dict[str, int] = {}
        last = None
        for line, cells in self.rows():
            width = len(cells)
            for at in numbers:
                if at < width and (mark := point_of(cells[at])) and mark not in points:
                    points[mark] = (line, cells[at])
            for at in dates:
                if at < width and (order := day_first_of(cells[at])) is not None and order not in orders:
                    orders[order] = (line, cells[at])
            number = self.number((line, cells))
            if number != last:
                runs[number] = runs.get(number, 0) + 1
                last = number
        if len(points) > 1:
            line, text = max(points.values())
            raise Refused("mixed_decimals", line, text=text[:40])
        if len(orders) > 1:
            line, text = max(orders.values())
            raise Refused("mixed_dates", line, text=text[:40])
        self.point = next(iter(points), "")
        self.day_first = next(iter(orders), None)
        self.runs = {number: count for number, count in runs.items() if count > 1}

    def invoices(self) -> Iterator[list[Row]]:
        """The rows of each invoice. Those that stand apart are held back until the last of them."""
        apart = dict(self.runs)
        waiting: dict[str, list[Row]] = {number: [] for number in apart}
        group: list[Row] = []
        last = None
        for row in self.rows():
            number = self.number(row)
            if number != last and group:
                yield from self._run(last, group, apart, waiting)
                group = []
            last = number
            group.append(row)
        if group:
            yield from self._run(last, group, apart, waiting)

    @staticmethod
    def _run(
        number: str | None, group: list[Row], apart: dict[str, int], waiting: dict[str, list[Row]]
    ) -> Iterator[list[Row]]:
        if not number or number not in apart:
            if number:
                yield group
            else:
                yield from ([row] for row in group)  # each is refused for itself: the number is missing
            return
        waiting[number] += group
        apart[number] -= 1
        if not apart[number]:
            yield waiting.pop(number)

    # --- one invoice --------------------------------------------------------------------------------------------------

    def document(self, rows: list[Row]) -> Document:
        """The document of an invoice's rows. Raises Refused with the line."""
        head = self._head(rows)
        line = rows[0][0]
        for column in NEEDED:
            if not head.get(column):
                raise Refused("missing_cell", line, column=column)
        currency = (head.get("currency") or self.default_currency or "").upper()
        if currency not in EXPONENTS:
            raise Refused("unknown_currency", line, currency=currency[:20])
        type_code = _type(head.get("kind", ""), line)
        amount = partial(self._amount, head, currency, line)
        lines, taxes = self._lines(rows, currency)
        sums = _sums(lines, taxes, amount, len(rows), currency, line)
        issued_on = self._date(head["issued_on"], line)
        if issued_on is None:
            raise Refused("missing_cell", line, column="issued_on")
        document = Document(
            number=head["number"],
            kind=Kind.CREDIT_NOTE if type_code in CREDIT_NOTES else Kind.INVOICE,
            type_code=type_code,
            issued_on=issued_on,
            currency=currency,
            seller=Party(name=head.get("seller_name", ""), vat_number=vat(head.get("seller_vat_number"))),
            buyer=_buyer(head),
            lines=lines,
            due_on=self._date(head.get("due_on", ""), line),
            terms=head.get("terms") or None,
            notes=(head["note"],) if head.get("note") else (),
            buyer_reference=head.get("buyer_reference") or None,
            po_number=head.get("po_number") or None,
            contract_number=head.get("contract_number") or None,
            project=head.get("project") or None,
            preceding=((head["credits"], None),) if head.get("credits") else (),
            customer_id=head.get("customer_id") or None,
            syntax="csv",
            **sums,
        )
        return check(document, lambda field: line)

    def _head(self, rows: list[Row]) -> dict[str, str]:
        """What the rows say of the invoice: each of its columns may be filled once or the same in all of them."""
        head: dict[str, str] = {}
        for line, cells in rows:
            if len(cells) > self.width and any(cells[self.width :]):
                raise Refused("too_many_cells", line)
            for column, at in self.of_invoice:
                text = cells[at] if at < len(cells) else ""
                if text and (text := clean(text)) and head.setdefault(column, text) != text:
                    raise Refused("differs_in_rows", line, column=column)
        return head

    def _lines(self, rows: list[Row], currency: str) -> tuple[tuple[Line, ...], tuple[Tax, ...]]:
        """The invoice's lines and the tax by category and rate: as the lines state it, else computed once per rate."""
        found: list[Line] = []
        stated: dict[tuple[str, str], int] = {}
        for line, cells in rows:
            cell = {column: clean(cells[at]) for column, at in self.of_line if at < len(cells) and cells[at]}
            get = partial(_get, cell)
            net = self._amount(cell, currency, line, "line_net")
            quantity, price = self._fraction(get("quantity"), line), self._fraction(get("price"), line)
            if net is None and price is not None:
                value = Decimal(price) * Decimal(quantity or "1")
                net = int(value.scaleb(EXPONENTS[currency]).quantize(Decimal(1), ROUND_HALF_UP))
            if net is None:
                if any(get(column) for column in ("quantity", "line_tax")):
                    raise Refused("missing_cell", line, column="line_net")
                continue
            rate = self._fraction(get("tax_rate").rstrip("% "), line)
            tax = self._amount(cell, currency, line, "line_tax")
            category = get("tax_category").upper() or ("Z" if rate == "0" else "S" if rate or tax else "O")
            if tax is not None:
                stated[category, rate or ""] = stated.get((category, rate or ""), 0) + tax
            found.append(
                Line(
                    number=str(len(found) + 1),
                    name=get("item"),
                    net=net,
                    description=get("item_details") or None,
                    quantity=quantity,
                    unit=get("unit") or None,
                    price=price,
                    tax_category=category,
                    tax_rate=rate,
                    references=(("article", get("article")),) if get("article") else (),
                )
            )
        bases: dict[tuple[str, str], int] = {}
        for item in found:
            key = (item.tax_category or "", item.tax_rate or "")
            bases[key] = bases.get(key, 0) + item.net
        taxes = tuple(
            Tax(category, rate or None, basis, stated.get((category, rate), _percent(basis, rate)))
            for (category, rate), basis in bases.items()
        )
        return tuple(found), taxes

    def _amount(self, head: dict[str, str], currency: str, line: int, column: str) -> int | None:
        text = head.get(column, "")
        if not text:
            return None
        try:
            return minor(number(text, self.point), currency)
        except BadAmount as error:
            raise Refused("bad_amount", line, text=text[:40], why=error.code) from None
        except Unclear:
            raise Refused("unclear_amount", line, text=text[:40]) from None

    def _fraction(self, text: str, line: int) -> str | None:
        if not text:
            return None
        try:
            return plain(number(text, self.point))
        except BadAmount:
            raise Refused("bad_number", line, text=text[:40]) from None
        except Unclear:
            raise Refused("unclear_amount", line, text=text[:40]) from None

    def _date(self, text: str, line: int) -> date | None:
        if not text:
            return None
        try:
            return day(text, self.day_first)
        except Unclear:
            raise Refused("unclear_date", line, text=text[:40]) from None
        except ValueError:
            raise Refused("bad_date", line, text=text[:40]) from None


def _get(cell: dict[str, str], column: str) -> str:
    return cell.get(column, "")


def _sums(
    lines: tuple[Line, ...],
    taxes: tuple[Tax, ...],
    amount: Callable[[str], int | None],
    rows: int,
    currency: str,
    line: int,
) -> dict[str, Any]:
    """The totals, stated or worked out. What is stated wins and is checked; a missing tax is total less net."""
    net, tax, total = amount("net"), amount("tax"), amount("total")
    prepaid, rounding, payable = amount("prepaid"), amount("rounding") or 0, amount("payable")
    if lines:
        line_total = sum(item.net for item in lines)
        net = line_total if net is None else net
        if tax is None:
            tax = total - net if total is not None else sum(item.amount for item in taxes)
        taxes = _fitted(taxes, tax, rows, currency, line)
    else:
        if total is None and net is not None:
            total = net + (tax or 0)
        if total is None and payable is not None:
            total = payable + (prepaid or 0) - rounding
        if total is None:
            raise Refused("missing_cell", line, column="total")
        if net is None:
            net = total - (tax or 0)
        tax = total - net if tax is None else tax
        line_total, taxes = net, ()
    if total is None:
        total = net + tax
    if payable is None:
        payable = total - (prepaid or 0) + rounding
    if prepaid is None:
        prepaid = max(0, total + rounding - payable)
    return {
        "net": net,
        "tax": tax,
        "total": total,
        "payable": payable,
        "line_total": line_total,
        "prepaid": prepaid,
        "rounding": rounding,
        "taxes": taxes,
    }


def _fitted(taxes: tuple[Tax, ...], tax: int, rows: int, currency: str, line: int) -> tuple[Tax, ...]:
    """The breakdown brought to the stated tax where only rounding parts them: at most a minor unit for each row."""
    rest = tax - sum(item.amount for item in taxes)
    if not rest or not taxes:
        return taxes
    if all(item.rate is None for item in taxes) and all(not item.amount for item in taxes) and len(taxes) == 1:
        only = taxes[0]  # no rate anywhere: the tax is only known as a sum
        return (Tax("S", None, only.basis, tax),)
    if abs(rest) > rows:
        computed = sum(item.amount for item in taxes)
        raise Refused(
            "does_not_add_up",
            line,
            rule="BR-CO-14",
            stated=as_decimal(tax, currency),
            computed=as_decimal(computed, currency),
        )
    shares = allocate(rest, [abs(item.amount) or 1 for item in taxes])
    return tuple(
        Tax(item.category, item.rate, item.basis, item.amount + share, item.reason)
        for item, share in zip(taxes, shares, strict=True)
    )


def _percent(basis: int, rate: str) -> int:
    return int((basis * Decimal(rate or "0") / 100).quantize(Decimal(1), ROUND_HALF_UP))


def _buyer(head: dict[str, str]) -> Party:
    customer_id = head.get("customer_id")
    street = [line.strip() for line in head.get("customer_address", "").splitlines() if line.strip()]
    return Party(
        name=" ".join(head["customer_name"].split()),
        ids=(("", customer_id),) if customer_id else (),
        vat_number=vat(head.get("customer_vat_number")),
        registration_number=head.get("customer_registration_number") or None,
        lines=(*street, *([head["customer_address_2"]] if head.get("customer_address_2") else [])),
        postcode=head.get("customer_postcode") or None,
        city=head.get("customer_city") or None,
        region=head.get("customer_region") or None,
        country=head.get("customer_country") or None,
        phone=head.get("customer_phone") or None,
        email=head.get("customer_email") or None,
    )


def _type(text: str, line: int) -> str:
    folded = " ".join(text.replace("_", " ").replace("-", " ").lower().split())
    if folded in INVOICE_WORDS:
        return "380"
    if folded in CREDIT_WORDS:
        return "381"
    if folded in CORRECTION_WORDS:
        return "384"
    if folded in INVOICES | CREDIT_NOTES:
        return folded
    raise Refused("unknown_kind", line, text=text[:40])
