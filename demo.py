"""The demo merchant, Hartwell Garden Services: seeded once through the same doors a merchant uses, by the same worker.

Its documents are written for the day of the first start (CSV and UBL files in the data folder), imported, two of them
sent by mail, one paid. A second start finds all of it and only makes the sign-in links anew.
"""

from __future__ import annotations

import base64
import csv
import json
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import startup
from billing import (
    connections,
    dates,
    files,
    groups,
    history,
    imports,
    payments,
    people,
    rules,
    sending,
    settings,
    sign_ins,
)
from environ import Environ
from models import BillingGroup, Connection, Customer, Import, Invoice, Membership, PaymentMethod, Person, Staff
from money import Money

STAFF = ("root@hartwell.example", "Rowan Hartwell")
PEOPLE = (("ada@acme.example", "Ada Okafor", "ACME"), ("mallory@globex.example", "Mallory Finch", "GLOBEX"))
VIEWER = ("vic@acme.example", "Vic Larsen", "ACME")
BUSINESS = {
    "business_name": "Hartwell Garden Services",
    "business_phone": "01234 567890",
    "business_email": "office@hartwell.example",
    "business_address": "3 Orchard Lane\nMarlow SL7 1AA\nUnited Kingdom",
    "business_vat_number": "GB123456789",
    "timezone": "Europe/London",
    "currency": "EUR",
}
COMPANIES = (
    ("ACME", "Acme Ltd", "1 Harbour Street", "BS1 4DJ", "Bristol", "EUR"),
    ("GLOBEX", "Globex GmbH", "Hafenstraße 12", "20457", "Hamburg", "EUR"),
    ("INITECH", "Initech Partners", "44 Mill Road", "CB1 2AZ", "Cambridge", "EUR"),
    ("HOOLI", "Hooli Inc", "500 Market Street", "94105", "San Francisco", "USD"),
    ("UMBRELLA", "Umbrella Nurseries", "9 Canal Walk", "OX2 6JP", "Oxford", "EUR"),
    ("WAYNE", "Wayne & Daughters", "1007 Mountain Drive", "LS1 4AP", "Leeds", "EUR"),
    ("STARK", "Stark Orchards", "10 High Street", "HR4 9AA", "Hereford", "EUR"),
    ("TYRELL", "Tyrell Roofs and Terraces", "2 Kiln Lane", "BN1 1AA", "Brighton", "EUR"),
)
ABROAD = {"GLOBEX": "DE", "HOOLI": "US"}
WORK = (
    ("Hedge cutting", "HUR", "150.00"),
    ("Lawn care", "HUR", "38.50"),
    ("Tree surgery", "HUR", "95.00"),
    ("Green waste removal", "C62", "45.00"),
    ("Winter protection of roses", "C62", "12.80"),
    ("Pond cleaning", "HUR", "62.00"),
    ("Fence repair", "MTR", "27.40"),
)
VAT = Decimal("0.20")


@dataclass(frozen=True)
class Bill:
    """A document to write: `lines` are (text, quantity, unit, price); `paid` of it was settled before."""

    number: str
    company: str
    issued_on: date
    days: int
    lines: tuple[tuple[str, str, str, str], ...]
    paid: str = "0"
    po_number: str = ""
    note: str = ""
    credits: str = ""

    @property
    def net(self) -> Decimal:
        return sum((_net(line) for line in self.lines), Decimal(0))

    @property
    def tax(self) -> Decimal:
        return (self.net * VAT).quantize(Decimal("0.01"))

    @property
    def total(self) -> Decimal:
        return self.net + self.tax

    @property
    def settled(self) -> Decimal:
        return self.total if self.paid == "all" else Decimal(self.paid)


def main() -> int:
    env = startup.make_ready("demo")
    startup.check_database(env)
    seed(env)
    now = dates.now()
    for email, _, _ in PEOPLE:
        person = people.person_by_email(email)
        assert person is not None
        print(f"customer  {email}  {sign_ins.for_command(person, now=now, reusable=True)}", flush=True)
    staff = people.staff_by_email(STAFF[0])
    assert staff is not None
    print(f"merchant  {STAFF[0]}  {sign_ins.for_command(staff, now=now, reusable=True)}", flush=True)
    return 0


def seed(env: Environ) -> None:
    """The merchant, the documents, who may sign in, two letters, ways to pay and one payment. Again: no change."""
    now = dates.now()
    if Import.select().exists():
        return
    today = dates.day(now, BUSINESS["timezone"])
    switched_on = {name: True for name in settings.FIELDS if name == "portal_enabled" or name.startswith("allow_")}
    go_live = {"go_live_on": today - timedelta(days=3 * 366)}
    settings.save(BUSINESS | switched_on | go_live, by=history.COMMAND, now=now)
    root = people.make_staff(STAFF[0], name=STAFF[1], by=history.COMMAND, now=now)
    connection = connections.open_sandbox(now=now)
    year = today.year
    files.configure(env.home)
    _import(_write(env.home / "demo", today), now)
    members = {company: _member(email, name, company, Membership.MANAGE, now) for email, name, company in PEOPLE}
    _member(VIEWER[0], VIEWER[1], VIEWER[2], Membership.VIEW, now)
    rules.add(_group("GLOBEX"), "globex.example", Membership.PAY, by=root, now=now)
    for number, company in ((f"{year}-0142", "ACME"), (f"{year}-0147", "GLOBEX")):
        _send(number, members[company], root, now)
    ada = members["ACME"]
    group = _group("ACME")
    card = _store("visa", "Visa", "4242", "card", group, connection, now, default=True)
    _store("debit_waits", "SEPA", "3000", "bank_debit", group, connection, now)
    _store("visa", "Visa", "4242", "card", _group("GLOBEX"), connection, now, default=True)
    _pay(f"{year}-0120", ada, card, now)


# --- Documents -------------------------------------------------------------------------------------------------------


def _write(folder: Path, today: date) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    rich, plain = list(_rich(today)), list(_plain(today))
    for bill in rich:
        means = "59" if bill.number.endswith("0118") else "30"
        (folder / f"{bill.number}.xml").write_text(_ubl(bill, means), encoding="utf-8")
    with (folder / "invoices.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS.split())
        for bill in plain:
            writer.writerows(_rows(bill))
    return [folder / f"{bill.number}.xml" for bill in rich] + [folder / "invoices.csv"]


def _rich(today: date) -> Iterator[Bill]:
    """Those that the letters and pictures of the manual show, as e-invoices."""
    year = today.year
    hedge = (("Hedge cutting", "6", "HUR", "150.00"), ("Green waste removal", "1", "C62", "133.33"))
    yield Bill(
        f"{year}-0142", "ACME", today - timedelta(days=33), 14, hedge, po_number="PO-4711",
        note="Work done on 12 and 13 October. Thank you for the tea.",
    )  # fmt: skip
    yield Bill(
        f"{year}-0151", "ACME", today - timedelta(days=5), 14, (("Pruning of apple trees", "2", "HUR", "36.04"),)
    )
    terrace = (
        ("Natural stone terrace, 48 m², laid on gravel with edging", "48", "MTK", "185.00"),
        ("Planting of the slope", "1", "C62", "1536.67"),
    )
    yield Bill(f"{year}-0138", "ACME", today - timedelta(days=51), 30, terrace, paid="4000.00", po_number="PO-4630")
    yield Bill(f"{year}-0118", "ACME", today - timedelta(days=12), 30, (("Mowing, monthly", "1", "MON", "90.00"),))
    yield Bill(f"{year}-0147", "GLOBEX", today - timedelta(days=18), 21, (("Roof garden, care", "7", "HUR", "48.00"),))
    yield Bill(
        f"{year}-0199", "ACME", today + timedelta(days=9), 14, (("Snow service, December", "1", "C62", "150.00"),)
    )


def _plain(today: date) -> Iterator[Bill]:
    """Three years of ordinary business, as an accounting program exports it."""
    chance = random.Random(7)
    year = today.year
    yield Bill(f"{year}-0149", "ACME", today - timedelta(days=8), 14, (("Lawn care", "8", "HUR", "32.29"),))
    yield Bill(f"{year}-0133", "ACME", today - timedelta(days=32), 30, (("Seeds and turf", "1", "C62", "83.33"),))
    yield Bill(
        f"{year}-0134", "ACME", today - timedelta(days=20), 0, (("Turf returned", "1", "C62", "20.83"),),
        credits=f"{year}-0133",
    )  # fmt: skip
    yield Bill(f"{year}-0120", "ACME", today - timedelta(days=40), 30, (("Tree surgery", "1", "DAY", "350.00"),))
    serial = 0
    for back in range(36, 0, -1):
        day = today - timedelta(days=30 * back + 5)
        for company, *_ in COMPANIES:
            if company != "ACME" and chance.random() < 0.7:
                continue
            for _ in range(2 if company == "ACME" else 1):
                serial += 1
                work = chance.sample(WORK, chance.choice((1, 2, 3)))
                lines = tuple((text, str(chance.randrange(1, 9)), unit, price) for text, unit, price in work)
                late = back < 3 and chance.random() < 0.5
                yield Bill(f"{day.year}-{2000 + serial}", company, day, 30, lines, paid="0" if late else "all")


_COLUMNS = """
number kind issued_on due_on currency customer_id customer_name customer_email customer_address customer_postcode
customer_city po_number item quantity unit price line_net tax_rate net tax total prepaid payable credits
"""


def _rows(bill: Bill) -> Iterator[list[str]]:
    code, name, street, postcode, city, currency = next(c for c in COMPANIES if c[0] == bill.company)
    due = bill.issued_on + timedelta(days=bill.days)
    kind = "credit note" if bill.credits else "invoice"
    for at, line in enumerate(bill.lines):
        text, quantity, unit, price = line
        head = [
            bill.number,
            kind,
            bill.issued_on.isoformat(),
            due.isoformat(),
            currency,
            code,
            name,
            _email(code),
            street,
        ]
        head += [postcode, city, bill.po_number]
        sums = [bill.net, bill.tax, bill.total, bill.settled, bill.total - bill.settled]
        tail = [*(str(s) for s in sums), bill.credits]
        bare = [bill.number] + [""] * (len(head) - 1)
        item = [text, quantity, unit, price, str(_net(line)), "20"]
        yield (head if at == 0 else bare) + item + (tail if at == 0 else [""] * len(tail))


def _ubl(bill: Bill, means: str) -> str:
    """A UBL 2.1 invoice as EN 16931 wants it, with a small work report inside."""
    code, name, street, postcode, city, currency = next(c for c in COMPANIES if c[0] == bill.company)
    due = bill.issued_on + timedelta(days=bill.days)
    report = base64.b64encode(f"day;hours\n{bill.issued_on - timedelta(days=3)};6\n".encode()).decode()

    def amount(tag: str, value: Decimal) -> str:
        return f'<cbc:{tag} currencyID="{currency}">{value:.2f}</cbc:{tag}>'

    scheme = "<cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme>"
    category = f"<cbc:ID>S</cbc:ID><cbc:Percent>20</cbc:Percent>{scheme}"
    lines = "".join(
        f"<cac:InvoiceLine><cbc:ID>{at}</cbc:ID>"
        + f'<cbc:InvoicedQuantity unitCode="{unit}">{quantity}</cbc:InvoicedQuantity>'
        + amount("LineExtensionAmount", _net((text, quantity, unit, price)))
        + f"<cac:Item><cbc:Name>{escape(text)}</cbc:Name>"
        + f"<cac:ClassifiedTaxCategory>{category}</cac:ClassifiedTaxCategory></cac:Item>"
        + f"<cac:Price>{amount('PriceAmount', Decimal(price))}</cac:Price></cac:InvoiceLine>"
        for at, (text, quantity, unit, price) in enumerate(bill.lines, 1)
    )
    note = f"<cbc:Note>{escape(bill.note)}</cbc:Note>" if bill.note else ""
    order = f"<cac:OrderReference><cbc:ID>{bill.po_number}</cbc:ID></cac:OrderReference>" if bill.po_number else ""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
 xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
 xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
<cbc:CustomizationID>urn:cen.eu:en16931:2017</cbc:CustomizationID>
<cbc:ID>{bill.number}</cbc:ID><cbc:IssueDate>{bill.issued_on}</cbc:IssueDate><cbc:DueDate>{due}</cbc:DueDate>
<cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>{note}<cbc:DocumentCurrencyCode>{currency}</cbc:DocumentCurrencyCode>{order}
<cac:AdditionalDocumentReference><cbc:ID>report</cbc:ID><cbc:DocumentDescription>Work report</cbc:DocumentDescription>
<cac:Attachment><cbc:EmbeddedDocumentBinaryObject mimeCode="text/csv" filename="work-report.csv">{report}\
</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference>
<cac:AccountingSupplierParty><cac:Party><cac:PostalAddress><cbc:StreetName>3 Orchard Lane</cbc:StreetName>
<cbc:CityName>Marlow</cbc:CityName><cbc:PostalZone>SL7 1AA</cbc:PostalZone>
<cac:Country><cbc:IdentificationCode>GB</cbc:IdentificationCode></cac:Country></cac:PostalAddress>
<cac:PartyTaxScheme><cbc:CompanyID>GB123456789</cbc:CompanyID>{scheme}</cac:PartyTaxScheme>
<cac:PartyLegalEntity><cbc:RegistrationName>Hartwell Garden Services</cbc:RegistrationName></cac:PartyLegalEntity>
<cac:Contact><cbc:Telephone>01234 567890</cbc:Telephone>
<cbc:ElectronicMail>office@hartwell.example</cbc:ElectronicMail></cac:Contact></cac:Party></cac:AccountingSupplierParty>
<cac:AccountingCustomerParty><cac:Party><cac:PartyIdentification><cbc:ID>{code}</cbc:ID></cac:PartyIdentification>
<cac:PostalAddress><cbc:StreetName>{escape(street)}</cbc:StreetName><cbc:CityName>{city}</cbc:CityName>
<cbc:PostalZone>{postcode}</cbc:PostalZone>
<cac:Country><cbc:IdentificationCode>{ABROAD.get(code, "GB")}</cbc:IdentificationCode></cac:Country>
</cac:PostalAddress><cac:PartyLegalEntity><cbc:RegistrationName>{escape(name)}</cbc:RegistrationName></cac:PartyLegalEntity>
<cac:Contact><cbc:ElectronicMail>{_email(code)}</cbc:ElectronicMail></cac:Contact>
</cac:Party></cac:AccountingCustomerParty>
<cac:PaymentMeans><cbc:PaymentMeansCode>{means}</cbc:PaymentMeansCode></cac:PaymentMeans>
<cac:PaymentTerms><cbc:Note>Payable within {bill.days} days.</cbc:Note></cac:PaymentTerms>
<cac:TaxTotal>{amount("TaxAmount", bill.tax)}<cac:TaxSubtotal>{amount("TaxableAmount", bill.net)}\
{amount("TaxAmount", bill.tax)}<cac:TaxCategory>{category}</cac:TaxCategory></cac:TaxSubtotal></cac:TaxTotal>
<cac:LegalMonetaryTotal>{amount("LineExtensionAmount", bill.net)}{amount("TaxExclusiveAmount", bill.net)}\
{amount("TaxInclusiveAmount", bill.total)}{amount("PrepaidAmount", bill.settled)}\
{amount("PayableAmount", bill.total - bill.settled)}</cac:LegalMonetaryTotal>
{lines}</Invoice>
"""


def _net(line: tuple[str, str, str, str]) -> Decimal:
    _, quantity, _, price = line
    return (Decimal(quantity) * Decimal(price)).quantize(Decimal("0.01"))


def _email(company: str) -> str:
    return next((email for email, _, of in PEOPLE if of == company), f"accounts@{company.lower()}.example")


def _import(paths: list[Path], now: datetime) -> None:
    refused: list[str] = []
    imports.run(
        paths,
        dry_run=False,
        by=history.COMMAND,
        now=now,
        report=lambda result: refused.append(str(result)) if result.outcome == "refused" else None,
    )
    if refused:
        raise startup.CannotStart(f"the demo's own documents were refused: {refused[0]}")


# --- People, letters, ways to pay ------------------------------------------------------------------------------------


def _group(company: str) -> BillingGroup:
    customer = Customer.get(Customer.source_id == company)
    return groups.group_for(customer, "EUR", by=history.COMMAND, now=dates.now())


def _member(email: str, name: str, company: str, role: str, now: datetime) -> Person:
    return people.make_member(email, _group(company), role, by=history.COMMAND, now=now, name=name)


def _send(number: str, person: Person, by: Staff, now: datetime) -> None:
    invoice = Invoice.get(Invoice.number == number)
    saved = settings.load()
    today = dates.day(now, saved.timezone)
    sending.send(invoice, person.email, person.name, by=by, settings=saved, now=now, today=today)


def _store(
    instrument: str,
    brand: str,
    last4: str,
    kind: str,
    group: BillingGroup,
    connection: Connection,
    now: datetime,
    default: bool = False,
) -> PaymentMethod:
    """A stored way to pay, as if it had been kept from an earlier payment: the sandbox makes the token."""
    url = urlsplit(connections.gateway_address(connection))
    line = HTTPConnection(url.hostname or "127.0.0.1", url.port, timeout=10)
    line.request(
        "POST",
        "/test/methods",
        json.dumps({"instrument": instrument, "payer": group.public_id}),
        {"Authorization": f"Bearer {connections.sandbox_secret()}", "Content-Type": "application/json"},
    )
    token = json.loads(line.getresponse().read())["token"]
    line.close()
    method: PaymentMethod = PaymentMethod.create(
        public_id=payments.new_reference().replace("P-", "M-", 1),
        group=group,
        connection=connection,
        token=token,
        kind=kind,
        brand=brand,
        last4=last4,
        expires_year=now.year + 2 if kind == "card" else None,
        expires_month=8 if kind == "card" else None,
        is_default=default,
        created_at=now,
    )
    return method


def _pay(number: str, person: Person, method: PaymentMethod, now: datetime) -> None:
    invoice = Invoice.get(Invoice.number == number)
    payments.request(
        [invoice],
        amount=Money(invoice.free, invoice.currency),
        method=method,
        keep=False,
        token="the demo's own payment",
        by=person,
        settings=settings.load(),
        now=now,
    )


if __name__ == "__main__":
    sys.exit(main())
