"""Who may sign in: people by their folded address, their memberships in billing groups, and the merchant's own people.

Never how they prove who they are (`sign_ins`, `passwords`), nor what a membership opens (`access`).
"""

from __future__ import annotations

from billing.people.addresses import (
    LONGEST_ADDRESS,
    LONGEST_NAME,
    fold,
    mask,
    one_line,
    person_by_email,
    staff_by_email,
)
from billing.people.members import (
    RANK,
    bring_back,
    change_role,
    give_role,
    let_in,
    make_member,
    make_person,
    may_manage,
    remove,
)
from billing.people.names import fold_user_id, rename, set_user_id
from billing.people.new_email import EmailTaken, ask_new_email, change_email, email_asked
from billing.people.showing import (
    IN,
    GroupPerson,
    PersonDetails,
    PlaceView,
    details,
    has_place,
    one_of_group,
    people_of_group,
    person_by_id,
)
from billing.people.staff import (
    StaffView,
    all_staff,
    forget_factor,
    make_staff,
    remove_staff,
    staff_by_id,
    staff_view,
)

__all__ = [
    "IN",
    "LONGEST_ADDRESS",
    "LONGEST_NAME",
    "RANK",
    "EmailTaken",
    "GroupPerson",
    "PersonDetails",
    "PlaceView",
    "StaffView",
    "all_staff",
    "ask_new_email",
    "bring_back",
    "change_email",
    "change_role",
    "details",
    "email_asked",
    "fold",
    "fold_user_id",
    "forget_factor",
    "give_role",
    "has_place",
    "let_in",
    "make_member",
    "make_person",
    "make_staff",
    "mask",
    "may_manage",
    "one_line",
    "one_of_group",
    "people_of_group",
    "person_by_email",
    "person_by_id",
    "remove",
    "remove_staff",
    "rename",
    "set_user_id",
    "staff_by_email",
    "staff_by_id",
    "staff_view",
]
