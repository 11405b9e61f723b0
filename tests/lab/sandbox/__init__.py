"""Starts programs and ends them: the launcher in C, and a handle on what it has started."""
