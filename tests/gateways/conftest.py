"""The providers that the shared contract tests run over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateways.rehearsals import Rehearsal, SandboxRehearsal
from tests.gateways.running import RunningSandbox, running_sandbox


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with running_sandbox(tmp_path_factory.mktemp("provider"), process=True) as sandbox:
        yield sandbox


@pytest.fixture(params=["sandbox"])
def rehearsal(request: pytest.FixtureRequest) -> Rehearsal:
    return SandboxRehearsal(request.getfixturevalue("sandbox_process"))
