"""Counters: HTTP in, HTML out. Never business rules, or SQL of any size."""
