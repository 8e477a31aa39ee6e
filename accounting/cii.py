"""UN/CEFACT Cross Industry Invoices (D16B), read by EN 16931's binding and Factur-X's profiles MINIMUM to EXTENDED."""

from __future__ import annotations

from datetime import date
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
)
from accounting.sums import CREDIT_NOTES, INVOICES, check
from accounting.xml import DEBITS, Reader, flat, last_four, vat

NAMESPACE = "urn:un:unece:uncefact:data:standard:"
ROOT = f"{{{NAMESPACE}CrossIndustryInvoice:100}}CrossIndustryInvoice"
PREFIXES = {
    "rsm": f"{NAMESPACE}CrossIndustryInvoice:100",
    "ram": f"{NAMESPACE}ReusableAggregateBusinessInformationEntity:100",
    "udt": f"{NAMESPACE}UnqualifiedDataType:100",
}
SUMMED = (None, "DETAIL")  # EXTENDED also has GROUP and INFORMATION lines, which only head or explain others

TOTALS = {
    "BT-106": "ram:LineTotalAmount",
    "BT-107": "ram:AllowanceTotalAmount",
    "BT-108": "ram:ChargeTotalAmount",
    "BT-109": "ram:TaxBasisTotalAmount",
    "BT-110": "ram:TaxTotalAmount",
    "BT-112": "ram:GrandTotalAmount",
    "BT-113": "ram:TotalPrepaidAmount",
    "BT-114": "ram:RoundingAmount",
    "BT-115": "ram:DuePayableAmount",
}


def read(root: etree._Element) -> Document:
    """The document under a CrossIndustryInvoice root. Raises Refused."""
    xml = Reader(PREFIXES)
    head = xml.need(root, "rsm:ExchangedDocument", "BT-1")
    trade = xml.need(root, "rsm:SupplyChainTradeTransaction", "BG-25")
    agreement = xml.need(trade, "ram:ApplicableHeaderTradeAgreement", "BG-4")
    delivery = xml.find(trade, "ram:ApplicableHeaderTradeDelivery")
    settlement = xml.need(trade, "ram:ApplicableHeaderTradeSettlement", "BG-22")
    currency = xml.set_currency(settlement, "ram:InvoiceCurrencyCode")
    total = xml.need(settlement, "ram:SpecifiedTradeSettlementHeaderMonetarySummation", "BG-22")
    type_code = xml.text(head, "ram:TypeCode") or "380"
    if type_code not in INVOICES | CREDIT_NOTES:
        raise Refused("unknown_type", xml.line(head, "ram:TypeCode"), type=type_code[:20])
    issued_on = xml.day(head, "ram:IssueDateTime")
    if issued_on is None:
        raise Refused("missing", xml.line(head, "ram:IssueDateTime"), what="BT-2")
    tax_currency = xml.known_currency(settlement, "ram:TaxCurrencyCode")
    tax, tax_in_currency = _tax_totals(xml, total, tax_currency)
    buyer = _party(xml, agreement, "ram:BuyerTradeParty", "BT-44")
    lines, counted = _lines(xml, trade)
    net = xml.need_minor(total, TOTALS["BT-109"], "BT-109")
    allowances, charges = xml.minor(total, TOTALS["BT-107"]) or 0, xml.minor(total, TOTALS["BT-108"]) or 0
    line_total = xml.minor(total, TOTALS["BT-106"])
    if line_total is None and lines:
        raise Refused("missing", total.sourceline, what="BT-106")
    full = xml.need_minor(total, TOTALS["BT-112"], "BT-112")
    payable = xml.need_minor(total, TOTALS["BT-115"], "BT-115")
    prepaid, rounding = xml.minor(total, TOTALS["BT-113"]), xml.minor(total, TOTALS["BT-114"]) or 0
    if prepaid is None and line_total is None:  # profile MINIMUM has no prepaid amount: what is not due was paid
        prepaid = full - payable
    terms = xml.all(settlement, "ram:SpecifiedTradePaymentTerms")
    due_dates = [day for item in terms if (day := xml.day(item, "ram:DueDateDateTime"))]
    event = xml.find(delivery, "ram:ActualDeliverySupplyChainEvent")
    taxes = xml.all(settlement, "ram:ApplicableTradeTax")
    document = Document(
        number=xml.need_text(head, "ram:ID", "BT-1"),
        kind=Kind.CREDIT_NOTE if type_code in CREDIT_NOTES else Kind.INVOICE,
        type_code=type_code,
        issued_on=issued_on,
        currency=currency,
        seller=_party(xml, agreement, "ram:SellerTradeParty", "BT-27"),
        buyer=buyer,
        lines=lines,
        net=net,
        tax=tax,
        total=full,
        payable=payable,
        line_total=net + allowances - charges if line_total is None else line_total,
        allowances=allowances,
        charges=charges,
        prepaid=prepaid or 0,
        rounding=rounding,
        due_on=max(due_dates, default=None),  # EXTENDED may name several dates: the whole is due on the last
        terms="\n".join(text for item in terms if (text := xml.block(item, "ram:Description"))) or None,
        notes=tuple(note for item in xml.all(head, "ram:IncludedNote") if (note := _note(xml, item))),
        buyer_reference=xml.text(agreement, "ram:BuyerReference"),
        po_number=xml.text(agreement, "ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID"),
        contract_number=xml.text(agreement, "ram:ContractReferencedDocument/ram:IssuerAssignedID"),
        project=xml.text(agreement, "ram:SpecifiedProcuringProject/ram:ID"),
        tax_point=next((day for item in taxes if (day := xml.day(item, "ram:TaxPointDate"))), None),
        tax_currency=tax_currency,
        tax_in_currency=tax_in_currency,
        delivered_on=xml.day(event, "ram:OccurrenceDateTime"),
        period=_period(xml, settlement),
        preceding=tuple(
            (number, xml.day(item, "ram:FormattedIssueDateTime"))
            for item in xml.all(settlement, "ram:InvoiceReferencedDocument")
            if (number := xml.text(item, "ram:IssuerAssignedID"))
        ),
        adjustments=(
            *(_adjustment(xml, item) for item in xml.all(settlement, "ram:SpecifiedTradeAllowanceCharge")),
            *(_logistics(xml, item) for item in xml.all(settlement, "ram:SpecifiedLogisticsServiceCharge")),
        ),
        taxes=tuple(_tax(xml, item) for item in taxes),
        means=_means(xml, settlement),
        attachments=_attachments(xml, agreement),
        payee=xml.text(settlement, "ram:PayeeTradeParty/ram:Name"),
        delivery=_delivery(xml, delivery),
        customer_id=next((value for _, value in buyer.ids), None),
        syntax="cii",
    )
    return check(document, lambda field: xml.line(total, TOTALS[field]), counted)


def _note(xml: Reader, item: etree._Element) -> str | None:
    """A note with its subject before it, as UBL writes it: "#ADU#…"."""
    text, subject = xml.block(item, "ram:Content"), xml.text(item, "ram:SubjectCode")
    return f"#{subject}#{text}" if text and subject else text


def _tax_totals(xml: Reader, total: etree._Element, tax_currency: str | None) -> tuple[int, int | None]:
    """BT-110 and BT-111, told apart by their currency; where both have the document's, the second is BT-111."""
    main, other = None, None
    for item in xml.all(total, "ram:TaxTotalAmount"):
        said = item.get("currencyID")
        if main is None and said in (None, xml.currency):
            main = xml.amount(item)
        else:
            other = xml.amount(item, tax_currency or xml.currency)
    return main or 0, other


def _party(xml: Reader, parent: etree._Element, path: str, what: str) -> Party:
    party = xml.need(parent, path, what)
    taxes: dict[bool, str] = {}
    for item in xml.all(party, "ram:SpecifiedTaxRegistration/ram:ID"):
        if number := flat(item):
            taxes.setdefault((item.get("schemeID") or "VA").upper() in ("VA", "VAT"), number)
    contact = xml.find(party, "ram:DefinedTradeContact")
    return Party(
        name=xml.need_text(party, "ram:Name", what),
        trading_name=xml.text(party, "ram:SpecifiedLegalOrganization/ram:TradingBusinessName"),
        ids=_ids(xml, party),
        vat_number=vat(taxes.get(True)),
        tax_number=taxes.get(False),
        registration_number=xml.text(party, "ram:SpecifiedLegalOrganization/ram:ID"),
        contact=xml.text(contact, "ram:PersonName") or xml.text(contact, "ram:DepartmentName"),
        phone=xml.text(contact, "ram:TelephoneUniversalCommunication/ram:CompleteNumber"),
        email=xml.text(contact, "ram:EmailURIUniversalCommunication/ram:URIID"),
        **_address(xml, xml.find(party, "ram:PostalTradeAddress")),
    )


def _ids(xml: Reader, party: etree._Element | None) -> tuple[tuple[str, str], ...]:
    items = xml.all(party, "ram:ID") + xml.all(party, "ram:GlobalID")
    return tuple((item.get("schemeID") or "", value) for item in items if (value := flat(item)))


def _address(xml: Reader, address: etree._Element | None) -> dict[str, Any]:
    paths = ("ram:LineOne", "ram:LineTwo", "ram:LineThree")
    return {
        "lines": tuple(line for path in paths if (line := xml.text(address, path))),
        "postcode": xml.text(address, "ram:PostcodeCode"),
        "city": xml.text(address, "ram:CityName"),
        "region": xml.text(address, "ram:CountrySubDivisionName"),
        "country": xml.text(address, "ram:CountryID"),
    }


def _delivery(xml: Reader, delivery: etree._Element | None) -> Party | None:
    party = xml.find(delivery, "ram:ShipToTradeParty")
    place = Party(
        name=xml.text(party, "ram:Name") or "",
        ids=_ids(xml, party),
        **_address(xml, xml.find(party, "ram:PostalTradeAddress")),
    )
    return None if place == Party(name="") else place


def _period(xml: Reader, parent: etree._Element | None) -> tuple[date | None, date | None] | None:
    start, end = "ram:BillingSpecifiedPeriod/ram:StartDateTime", "ram:BillingSpecifiedPeriod/ram:EndDateTime"
    return xml.period(parent, start, end)


def _lines(xml: Reader, trade: etree._Element) -> tuple[tuple[Line, ...], list[list[Line]]]:
    """All lines in their order, and the readings of which of them make the line total."""
    found: list[Line] = []
    detail: list[Line] = []
    levels: dict[str, int] = {}
    for item in xml.all(trade, "ram:IncludedSupplyChainTradeLineItem"):
        head = xml.find(item, "ram:AssociatedDocumentLineDocument")
        parent = xml.text(head, "ram:ParentLineID")
        line = _line(xml, item, head, levels.get(parent, 0) + 1 if parent else 0)
        levels[line.number] = line.level
        found.append(line)
        if xml.text(head, "ram:LineStatusReasonCode") in SUMMED:
            detail.append(line)
    return tuple(found), [detail, [line for line in found if not line.level]]


def _line(xml: Reader, item: etree._Element, head: etree._Element | None, level: int) -> Line:
    product = xml.find(item, "ram:SpecifiedTradeProduct")
    agreement = xml.find(item, "ram:SpecifiedLineTradeAgreement")
    delivery = xml.find(item, "ram:SpecifiedLineTradeDelivery")
    settlement = xml.need(item, "ram:SpecifiedLineTradeSettlement", "BT-131")
    amount = xml.find(delivery, "ram:BilledQuantity")
    base = xml.decimal(agreement, "ram:NetPriceProductTradePrice/ram:BasisQuantity") or xml.decimal(
        agreement, "ram:GrossPriceProductTradePrice/ram:BasisQuantity"
    )
    return Line(
        number=xml.text(head, "ram:LineID") or "",
        name=xml.text(product, "ram:Name") or "",
        net=xml.need_minor(
            settlement, "ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount", "BT-131"
        ),
        description=xml.block(product, "ram:Description"),
        note="\n".join(note for child in xml.all(head, "ram:IncludedNote") if (note := xml.block(child, "ram:Content")))
        or None,
        quantity=xml.decimal(delivery, "ram:BilledQuantity"),
        unit=amount.get("unitCode") if amount is not None else None,
        price=xml.decimal(agreement, "ram:NetPriceProductTradePrice/ram:ChargeAmount"),
        price_base=None if base == "1" else base,
        tax_category=xml.text(settlement, "ram:ApplicableTradeTax/ram:CategoryCode"),
        tax_rate=xml.decimal(settlement, "ram:ApplicableTradeTax/ram:RateApplicablePercent"),
        period=_period(xml, settlement),
        adjustments=tuple(
            _adjustment(xml, child) for child in xml.all(settlement, "ram:SpecifiedTradeAllowanceCharge")
        ),
        references=_references(xml, product, agreement, settlement),
        properties=tuple(
            (name, xml.text(child, "ram:Value") or "")
            for child in xml.all(product, "ram:ApplicableProductCharacteristic")
            if (name := xml.text(child, "ram:Description"))
        ),
        level=level,
    )


def _references(
    xml: Reader,
    product: etree._Element | None,
    agreement: etree._Element | None,
    settlement: etree._Element | None,
) -> tuple[tuple[str, str], ...]:
    found = [
        ("article", xml.text(product, "ram:SellerAssignedID")),  # BT-155
        ("buyer's article", xml.text(product, "ram:BuyerAssignedID")),  # BT-156
        ("standard article", xml.text(product, "ram:GlobalID")),  # BT-157
        ("order line", xml.text(agreement, "ram:BuyerOrderReferencedDocument/ram:LineID")),  # BT-132
        ("object", xml.text(settlement, "ram:AdditionalReferencedDocument/ram:IssuerAssignedID")),  # BT-128
        ("account", xml.text(settlement, "ram:ReceivableSpecifiedTradeAccountingAccount/ram:ID")),  # BT-133
        ("origin", xml.text(product, "ram:OriginTradeCountry/ram:ID")),  # BT-159
    ]
    found += [
        ("classification", text) for text in xml.texts(product, "ram:DesignatedProductClassification/ram:ClassCode")
    ]
    return tuple((kind, text) for kind, text in found if text)


def _adjustment(xml: Reader, item: etree._Element) -> Adjustment:
    return Adjustment(
        is_charge=xml.text(item, "ram:ChargeIndicator/udt:Indicator") in ("true", "1"),
        amount=xml.need_minor(item, "ram:ActualAmount", "BT-92"),
        reason=xml.text(item, "ram:Reason") or xml.text(item, "ram:ReasonCode"),
        percent=xml.decimal(item, "ram:CalculationPercent"),
        base=xml.minor(item, "ram:BasisAmount"),
        tax_category=xml.text(item, "ram:CategoryTradeTax/ram:CategoryCode"),
        tax_rate=xml.decimal(item, "ram:CategoryTradeTax/ram:RateApplicablePercent"),
    )


def _logistics(xml: Reader, item: etree._Element) -> Adjustment:
    """A charge for freight (profile EXTENDED, BG-X-42); it counts into BT-108 like any other."""
    return Adjustment(
        is_charge=True,
        amount=xml.need_minor(item, "ram:AppliedAmount", "BT-92"),
        reason=xml.text(item, "ram:Description"),
        tax_category=xml.text(item, "ram:AppliedTradeTax/ram:CategoryCode"),
        tax_rate=xml.decimal(item, "ram:AppliedTradeTax/ram:RateApplicablePercent"),
    )


def _tax(xml: Reader, item: etree._Element) -> Tax:
    return Tax(
        category=xml.text(item, "ram:CategoryCode") or "",
        rate=xml.decimal(item, "ram:RateApplicablePercent"),
        basis=xml.minor(item, "ram:BasisAmount") or 0,
        amount=xml.need_minor(item, "ram:CalculatedAmount", "BT-117"),
        reason=xml.text(item, "ram:ExemptionReason") or xml.text(item, "ram:ExemptionReasonCode"),
    )


def _means(xml: Reader, settlement: etree._Element) -> tuple[PaymentMeans, ...]:
    """BG-16. Reference (BT-83) and mandate (BT-89) stand on the document, the mandate beside the terms."""
    reference = xml.text(settlement, "ram:PaymentReference")
    mandate = xml.text(settlement, "ram:SpecifiedTradePaymentTerms/ram:DirectDebitMandateID")
    found = []
    for item in xml.all(settlement, "ram:SpecifiedTradeSettlementPaymentMeans"):
        account = xml.find(item, "ram:PayeePartyCreditorFinancialAccount")
        number = xml.text(item, "ram:TypeCode") or "1"  # 1: instrument not defined
        card = xml.text(item, "ram:ApplicableTradeSettlementFinancialCard/ram:ID")
        found.append(
            PaymentMeans(
                code=number,
                text=xml.text(item, "ram:Information"),
                iban=vat(xml.text(account, "ram:IBANID") or xml.text(account, "ram:ProprietaryID")),
                bic=xml.text(item, "ram:PayeeSpecifiedCreditorFinancialInstitution/ram:BICID"),
                account_name=xml.text(account, "ram:AccountName"),
                reference=reference,
                mandate=mandate if number in DEBITS else None,
                card_last=last_four(card),
            )
        )
    return tuple(found)


def _attachments(xml: Reader, agreement: etree._Element) -> tuple[Attachment, ...]:
    """BG-24. A reference of type 130 is the invoiced object (BT-18), one of 50 the tender (BT-17): no attachments."""
    return tuple(
        xml.attachment(
            item,
            name="ram:IssuerAssignedID",
            text="ram:Name",
            url="ram:URIID",
            content="ram:AttachmentBinaryObject",
        )
        for item in xml.all(agreement, "ram:AdditionalReferencedDocument")
        if xml.text(item, "ram:TypeCode") not in ("50", "130")
    )
