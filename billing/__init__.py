"""Rule book: what may happen to invoices, payments and people. Never Flask, HTTP, HTML or Redis."""
