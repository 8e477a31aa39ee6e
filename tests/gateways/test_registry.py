from __future__ import annotations

from pathlib import Path

import pytest

from gateways.registry import ADAPTERS, UnknownProvider, load, providers

ADAPTER = """
class Cowries:
    provider = "cowries"

    def __init__(self, config):
        self.beach = config["beach"]


def connect(config):
    return Cowries(config)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package that brings an adapter, and tries to be Stripe too."""
    (tmp_path / "tillhouse_cowries.py").write_text(ADAPTER)
    about = tmp_path / "tillhouse_cowries-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: tillhouse-cowries\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[tillhouse.gateways]\ncowries = tillhouse_cowries:connect\nstripe = tillhouse_cowries:connect\n"
    )
    monkeypatch.syspath_prepend(tmp_path)


def test_ours_are_there() -> None:
    assert set(ADAPTERS) <= set(providers())


def test_a_package_of_its_own_brings_an_adapter(package: None) -> None:
    assert "cowries" in providers()
    gateway = load("cowries", {"beach": "north"})
    assert gateway.provider == "cowries"


def test_a_package_never_takes_the_name_of_one_of_ours(package: None) -> None:
    assert providers().count("stripe") == 1
    settings = {"secret_key": "sk_test_1", "webhook_secret": "whsec_1", "account": "acct_1", "live": ""}
    assert type(load("stripe", settings)).__module__ == "gateways.stripe"


def test_an_adapter_nobody_brought_is_unknown() -> None:
    with pytest.raises(UnknownProvider):
        load("shells", {})
