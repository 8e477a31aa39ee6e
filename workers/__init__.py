"""Back office: tiny jobs, the queue and the clock. Never logic."""
