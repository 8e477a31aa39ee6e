"""UBL 2.1 invoices and credit notes, read by EN 16931's binding (CEN/TS 16931-3-2) and XRechnung's extension."""

from __future__ import annotations

from typing import Any

from lxml import etree

from accounting.contract import (
    Adjustment,
    Attachment,
    Document,
    Kind,
    Line,
    Party,
    PaymentMeans,
    Refused,
    Tax,
    ThirdPartyItem,
)
from accounting.sums import CREDIT_NOTES, INVOICES, check
from accounting.xml import DEBITS, Reader, block, flat, last_four, vat

NAMESPACE = "urn:oasis:names:specification:ubl:schema:xsd:"
ROOTS = {f"{{{NAMESPACE}Invoice-2}}Invoice": "Invoice", f"{{{NAMESPACE}CreditNote-2}}CreditNote": "CreditNote"}
PREFIXES = {"cac": f"{NAMESPACE}CommonAggregateComponents-2", "cbc": f"{NAMESPACE}CommonBasicComponents-2"}
EXTENSION = "xeinkauf.de:kosit:extension:xrechnung"
DEEPEST_LINE = 20  # levels of sub-invoice lines

TOTAL = "cac:LegalMonetaryTotal"
TOTALS = {
    "BT-106": f"{TOTAL}/cbc:LineExtensionAmount",
    "BT-107": f"{TOTAL}/cbc:AllowanceTotalAmount",
    "BT-108": f"{TOTAL}/cbc:ChargeTotalAmount",
    "BT-109": f"{TOTAL}/cbc:TaxExclusiveAmount",
    "BT-110": "cac:TaxTotal/cbc:TaxAmount",
    "BT-112": f"{TOTAL}/cbc:TaxInclusiveAmount",
    "BT-113": f"{TOTAL}/cbc:PrepaidAmount",
    "BT-114": f"{TOTAL}/cbc:PayableRoundingAmount",
    "BT-115": f"{TOTAL}/cbc:PayableAmount",
}


def read(root: etree._Element) -> Document:
    """The document under an Invoice or CreditNote root. Raises Refused."""
    shape = ROOTS[str(root.tag)]
    xml = Reader(PREFIXES)
    currency = xml.set_currency(root, "cbc:DocumentCurrencyCode")
    xml.need(root, TOTAL, "BG-22")
    type_code, kind = _kind(xml, root, shape)
    tax_currency = xml.known_currency(root, "cbc:TaxCurrencyCode")
    tax_total, tax_in_currency = _tax_totals(xml, root, tax_currency)
    seller = _party(xml, root, "cac:AccountingSupplierParty/cac:Party", "BG-4")
    buyer = _party(xml, root, "cac:AccountingCustomerParty/cac:Party", "BG-7")
    issued_on = xml.day(root, "cbc:IssueDate")
    if issued_on is None:
        raise Refused("missing", xml.line(root, "cbc:IssueDate"), what="BT-2")
    due_dates = [
        day
        for path in ("cbc:DueDate", "cac:PaymentMeans/cbc:PaymentDueDate", "cac:PaymentTerms/cbc:PaymentDueDate")
        if (day := xml.day(root, path))
    ]
    document = Document(
        number=xml.need_text(root, "cbc:ID", "BT-1"),
        kind=kind,
        type_code=type_code,
        issued_on=issued_on,
        currency=currency,
        seller=seller,
        buyer=buyer,
        lines=tuple(line for item in xml.all(root, f"cac:{shape}Line") for line in _lines(xml, item, shape, 0)),
        net=xml.need_minor(root, TOTALS["BT-109"], "BT-109"),
        tax=(xml.minor(tax_total, "cbc:TaxAmount") or 0) if tax_total is not None else 0,
        total=xml.need_minor(root, TOTALS["BT-112"], "BT-112"),
        payable=xml.need_minor(root, TOTALS["BT-115"], "BT-115"),
        line_total=xml.need_minor(root, TOTALS["BT-106"], "BT-106"),
        allowances=xml.minor(root, TOTALS["BT-107"]) or 0,
        charges=xml.minor(root, TOTALS["BT-108"]) or 0,
        prepaid=xml.minor(root, TOTALS["BT-113"]) or 0,
        rounding=xml.minor(root, TOTALS["BT-114"]) or 0,
        due_on=due_dates[0] if due_dates else None,
        terms="\n".join(note for item in xml.all(root, "cac:PaymentTerms/cbc:Note") if (note := block(item.text)))
        or None,
        notes=tuple(note for item in xml.all(root, "cbc:Note") if (note := block(item.text))),
        buyer_reference=xml.text(root, "cbc:BuyerReference"),
        po_number=xml.text(root, "cac:OrderReference/cbc:ID"),
        contract_number=xml.text(root, "cac:ContractDocumentReference/cbc:ID"),
        project=xml.text(root, "cac:ProjectReference/cbc:ID"),
        tax_point=xml.day(root, "cbc:TaxPointDate"),
        tax_currency=tax_currency,
        tax_in_currency=tax_in_currency,
        delivered_on=xml.day(root, "cac:Delivery/cbc:ActualDeliveryDate"),
        period=xml.period(root, "cac:InvoicePeriod/cbc:StartDate", "cac:InvoicePeriod/cbc:EndDate"),
        preceding=tuple(
            (number, xml.day(item, "cbc:IssueDate"))
            for item in xml.all(root, "cac:BillingReference/cac:InvoiceDocumentReference")
            if (number := xml.text(item, "cbc:ID"))
        ),
        adjustments=tuple(_adjustment(xml, item) for item in xml.all(root, "cac:AllowanceCharge")),
        taxes=tuple(_tax(xml, item) for item in xml.all(tax_total, "cac:TaxSubtotal")),
        third_party=_third_party(xml, root),
        means=_means(xml, root),
        attachments=_attachments(xml, root),
        payee=xml.text(root, "cac:PayeeParty/cac:PartyName/cbc:Name"),
        delivery=_delivery(xml, root),
        customer_id=next((value for _, value in buyer.ids), None),
        syntax="ubl",
    )
    return check(document, lambda field: xml.line(root, TOTALS[field]))


def _kind(xml: Reader, root: etree._Element, shape: str) -> tuple[str, Kind]:
    path = f"cbc:{shape}TypeCode"
    code = xml.text(root, path) or ("380" if shape == "Invoice" else "381")
    if code not in INVOICES | CREDIT_NOTES:
        raise Refused("unknown_type", xml.line(root, path), type=code[:20])
    return code, Kind.CREDIT_NOTE if shape == "CreditNote" or code in CREDIT_NOTES else Kind.INVOICE


def _tax_totals(
    xml: Reader, root: etree._Element, tax_currency: str | None
) -> tuple[etree._Element | None, int | None]:
    """The tax total in the document's currency (it holds BG-23), and the amount in the accounting currency (BT-111)."""
    main, other = None, None
    for total in xml.all(root, "cac:TaxTotal"):
        amount = xml.find(total, "cbc:TaxAmount")
        said = amount.get("currencyID") if amount is not None else None
        if main is None and said in (None, xml.currency):
            main = total
        elif amount is not None and tax_currency and said == tax_currency:
            other = xml.amount(amount, tax_currency)
        else:
            raise Refused("mixed_currencies", total.sourceline, currency=str(said)[:20], expected=xml.currency)
    return main, other


def _party(xml: Reader, root: etree._Element, path: str, what: str) -> Party:
    party = xml.need(root, path, what)
    legal = xml.text(party, "cac:PartyLegalEntity/cbc:RegistrationName")
    trading = xml.text(party, "cac:PartyName/cbc:Name")
    taxes: dict[bool, str] = {}
    for scheme in xml.all(party, "cac:PartyTaxScheme"):
        if number := xml.text(scheme, "cbc:CompanyID"):
            taxes.setdefault((xml.text(scheme, "cac:TaxScheme/cbc:ID") or "VAT").upper() == "VAT", number)
    name = legal or trading
    if not name:
        raise Refused("missing", party.sourceline, what={"BG-4": "BT-27", "BG-7": "BT-44"}[what])
    return Party(
        name=name,
        trading_name=trading if legal else None,
        ids=tuple(
            (item.get("schemeID") or "", value)
            for item in xml.all(party, "cac:PartyIdentification/cbc:ID")
            if (value := flat(item)) and item.get("schemeID") != "SEPA"  # BT-90, the creditor's number for debits
        ),
        vat_number=vat(taxes.get(True)),
        tax_number=taxes.get(False),
        registration_number=xml.text(party, "cac:PartyLegalEntity/cbc:CompanyID"),
        contact=xml.text(party, "cac:Contact/cbc:Name"),
        phone=xml.text(party, "cac:Contact/cbc:Telephone"),
        email=xml.text(party, "cac:Contact/cbc:ElectronicMail"),
        **_address(xml, xml.find(party, "cac:PostalAddress")),
    )


def _address(xml: Reader, address: etree._Element | None) -> dict[str, Any]:
    paths = ("cbc:StreetName", "cbc:AdditionalStreetName", "cac:AddressLine/cbc:Line")
    return {
        "lines": tuple(line for path in paths for line in xml.texts(address, path)),
        "postcode": xml.text(address, "cbc:PostalZone"),
        "city": xml.text(address, "cbc:CityName"),
        "region": xml.text(address, "cbc:CountrySubentity"),
        "country": xml.text(address, "cac:Country/cbc:IdentificationCode"),
    }


def _delivery(xml: Reader, root: etree._Element) -> Party | None:
    delivery = xml.find(root, "cac:Delivery")
    place = Party(
        name=xml.text(delivery, "cac:DeliveryParty/cac:PartyName/cbc:Name") or "",
        ids=tuple(
            (item.get("schemeID") or "", value)
            for item in xml.all(delivery, "cac:DeliveryLocation/cbc:ID")
            if (value := flat(item))
        ),
        **_address(xml, xml.find(delivery, "cac:DeliveryLocation/cac:Address")),
    )
    return None if place == Party(name="") else place


def _lines(xml: Reader, item: etree._Element, shape: str, level: int) -> list[Line]:
    """A line and the sub-invoice lines below it, in reading order."""
    if level > DEEPEST_LINE:
        raise Refused("too_deep", item.sourceline)
    product, price = xml.find(item, "cac:Item"), xml.find(item, "cac:Price")
    quantity = "cbc:InvoicedQuantity" if xml.find(item, "cbc:InvoicedQuantity") is not None else "cbc:CreditedQuantity"
    amount = xml.find(item, quantity)
    base = xml.decimal(price, "cbc:BaseQuantity")
    line = Line(
        number=xml.text(item, "cbc:ID") or "",
        name=xml.text(product, "cbc:Name") or "",
        net=xml.need_minor(item, "cbc:LineExtensionAmount", "BT-131"),
        description=xml.block(product, "cbc:Description"),
        note=xml.block(item, "cbc:Note"),
        quantity=xml.decimal(item, quantity),
        unit=amount.get("unitCode") if amount is not None else None,
        price=xml.decimal(price, "cbc:PriceAmount"),
        price_base=None if base == "1" else base,
        tax_category=xml.text(product, "cac:ClassifiedTaxCategory/cbc:ID"),
        tax_rate=xml.decimal(product, "cac:ClassifiedTaxCategory/cbc:Percent"),
        period=xml.period(item, "cac:InvoicePeriod/cbc:StartDate", "cac:InvoicePeriod/cbc:EndDate"),
        adjustments=tuple(_adjustment(xml, child) for child in xml.all(item, "cac:AllowanceCharge")),
        references=_references(xml, item, product),
        properties=tuple(
            (name, xml.text(child, "cbc:Value") or "")
            for child in xml.all(product, "cac:AdditionalItemProperty")
            if (name := xml.text(child, "cbc:Name"))
        ),
        level=level,
    )
    parts = xml.all(item, "cac:SubInvoiceLine") + xml.all(item, "cac:SubCreditNoteLine")
    return [line, *(part for child in parts for part in _lines(xml, child, shape, level + 1))]


def _references(xml: Reader, item: etree._Element, product: etree._Element | None) -> tuple[tuple[str, str], ...]:
    found = [
        ("article", xml.text(product, "cac:SellersItemIdentification/cbc:ID")),  # BT-155
        ("buyer's article", xml.text(product, "cac:BuyersItemIdentification/cbc:ID")),  # BT-156
        ("standard article", xml.text(product, "cac:StandardItemIdentification/cbc:ID")),  # BT-157
        ("order line", xml.text(item, "cac:OrderLineReference/cbc:LineID")),  # BT-132
        ("object", xml.text(item, "cac:DocumentReference/cbc:ID")),  # BT-128
        ("account", xml.text(item, "cbc:AccountingCost")),  # BT-133
        ("origin", xml.text(product, "cac:OriginCountry/cbc:IdentificationCode")),  # BT-159
    ]
    found += [  # BT-158
        ("classification", text)
        for text in xml.texts(product, "cac:CommodityClassification/cbc:ItemClassificationCode")
    ]
    return tuple((kind, text) for kind, text in found if text)


def _adjustment(xml: Reader, item: etree._Element) -> Adjustment:
    return Adjustment(
        is_charge=xml.text(item, "cbc:ChargeIndicator") in ("true", "1"),
        amount=xml.need_minor(item, "cbc:Amount", "BT-92"),
        reason=xml.text(item, "cbc:AllowanceChargeReason") or xml.text(item, "cbc:AllowanceChargeReasonCode"),
        percent=xml.decimal(item, "cbc:MultiplierFactorNumeric"),
        base=xml.minor(item, "cbc:BaseAmount"),
        tax_category=xml.text(item, "cac:TaxCategory/cbc:ID"),
        tax_rate=xml.decimal(item, "cac:TaxCategory/cbc:Percent"),
    )


def _tax(xml: Reader, item: etree._Element) -> Tax:
    return Tax(
        category=xml.text(item, "cac:TaxCategory/cbc:ID") or "",
        rate=xml.decimal(item, "cac:TaxCategory/cbc:Percent"),
        basis=xml.minor(item, "cbc:TaxableAmount") or 0,
        amount=xml.need_minor(item, "cbc:TaxAmount", "BT-117"),
        reason=xml.text(item, "cac:TaxCategory/cbc:TaxExemptionReason")
        or xml.text(item, "cac:TaxCategory/cbc:TaxExemptionReasonCode"),
    )


def _third_party(xml: Reader, root: etree._Element) -> tuple[ThirdPartyItem, ...]:
    """BG-DEX-09. Outside XRechnung's extension the same element lists payments already counted in BT-113."""
    if EXTENSION not in (xml.text(root, "cbc:CustomizationID") or ""):
        return ()
    return tuple(
        ThirdPartyItem(
            kind=xml.text(item, "cbc:ID") or "",
            text=xml.text(item, "cbc:InstructionID") or "",
            amount=xml.need_minor(item, "cbc:PaidAmount", "BT-DEX-002"),
        )
        for item in xml.all(root, "cac:PrepaidPayment")
    )


def _means(xml: Reader, root: etree._Element) -> tuple[PaymentMeans, ...]:
    """BG-16. Reference (BT-83) and mandate (BT-89) are the document's, though UBL writes them into the means."""
    reference = xml.text(root, "cac:PaymentMeans/cbc:PaymentID")
    mandate = xml.text(root, "cac:PaymentMeans/cac:PaymentMandate/cbc:ID")
    found = []
    for item in xml.all(root, "cac:PaymentMeans"):
        code = xml.find(item, "cbc:PaymentMeansCode")
        account = xml.find(item, "cac:PayeeFinancialAccount")
        number = (flat(code) if code is not None else None) or "1"  # 1: instrument not defined
        found.append(
            PaymentMeans(
                code=number,
                text=" ".join((code.get("name") or "").split()) or None if code is not None else None,
                iban=vat(xml.text(account, "cbc:ID")),
                bic=xml.text(account, "cac:FinancialInstitutionBranch/cbc:ID"),
                account_name=xml.text(account, "cbc:Name"),
                reference=reference,
                mandate=mandate if number in DEBITS else None,
                card_last=last_four(xml.text(item, "cac:CardAccount/cbc:PrimaryAccountNumberID")),
            )
        )
    return tuple(found)


def _attachments(xml: Reader, root: etree._Element) -> tuple[Attachment, ...]:
    """BG-24. A reference of type 130 is the invoiced object (BT-18), one of 50 the tender (BT-17): no attachments."""
    return tuple(
        xml.attachment(
            item,
            name="cbc:ID",
            text="cbc:DocumentDescription",
            url="cac:Attachment/cac:ExternalReference/cbc:URI",
            content="cac:Attachment/cbc:EmbeddedDocumentBinaryObject",
        )
        for item in xml.all(root, "cac:AdditionalDocumentReference")
        if xml.text(item, "cbc:DocumentTypeCode") not in ("50", "130")
    )
