"""`python -m sandbox FOLDER --secret S`: the pretend provider alone. Prints its address when it answers."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from sandbox.app import ACCOUNT
from sandbox.server import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="sandbox", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--secret", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--webhook-url")
    parser.add_argument("--account", default=ACCOUNT)
    parser.add_argument("--die-with-parent", action="store_true")
    given = parser.parse_args()
    try:
        run(given.folder, given.host, given.port, secret=given.secret, webhook_url=given.webhook_url,
            account=given.account, ready=lambda url: print(url, flush=True),
            die_with_parent=given.die_with_parent)  # fmt: skip
    except OSError as error:
        print(f"sandbox: {given.host}:{given.port}: {os.strerror(error.errno or 0)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
