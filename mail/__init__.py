"""Post room: one function per letter and the transport. Never deciding whether to write."""
