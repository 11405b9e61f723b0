"""The classic recipe: from a program that waits to one that has left its caller behind."""
