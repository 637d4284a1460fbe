"""How good what a method made is, given the truth."""
