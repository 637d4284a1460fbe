"""The methods, a room each."""
