"""Reading Stripe's list of events, so that none is missed: what webhooks did not bring.

A position is "at NEWEST CREATED SWEPT": the newest event read, when it was made, when a day was last read again; or
"down FROM NEWEST CREATED LAST SWEPT" within such a reading, which goes from the newest event backwards. Stripe keeps
events for 30 days.
"""

from __future__ import annotations

import stripe

from gateways.stripe.answers import EVENTS
from gateways.stripe.declines import Found

LISTED = 100  # events on a page, the most there is
OVERLAP = 24 * 3600  # seconds of events read again, since they are not always listed in the order they were made in
OVERLAP_EVERY = 50 * 60  # seconds between two such readings

Told = tuple[list[Found], str | None, bool]  # events, the next position, whether to go on now


def read(api: stripe.StripeClient, since: str | None, now: int) -> Told:
    """One page. `now` in seconds; a position that cannot be read starts over. Raises what the library raises."""
    match [int(part) if part.isdecimal() else part for part in (since or "").split()]:
        case ["at", str(newest), int(created), int(swept)]:
            if now - swept < OVERLAP_EVERY:
                try:
                    return _later(api, newest, created, swept)
                except stripe.InvalidRequestError:  # older than 30 days
                    pass
            return _back(api, max(created - OVERLAP, 0), newest, created, None, now)
        case ["down", int(start), str(newest), int(created), str(last), int(swept)]:
            return _back(api, start, newest, created, last, swept)
        case _:
            return _back(api, 0, None, 0, None, now)


def _later(api: stripe.StripeClient, newest: str, created: int, swept: int) -> Told:
    """The page just above the newest event read, oldest first."""
    listed = api.v1.events.list({"ending_before": newest, "limit": LISTED, "types": list(EVENTS)}).to_dict()
    items = listed["data"]
    if items:
        newest, created = items[0]["id"], int(items[0]["created"])
    told = list(reversed(items))
    return told, f"at {newest} {created} {swept}", bool(listed["has_more"])


def _back(api: stripe.StripeClient, start: int, newest: str | None, created: int, last: str | None, swept: int) -> Told:
    """One page of a reading from the newest event back to `start`."""
    asked: stripe.params.EventListParams = {
        "created": {"gte": start},
        "limit": LISTED,
        "types": list(EVENTS),
    }
    if last:
        asked["starting_after"] = last
    listed = api.v1.events.list(asked).to_dict()
    items = listed["data"]
    if items and not last:
        newest, created = items[0]["id"], int(items[0]["created"])
    if newest is None:
        return [], None, False
    told = list(reversed(items))
    if items and listed["has_more"]:
        return told, f"down {start} {newest} {created} {items[-1]['id']} {swept}", True
    return told, f"at {newest} {created} {swept}", False
