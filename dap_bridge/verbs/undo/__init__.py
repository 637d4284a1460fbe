"""The verb `undo`: a correction without its last box."""
