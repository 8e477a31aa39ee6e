"""Measurements behind the budgets, one program per section. Never a test of the time: figures go to RESULTS.md."""

from __future__ import annotations

Line = tuple[str, str, str]  # what was measured, the figure, its budget
