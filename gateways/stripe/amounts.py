"""Which currencies Stripe takes, how much of each, and how it counts them."""

from __future__ import annotations

from money import EXPONENTS

MOST = 99_999_999  # in Stripe's units: "up to eight digits", https://docs.stripe.com/currencies
# Least charges in our minor units, https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
LEAST = {
    "AED": 200, "AUD": 50, "BGN": 100, "BRL": 50, "CAD": 50, "CHF": 50, "CZK": 1500, "DKK": 250, "EUR": 50, "GBP": 30,
    "HKD": 400, "HUF": 17500, "INR": 50, "JPY": 50, "MXN": 1000, "MYR": 200, "NOK": 300, "NZD": 50, "PLN": 200,
    "RON": 200, "SEK": 300, "SGD": 50, "THB": 1000, "USD": 50,
}  # fmt: skip
# What else cards are charged in. The least depends on the rate of the day there: Stripe refuses less than it.
OTHERS = (
    "AFN", "ALL", "AMD", "ANG", "AOA", "ARS", "AWG", "AZN", "BAM", "BBD", "BDT", "BHD", "BIF", "BMD", "BND", "BOB",
    "BSD", "BWP", "BYN", "BZD", "CDF", "CLP", "CNY", "COP", "CRC", "CVE", "DJF", "DOP", "DZD", "EGP", "ETB", "FJD",
    "FKP", "GEL", "GIP", "GMD", "GNF", "GTQ", "GYD", "HNL", "HTG", "IDR", "ILS", "ISK", "JMD", "JOD", "KES", "KGS",
    "KHR", "KMF", "KRW", "KWD", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD", "LSL", "MAD", "MDL", "MGA", "MKD", "MMK",
    "MNT", "MOP", "MUR", "MVR", "MWK", "MZN", "NAD", "NGN", "NIO", "NPR", "OMR", "PAB", "PEN", "PGK", "PHP", "PKR",
    "PYG", "QAR", "RSD", "RWF", "SAR", "SBD", "SCR", "SHP", "SLE", "SOS", "SRD", "SZL", "TJS", "TND", "TOP", "TRY",
    "TTD", "TWD", "TZS", "UAH", "UGX", "UYU", "UZS", "VND", "VUV", "WST", "XAF", "XCD", "XCG", "XOF", "XPF", "YER",
    "ZAR", "ZMW",
)  # fmt: skip
# Where Stripe counts otherwise than ISO 4217, https://docs.stripe.com/currencies#special-cases: króna and Ugandan
# shilling have no decimals but are sent with two, the ariary is sent without. (Forint and Taiwan dollar are charged in
# hundredths and only paid out in whole ones: nothing to do here.)
DIGITS = {"ISK": 2, "UGX": 2, "MGA": 0}


CARD, ACH, SEPA = "card", "us_bank_account", "sepa_debit"
DEBITS = {"USD": ACH, "EUR": SEPA}
# Days of notice, further tries and the days for them, days in which a settled debit can come back. ACH: Nacha (10 days
# where amounts vary, two more tries in 180 days, 60 days). SEPA: rulebook (14 days unless agreed, 8 weeks).
TERMS = {CARD: (3, 4, 30, 0), ACH: (10, 2, 180, 60), SEPA: (14, 3, 30, 56)}


def step(currency: str) -> int:
    """Three decimals: the last has to be 0. Without decimals there: whole units."""
    shift = _shift(currency)
    return 10**-shift if shift < 0 else 10 if EXPONENTS[currency] == 3 else 1


def most(currency: str) -> int:
    shift = _shift(currency)
    most = MOST * 10**-shift if shift < 0 else MOST // 10**shift
    return most - most % step(currency)


def _shift(currency: str) -> int:
    """How many decimals more Stripe counts than we do."""
    return DIGITS.get(currency, EXPONENTS[currency]) - EXPONENTS[currency]


def sent(amount: int, currency: str) -> int:
    """Our minor units in Stripe's. Raises ValueError for what cannot be said there."""
    if currency not in EXPONENTS:
        raise ValueError("currency")
    if amount % step(currency):
        raise ValueError("amount")
    shift = _shift(currency)
    return amount * 10**shift if shift >= 0 else amount // 10**-shift


def received(amount: int, currency: str) -> tuple[int, str]:
    """Stripe's units in ours, and the code in our spelling. Raises ValueError for a fraction of our least unit."""
    code = currency.upper()
    if code not in EXPONENTS:
        raise ValueError("currency")
    shift = _shift(code)
    if shift <= 0:
        return amount * 10**-shift, code
    whole, rest = divmod(amount, 10**shift)
    if rest:
        raise ValueError("amount")
    return whole, code
