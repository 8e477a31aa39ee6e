"""Proving who you are by mail, or by what a command printed: links and codes. Passwords: billing/passwords.py.

A link does what its purpose says, once; looking at it uses nothing up. One that signs in lives 30 minutes, its code 15,
and the code dies at its fifth wrong guess. The newest of an address and a purpose replaces the older ones. Who may not
sign in gets the same answer after the same work, and no mail. Somebody becomes a person only when they have proved the
address: until then it stands on the row alone.
"""

from __future__ import annotations

from billing.sign_ins.asking import (
    CODE_LIFE,
    LIVES,
    VISITOR,
    ask,
    ask_account,
    ask_as_staff,
    ask_reset,
    for_command,
    make,
)
from billing.sign_ins.coming import (
    GUESSES,
    code_of,
    confirm,
    is_command,
    is_usable,
    peek,
    person_of,
    use,
    use_code,
    wants_password,
)
from billing.sign_ins.keeping import end_reusable, reset, sweep

__all__ = [
    "CODE_LIFE",
    "GUESSES",
    "LIVES",
    "VISITOR",
    "ask",
    "ask_account",
    "ask_as_staff",
    "ask_reset",
    "code_of",
    "confirm",
    "end_reusable",
    "for_command",
    "is_command",
    "is_usable",
    "make",
    "peek",
    "person_of",
    "reset",
    "sweep",
    "use",
    "use_code",
    "wants_password",
]
