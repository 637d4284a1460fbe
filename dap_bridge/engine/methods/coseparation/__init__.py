"""Co-separation: the sound that several clips share, estimated from all of its places at once."""
