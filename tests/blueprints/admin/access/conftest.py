"""A group's page with a rule on it."""

from __future__ import annotations

from datetime import datetime

import pytest

from billing import rules
from models import AccessRule
from tests.cast import Cast

PAGE = "/admin/customers/C-ACME/groups/G-ACME"


@pytest.fixture
def rule(cast: Cast, now: datetime) -> AccessRule:
    return rules.add(cast.acme, "acme-group.example", "pay", by=cast.root, now=now)
