"""Reads what the kernel shows of processes and users. It knows nothing of launches."""
