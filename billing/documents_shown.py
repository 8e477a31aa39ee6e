"""What a stored document says, as the records that pages and PDFs read. Its JSON is `accounting.contract.Document`."""

from __future__ import annotations

from datetime import date
from typing import Any

from accounting.contract import Attachment, Document, Kind
from money import Money
from records import AdjustmentView, LineView, PartyView, TaxView

# UN/ECE Recommendation 20: the codes that stand on ordinary invoices; others are shown as they came.
UNITS = {
    "C62": "", "H87": "pcs", "EA": "", "XPP": "pcs", "HUR": "h", "MIN": "min", "DAY": "d", "WEE": "wk", "MON": "mo",
    "ANN": "yr", "KGM": "kg", "GRM": "g", "TNE": "t", "LTR": "l", "MTR": "m", "KMT": "km", "CMT": "cm", "MTK": "m²",
    "MTQ": "m³", "KWH": "kWh", "MWH": "MWh", "LS": "", "SET": "set", "PR": "pair", "P1": "%",
}  # fmt: skip


def pack(document: Document) -> dict[str, Any]:
    """A document as JSON, attachments by name only: their bytes are files of their own."""
    return {name: _packed(value) for name, value in vars(document).items()}


def _packed(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_packed(item) for item in value]
    if isinstance(value, Attachment):
        return {name: _packed(item) for name, item in vars(value).items() if name != "content"}
    if hasattr(value, "__dataclass_fields__"):
        return {name: _packed(item) for name, item in vars(value).items()}
    return str(value) if isinstance(value, Kind) else value


def parts(content: dict[str, Any]) -> dict[str, Any]:
    """The fields of an InvoiceView that come from the document itself."""
    cur = content["currency"]

    def money(name: str) -> Money:
        return Money(content[name], cur)

    return {
        "net": money("net"),
        "tax": money("tax"),
        "prepaid": money("prepaid"),
        "line_total": money("line_total"),
        "allowances": money("allowances"),
        "charges": money("charges"),
        "rounding": money("rounding"),
        "due_on_receipt": content["due_on"] is None,
        "seller": party(content["seller"]),
        "buyer": party(content["buyer"]),
        "delivery": party(content["delivery"]) if content.get("delivery") else None,
        "lines": tuple(_line(line, cur) for line in content["lines"]),
        "adjustments": tuple(_adjustment(item, cur) for item in content["adjustments"]),
        "taxes": tuple(
            TaxView(
                tax["category"],
                tax["rate"] or "",
                Money(tax["basis"], cur),
                Money(tax["amount"], cur),
                tax["reason"] or "",
            )
            for tax in content["taxes"]
        ),
        "terms": content["terms"] or "",
        "notes": tuple(content["notes"]),
        "buyer_reference": content["buyer_reference"] or "",
        "references": tuple(_references(content)),
        "period": _period(content["period"]),
        "delivered_on": _date(content["delivered_on"]),
        "means": tuple(_means(content)),
        "third_party": tuple(
            (item["text"] or item["kind"], Money(item["amount"], cur)) for item in content["third_party"]
        ),
        "tax_in": Money(content["tax_in_currency"], content["tax_currency"])
        if content.get("tax_in_currency") is not None and content.get("tax_currency")
        else None,
    }


def party(content: dict[str, Any]) -> PartyView:
    place = " ".join(part for part in (content["postcode"], content["city"]) if part)
    lines = [*content["lines"], place, content["region"], content["country"]]
    return PartyView(
        name=content["name"],
        lines=tuple(line for line in lines if line),
        vat_number=content["vat_number"] or "",
        registration_number=content["registration_number"] or "",
        contact=content["contact"] or "",
        phone=content["phone"] or "",
        email=content["email"] or "",
    )


def _line(line: dict[str, Any], cur: str) -> LineView:
    unit = line["unit"] or ""
    return LineView(
        number=line["number"],
        name=line["name"],
        net=Money(line["net"], cur),
        description=line["description"] or "",
        note=line["note"] or "",
        quantity=line["quantity"] or "",
        unit=UNITS.get(unit, unit),
        price=line["price"] or "",
        tax_rate=line["tax_rate"] or "",
        period=_period(line["period"]),
        adjustments=tuple(_adjustment(item, cur) for item in line["adjustments"]),
        references=tuple((kind, text) for kind, text in line["references"]),
        level=line["level"],
    )


def _adjustment(item: dict[str, Any], cur: str) -> AdjustmentView:
    return AdjustmentView(item["reason"] or "", item["is_charge"], Money(item["amount"], cur), item["percent"] or "")


def _references(content: dict[str, Any]) -> list[tuple[str, str]]:
    found = [
        (kind, content[name])
        for kind, name in (("contract", "contract_number"), ("project", "project"))
        if content.get(name)
    ]
    return found + [("preceding_invoice", number) for number, _ in content["preceding"]]


def _means(content: dict[str, Any]) -> list[tuple[str, str]]:
    names = ("text", "account_name", "iban", "bic", "reference", "mandate", "card_last")
    return [(name, means[name]) for means in content["means"] for name in names if means.get(name)]


def _period(value: list[str | None] | None) -> tuple[date | None, date | None] | None:
    return (_date(value[0]), _date(value[1])) if value else None


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
