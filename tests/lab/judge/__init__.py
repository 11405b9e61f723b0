"""Compiles an answer, has it launched in its scenes, and holds what was seen against the checks."""
