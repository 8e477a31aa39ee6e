"""The merchant's counters: everything under /admin. Never what customers see."""
