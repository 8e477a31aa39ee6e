"""Taking documents in: what arrives becomes an invoice, a revision, a question to staff, or is refused with its reason.

An import mails nobody, makes nobody able to sign in and charges nothing. See money.md section 8 and docs/accounting.md.
"""

from __future__ import annotations

from billing.imports.decisions import decide, undo, why_not_undoable
from billing.imports.running import Result, begin_upload, perform, run, summary, sweep
from billing.imports.taking import Outcome, Taken, take_in

__all__ = [
    "Outcome",
    "Result",
    "Taken",
    "begin_upload",
    "decide",
    "perform",
    "run",
    "summary",
    "sweep",
    "take_in",
    "undo",
    "why_not_undoable",
]
