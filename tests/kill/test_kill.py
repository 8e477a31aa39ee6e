"""The worker is killed with -9 twenty times while two hundred payments are made: each is charged once or not at all."""

from __future__ import annotations

from pathlib import Path

from tests.kill.rehearsal import rehearse

SEED = 20261122


def test_every_accepted_payment_is_charged_once_or_not_at_all(database_url: str, tmp_path: Path) -> None:
    figures = rehearse(tmp_path, count=200, kills=20, seed=SEED)
    assert figures["kills"] == 20
    assert figures["paid"] == figures["payments"] == 200, figures
    assert figures["refused"] > 0, "no two sessions ever met"
