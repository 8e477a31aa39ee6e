"""Payment desks: one adapter per payment provider behind `contract.py`. Never our tables, HTTP of ours, or rules."""
