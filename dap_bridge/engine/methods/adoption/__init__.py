"""Stems that something else made, and an answer of our own beside them, which boxes in them may bear out."""
