"""Bookkeepers: one reader per document format or accounting system, giving `contract.Document`. Never our tables."""
