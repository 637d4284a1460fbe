"""Whoever computes for the queue: a contract, and those that keep it."""
