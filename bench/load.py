"""A small load generator and what it says: requests per second, latencies, CPU of the servers."""

from __future__ import annotations

import os
import selectors
import socket
import time
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Load:
    """What a run saw. `cpu` is that of the server's processes for one request, in microseconds."""

    rate: float
    p50: float  # milliseconds
    p99: float
    cpu: float


class _Caller:
    """One connection, kept alive, that sends its request again as soon as it has the answer."""

    def __init__(self, port: int, request: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request = request
        self.got = b""
        self.wanted = 0
        self.began = 0.0

    def send(self) -> None:
        self.began = time.perf_counter()
        self.got, self.wanted = b"", 0
        self.socket.sendall(self.request)

    def receive(self) -> bool:
        """Take what came; whether the answer is whole. Anything but 200 ends the measurement."""
        self.got += self.socket.recv(262144)
        if not self.wanted:
            head, gap, _ = self.got.partition(b"\r\n\r\n")
            if not gap:
                return False
            assert b" 200 " in head.split(b"\r\n", 1)[0], head.decode("latin-1")
            length = head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]
            self.wanted = len(head) + len(gap) + int(length)
        return len(self.got) >= self.wanted


def load(port: int, path: str, *, cookie: str = "", seconds: float, connections: int = 8, server: int) -> Load:
    """Ask for one page over some connections for a while. `server` is the id of the process whose tree answers."""
    head = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Accept-Encoding: br"]
    request = "\r\n".join([*head, *([f"Cookie: {cookie}"] if cookie else []), "", ""]).encode()
    callers = [_Caller(port, request) for _ in range(connections)]
    chooser = selectors.DefaultSelector()
    for caller in callers:
        chooser.register(caller.socket, selectors.EVENT_READ, caller)
        caller.send()
    spent: list[float] = []
    busy = cpu(server)
    began = time.perf_counter()
    end = began + seconds
    while time.perf_counter() < end:
        for key, _ in chooser.select(1.0):
            caller = key.data
            if caller.receive():
                spent.append(time.perf_counter() - caller.began)
                caller.send()
    took = time.perf_counter() - began
    busy = cpu(server) - busy
    for caller in callers:
        caller.socket.close()
    spent.sort()
    return Load(
        rate=len(spent) / took,
        p50=spent[len(spent) // 2] * 1000,
        p99=spent[int(len(spent) * 0.99)] * 1000,
        cpu=busy / len(spent) * 1_000_000,
    )


def tree(root: int) -> list[int]:
    """A process and all that came of it."""
    found = [root]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            found += [int(child) for child in task.read_text().split()]
    return found


def cpu(root: int) -> float:
    """Seconds of CPU that a tree of processes has spent."""
    ticks = 0
    for one in tree(root):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS
