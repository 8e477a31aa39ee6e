"""The queue as tests see it: what was enqueued is written down, and run when the test says so."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Enqueued:
    name: str
    args: tuple[Any, ...]
    queue: str


@dataclass
class Queue:
    jobs: list[Enqueued] = field(default_factory=list)
    without: tuple[str, ...] = ()  # names that this test leaves alone

    def push(self, queue: str, name: str, args: tuple[Any, ...]) -> None:
        if name not in self.without:
            self.jobs.append(Enqueued(name, args, queue))

    @property
    def names(self) -> list[str]:
        return [job.name for job in self.jobs]

    def run(self) -> int:
        """Run what waits, and what that enqueues in turn; how many ran."""
        count = 0
        while self.jobs:
            job = self.jobs.pop(0)
            module, _, name = job.name.rpartition(".")
            getattr(importlib.import_module(module), name)(*job.args)
            count += 1
        return count
