"""The demo merchant, Hartwell Garden Services: seeded once, then only its sign-in links are made anew."""

from __future__ import annotations

import sys

import startup
from billing import connections, dates, groups, history, people, settings, sign_ins
from database import transaction
from models import Customer, Membership

STAFF = ("root@hartwell.example", "Rowan Hartwell")
PEOPLE = (("ada@acme.example", "Ada Lane", "Acme Ltd"), ("mallory@globex.example", "Mallory Finch", "Globex GmbH"))


def main() -> int:
    startup.check_database(startup.make_ready("demo"))
    seed()
    now = dates.now()
    for email, _, _ in PEOPLE:
        person = people.person_by_email(email)
        assert person is not None
        print(f"customer  {email}  {sign_ins.for_command(person, now=now, reusable=True)}", flush=True)
    staff = people.staff_by_email(STAFF[0])
    assert staff is not None
    print(f"merchant  {STAFF[0]}  {sign_ins.for_command(staff, now=now, reusable=True)}", flush=True)
    return 0


def seed() -> None:
    """The merchant, two customers who can sign in, the sandbox's connection. Again: no change."""
    now = dates.now()
    switched_on = {name: True for name in settings.FIELDS if name == "portal_enabled" or name.startswith("allow_")}
    settings.save({"business_name": "Hartwell Garden Services"} | switched_on, by=history.COMMAND, now=now)
    people.make_staff(STAFF[0], name=STAFF[1], by=history.COMMAND, now=now)
    connections.open_sandbox(now=now)
    for email, name, company in PEOPLE:
        with transaction():
            customer, _ = Customer.get_or_create(
                source="demo",
                source_id=company,
                defaults={
                    "public_id": f"demo-{len(company)}",
                    "name": company,
                    "match_key": company,
                    "created_at": now,
                },
            )
            group = groups.group_for(customer, "EUR", by=history.COMMAND, now=now)
        people.make_member(email, group, Membership.PAY, by=history.COMMAND, now=now, name=name)


if __name__ == "__main__":
    sys.exit(main())
