"""The providers that the shared contract tests run over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateways.gocardless_fake import FakeGoCardless, running_gocardless
from tests.gateways.gocardless_rehearsal import GoCardlessRehearsal
from tests.gateways.rehearsals import Rehearsal, SandboxRehearsal, StripeRehearsal
from tests.gateways.running import RunningSandbox, running_sandbox
from tests.gateways.stripe_fake import StripeFake


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with running_sandbox(tmp_path_factory.mktemp("provider"), process=True) as sandbox:
        yield sandbox


@pytest.fixture
def stripe_fake() -> Iterator[StripeFake]:
    fake = StripeFake()
    yield fake
    fake.stop()


@pytest.fixture
def gocardless() -> Iterator[FakeGoCardless]:
    with running_gocardless() as fake:
        yield fake


@pytest.fixture(params=["sandbox", "stripe", "gocardless"])
def rehearsal(request: pytest.FixtureRequest) -> Rehearsal:
    if request.param == "gocardless":
        return GoCardlessRehearsal(request.getfixturevalue("gocardless"))
    if request.param == "stripe":
        return StripeRehearsal(request.getfixturevalue("stripe_fake"))
    return SandboxRehearsal(request.getfixturevalue("sandbox_process"))
