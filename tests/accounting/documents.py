"""Small documents to bend: the same invoice in UBL, CII and CSV, and a PDF around it."""

from __future__ import annotations

import io

import pikepdf

UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
CII = "urn:un:unece:uncefact:data:standard:"


def ubl(
    number: str = "R-1",
    *,
    root: str = "Invoice",
    code: str = "380",
    net: str = "100.00",
    tax: str = "19.00",
    total: str = "119.00",
    payable: str = "119.00",
    prepaid: str = "",
    issued: str = "2026-11-02",
    due: str = "<cbc:DueDate>2026-12-02</cbc:DueDate>",
    currency: str = "EUR",
    buyer: str = "Acme Ltd",
    buyer_id: str = "C-1",
    buyer_vat: str = "",
    preceding: str = "",
    means: str = "58",
    terms: str = "30 days net",
    item: str = "Paper",
) -> bytes:
    due = "" if root == "CreditNote" else due
    prepaid = f'<cbc:PrepaidAmount currencyID="{currency}">{prepaid}</cbc:PrepaidAmount>' if prepaid else ""
    named = (
        f"<cac:BillingReference><cac:InvoiceDocumentReference><cbc:ID>{preceding}</cbc:ID></cac:InvoiceDocumentReference>"
        "</cac:BillingReference>"
        if preceding
        else ""
    )
    vat = (
        f"<cac:PartyTaxScheme><cbc:CompanyID>{buyer_vat}</cbc:CompanyID><cac:TaxScheme><cbc:ID>VAT</cbc:ID>"
        "</cac:TaxScheme></cac:PartyTaxScheme>"
        if buyer_vat
        else ""
    )
    ids = f"<cac:PartyIdentification><cbc:ID>{buyer_id}</cbc:ID></cac:PartyIdentification>" if buyer_id else ""
    quantity = "InvoicedQuantity" if root == "Invoice" else "CreditedQuantity"
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<{root} xmlns="{UBL}{root}-2" xmlns:cac="{UBL}CommonAggregateComponents-2" xmlns:cbc="{UBL}CommonBasicComponents-2">
<cbc:ID>{number}</cbc:ID><cbc:IssueDate>{issued}</cbc:IssueDate>{due}
<cbc:{root}TypeCode>{code}</cbc:{root}TypeCode><cbc:DocumentCurrencyCode>{currency}</cbc:DocumentCurrencyCode>{named}
<cac:AccountingSupplierParty><cac:Party><cac:PartyTaxScheme><cbc:CompanyID>DE 123456789</cbc:CompanyID><cac:TaxScheme>
<cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme><cac:PartyLegalEntity><cbc:RegistrationName>Hartwell
</cbc:RegistrationName></cac:PartyLegalEntity></cac:Party></cac:AccountingSupplierParty>
<cac:AccountingCustomerParty><cac:Party>{ids}<cac:PostalAddress><cbc:StreetName>1 Harbour Street</cbc:StreetName>
<cbc:CityName>Bristol</cbc:CityName><cac:Country><cbc:IdentificationCode>GB</cbc:IdentificationCode></cac:Country>
</cac:PostalAddress>{vat}<cac:PartyLegalEntity><cbc:RegistrationName>{buyer}</cbc:RegistrationName></cac:PartyLegalEntity>
</cac:Party></cac:AccountingCustomerParty>
<cac:PaymentMeans><cbc:PaymentMeansCode>{means}</cbc:PaymentMeansCode></cac:PaymentMeans>
<cac:PaymentTerms><cbc:Note>{terms}</cbc:Note></cac:PaymentTerms>
<cac:TaxTotal><cbc:TaxAmount currencyID="{currency}">{tax}</cbc:TaxAmount></cac:TaxTotal>
<cac:LegalMonetaryTotal><cbc:LineExtensionAmount currencyID="{currency}">{net}</cbc:LineExtensionAmount>
<cbc:TaxExclusiveAmount currencyID="{currency}">{net}</cbc:TaxExclusiveAmount>
<cbc:TaxInclusiveAmount currencyID="{currency}">{total}</cbc:TaxInclusiveAmount>{prepaid}
<cbc:PayableAmount currencyID="{currency}">{payable}</cbc:PayableAmount></cac:LegalMonetaryTotal>
<cac:{root}Line><cbc:ID>1</cbc:ID><cbc:{quantity} unitCode="C62">1</cbc:{quantity}>
<cbc:LineExtensionAmount currencyID="{currency}">{net}</cbc:LineExtensionAmount>
<cac:Item><cbc:Name>{item}</cbc:Name></cac:Item></cac:{root}Line></{root}>""".encode()


def cii(number: str = "R-1", *, item: str = "Paper", payable: str = "119.00") -> bytes:
    """The same as `ubl()` with its defaults."""
    day = '<udt:DateTimeString format="102">{}</udt:DateTimeString>'
    return f"""<rsm:CrossIndustryInvoice xmlns:rsm="{CII}CrossIndustryInvoice:100"
 xmlns:ram="{CII}ReusableAggregateBusinessInformationEntity:100" xmlns:udt="{CII}UnqualifiedDataType:100">
<rsm:ExchangedDocument><ram:ID>{number}</ram:ID><ram:TypeCode>380</ram:TypeCode>
<ram:IssueDateTime>{day.format("20261102")}</ram:IssueDateTime></rsm:ExchangedDocument>
<rsm:SupplyChainTradeTransaction><ram:IncludedSupplyChainTradeLineItem>
<ram:AssociatedDocumentLineDocument><ram:LineID>1</ram:LineID></ram:AssociatedDocumentLineDocument>
<ram:SpecifiedTradeProduct><ram:Name>{item}</ram:Name></ram:SpecifiedTradeProduct>
<ram:SpecifiedLineTradeDelivery><ram:BilledQuantity unitCode="C62">1.0000</ram:BilledQuantity>
</ram:SpecifiedLineTradeDelivery><ram:SpecifiedLineTradeSettlement>
<ram:SpecifiedTradeSettlementLineMonetarySummation><ram:LineTotalAmount>100</ram:LineTotalAmount>
</ram:SpecifiedTradeSettlementLineMonetarySummation></ram:SpecifiedLineTradeSettlement>
</ram:IncludedSupplyChainTradeLineItem>
<ram:ApplicableHeaderTradeAgreement><ram:SellerTradeParty><ram:Name>Hartwell</ram:Name><ram:SpecifiedTaxRegistration>
<ram:ID schemeID="VA">DE123456789</ram:ID></ram:SpecifiedTaxRegistration></ram:SellerTradeParty>
<ram:BuyerTradeParty><ram:ID>C-1</ram:ID><ram:Name>Acme  Ltd</ram:Name><ram:PostalTradeAddress>
<ram:LineOne>1 Harbour Street</ram:LineOne><ram:CityName>Bristol</ram:CityName><ram:CountryID>GB</ram:CountryID>
</ram:PostalTradeAddress></ram:BuyerTradeParty></ram:ApplicableHeaderTradeAgreement>
<ram:ApplicableHeaderTradeSettlement><ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>
<ram:SpecifiedTradeSettlementPaymentMeans><ram:TypeCode>58</ram:TypeCode></ram:SpecifiedTradeSettlementPaymentMeans>
<ram:SpecifiedTradePaymentTerms><ram:Description>30 days net</ram:Description>
<ram:DueDateDateTime>{day.format("20261202")}</ram:DueDateDateTime></ram:SpecifiedTradePaymentTerms>
<ram:SpecifiedTradeSettlementHeaderMonetarySummation><ram:LineTotalAmount>100.0</ram:LineTotalAmount>
<ram:TaxBasisTotalAmount>100.00</ram:TaxBasisTotalAmount><ram:TaxTotalAmount currencyID="EUR">19</ram:TaxTotalAmount>
<ram:GrandTotalAmount>119.00</ram:GrandTotalAmount><ram:DuePayableAmount>{payable}</ram:DuePayableAmount>
</ram:SpecifiedTradeSettlementHeaderMonetarySummation></ram:ApplicableHeaderTradeSettlement>
</rsm:SupplyChainTradeTransaction></rsm:CrossIndustryInvoice>""".encode()


def pdf(xml: bytes | None, name: str = "factur-x.xml") -> bytes:
    """A PDF of one empty page that carries an XML, or none."""
    with pikepdf.new() as made:
        made.add_blank_page()
        if xml is not None:
            made.attachments[name] = pikepdf.AttachedFileSpec(made, xml, filename=name)  # type: ignore[call-arg]  # its stub knows no defaults
        out = io.BytesIO()
        made.save(out)
    return out.getvalue()
