"""A pretend payment provider: a small Flask program with its own database and port. It imports nothing of ours."""
