"""Clips whose true sources are known, from the folders that they come in, or made."""
