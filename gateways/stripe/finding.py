"""Finding what Stripe knows of a payment, a refund or a page: by its id exactly, by ours as well as that goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import stripe

from gateways.contract import Attempt, Outcome
from gateways.stripe import answers
from gateways.stripe.declines import Found

LISTED = 100  # objects on a page, the most there is
PAGES = 3  # pages of the newest objects that are read where the search may lag
RECENT = 25 * 3600  # seconds; what is older than a key's window is left to the search
INTENT = ["latest_charge.balance_transaction"]
SESSION = ["payment_intent.latest_charge.balance_transaction", "payment_intent.payment_method",
           "setup_intent.payment_method"]  # fmt: skip

# Of several payments that carry the same id of ours, the one that says most about the money.
WEIGHT = (Outcome.SUCCEEDED, Outcome.PROCESSING, Outcome.ACTION_REQUIRED, Outcome.UNKNOWN, Outcome.DECLINED,
          Outcome.CANCELLED, Outcome.NOT_SUBMITTED)  # fmt: skip


def found(api: stripe.StripeClient, theirs: str) -> Found | None:
    """The session, intent or refund of this id; an intent made on a page is given as that page's session."""
    try:
        if theirs.startswith("cs_"):
            return api.v1.checkout.sessions.retrieve(theirs, {"expand": SESSION}).to_dict()
        if theirs.startswith("pi_"):
            return _page_of(api, api.v1.payment_intents.retrieve(theirs, {"expand": INTENT}).to_dict())
        if theirs.startswith(("re_", "pyr_")):
            return api.v1.refunds.retrieve(theirs).to_dict()
    except stripe.InvalidRequestError as error:
        if error.http_status != 404:
            raise
    return None


def _page_of(api: stripe.StripeClient, intent: Found) -> Found:
    """A refused intent means nothing while its page is open: the customer may take another card there."""
    if "page" not in (intent.get("metadata") or {}):
        return intent
    listed = api.v1.checkout.sessions.list({"payment_intent": intent["id"], "expand": _data(SESSION)}).to_dict()
    return cast(Found, listed["data"][0]) if listed["data"] else {**intent, "last_payment_error": None}


def search(api: stripe.StripeClient, ours: str) -> Attempt | None:
    """The weightiest payment or refund that carries our id: the search, then the newest objects of each kind."""
    known: list[Attempt] = []
    for source in (_searched, _intents, pages, _refunds):
        for item in source(api, ours):
            if item["object"] == "payment_intent":
                item = _page_of(api, item)
            if item.get("mode") != "setup":
                known.append(answers.attempt(item))
        if any(attempt.outcome is Outcome.SUCCEEDED for attempt in known):
            break
    return min(known, key=lambda attempt: WEIGHT.index(attempt.outcome), default=None)


def _searched(api: stripe.StripeClient, ours: str) -> list[Found]:
    if not ours.replace("-", "").replace("_", "").isalnum():
        return []  # nothing of ours, and not to be put between quotes
    query = f"metadata['ours']:'{ours}'"
    try:
        return api.v1.payment_intents.search({"query": query, "expand": _data(INTENT)}).to_dict()["data"]  # type: ignore[no-any-return]
    except stripe.InvalidRequestError:  # merchants in India have no search
        return []


def _intents(api: stripe.StripeClient, ours: str) -> Iterator[Found]:
    asked: stripe.params.PaymentIntentListParams = {"limit": LISTED, "expand": _data(INTENT)}
    return _newest(api.v1.payment_intents.list, cast(Any, asked), ours)


def pages(api: stripe.StripeClient, ours: str) -> Iterator[Found]:
    """The Checkout pages, of both kinds, that carry our id."""
    asked: stripe.params.checkout.SessionListParams = {"limit": LISTED, "expand": _data(SESSION)}
    return _newest(api.v1.checkout.sessions.list, cast(Any, asked), ours)


def _refunds(api: stripe.StripeClient, ours: str) -> Iterator[Found]:
    asked: stripe.params.RefundListParams = {"limit": LISTED}
    return _newest(api.v1.refunds.list, cast(Any, asked), ours)


def _newest(ask: Callable[[Any], Any], asked: dict[str, Any], ours: str) -> Iterator[Found]:
    """Those of the newest objects that carry our id, as far back as a key's window reaches."""
    for _ in range(PAGES):
        items = ask(asked).to_dict()["data"]
        yield from (item for item in items if (item.get("metadata") or {}).get("ours") == ours)
        if len(items) < LISTED or items[-1]["created"] < time.time() - RECENT:
            return
        asked = {**asked, "starting_after": items[-1]["id"]}


def _data(paths: list[str]) -> list[str]:
    """What to expand, for the items of a list."""
    return [f"data.{path}" for path in paths]
