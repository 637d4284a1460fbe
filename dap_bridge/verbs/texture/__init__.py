"""The verb `texture`: more of a texture than was recorded."""
