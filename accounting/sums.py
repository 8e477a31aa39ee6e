"""EN 16931's arithmetic (BR-CO-10 to BR-CO-16), to the minor unit: a document that does not add up is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from accounting.contract import Document, Line, Refused
from money import as_decimal

CREDIT_NOTES = frozenset(("81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "502", "503", "532"))
# UNTDID 1001 as EN 16931 allows it (BT-3), without 325: a proforma invoice claims nothing.
INVOICES = frozenset(
    (
        *("71", "80", "82", "84", "102", "130", "202", "203", "204", "211", "218", "219", "295", "326", "331", "380"),
        *(
            "382",
            "383",
            "384",
            "385",
            "386",
            "387",
            "388",
            "389",
            "390",
            "393",
            "394",
            "395",
            "456",
            "457",
            "471",
            "472",
        ),
        *(
            "473",
            "480",
            "500",
            "501",
            "527",
            "553",
            "575",
            "623",
            "633",
            "751",
            "780",
            "817",
            "870",
            "875",
            "876",
            "877",
        ),
        "935",
    )
)


def check(
    document: Document, where: Callable[[str], int | None], counted: Iterable[Iterable[Line]] | None = None
) -> Document:
    """The document itself, if its sums agree. `where` tells the line of a total by its BT number.

    `counted`: the lines that make BT-106, where it is not simply those of the first level; one reading of several
    must do.
    Documents without lines or without a tax breakdown (Factur-X MINIMUM and BASIC WL, plain CSV) are held to what
    they have. Amounts collected for third parties add to what is due (XRechnung extension, BR-DEX-09).
    Raises Refused("does_not_add_up").
    """

    def agree(rule: str, field: str, stated: int, computed: int) -> None:
        if stated != computed:
            raise Refused(
                "does_not_add_up",
                where(field),
                rule=rule,
                stated=as_decimal(stated, document.currency),
                computed=as_decimal(computed, document.currency),
            )

    if document.lines:
        sums = [
            sum(line.net for line in lines)
            for lines in counted or [[line for line in document.lines if not line.level]]
        ]
        agree(
            "BR-CO-10", "BT-106", document.line_total, document.line_total if document.line_total in sums else sums[0]
        )
    if document.lines or document.adjustments:
        allowances = sum(item.amount for item in document.adjustments if not item.is_charge)
        charges = sum(item.amount for item in document.adjustments if item.is_charge)
        agree("BR-CO-11", "BT-107", document.allowances, allowances)
        agree("BR-CO-12", "BT-108", document.charges, charges)
    agree("BR-CO-13", "BT-109", document.net, document.line_total - document.allowances + document.charges)
    if document.taxes:
        agree("BR-CO-14", "BT-110", document.tax, sum(tax.amount for tax in document.taxes))
    agree("BR-CO-15", "BT-112", document.total, document.net + document.tax)
    due = document.total - document.prepaid + document.rounding + sum(item.amount for item in document.third_party)
    agree("BR-CO-16", "BT-115", document.payable, due)
    return document
