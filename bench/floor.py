"""The floor: the same rows by nothing but Flask, sqlite3 and Jinja. `python -m bench.floor DATABASE PORT GROUP`.

No session, no sign-in, no form token, no settings, no headers, no languages: what a page costs before it is a portal.
"""

from __future__ import annotations

import sqlite3
import sys
import threading

from flask import Flask, render_template
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels
from jinja2 import DictLoader

from processes import die_with_parent

ROWS = """
SELECT number, address, due_on, total, open, claimed, currency, status, kind FROM invoice
WHERE "group_id" = ? ORDER BY issued_on DESC, id DESC LIMIT 50
"""
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Invoices</title></head>
<body><main><h1>Invoices</h1>
<table class="list">
<thead><tr><th>Invoice</th><th>Due</th><th>Status</th><th>Amount</th></tr></thead>
<tbody>
{% for row in rows %}
<tr>
<td><label><input type="checkbox" name="invoice" value="{{ row.address }}">Select invoice {{ row.number }}</label></td>
<th><a href="/invoices/{{ row.address }}">{{ row.number }}</a></th>
<td>{{ row.due_on }}</td>
<td><span class="badge">{{ "Paid" if not row.open else "To pay" }}</span></td>
<td>{{ "%.2f"|format((row.open or row.total) / 100) }} {{ row.currency }}</td>
</tr>
{% endfor %}
</tbody>
</table></main></body></html>
"""

_mine = threading.local()


def make(database: str, group: int) -> Flask:
    app = Flask(__name__)
    app.jinja_loader = DictLoader({"list.html": PAGE})

    @app.get("/invoices")
    def index() -> str:
        connection = getattr(_mine, "connection", None)
        if connection is None:
            connection = _mine.connection = sqlite3.connect(database)
            connection.row_factory = sqlite3.Row
        rows = [dict(row) for row in connection.execute(ROWS, (group,))]
        return render_template("list.html", rows=rows)

    return app


def main(database: str, port: int, group: int) -> None:
    def load() -> Flask:
        die_with_parent()
        return make(database, group)

    Granian(
        "bench.floor:make",
        address="127.0.0.1",
        port=port,
        interface=Interfaces.WSGI,
        workers=2,
        blocking_threads=4,
        log_level=LogLevels.warning,
        factory=True,
    ).serve(target_loader=load, wrap_loader=False)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
