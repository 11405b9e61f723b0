"""Looks at what was launched: waits until it is at rest, does things to it, and says what was seen."""
